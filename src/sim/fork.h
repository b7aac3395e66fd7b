/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_FORK_H
#define MR_SIM_FORK_H

/* Simulations that go on from the state of another. */

#include "memreplay/sim.h"

/*
 * Makes *out (NULL: a new one; otherwise its memory is used again) a copy of sim
 * that goes on at another limit, at which all has gone the same so far: see
 * mr_sim_valid_range(). On failure *out is what it was, or NULL.
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_sim_fork(struct mr_sim **out, const struct mr_sim *sim,
	uint64_t limit, struct mr_error *err);

#endif
