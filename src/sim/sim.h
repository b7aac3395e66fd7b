/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_SIM_H
#define MR_SIM_SIM_H

/* A look into a simulation, for those who watch one step by step. */

#include "alloc/core.h"
#include "memreplay/sim.h"

/* The allocator on paper; whoever watches it may set evict and context. */
struct mr_core *mr_sim_core(struct mr_sim *sim);

/* Clears the cache, not PyTorch's, between two events, and counts none. */
void mr_sim_clear(struct mr_sim *sim);

/* The number of the block in a slot that is live; MR_NONE: it got none. */
uint32_t mr_sim_block(const struct mr_sim *sim, uint32_t slot);

#endif
