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
 * mr_core_free(). Nothing here allocates but mr_core_prepare(). The owner counts
 * mallocs and frees in `events` before it asks for them.
 *
 * These are compiled twice: for plain policies, mlx-cpu as MLX ships it, where
 * each branch would be felt, and for all others. The caller says which with
 * core->plain, as a constant where it matters.
 *
 * What the limit is compared with is remembered, so that it is known at which
 * other limits the run would have been the same: see mr_core_same().
 */

#include <stdbool.h>
#include <stdint.h>

#include "alloc/round.h"
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
	struct mr_policy policy; /* resolved */
	uint64_t active;
	uint64_t cached;
	uint64_t peak;  /* of active, since the last reset */
	bool plain;     /* see mr_core_is_plain() */
	bool limit_set; /* by mr_core_set_limit(): it is not the first limit any more */

	struct mr_block *blocks;
	struct mr_queue *queues; /* one a class */
	uint32_t oldest;         /* least recently cached; MR_NONE: none */
	uint32_t newest;

	/* Counted as it goes; mr_core_result() adds what follows from these. */
	uint64_t mallocs, hits, larger_hits, slack_bytes, requested_bytes, hit_bytes;
	uint64_t frees, peak_total, peak_cached, over_memory;

	uint64_t events;            /* the owner's */
	uint64_t first_over_memory; /* the first event counted in over_memory; 0: none */
	uint64_t gc_limit;          /* mlx-metal: a miss that needs as much releases */
	uint64_t same_from;         /* the largest x of which x <= limit was found true */
	uint64_t same_to;           /* the smallest of which it was found false */
	uint64_t first_same_from, first_same_to; /* of the first limit, if limit_set */

	uint32_t block_count;
	uint32_t block_space;
	uint32_t held;     /* blocks live, cached or prepared */
	uint32_t prepared; /* neither committed nor cancelled yet */
	uint32_t unused;   /* first of the list of unused blocks */
	uint32_t queue_space;
	struct mr_result rare; /* counted where speed does not matter */

	/* Told of each block that goes back to the system. */
	void (*evict)(void *context, struct mr_block *block, uint64_t capacity);
	void *context;

	struct mr_sizes sizes;
};

/* MR_EINVAL if a member that was assigned has a value that its knob has not. */
MR_MUST_CHECK enum mr_status mr_policy_check(
	const struct mr_policy *policy, struct mr_error *err);

/* Starts empty. evict may be NULL. MR_EINVAL: the policy; MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_core_init(
	struct mr_core *core, const struct mr_policy *policy, struct mr_error *err);
void mr_core_fini(struct mr_core *core);

/*
 * Makes `to`, which is initialised, go on where `from` is, but for a limit at
 * which all has gone the same so far: see mr_core_same(). MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_core_copy(struct mr_core *to, const struct mr_core *from,
	uint64_t limit, struct mr_error *err);

/* The same in its place: it is as if the limit had been this one from the start. */
void mr_core_move_limit(struct mr_core *core, uint64_t limit);

/*
 * What a run at limit `from` would have counted at `to`, at which all goes the same: the
 * events above the limit are the same, but not how far above it.
 */
static inline void
mr_move_overshoot(struct mr_result *result, uint64_t from, uint64_t to)
{
	if (result->max_overshoot_bytes)
		result->max_overshoot_bytes += from - to;
}

/* Whether mlx-cpu's rules as MLX ships them are all that the policy needs. */
bool mr_core_is_plain(const struct mr_policy *policy);

/*
 * A block number for a new block that serves a malloc of size, not yet counted.
 * MR_NONE, with MR_OK, if the policy gives no block. MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_core_prepare(
	struct mr_core *core, uint64_t size, uint32_t *block, struct mr_error *err);
void mr_core_cancel(struct mr_core *core, uint32_t block);

uint64_t mr_core_set_limit(struct mr_core *core, uint64_t limit);
uint64_t mr_core_set_memory_limit(struct mr_core *core, uint64_t limit);
void mr_core_clear(struct mr_core *core);
void mr_core_clear_between(struct mr_core *core); /* two events, being none */
void mr_core_reset_peak(struct mr_core *core);
void mr_core_result(const struct mr_core *core, struct mr_result *out);

