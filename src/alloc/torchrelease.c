/* SPDX-License-Identifier: MIT */
#include <stdlib.h>

#include "alloc/torchstate.h"
#include "base/error.h"

void
mr_torch_release_segment(struct mr_torch *torch, uint32_t number)
{
	const struct mr_torch_block *block = &torch->blocks[number];

	mr_torch_remove(torch, number);
	mr_torch_unclaim(torch, block->addr, block->size);
	torch->stats.reserved -= block->size;
	torch->stats.released_bytes += block->size;
	torch->stats.segments--;
	torch->stats.segment_frees++;
	mr_torch_tell(torch, MR_TORCH_SEGMENT_FREE, block->addr, block->size);
	mr_torch_block_drop(torch, number);
}

/* A free block that is a whole segment, and so can be given back. */
static bool
is_segment(const struct mr_torch_block *block)
{
	return !block->expandable && !mr_torch_is_split(block);
}

/* --- one request's worth */

/*
 * Releases large segments from the largest down until size bytes are gone.
 * Blocks that are split or expandable are passed over; PyTorch before 2.10 took
 * them for segments, which a block as large as max_split_size never is split
 * into, unless settings changed.
 */
static bool
release_largest(struct mr_torch *torch, struct mr_torch_lane *lane, uint64_t size)
{
	uint64_t got = 0, least = torch->settings.max_split_size;
	struct mr_free_key key = {UINT64_MAX, UINT64_MAX};

	while (got < size) {
		struct mr_free_at at = mr_free_lower(&lane->free, key);
		uint32_t number;

		if (!lane->free.blocks || !mr_free_previous(&lane->free, &at))
			break;
		number = mr_free_block(&lane->free, at);
		key = mr_free_at_key(&lane->free, at);
		if (key.size < least)
			break;
		if (!is_segment(&torch->blocks[number]))
			continue;
		got += key.size;
		mr_torch_release_segment(torch, number);
	}
	return got >= size;
}

bool
mr_torch_release_available(struct mr_torch *torch, uint32_t number, uint64_t size)
{
	struct mr_torch_lane *lane = &torch->lanes[number];
	uint64_t least = torch->settings.max_split_size;
	struct mr_free_key key = {size > least ? size : least, 0};
	struct mr_free_at at;

	if (least == MR_UNLIMITED)
		return false;
	at = mr_free_lower(&lane->free, key);
	if (mr_free_valid(&lane->free, at) &&
		is_segment(&torch->blocks[mr_free_block(&lane->free, at)])) {
		mr_torch_release_segment(torch, mr_free_block(&lane->free, at));
		return true;
	}
	return release_largest(torch, lane, key.size);
}

/* --- everything */

static void
complete_waiting(struct mr_torch *torch)
{
	/* one that is in no set for want of memory cannot be merged */
	for (uint32_t i = 0; torch->waiting && !torch->failed && i < torch->block_count;
		i++)
		if (torch->blocks[i].used && torch->blocks[i].state == MR_TORCH_WAITING)
			mr_torch_complete(torch, i);
}

/* The free expandable blocks of a pool, as they are now; NULL: memory. */
static uint32_t *
list_expandable(struct mr_torch *torch, const struct mr_torch_pool *pool, size_t *count)
{
	size_t space = 1;
	uint32_t *list;

	*count = 0;
	for (uint32_t i = 0; i < pool->count; i++)
		space += torch->lanes[pool->lanes[i]].free.blocks;
	list = malloc(space * sizeof(*list));
	if (!list) {
		torch->failed = true;
		return NULL;
	}
	for (uint32_t i = 0; i < pool->count; i++) {
		const struct mr_free_set *set = &torch->lanes[pool->lanes[i]].free;

		for (struct mr_free_at at = mr_free_first(); mr_free_valid(set, at);
			at = mr_free_next(set, at)) {
			uint32_t number = mr_free_block(set, at);

			if (torch->blocks[number].expandable)
				list[(*count)++] = number;
		}
	}
	return list;
}

/* Releases the unsplit segments of a stream that are old enough, in their order. */
static uint64_t
release_lane(struct mr_torch *torch, struct mr_torch_lane *lane)
{
	struct mr_free_at at = mr_free_first();
	uint64_t bytes = 0;

	while (mr_free_valid(&lane->free, at)) {
		uint32_t number = mr_free_block(&lane->free, at);
		struct mr_free_key key = mr_free_at_key(&lane->free, at);

		if (is_segment(&torch->blocks[number])) {
			mr_torch_release_segment(torch, number);
			bytes += key.size;
			at = mr_free_lower(&lane->free, key);
		} else {
			at = mr_free_next(&lane->free, at);
		}
	}
	return bytes;
}

