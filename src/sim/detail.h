/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_DETAIL_H
#define MR_SIM_DETAIL_H

/* A look into a detailed simulation, for those who watch it step by step. */

#include "alloc/core.h"
#include "memreplay/detail.h"

/* What a malloc came to; the causes of misses in the order of mr_result. */
enum mr_fate {
	MR_FATE_HIT,
	MR_FATE_BY_LIMIT,
	MR_FATE_NOTHING_CACHED,
	MR_FATE_ONLY_SMALLER,
	MR_FATE_BEYOND_WINDOW
};
#define MR_FATE_COUNT (MR_FATE_BEYOND_WINDOW + 1)

/* Mallocs so far, by what they came to. */
void mr_detail_fates(const struct mr_detail *detail, uint64_t out[MR_FATE_COUNT]);

const struct mr_core *mr_detail_core(const struct mr_detail *detail);

/* As mr_sim_clear(). */
void mr_detail_clear(struct mr_detail *detail);

/*
 * Called for each block that leaves the cache, `age` events after it came there,
 * to be reused or (evicted) for good.
 */
typedef void mr_detail_left(void *context, uint64_t age, uint64_t capacity, bool reused);

void mr_detail_watch(struct mr_detail *detail, mr_detail_left *left, void *context);

/* Calls the same for each block that is still in the cache, as not reused. */
void mr_detail_left_over(const struct mr_detail *detail);

#endif