/*
 * The first cache limits at which all would have gone the same up to now: from
 * *from to just below *to; MR_UNLIMITED: at all above. All is the rest of the
 * result: only cache_limit and max_overshoot_bytes move with the limit.
 *
 * Why that is so: whatever a policy does with the limit L, it compares some x
 * with it, where x follows from what has happened so far:
 *
 *   on a free      cached + c <= L; for the GPUs' policies cached < L
 *   to make room   the same again, after each eviction
 *   after a malloc cached <= L; if not, then to release x = cached - L
 *                  x >= 0.9 * cached, which is L <= cached / 10, rounded down, and
 *                  gone < x, which is not (cached - gone <= L)
 *   after any event cached <= L, to count those above
 *
 * and does the same wherever the outcome is the same. By induction over the
 * events, another limit gives the same run if it gives the same outcomes: if it
 * is at least the largest x that was <= L and below the smallest that was not.
 * No policy and no knob uses the limit in any other way. A limit set in the
 * course of the run ends the induction: what follows does not depend on the first.
 */
void mr_core_same(const struct mr_core *core, uint64_t *from, uint64_t *to);

/* What plain policies have no use for; see the functions without "other". */
void mr_core_other_malloc_ends(struct mr_core *core);
bool mr_core_other_free(struct mr_core *core, uint32_t block);
void mr_core_other_watch(struct mr_core *core);

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
	if (__builtin_mul_overflow(policy->window_pages, policy->page, &by_pages) ||
		__builtin_add_overflow(n, by_pages, &by_pages))
		by_pages = UINT64_MAX;
	return by_factor < by_pages ? by_factor : by_pages;
}

#define MR_TWICE static inline __attribute__((always_inline))

/* Counts the event that ends here in the watch over the two limits. */
MR_TWICE void
mr_core_watch(struct mr_core *core, bool plain)
{
	if (core->active > core->policy.memory_limit && !core->over_memory++)
		core->first_over_memory = core->events;
	if (!plain)
		mr_core_other_watch(core);
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
MR_TWICE uint32_t
mr_core_reuse(struct mr_core *core, uint64_t size, bool plain)
{
	struct mr_sizes *sizes = &core->sizes;
	uint64_t wanted = plain ? size : mr_round(&core->policy, size), capacity;
	uint32_t class = mr_sizes_find(sizes, wanted), block;

	if (class == MR_NONE)
		class = mr_sizes_from(sizes, wanted);
	else if (core->queues[class].head == MR_NONE)
		class = mr_sizes_after(sizes, class);
	if (class == MR_NONE)
		return MR_NONE;
	capacity = sizes->classes[class].size;
	if (capacity >= mr_window_end(&core->policy, wanted))
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
	if (!plain)
		mr_core_other_malloc_ends(core);
	mr_core_watch(core, plain);
	return block;
}

/* Counts a prepared block as a miss and as live; size is what was asked for. */
MR_TWICE void
mr_core_commit(struct mr_core *core, uint32_t block, uint64_t size, bool plain)
{
	core->prepared--;
	core->active += mr_core_capacity(core, block);
	if (core->active > core->peak)
		core->peak = core->active;
	core->mallocs++;
	core->requested_bytes += size;
	if (!plain)
		mr_core_other_malloc_ends(core);
	if (core->active + core->cached > core->peak_total)
		core->peak_total = core->active + core->cached;
	mr_core_watch(core, plain);
}

/* Returns the number of a block that has left. */
static inline void
mr_core_retire(struct mr_core *core, uint32_t block)
{
	core->queues[core->blocks[block].class].blocks--;
	core->blocks[block].next = core->unused;
	core->unused = block;
	core->held--;
}

static inline void
mr_core_count_rejected(struct mr_core *core, uint64_t capacity)
{
	core->rare.rejected_frees++;
	core->rare.rejected_bytes += capacity;
}

static inline void
mr_core_keep(struct mr_core *core, uint32_t block)
{
	mr_core_push(core, block);
	if (core->cached > core->peak_cached)
		core->peak_cached = core->cached;
}

/*
 * Frees a live block. True: it is cached. False: it goes back to the system,
 * and its number is no longer the caller's. MR_NONE, what a malloc without a
 * block got, is fine under a policy that is not plain: nothing happens.
 */
MR_TWICE bool
mr_core_free(struct mr_core *core, uint32_t block, bool plain)
{
	uint64_t capacity;

	if (!plain)
		return mr_core_other_free(core, block);
	capacity = mr_core_capacity(core, block);
	core->active -= capacity;
	core->frees++;
	/* cached <= limit always holds here, so the difference cannot wrap. */
	if (capacity && core->policy.kind != MR_POLICY_NONE) {
		if (capacity <= core->policy.cache_limit - core->cached) {
			mr_core_keep(core, block);
			mr_core_watch(core, true);
			return true;
		}
		/* Sums that are accepted need no note: they are in peak_cached. */
		if (capacity + core->cached < core->same_to)
			core->same_to = capacity + core->cached;
		mr_core_count_rejected(core, capacity);
	}
	mr_core_retire(core, block);
	mr_core_watch(core, true);
	return false;
}

#endif
