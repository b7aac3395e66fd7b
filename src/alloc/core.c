/* SPDX-License-Identifier: MIT */
#include "alloc/core.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum mr_status
mr_core_init(struct mr_core *core, const struct mr_policy *policy, struct mr_error *err)
{
	memset(core, 0, sizeof(*core));
	core->policy = *policy;
	core->oldest = core->newest = core->unused = MR_NONE;
	return mr_sizes_init(&core->sizes, err);
}

void
mr_core_fini(struct mr_core *core)
{
	free(core->blocks);
	free(core->queues);
	mr_sizes_fini(&core->sizes);
}

static bool
has_no_blocks(const void *context, uint32_t class)
{
	const struct mr_core *core = context;

	return core->queues[class].blocks == 0;
}

/* How many of the classes have no block any more. */
static uint32_t
idle_classes(const struct mr_core *core)
{
	uint32_t idle = 0;

	for (uint32_t class = 0; class < core->sizes.class_count; class ++)
		idle += has_no_blocks(core, class);
	return idle;
}

static enum mr_status
forget_idle_classes(struct mr_core *core, struct mr_error *err)
{
	enum mr_status st = mr_sizes_sweep(&core->sizes, has_no_blocks, core, err);

	if (st)
		return st;
	for (uint32_t class = 0; class < core->sizes.class_count; class ++)
		if (core->queues[class].blocks && core->queues[class].head != MR_NONE)
			mr_sizes_fill(&core->sizes, class);
	return MR_OK;
}

/*
 * A program whose sizes keep growing would otherwise leave a class behind for
 * each: when the table is full and half of it idle, that half is forgotten
 * instead. The work is a constant for each size added since the last time.
 */
static enum mr_status
reserve_class(struct mr_core *core, struct mr_error *err)
{
	struct mr_queue *queues;
	enum mr_status st = MR_OK;

	if (mr_sizes_full(&core->sizes) && core->sizes.class_count &&
		idle_classes(core) >= core->sizes.class_count / 2)
		st = forget_idle_classes(core, err);
	if (!st)
		st = mr_sizes_reserve(&core->sizes, err);
	if (st || core->sizes.class_space <= core->queue_space)
		return st;
	queues = realloc(core->queues, core->sizes.class_space * sizeof(*queues));
	if (!queues)
		return mr_fail_memory(err);
	core->queues = queues;
	core->queue_space = core->sizes.class_space;
	return MR_OK;
}

static enum mr_status
reserve_block(struct mr_core *core, struct mr_error *err)
{
	uint32_t space = core->block_space + core->block_space / 2 + 64;
	struct mr_block *blocks;

	if (core->unused != MR_NONE || core->block_count < core->block_space)
		return MR_OK;
	/* MR_NONE must stay free, and the size must not wrap. */
	if (space < core->block_space || space == MR_NONE)
		return mr_fail(err, MR_ENOMEM, "more than 2^32 blocks at once");
	blocks = realloc(core->blocks, space * sizeof(*blocks));
	if (!blocks)
		return mr_fail_memory(err);
	core->blocks = blocks;
	core->block_space = space;
	return MR_OK;
}

enum mr_status
mr_core_prepare(
	struct mr_core *core, uint64_t size, uint32_t *block, struct mr_error *err)
{
	uint32_t class = mr_sizes_find(&core->sizes, size);
	enum mr_status st = reserve_block(core, err);

	if (!st && class == MR_NONE)
		st = reserve_class(core, err);
	if (st)
		return st;
	if (class == MR_NONE) {
		class = mr_sizes_add(&core->sizes, size);
		core->queues[class] = (struct mr_queue){MR_NONE, MR_NONE, 0};
	}
	*block = core->unused;
	if (*block == MR_NONE)
		*block = core->block_count++;
	else
		core->unused = core->blocks[*block].next;
	core->blocks[*block].class = class;
	core->queues[class].blocks++;
	return MR_OK;
}

void
mr_core_cancel(struct mr_core *core, uint32_t block)
{
	mr_core_retire(core, block);
}

void
mr_core_overshoot(struct mr_core *core)
{
	uint64_t bytes = core->cached - core->policy.cache_limit;

	core->rare.events_over_limit++;
	if (bytes > core->rare.max_overshoot_bytes)
		core->rare.max_overshoot_bytes = bytes;
}

/* Sends the least recently cached block back to the system. */
static uint64_t
evict_oldest(struct mr_core *core)
{
	uint32_t block = core->oldest;
	struct mr_block *b = &core->blocks[block];
	uint64_t capacity = mr_core_capacity(core, block);

	/* Queues are in order of caching too, so it is the first of its class. */
	mr_core_pop(core, b->class);
	core->rare.evicted_blocks++;
	core->rare.evicted_bytes += capacity;
	if (core->evict)
		core->evict(core->context, b, capacity);
	mr_core_retire(core, block);
	return capacity;
}

static void
evict_all(struct mr_core *core)
{
	while (core->oldest != MR_NONE)
		evict_oldest(core);
}

/*
 * Returns at least need bytes: MLX drops the whole cache where nearly all of it
 * (need >= 0.9 * cached) has to go anyway. In integers: what may stay is at most
 * a tenth.
 */
static void
release(struct mr_core *core, uint64_t need)
{
	uint64_t gone = 0;

	if (need >= core->cached || core->cached - need <= core->cached / 10) {
		evict_all(core);
		return;
	}
	while (gone < need)
		gone += evict_oldest(core);
}

