/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_CREW_H
#define MR_SIM_CREW_H

/*
 * A crew of threads with one list of tasks. The calling thread is one of them:
 * it adds tasks, does something else if it likes, then helps until all are done.
 * A task that is being carried out may add others, so that nobody is idle while
 * there is work to share.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

#include "memreplay/base.h"

/* To be put at the front of what a task is about. */
struct mr_task {
	struct mr_task *next;
};

/* What a thread without work may do; false if there was nothing. */
typedef bool (*mr_spare_work)(void *context);

/* Carries out a task; worker is below jobs, and 0 the calling thread. */
typedef void (*mr_task_work)(void *context, unsigned worker, struct mr_task *task);

struct mr_crew {
	mr_task_work work;
	void *context;
	mr_spare_work spare; /* NULL: none */
	void *spare_context;
	unsigned jobs;
	struct mr_crew_thread *threads; /* all but the calling one */
	unsigned started;
	_Atomic(struct mr_task *) todo; /* changed under the lock only, as what follows */
	atomic_size_t open;             /* tasks not done yet: on the list, or in hand */
	atomic_bool stop;
	unsigned sleepers;
	pthread_mutex_t lock;
	pthread_cond_t change;
};

/*
 * Starts jobs - 1 threads of a crew of which the members before `jobs` are set
 * and the others zero. mr_crew_dismiss() also after failure.
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_crew_hire(
	struct mr_crew *crew, unsigned jobs, struct mr_error *err);

void mr_crew_add(struct mr_crew *crew, struct mr_task *task);

/* Works until all tasks are done, those included that they add. */
void mr_crew_finish(struct mr_crew *crew);

/* Ends the threads; nothing is left to do. */
void mr_crew_dismiss(struct mr_crew *crew);

#endif
