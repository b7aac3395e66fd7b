/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_SWEEP_H
#define MR_SIM_SWEEP_H

/*
 * What a sweep is made of, for the files that share the work: batch.c reads,
 * sweep.c steers, points.c tells what came of it.
 */

#include <stdatomic.h>

#include "memreplay/sweep.h"
#include "sim/group.h"
#include "sim/runs.h"

#define MR_SWEEP_POINTS 512 /* of a grid whose resolution is not given */

struct mr_batch {
	struct mr_step *steps;   /* for groups, or... */
	struct mr_event *events; /* ...for runs */
	size_t space;
	size_t count;
	uint32_t slot_count; /* so far */
	bool last;           /* the source has no more */
};

struct mr_worker {
	struct mr_group *done;  /* advanced to the end of the batch */
	struct mr_group *spare; /* memory of groups out of use */
	struct mr_run *runs;    /* advanced to the end of the batch */
	uint64_t state_events;
	struct mr_error failure; /* MR_OK: none */
};

struct mr_sweep {
	struct mr_scene scene;
	uint64_t to;
	bool is_list;
	uint64_t events, mallocs, frees, requested_bytes, ignored_limits;
	uint64_t memory_limit;
	uint64_t state_events;

	/* A sweep is by groups or by runs. */
	bool by_runs;
	struct mr_run *runs;
	_Atomic size_t run_count; /* in a batch, of those that came about so far */
	struct mr_limit_set set;
	uint64_t *list; /* of the set */

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
	mr_spare_work help;
	struct mr_worker *workers;
	struct mr_crew crew;

	struct mr_point *points;
	size_t point_count;
};

/* Reads up to sweep->batch_size events, for groups or for runs. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_batch_read(struct mr_sweep *sweep, struct mr_batch *batch,
	mr_next_event next, void *source, struct mr_error *err);

/* How many ranges of limits are told apart so far. */
size_t mr_sweep_ranges(const struct mr_sweep *sweep);

#endif
