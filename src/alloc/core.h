/* SPDX-License-Identifier: MIT */
#ifndef MR_ALLOC_CORE_H
#define MR_ALLOC_CORE_H

/*
 * The rules of a policy and their accounting, on numbered blocks without
 * memory. The allocator puts memory under the numbers, the simulator does not:
 * both run this code, so that they cannot differ.
 *
 * A block is in one of three places:
 *
 *   live      its owner knows the number
 *   cached    in its class's queue (first in, first out) and in the list of all
 *             cached blocks from the least to the most recently cached
 *   unused    in the list of numbers to hand out again
 *
 * At rest:  active = sum of the capacities of live blocks
 *           cached = sum of the capacities of cached blocks
 *           a class's bit is set if and only if its queue is not empty
 *
 * A malloc is mr_core_reuse(); if that finds nothing, mr_core_prepare() and then,
 * once there is memory, mr_core_commit(), or else mr_core_cancel(). A free is
 * mr_core_free(). Nothing here allocates but mr_core_prepare().
 */

#include <stdbool.h>
#include <stdint.h>

#include "alloc/sizes.h"
#include "memreplay/base.h"
#include "memreplay/policy.h"
#include "memreplay/result.h"

struct mr_block {
	uint32_t class;
	uint32_t next;  /* in the class's queue, or in the list of unused numbers */
	uint32_t older; /* among all cached blocks */
	uint32_t newer;
	void *memory; /* the owner's */
};

/* The cached blocks of one class, and how many blocks it has in all. */
struct mr_queue {
	uint32_t head; /* cached earliest; MR_NONE: none is cached */
	uint32_t tail;
	uint32_t blocks; /* cached, live or prepared */
};

struct mr_core {
	struct mr_policy policy;
	uint64_t active;
	uint64_t cached;
	uint64_t peak; /* of active, since the last reset */

	struct mr_block *blocks;
	struct mr_queue *queues; /* one a class */
	uint32_t oldest;         /* least recently cached; MR_NONE: none */
	uint32_t newest;

	/* Counted as it goes; mr_core_result() adds what follows from these. */
	uint64_t mallocs, hits, larger_hits, slack_bytes, requested_bytes, hit_bytes;
	uint64_t frees, peak_total, peak_cached, over_memory;

	uint32_t block_count;
	uint32_t block_space;
	uint32_t unused; /* first of the list of unused blocks */
	uint32_t queue_space;
	struct mr_result rare; /* counted where speed does not matter */

	/* Told of each block that goes back to the system. */
	void (*evict)(void *context, struct mr_block *block, uint64_t capacity);
	void *context;

	struct mr_sizes sizes;
};

/* Starts empty. evict may be NULL. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_core_init(
	struct mr_core *core, const struct mr_policy *policy, struct mr_error *err);
void mr_core_fini(struct mr_core *core);

/*
 * A block number for a new block of capacity size, not yet counted; MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_core_prepare(
	struct mr_core *core, uint64_t size, uint32_t *block, struct mr_error *err);
void mr_core_cancel(struct mr_core *core, uint32_t block);

uint64_t mr_core_set_limit(struct mr_core *core, uint64_t limit);
uint64_t mr_core_set_memory_limit(struct mr_core *core, uint64_t limit);
void mr_core_clear(struct mr_core *core);
void mr_core_reset_peak(struct mr_core *core);
void mr_core_result(const struct mr_core *core, struct mr_result *out);

/* Counts an event after which cached memory is above the limit. */
void mr_core_overshoot(struct mr_core *core);

/* Proves the equations above; MR_EINVAL if one does not hold. */
MR_MUST_CHECK enum mr_status mr_core_check(
	const struct mr_core *core, struct mr_error *err);

static inline uint64_t
mr_core_capacity(const struct mr_core *core, uint32_t block)
{
	return core->sizes.classes[core->blocks[block].class].size;
}

/* The smallest capacity that is too large to serve n: MLX reuses below this. */
static inline uint64_t
mr_window_end(const struct mr_policy *policy, uint64_t n)
{
	uint64_t by_factor, by_pages;

	if (__builtin_mul_overflow(n, policy->window_factor, &by_factor))
		by_factor = UINT64_MAX;
	if (__builtin_add_overflow(n, policy->window_pages * policy->page, &by_pages))
		by_pages = UINT64_MAX;
	return by_factor < by_pages ? by_factor : by_pages;
}

