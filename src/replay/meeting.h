/* SPDX-License-Identifier: MIT */
#ifndef MR_REPLAY_MEETING_H
#define MR_REPLAY_MEETING_H

/*
 * How the threads of a replay wait for each other: every thread tells how many
 * of its operations are done, and any other can wait until so many are.
 *
 * No waiting ever closes a circle. A thread waits only for operations that
 * stand before its next one in the recorded order, and carries out its own in
 * that order. So of all operations not yet done, the earliest waits for none:
 * what it could wait for is earlier, hence done, and so is all that its thread
 * has before it. It can be carried out, whatever the others do, and after it
 * the next.
 *
 * Who finds nobody waiting pays a store and a load for telling, and who need
 * not wait a load.
 */

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"

#define MR_CACHE_LINE 64

/* One thread, as the others see it. Neighbours share no cache line. */
struct mr_post {
	_Alignas(2 * MR_CACHE_LINE) atomic_size_t done;
	atomic_size_t wanted; /* the least that a sleeper waits for; SIZE_MAX: none */
	pthread_mutex_t lock; /* of the sleepers; wanted grows under it only */
	pthread_cond_t news;
	/* the thread's own */
	_Alignas(2 * MR_CACHE_LINE) uint64_t waits;
	uint64_t waited_ns; /* and spent on waking others */
};

struct mr_meeting {
	struct mr_post *posts; /* by thread */
	size_t threads;
	atomic_bool off;
};

/*
 * For so many threads, none of which has done anything; for mr_meeting_fini().
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_meeting_init(
	struct mr_meeting *meeting, size_t threads, struct mr_error *err);

void mr_meeting_fini(struct mr_meeting *meeting);

/*
 * Says that self has done its first `done` operations, with all that they wrote.
 * Never less than it said before. Called by that thread.
 */
void mr_meeting_tell(struct mr_meeting *meeting, size_t self, size_t done);

/*
 * Waits, as thread self, until another has done so many operations; what they
 * wrote can be read then. False: it was called off.
 */
bool mr_meeting_wait(struct mr_meeting *meeting, size_t self, size_t other, size_t done);

/* Ends all waiting, now and later. */
void mr_meeting_call_off(struct mr_meeting *meeting);

bool mr_meeting_is_off(struct mr_meeting *meeting);

#endif
