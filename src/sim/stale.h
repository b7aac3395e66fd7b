/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_STALE_H
#define MR_SIM_STALE_H

/*
 * Stale bytes: those of cached blocks that will not be reused before they leave
 * the cache or the trace ends. At any moment it is not known which these are; the
 * highest value of all moments is exact all the same, in memory for the blocks
 * that are cached now.
 *
 * Time is cut at the moments at which the blocks still cached were cached:
 *
 *     base      a            b                  c      now
 *   ---------+------------+------------------+----------
 *             a is cached  b is cached        c is cached
 *
 * For each stretch two sums are kept of the steps by which stale bytes are known
 * to have changed in it: in all, and at most from its start. The step at the
 * start of a stretch is its block's own and still open. If the block is reused
 * the step is 0, if it is evicted it is its capacity; both close the step, and
 * the stretch is joined to the one before.
 */

#include <stdint.h>

#include "base/wide.h"
#include "memreplay/base.h"

struct mr_stretch {
	struct mr_wide sum;
	struct mr_wide most; /* of the sums over the first steps; 0 or more */
	uint64_t since;      /* the event that cached the block */
	uint32_t older;      /* MR_NONE: the base */
	uint32_t newer;
};

struct mr_stale {
	struct mr_stretch *stretches; /* by number of the block */
	uint32_t space;
	uint32_t oldest; /* MR_NONE: nothing is cached */
	uint32_t newest;
	struct mr_stretch base;
	struct mr_wide
		byte_events; /* of blocks evicted: capacity * events in the cache */
};

void mr_stale_init(struct mr_stale *stale);
void mr_stale_fini(struct mr_stale *stale);

/* A block has been cached by an event; MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_stale_cache(
	struct mr_stale *stale, uint32_t block, uint64_t event, struct mr_error *err);

/* A cached block has been reused. */
void mr_stale_reuse(struct mr_stale *stale, uint32_t block);

/* A cached block has been evicted by an event. */
void mr_stale_evict(
	struct mr_stale *stale, uint32_t block, uint64_t capacity, uint64_t event);

/*
 * The peak, and the sum over all events of the stale bytes after each, if the
 * trace ended after `event`. capacity(context, block) tells those of the blocks
 * still cached.
 */
void mr_stale_result(const struct mr_stale *stale, uint64_t event,
	uint64_t (*capacity)(const void *context, uint32_t block), const void *context,
	uint64_t *peak, struct mr_wide *byte_events);

#endif
