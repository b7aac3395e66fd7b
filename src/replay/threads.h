/* SPDX-License-Identifier: MIT */
#ifndef MR_REPLAY_THREADS_H
#define MR_REPLAY_THREADS_H

/*
 * The threads of a replay: started, let go together, and joined. What they
 * themselves need is there before they go.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "replay/loop.h"
#include "replay/meeting.h"
#include "replay/schedule.h"

struct mr_player; /* one thread */

struct mr_threads {
	/* to be set by the caller, the rest zero */
	const struct mr_schedule *schedule;
	const struct mr_allocator *allocator; /* which all call; read after the go */
	void **blocks;                        /* by cell */
	enum mr_touch touch;
	size_t page;
	struct mr_histogram *histograms; /* two a thread: mallocs, frees; or NULL */
	/* told some ten times a second how many operations are done; or NULL */
	void (*progress)(void *context, uint64_t done);
	void *progress_context;

	struct mr_meeting meeting;
	struct mr_player *players; /* by thread */
	uint32_t started;
	pthread_mutex_t lock; /* over what follows */
	pthread_cond_t change;
	bool gone;
	uint32_t finished;
	uint32_t failed; /* 1 + the thread that first got no memory; 0: none */
};

/*
 * Starts all threads, which wait. mr_threads_end() also after failure.
 *   MR_ENOMEM  one of them cannot be started
 */
MR_MUST_CHECK enum mr_status mr_threads_start(
	struct mr_threads *threads, struct mr_error *err);

/*
 * Lets them go, and waits until all have ended.
 *   MR_ENOMEM  the system had no memory for a malloc; err says which
 */
MR_MUST_CHECK enum mr_status mr_threads_go(
	struct mr_threads *threads, struct mr_error *err);

/* The sums of all threads, once they have ended. */
struct mr_threads_sum {
	uint64_t busy_ns; /* from each one's start to its end, less waiting */
	uint64_t cpu_ns;
	uint64_t waits;
	uint64_t waited_ns;
};

/*
 * Fills in the figures of each thread in the schedule's shared memory, and the
 * sums. The histograms of all are then in those of the first.
 */
void mr_threads_measure(const struct mr_threads *threads, struct mr_threads_sum *sum,
	const struct mr_loop_cost *cost);

/* Joins and frees; threads that were never let go do nothing. */
void mr_threads_end(struct mr_threads *threads);

#endif