/* Counts the event that ends here in the watch over the two limits. */
static inline void
mr_core_watch(struct mr_core *core)
{
	core->over_memory += core->active > core->policy.memory_limit;
	if (core->cached > core->policy.cache_limit)
		mr_core_overshoot(core);
}

static inline void
mr_core_unlink(struct mr_core *core, uint32_t block)
{
	struct mr_block *b = &core->blocks[block];

	if (b->older == MR_NONE)
		core->oldest = b->newer;
	else
		core->blocks[b->older].newer = b->newer;
	if (b->newer == MR_NONE)
		core->newest = b->older;
	else
		core->blocks[b->newer].older = b->older;
}

/* Takes the block that was cached earliest out of a class that has one. */
static inline uint32_t
mr_core_pop(struct mr_core *core, uint32_t class)
{
	struct mr_queue *queue = &core->queues[class];
	uint32_t block = queue->head;

	queue->head = core->blocks[block].next;
	if (queue->head == MR_NONE)
		mr_sizes_empty(&core->sizes, class);
	mr_core_unlink(core, block);
	core->cached -= core->sizes.classes[class].size;
	return block;
}

static inline void
mr_core_push(struct mr_core *core, uint32_t block)
{
	struct mr_block *b = &core->blocks[block];
	struct mr_queue *queue = &core->queues[b->class];

	b->next = MR_NONE;
	if (queue->head == MR_NONE) {
		queue->head = block;
		mr_sizes_fill(&core->sizes, b->class);
	} else {
		core->blocks[queue->tail].next = block;
	}
	queue->tail = block;
	b->older = core->newest;
	b->newer = MR_NONE;
	if (core->newest == MR_NONE)
		core->oldest = block;
	else
		core->blocks[core->newest].newer = block;
	core->newest = block;
	core->cached += core->sizes.classes[b->class].size;
}

/*
 * Serves a malloc of size from the cache and counts it as a hit; MR_NONE, and
 * nothing counted, if it must be a miss.
 */
static inline uint32_t
mr_core_reuse(struct mr_core *core, uint64_t size)
{
	struct mr_sizes *sizes = &core->sizes;
	uint32_t class = mr_sizes_find(sizes, size);
	uint64_t capacity;
	uint32_t block;

	if (class == MR_NONE)
		class = mr_sizes_from(sizes, size);
	else if (core->queues[class].head == MR_NONE)
		class = mr_sizes_after(sizes, class);
	if (class == MR_NONE)
		return MR_NONE;
	capacity = sizes->classes[class].size;
	if (capacity >= mr_window_end(&core->policy, size))
		return MR_NONE;
	block = mr_core_pop(core, class);
	core->active += capacity;
	if (core->active > core->peak)
		core->peak = core->active;
	core->mallocs++;
	core->hits++;
	core->larger_hits += capacity != size;
	core->slack_bytes += capacity - size;
	core->requested_bytes += size;
	core->hit_bytes += size;
	mr_core_watch(core);
	return block;
}

/* Counts a prepared block as a miss and as live. */
static inline void
mr_core_commit(struct mr_core *core, uint32_t block)
{
	uint64_t size = mr_core_capacity(core, block);

	core->active += size;
	if (core->active > core->peak)
		core->peak = core->active;
	if (core->active + core->cached > core->peak_total)
		core->peak_total = core->active + core->cached;
	core->mallocs++;
	core->requested_bytes += size;
	mr_core_watch(core);
}

/* Returns the number of a block that has left. */
static inline void
mr_core_retire(struct mr_core *core, uint32_t block)
{
	core->queues[core->blocks[block].class].blocks--;
	core->blocks[block].next = core->unused;
	core->unused = block;
}

/*
 * Frees a live block. True: it is cached. False: it goes back to the system,
 * and its number is no longer the caller's.
 */
static inline bool
mr_core_free(struct mr_core *core, uint32_t block)
{
	uint64_t capacity = mr_core_capacity(core, block);

	core->active -= capacity;
	core->frees++;
	/* cached <= limit always holds here, so the difference cannot wrap. */
	if (capacity && core->policy.kind != MR_POLICY_NONE) {
		if (capacity <= core->policy.cache_limit - core->cached) {
			mr_core_push(core, block);
			if (core->cached > core->peak_cached)
				core->peak_cached = core->cached;
			mr_core_watch(core);
			return true;
		}
		core->rare.rejected_frees++;
		core->rare.rejected_bytes += capacity;
	}
	mr_core_retire(core, block);
	mr_core_watch(core);
	return false;
}

#endif