uint64_t
mr_core_set_limit(struct mr_core *core, uint64_t limit)
{
	uint64_t old = core->policy.cache_limit;
	uint64_t blocks = core->rare.evicted_blocks, bytes = core->rare.evicted_bytes;

	core->policy.cache_limit = limit;
	core->rare.limit_changes++;
	if (core->cached > limit)
		release(core, core->cached - limit);
	core->rare.evictions_by_limit += core->rare.evicted_blocks - blocks;
	core->rare.evicted_bytes_by_limit += core->rare.evicted_bytes - bytes;
	mr_core_watch(core);
	return old;
}

uint64_t
mr_core_set_memory_limit(struct mr_core *core, uint64_t limit)
{
	uint64_t old = core->policy.memory_limit;

	core->policy.memory_limit = limit;
	mr_core_watch(core);
	return old;
}

void
mr_core_clear(struct mr_core *core)
{
	uint64_t blocks = core->rare.evicted_blocks, bytes = core->rare.evicted_bytes;

	evict_all(core);
	core->rare.cleared_blocks += core->rare.evicted_blocks - blocks;
	core->rare.cleared_bytes += core->rare.evicted_bytes - bytes;
	mr_core_watch(core);
}

static uint64_t
peak_active(const struct mr_core *core)
{
	return core->peak > core->rare.peak_active_bytes ? core->peak
							 : core->rare.peak_active_bytes;
}

void
mr_core_reset_peak(struct mr_core *core)
{
	core->rare.peak_active_bytes = peak_active(core);
	core->peak = 0;
	mr_core_watch(core);
}

static uint32_t
cached_blocks(const struct mr_core *core)
{
	uint32_t count = 0;

	for (uint32_t b = core->oldest; b != MR_NONE; b = core->blocks[b].newer)
		count++;
	return count;
}

void
mr_core_result(const struct mr_core *core, struct mr_result *out)
{
	*out = core->rare;
	out->mallocs = core->mallocs;
	out->frees = core->frees;
	out->hits = core->hits;
	out->misses = core->mallocs - core->hits;
	out->larger_hits = core->larger_hits;
	out->slack_bytes = core->slack_bytes;
	out->requested_bytes = core->requested_bytes;
	out->hit_bytes = core->hit_bytes;
	out->active_bytes = core->active;
	out->cached_bytes = core->cached;
	out->live_blocks = core->mallocs - core->frees;
	out->cached_blocks = cached_blocks(core);
	out->peak_active_bytes = peak_active(core);
	out->peak_since_reset_bytes = core->peak;
	out->peak_cached_bytes = core->peak_cached;
	out->peak_total_bytes = core->peak_total;
	/* What was cached for good: it left unused, or is still there. */
	out->stale_bytes = out->evicted_bytes + core->cached;
	out->cache_limit = core->policy.cache_limit;
	out->memory_limit = core->policy.memory_limit;
	out->events_over_memory_limit = core->over_memory;
}

/* The order number of each cached block, by age; 0: not cached. */
static enum mr_status
check_ages(const struct mr_core *core, uint32_t *order, struct mr_error *err)
{
	uint32_t number = 0, before = MR_NONE;
	uint64_t cached = 0;

	for (uint32_t b = core->oldest; b != MR_NONE; b = core->blocks[b].newer) {
		if (b >= core->block_count || order[b] || core->blocks[b].older != before)
			return mr_fail(err, MR_EINVAL, "list of cached blocks is broken");
		order[b] = ++number;
		cached += mr_core_capacity(core, b);
		before = b;
	}
	if (before != core->newest || cached != core->cached)
		return mr_fail(err, MR_EINVAL,
			"%" PRIu64 " bytes are cached but %" PRIu64 " counted", cached,
			core->cached);
	return MR_OK;
}

static enum mr_status
check_queue(const struct mr_core *core, uint32_t class, uint32_t *order, uint32_t *seen,
	struct mr_error *err)
{
	const struct mr_class *c = &core->sizes.classes[class];
	const struct mr_queue *queue = &core->queues[class];
	uint64_t word = core->sizes.nodes[c->node].word;
	uint32_t last = 0;

	if ((word >> c->place & 1) != (queue->head != MR_NONE))
		return mr_fail(
			err, MR_EINVAL, "bit of size %" PRIu64 " is wrong", c->size);
	for (uint32_t b = queue->head; b != MR_NONE; b = core->blocks[b].next) {
		if (order[b] <= last || core->blocks[b].class != class)
			return mr_fail(err, MR_EINVAL,
				"queue of size %" PRIu64 " is out of order", c->size);
		last = order[b];
		order[b] = 0;
		(*seen)++;
	}
	return MR_OK;
}

enum mr_status
mr_core_check(const struct mr_core *core, struct mr_error *err)
{
	uint32_t *order = calloc((size_t)core->block_count + 1, sizeof(*order));
	uint32_t seen = 0;
	enum mr_status st = MR_OK;

	if (!order)
		return mr_fail_memory(err);
	if ((st = mr_sizes_check(&core->sizes, err)) ||
		(st = check_ages(core, order, err)))
		goto out;
	for (uint32_t class = 0; class < core->sizes.class_count && !st; class ++)
		if (core->sizes.classes[class].node != MR_NONE)
			st = check_queue(core, class, order, &seen, err);
	if (!st && seen != cached_blocks(core))
		st = mr_fail(err, MR_EINVAL, "a cached block is in no queue");
	if (!st && core->cached > core->policy.cache_limit)
		st = mr_fail(err, MR_EINVAL, "cached memory is above the limit");
out:
	free(order);
	return st;
}
