/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_RUNS_H
#define MR_SIM_RUNS_H

/*
 * Simulations that each stand for all limits at which the trace has run the
 * same so far. This is for policies that evict, where a state is more than
 * group.h can share; it holds for every policy, for each simulation knows at
 * which other limits it would have gone the same.
 *
 *   a run at L = unlimited stands for   [0 .. unlimited]
 *   after a batch it is the same from 5000 on:
 *     this run                                   [5000 .. unlimited]
 *     a new run at 4999, from the state before
 *     the batch, which it carries out again      [0 .. 4999]
 */

#include <stddef.h>
#include <stdint.h>

#include "memreplay/sim.h"
#include "memreplay/sweep.h"
#include "sim/crew.h"

#define MR_RUNS_MOST 16384 /* each keeps a state of its own */

/* Which limits: a list in order, or a grid. */
struct mr_limit_set {
	const uint64_t *list; /* NULL: the grid */
	size_t count;
	uint64_t from;
	uint64_t step;
	size_t most; /* points: the step grows so that there are no more; 0: any */
};

/* The step of the grid, doubled until there are few enough points up to top. */
uint64_t mr_limit_step(const struct mr_limit_set *set, uint64_t top);

/*
 * The smallest limit of the set that is at least `limit`; of a list there must be one.
 * False: in a grid it would be above 2^64 - 1.
 */
bool mr_limit_up(const struct mr_limit_set *set, uint64_t limit, uint64_t *out);
/* The largest below `limit`; there must be one. */
uint64_t mr_limit_below(const struct mr_limit_set *set, uint64_t limit);

struct mr_run {
	struct mr_task task; /* to be advanced */
	struct mr_run *next; /* in lists */
	size_t policy;       /* its index */
	uint64_t first;      /* limits of the set: it stands for these... */
	uint64_t last;       /* ...and runs at this */
	uint64_t step;       /* if that is more than the set's: what this will become */
	struct mr_sim *sim;
	struct mr_sim *before; /* the state before the batch, or spare memory */
};

/* A run at `last`, from the start. NULL: no memory. */
struct mr_run *mr_run_new(const struct mr_policy *policy, size_t index, uint64_t first,
	uint64_t last, struct mr_error *err);
void mr_run_free(struct mr_run *run);

/* Gives up limits that are not in the set, which got coarser; false: none is left. */
bool mr_run_thin(struct mr_run *run, const struct mr_limit_set *set);

/*
 * Carries out events. *low is a run for the limits of the set that turn out to
 * part from it, which has yet to carry out the same events, or NULL. They are
 * the lowest ones: a run goes by the highest of its limits. Of a grid that has got
 * too fine in these events, only limits are told apart that will be left of it.
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_run_advance(struct mr_run *run,
	const struct mr_limit_set *set, const struct mr_event *events, size_t count,
	struct mr_run **low, struct mr_error *err);

/* What the run comes to at one of the limits that it stands for. */
void mr_run_point(const struct mr_run *run, uint64_t limit, struct mr_point *out);

#endif
