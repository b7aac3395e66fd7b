/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_SWEEP_H
#define MR_SIM_SWEEP_H

/*
 * What a sweep is made of, for the files that share the work: sweep.c reads
 * and steers, crew.c carries out a batch on several threads, points.c tells
 * what came of it.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "memreplay/sweep.h"
#include "sim/group.h"

struct mr_batch {
	struct mr_step *steps;
	size_t count;
	uint32_t slot_count; /* so far */
	bool last;           /* the source has no more */
};

struct mr_worker {
	struct mr_sweep *sweep;
	pthread_t thread;
	struct mr_group *todo;  /* parted off, to be advanced */
	struct mr_group *done;  /* advanced to the end of the batch */
	struct mr_group *spare; /* memory of groups out of use */
	uint64_t state_events;
	struct mr_error failure; /* MR_OK: none */
};

struct mr_sweep {
	struct mr_scene scene;
	uint64_t to;
	bool is_list;
	bool find_resolution;
	uint64_t events, mallocs, frees, requested_bytes, ignored_limits;
	uint64_t memory_limit;
	uint64_t state_events;

	struct mr_group **groups;
	size_t group_count;
	size_t group_space;
	bool joining;        /* after this batch */
	uint64_t since_join; /* events */
	size_t states_then;  /* after the last batch */

	struct mr_batch batches[2];
	size_t batch_size;
	struct mr_batch *current;

	unsigned jobs;
	struct mr_worker *workers; /* the first is the calling thread */
	atomic_size_t next_group;
	pthread_mutex_t lock; /* over the three below */
	pthread_cond_t change;
	uint64_t round; /* of the workers' work */
	unsigned busy;  /* workers still in it */
	bool stop;

	struct mr_point *points;
	size_t point_count;
};

/* How many ranges of limits are told apart so far. */
size_t mr_sweep_ranges(const struct mr_sweep *sweep);

#endif
