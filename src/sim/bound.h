/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_BOUND_H
#define MR_SIM_BOUND_H

/*
 * A lower bound on the misses of every policy with the same window and limit,
 * those included that know the future. HACKING.md states and proves it.
 *
 * A block of capacity c is worth w(c) = min(1, c / s), for each s in a row of
 * powers of two. A miss adds at most 1 to the worth of all blocks there are, and
 * nothing else adds to it. So between two moments there are at least as many
 * misses as the live blocks are worth at the second, less what the live and
 * cached blocks can be worth at the first. Stretches that do not overlap add up;
 * which ones give most is found as one goes, like the best days to buy and to
 * sell, where the worth of a full cache is the fee:
 *
 *   in the market   v1 = max(v1, v0 - what the live blocks can be worth - fee)
 *   out of it       v0 = max(v0, v1 + what the live blocks must be worth)
 *
 * Worths are in units of 2^-20, as whole numbers in doubles: sums are exact.
 */

#include <stdbool.h>
#include <stdint.h>

#include "base/wide.h"
#include "memreplay/base.h"
#include "memreplay/policy.h"

#define MR_BOUND_LANES 40 /* s is 1, 2, 4, ... */
#define MR_BOUND_MEMO  256

/* What a live block is worth: at least, and at most. */
struct mr_bound_worth {
	uint64_t size;
	uint64_t least; /* capacity */
	uint64_t most;
	int32_t low[MR_BOUND_LANES];
	int32_t high[MR_BOUND_LANES];
};

/* The same in bytes: here a block is worth its capacity. */
struct mr_bound_bytes {
	struct mr_wide low, high, in, out;
};

struct mr_bound {
	struct mr_policy policy;
	double low[MR_BOUND_LANES]; /* of all live blocks */
	double high[MR_BOUND_LANES];
	double in[MR_BOUND_LANES];  /* v1 */
	double out[MR_BOUND_LANES]; /* v0 */
	double fee[MR_BOUND_LANES];
	struct mr_bound_bytes bytes;
	bool loose; /* the cache may be above its limit by one block */
	uint64_t limit;
	uint64_t loosened; /* a higher one that may hold until the next malloc */
	uint64_t room;     /* most that can be cached */
	uint64_t largest;  /* capacity so far */
	uint64_t zeros;    /* requests for nothing, which cannot hit */
	double shrink;     /* least request / capacity of a new block so far */
	uint64_t *sizes;   /* in each slot */
	uint32_t slot_space;
	struct mr_bound_worth memo[MR_BOUND_MEMO];
};

/* Starts with nothing allocated. */
void mr_bound_init(struct mr_bound *bound, const struct mr_policy *policy);
void mr_bound_fini(struct mr_bound *bound);

/* A request that gets a block; MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_bound_malloc(
	struct mr_bound *bound, uint32_t slot, uint64_t size, struct mr_error *err);

void mr_bound_free(struct mr_bound *bound, uint32_t slot);
void mr_bound_clear(struct mr_bound *bound);
void mr_bound_set_limit(struct mr_bound *bound, uint64_t limit);

/* The least misses, and the least bytes requested in misses. */
uint64_t mr_bound_misses(const struct mr_bound *bound);
uint64_t mr_bound_miss_bytes(const struct mr_bound *bound);

#endif