static void
release_pool(struct mr_torch *torch, const struct mr_torch_pool *pool)
{
	uint32_t *expandable;
	size_t count;

	for (uint32_t i = 0; i < pool->count; i++)
		release_lane(torch, &torch->lanes[pool->lanes[i]]);
	expandable = list_expandable(torch, pool, &count);
	for (size_t i = 0; i < count && !torch->failed; i++)
		mr_torch_unmap(torch, expandable[i]);
	free(expandable);
}

void
mr_torch_release_cached(struct mr_torch *torch)
{
	complete_waiting(torch);
	/* private pools stay: a trace does not tell when a graph is gone */
	for (uint32_t i = 0; i < torch->pool_count && !torch->failed; i++)
		if (!torch->pools[i].id[0] && !torch->pools[i].id[1])
			release_pool(torch, &torch->pools[i]);
}

enum mr_status
mr_torch_release_all(struct mr_torch *torch, struct mr_error *err)
{
	mr_torch_release_cached(torch);
	return torch->failed ? mr_fail_memory(err) : MR_OK;
}

/* --- garbage */

/* What one pass of collection looks at: unsplit free segments and their age. */
struct garbage {
	double age;
	uint64_t count;
};

static uint64_t
age_of(const struct mr_torch *torch, const struct mr_torch_pool *pool, uint32_t number)
{
	return pool->calls - torch->blocks[number].born;
}

static struct garbage
count_garbage(struct mr_torch *torch, const struct mr_torch_pool *pool)
{
	struct garbage found = {0};

	for (uint32_t i = 0; i < pool->count; i++) {
		const struct mr_free_set *set = &torch->lanes[pool->lanes[i]].free;

		for (struct mr_free_at at = mr_free_first(); mr_free_valid(set, at);
			at = mr_free_next(set, at)) {
			uint32_t number = mr_free_block(set, at);

			if (!is_segment(&torch->blocks[number]))
				continue;
			found.age += (double)age_of(torch, pool, number);
			found.count++;
		}
	}
	return found;
}

/* Releases the segments of a stream that are at least so old. */
static uint64_t
collect_lane(struct mr_torch *torch, const struct mr_torch_pool *pool,
	struct mr_torch_lane *lane, double old, struct garbage *left)
{
	struct mr_free_at at = mr_free_first();
	uint64_t bytes = 0;

	while (mr_free_valid(&lane->free, at)) {
		uint32_t number = mr_free_block(&lane->free, at);
		struct mr_free_key key = mr_free_at_key(&lane->free, at);
		double age = (double)age_of(torch, pool, number);

		if (!is_segment(&torch->blocks[number]) || age < old) {
			at = mr_free_next(&lane->free, at);
			continue;
		}
		left->age -= age;
		left->count--;
		bytes += key.size;
		mr_torch_release_segment(torch, number);
		at = mr_free_lower(&lane->free, key);
	}
	return bytes;
}

void
mr_torch_collect(struct mr_torch *torch)
{
	static const uint64_t defaults[2] = {0, 0};
	double share = (double)torch->settings.gc_threshold / (double)MR_TORCH_SHARE;
	uint64_t keep = (uint64_t)(share * (double)torch->limit);
	const struct mr_torch_pool *pool = NULL;
	struct garbage left;
	uint64_t freed = 0, pass, over;

	for (uint32_t i = 0; i < torch->pool_count && !pool; i += 2)
		if (torch->pools[i].id[0] == defaults[0] &&
			torch->pools[i].id[1] == defaults[1])
			pool = &torch->pools[i];
	if (!pool || torch->stats.reserved <= keep)
		return;
	over = torch->stats.reserved - keep;
	left = count_garbage(torch, pool);
	do {
		double old = left.count ? left.age / (double)left.count : 0;

		pass = 0;
		for (uint32_t i = 0; left.count && i < pool->count; i++)
			pass += collect_lane(
				torch, pool, &torch->lanes[pool->lanes[i]], old, &left);
		freed += pass;
	} while (pass && freed < over);
	torch->stats.collections += freed > 0;
}
