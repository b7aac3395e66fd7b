/* SPDX-License-Identifier: MIT */
#include "sim/crew.h"

#include <sched.h>
#include <stdlib.h>

#include "base/error.h"

/*
 * How often a thread without work looks for some before it sleeps: some 0.1 ms,
 * more than there is between two batches. Waking a thread costs as much as a
 * small batch, and on a busy machine it may wake where the waker runs. Each look
 * gives the processor away, so that waiting takes nothing from those who work.
 */
#define LOOKS 200

struct mr_crew_thread {
	struct mr_crew *crew;
	unsigned worker;
	pthread_t thread;
};

/* Whether a thread has nothing to wait for: the caller waits for the last task. */
static bool
is_over(struct mr_crew *crew, unsigned worker)
{
	return worker ? atomic_load(&crew->stop) : !atomic_load(&crew->open);
}

static bool
is_idle(struct mr_crew *crew, unsigned worker)
{
	return !atomic_load(&crew->todo) && !is_over(crew, worker);
}

/* Takes a task, waiting for one; NULL: it is over. */
static struct mr_task *
take(struct mr_crew *crew, unsigned worker)
{
	struct mr_task *task;
	int looks;

	do {
		for (looks = 0; looks < LOOKS && is_idle(crew, worker); looks++)
			if (crew->spare && crew->spare(crew->spare_context))
				looks = 0;
			else
				sched_yield();
		pthread_mutex_lock(&crew->lock);
		while (looks == LOOKS && is_idle(crew, worker)) {
			crew->sleepers++;
			pthread_cond_wait(&crew->change, &crew->lock);
			crew->sleepers--;
		}
		task = atomic_load(&crew->todo);
		if (task)
			atomic_store(&crew->todo, task->next);
		pthread_mutex_unlock(&crew->lock);
	} while (!task && !is_over(crew, worker));
	return task;
}

static void
wake_all(struct mr_crew *crew)
{
	pthread_mutex_lock(&crew->lock);
	if (crew->sleepers)
		pthread_cond_broadcast(&crew->change);
	pthread_mutex_unlock(&crew->lock);
}

static void
work(struct mr_crew *crew, unsigned worker)
{
	struct mr_task *task;

	while ((task = take(crew, worker))) {
		crew->work(crew->context, worker, task);
		if (atomic_fetch_sub(&crew->open, 1) == 1)
			wake_all(crew);
	}
}

static void *
run_thread(void *context)
{
	struct mr_crew_thread *thread = context;

	work(thread->crew, thread->worker);
	return NULL;
}

enum mr_status
mr_crew_hire(struct mr_crew *crew, unsigned jobs, struct mr_error *err)
{
	crew->jobs = jobs;
	pthread_mutex_init(&crew->lock, NULL);
	pthread_cond_init(&crew->change, NULL);
	crew->threads = calloc(jobs, sizeof(*crew->threads));
	if (!crew->threads)
		return mr_fail_memory(err);
	for (; crew->started + 1 < jobs; crew->started++) {
		struct mr_crew_thread *thread = &crew->threads[crew->started];

		thread->crew = crew;
		thread->worker = crew->started + 1;
		if (pthread_create(&thread->thread, NULL, run_thread, thread))
			return mr_fail(err, MR_ENOMEM, "cannot start a thread");
	}
	return MR_OK;
}

void
mr_crew_add(struct mr_crew *crew, struct mr_task *task)
{
	atomic_fetch_add(&crew->open, 1);
	pthread_mutex_lock(&crew->lock);
	task->next = atomic_load(&crew->todo);
	atomic_store(&crew->todo, task);
	if (crew->sleepers)
		pthread_cond_signal(&crew->change);
	pthread_mutex_unlock(&crew->lock);
}

void
mr_crew_finish(struct mr_crew *crew)
{
	work(crew, 0);
}

void
mr_crew_dismiss(struct mr_crew *crew)
{
	atomic_store(&crew->stop, true);
	wake_all(crew);
	for (unsigned i = 0; i < crew->started; i++)
		pthread_join(crew->threads[i].thread, NULL);
	free(crew->threads);
	pthread_cond_destroy(&crew->change);
	pthread_mutex_destroy(&crew->lock);
}
