/* SPDX-License-Identifier: MIT */
#include "alloc/core.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Of the GPUs: these may be above their limit for a while. */
static bool
is_loose(const struct mr_core *core)
{
	return core->policy.kind == MR_POLICY_MLX_METAL ||
		core->policy.kind == MR_POLICY_MLX_CUDA;
}

bool
mr_core_is_plain(const struct mr_policy *policy)
{
	return policy->kind == MR_POLICY_NONE ||
		(policy->kind == MR_POLICY_MLX_CPU && !policy->round &&
			policy->on_full == MR_ON_FULL_REJECT && !policy->clear_every &&
			!policy->max_blocks);
}

static void
set_gc_limit(struct mr_core *core)
{
	core->gc_limit = mr_share(core->policy.working_set, 95);
	if (core->policy.memory_limit < core->gc_limit)
		core->gc_limit = core->policy.memory_limit;
}

enum mr_status
mr_core_init(struct mr_core *core, const struct mr_policy *policy, struct mr_error *err)
{
	enum mr_status st = mr_policy_check(policy, err);

	memset(core, 0, sizeof(*core));
	if (st)
		return st;
	if (mr_policy_is_torch(policy))
		return mr_fail(err, MR_EINVAL,
			"the policy %s has segments and streams, not a cache limit",
			mr_policy_name(policy));
	core->policy = *policy;
	mr_policy_resolve(&core->policy);
	core->plain = mr_core_is_plain(policy);
	core->same_to = MR_UNLIMITED;
	set_gc_limit(core);
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

static enum mr_status
reserve(void *array, uint32_t *space, uint32_t count, size_t each, struct mr_error *err)
{
	uint32_t larger_space = count + count / 2 + 64;
	void *larger;

	if (*space >= count)
		return MR_OK;
	larger = realloc(*(void **)array, larger_space * each);
	if (!larger)
		return mr_fail_memory(err);
	*(void **)array = larger;
	*space = larger_space;
	return MR_OK;
}

enum mr_status
mr_core_copy(struct mr_core *to, const struct mr_core *from, uint64_t limit,
	struct mr_error *err)
{
	uint32_t classes = from->sizes.class_count;
	struct mr_core old;
	enum mr_status st;

	if ((st = reserve(&to->blocks, &to->block_space, from->block_count,
		     sizeof(*to->blocks), err)) ||
		(st = reserve(&to->queues, &to->queue_space, from->sizes.class_space,
			 sizeof(*to->queues), err)) ||
		(st = mr_sizes_copy(&to->sizes, &from->sizes, err)))
		return st;
	old = *to;
	*to = *from;
	to->blocks = old.blocks;
	to->block_space = old.block_space;
	to->queues = old.queues;
	to->queue_space = old.queue_space;
	to->sizes = old.sizes;
	if (from->block_count)
		memcpy(to->blocks, from->blocks, from->block_count * sizeof(*to->blocks));
	if (classes)
		memcpy(to->queues, from->queues, classes * sizeof(*to->queues));
	mr_core_move_limit(to, limit);
	return MR_OK;
}

void
mr_core_move_limit(struct mr_core *core, uint64_t limit)
{
	mr_move_overshoot(&core->rare, core->policy.cache_limit, limit);
	core->policy.cache_limit = limit;
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

/* Whether x <= limit; every use of the limit but the plain free's is this one. */
static bool
within_limit(struct mr_core *core, uint64_t x)
{
	bool within = x <= core->policy.cache_limit;

	if (within && x > core->same_from)
		core->same_from = x;
	if (!within && x < core->same_to)
		core->same_to = x;
	return within;
}

static uint64_t
plus(uint64_t a, uint64_t b)
{
	return a > UINT64_MAX - b ? UINT64_MAX : a + b;
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

/* release(cached - limit) if that is above 0; see mr_core_same(). */
static void
trim(struct mr_core *core)
{
	uint64_t blocks = core->rare.evicted_blocks, bytes = core->rare.evicted_bytes;

	if (within_limit(core, core->cached))
		return;
	if (!within_limit(core, core->cached / 10 + 1))
		evict_all(core);
	while (core->oldest != MR_NONE && !within_limit(core, core->cached))
		evict_oldest(core);
	core->rare.evictions_by_limit += core->rare.evicted_blocks - blocks;
	core->rare.evicted_bytes_by_limit += core->rare.evicted_bytes - bytes;
}

void
mr_core_clear_between(struct mr_core *core)
{
	uint64_t blocks = core->rare.evicted_blocks, bytes = core->rare.evicted_bytes;

	evict_all(core);
	core->rare.cleared_blocks += core->rare.evicted_blocks - blocks;
	core->rare.cleared_bytes += core->rare.evicted_bytes - bytes;
}

void
mr_core_other_watch(struct mr_core *core)
{
	uint64_t bytes;

	if (within_limit(core, core->cached))
		return;
	bytes = core->cached - core->policy.cache_limit;
	core->rare.events_over_limit++;
	if (bytes > core->rare.max_overshoot_bytes)
		core->rare.max_overshoot_bytes = bytes;
}

void
mr_core_other_malloc_ends(struct mr_core *core)
{
	if (is_loose(core))
		trim(core);
	if (core->policy.clear_every && core->mallocs % core->policy.clear_every == 0)
		mr_core_clear_between(core);
}

static bool
is_full(const struct mr_core *core)
{
	return core->policy.max_blocks && core->held >= core->policy.max_blocks;
}

/* What a miss of size releases first, each policy in its own way. */
static void
relieve(struct mr_core *core, uint64_t size)
{
	uint64_t blocks = core->rare.evicted_blocks, bytes = core->rare.evicted_bytes;
	uint64_t need = plus(plus(core->active, core->cached), size);

	if (core->policy.kind == MR_POLICY_MLX_METAL) {
		/* The difference wraps around where it is only blocks that are many. */
		if (need >= core->gc_limit || is_full(core))
			release(core, need - core->gc_limit);
	} else {
		if (core->policy.kind == MR_POLICY_MLX_CUDA &&
			need > core->policy.memory_limit)
			release(core, need - core->policy.memory_limit);
		while (is_full(core) && core->oldest != MR_NONE)
			evict_oldest(core);
	}
	core->rare.evictions_by_pressure += core->rare.evicted_blocks - blocks;
	core->rare.evicted_bytes_by_pressure += core->rare.evicted_bytes - bytes;
}

/* Whether the policy gives a new block of this size; if it fails, that is counted. */
static bool
grants(struct mr_core *core, uint64_t size)
{
	if (!size && is_loose(core))
		return false;
	relieve(core, size);
	if (!is_full(core))
		return true;
	if (!core->rare.failed_mallocs++)
		core->rare.first_failed_malloc = core->events;
	mr_core_watch(core, false);
	return false;
}

/* Whether a freed block may be cached next to `cached` bytes. */
static bool
has_room(struct mr_core *core, uint64_t cached, uint64_t capacity)
{
	return within_limit(core, plus(cached, is_loose(core) ? 1 : capacity));
}

/* The same for the cache as it is, after making room if that is the policy's way. */
static bool
makes_room(struct mr_core *core, uint64_t capacity)
{
	uint64_t blocks = core->rare.evicted_blocks, bytes = core->rare.evicted_bytes;

	if (has_room(core, core->cached, capacity))
		return true;
	if (core->policy.on_full != MR_ON_FULL_EVICT || !has_room(core, 0, capacity))
		return false;
	while (!has_room(core, core->cached, capacity))
		evict_oldest(core);
	core->rare.evictions_for_room += core->rare.evicted_blocks - blocks;
	core->rare.evicted_bytes_for_room += core->rare.evicted_bytes - bytes;
	return true;
}

bool
mr_core_other_free(struct mr_core *core, uint32_t block)
{
	uint64_t capacity;
	bool kept;

	if (block == MR_NONE)
		return false;
	capacity = mr_core_capacity(core, block);
	core->active -= capacity;
	core->frees++;
	kept = capacity && makes_room(core, capacity);
	if (kept)
		mr_core_keep(core, block);
	else if (capacity)
		mr_core_count_rejected(core, capacity);
	if (!kept)
		mr_core_retire(core, block);
	mr_core_watch(core, false);
	return kept;
}

enum mr_status
mr_core_prepare(
	struct mr_core *core, uint64_t size, uint32_t *block, struct mr_error *err)
{
	uint32_t class;
	enum mr_status st;

	if (!core->plain) {
		size = mr_round(&core->policy, size);
		*block = MR_NONE;
		if (!grants(core, size))
			return MR_OK;
	}
	class = mr_sizes_find(&core->sizes, size);
	st = reserve_block(core, err);
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
	core->held++;
	core->prepared++;
	return MR_OK;
}

void
mr_core_cancel(struct mr_core *core, uint32_t block)
{
	core->prepared--;
	mr_core_retire(core, block);
}

void
mr_core_same(const struct mr_core *core, uint64_t *from, uint64_t *to)
{
	*from = core->limit_set ? core->first_same_from : core->same_from;
	*to = core->limit_set ? core->first_same_to : core->same_to;
	if (core->plain && !core->limit_set && core->peak_cached > *from)
		*from = core->peak_cached;
}

uint64_t
mr_core_set_limit(struct mr_core *core, uint64_t limit)
{
	uint64_t old = core->policy.cache_limit;

	mr_core_same(core, &core->first_same_from, &core->first_same_to);
	core->limit_set = true;
	core->policy.cache_limit = limit;
	core->rare.limit_changes++;
	if (!is_loose(core))
		trim(core);
	mr_core_watch(core, core->plain);
	return old;
}

uint64_t
mr_core_set_memory_limit(struct mr_core *core, uint64_t limit)
{
	uint64_t old = core->policy.memory_limit;

	core->policy.memory_limit = limit;
	set_gc_limit(core);
	mr_core_watch(core, core->plain);
	return old;
}

void
mr_core_clear(struct mr_core *core)
{
	mr_core_clear_between(core);
	mr_core_watch(core, core->plain);
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
	mr_core_watch(core, core->plain);
}

/* What is neither live nor prepared. */
static uint64_t
cached_blocks(const struct mr_core *core)
{
	return core->held - core->prepared - (core->mallocs - core->frees);
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

/* The order number of each cached block, by age; 0: not cached; and the last. */
static enum mr_status
check_ages(
	const struct mr_core *core, uint32_t *order, uint32_t *last, struct mr_error *err)
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
	*last = number;
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
	uint32_t seen = 0, listed = 0;
	enum mr_status st = MR_OK;

	if (!order)
		return mr_fail_memory(err);
	if ((st = mr_sizes_check(&core->sizes, err)) ||
		(st = check_ages(core, order, &listed, err)))
		goto out;
	for (uint32_t class = 0; class < core->sizes.class_count && !st; class ++)
		if (core->sizes.classes[class].node != MR_NONE)
			st = check_queue(core, class, order, &seen, err);
	if (!st && seen != listed)
		st = mr_fail(err, MR_EINVAL, "a cached block is in no queue");
	if (!st && seen != cached_blocks(core))
		st = mr_fail(err, MR_EINVAL,
			"%" PRIu32 " blocks are cached but %" PRIu64 " counted", seen,
			cached_blocks(core));
	if (!st && !is_loose(core) && core->cached > core->policy.cache_limit)
		st = mr_fail(err, MR_EINVAL, "cached memory is above the limit");
out:
	free(order);
	return st;
}
