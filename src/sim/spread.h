/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_SPREAD_H
#define MR_SIM_SPREAD_H

/* A sweep by runs: see runs.h. What sweep.c does by groups, done by runs. */

#include "sim/sweep.h"

/* Makes a run for each policy. MR_EINVAL: one has no cache. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_spread_start(struct mr_sweep *sweep,
	const struct mr_policy *policies, size_t count, struct mr_error *err);

/*
 * Makes tasks of all runs; mr_spread_advance() is to carry them out. Workers fail with
 *   MR_EINVAL  there are more than MR_RUNS_MOST
 *   MR_ENOMEM
 */
void mr_spread_begin(struct mr_sweep *sweep);
void mr_spread_advance(void *sweep, unsigned worker, struct mr_task *task);

/* Takes the runs back after a batch, fewer of them if the grid got coarser. */
void mr_spread_gather(struct mr_sweep *sweep);

/* Makes the sweep's points, in any order. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_spread_points(
	struct mr_sweep *sweep, struct mr_error *err);

void mr_spread_free(struct mr_sweep *sweep);

#endif
