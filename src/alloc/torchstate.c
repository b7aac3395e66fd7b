/* SPDX-License-Identifier: MIT */
#include "alloc/torchstate.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* Where addresses are invented before there is any segment: room on both sides. */
#define MIDDLE (UINT64_C(1) << 60)

/* --- making and freeing */

static uint64_t
share_of(uint64_t bytes, uint64_t share)
{
	return (uint64_t)((double)share / (double)MR_TORCH_SHARE * (double)bytes);
}

enum mr_status
mr_torch_new(struct mr_torch **out, const struct mr_torch_settings *settings,
	const struct mr_torch_hooks *hooks, struct mr_error *err)
{
	struct mr_torch *torch = calloc(1, sizeof(*torch));

	*out = torch;
	if (!torch)
		return mr_fail_memory(err);
	torch->settings = *settings;
	if (hooks)
		torch->hooks = *hooks;
	torch->limit = MR_UNLIMITED;
	if (settings->fraction && settings->memory != MR_UNLIMITED)
		torch->limit = share_of(settings->memory, settings->fraction);
	torch->spare = MR_TORCH_NONE;
	torch->low = torch->high = MIDDLE;
	return MR_OK;
}

void
mr_torch_free_all(struct mr_torch *torch)
{
	if (!torch)
		return;
	for (uint32_t i = 0; i < torch->lane_count; i++) {
		mr_free_set_fini(&torch->lanes[i].free);
		mr_free_set_fini(&torch->lanes[i].unmapped);
	}
	for (uint32_t i = 0; i < torch->pool_count; i++)
		free(torch->pools[i].lanes);
	mr_free_set_fini(&torch->claims);
	free(torch->lanes);
	free(torch->pools);
	free(torch->blocks);
	free(torch);
}

/* Makes room in an array for one more; false if the host has no memory. */
static bool
room(struct mr_torch *torch, void **array, uint32_t count, uint32_t *space, size_t size)
{
	uint32_t more = *space ? 2 * *space : 16;
	void *grown;

	if (count < *space)
		return true;
	grown = more > *space ? realloc(*array, more * size) : NULL;
	if (!grown) {
		torch->failed = true;
		return false;
	}
	*array = grown;
	*space = more;
	return true;
}

/* --- blocks */

uint32_t
mr_torch_block_new(struct mr_torch *torch)
{
	static const struct mr_torch_block blank = {
		.prev = MR_TORCH_NONE, .next = MR_TORCH_NONE, .used = true};
	uint32_t number = torch->spare;

	if (number != MR_TORCH_NONE) {
		torch->spare = torch->blocks[number].next;
	} else {
		void *blocks = torch->blocks;

		if (!room(torch, &blocks, torch->block_count, &torch->block_space,
			    sizeof(*torch->blocks)))
			return MR_TORCH_NONE;
		torch->blocks = blocks;
		number = torch->block_count++;
	}
	torch->blocks[number] = blank;
	return number;
}

void
mr_torch_block_drop(struct mr_torch *torch, uint32_t number)
{
	torch->blocks[number].used = false;
	torch->blocks[number].next = torch->spare;
	torch->spare = number;
}

void
mr_torch_insert(struct mr_torch *torch, uint32_t number)
{
	struct mr_torch_block *block = &torch->blocks[number];
	struct mr_torch_lane *lane = mr_torch_lane_of(torch, block);
	enum mr_status st;

	if (block->state == MR_TORCH_UNMAPPED) {
		st = mr_free_insert(
			&lane->unmapped, (struct mr_free_key){0, block->addr}, number);
	} else {
		block->born = torch->pools[lane->pool].calls;
		st = mr_free_insert(&lane->free,
			(struct mr_free_key){block->size, block->addr}, number);
	}
	if (st)
		torch->failed = true;
}

void
mr_torch_remove(struct mr_torch *torch, uint32_t number)
{
	const struct mr_torch_block *block = &torch->blocks[number];
	struct mr_torch_lane *lane = mr_torch_lane_of(torch, block);

	if (block->state == MR_TORCH_UNMAPPED)
		mr_free_remove(&lane->unmapped, (struct mr_free_key){0, block->addr});
	else
		mr_free_remove(
			&lane->free, (struct mr_free_key){block->size, block->addr});
}

uint32_t
mr_torch_split(struct mr_torch *torch, uint32_t number, uint64_t size)
{
	uint32_t above = mr_torch_block_new(torch);
	struct mr_torch_block *block, *rest;

	if (above == MR_TORCH_NONE)
		return above;
	block = &torch->blocks[number];
	rest = &torch->blocks[above];
	*rest = *block;
	rest->addr += size;
	rest->size -= size;
	rest->prev = number;
	if (rest->next != MR_TORCH_NONE)
		torch->blocks[rest->next].prev = above;
	block->size = size;
	block->next = above;
	return above;
}

/* Whether a neighbour can be joined with a block. */
static bool
joins(const struct mr_torch *torch, uint32_t number, uint8_t state)
{
	return number != MR_TORCH_NONE && torch->blocks[number].state == state;
}

void
mr_torch_merge(struct mr_torch *torch, uint32_t number)
{
	struct mr_torch_block *block = &torch->blocks[number];

	if (joins(torch, block->prev, block->state)) {
		uint32_t gone = block->prev;

		mr_torch_remove(torch, gone);
		block->addr = torch->blocks[gone].addr;
		block->size += torch->blocks[gone].size;
		block->prev = torch->blocks[gone].prev;
		if (block->prev != MR_TORCH_NONE)
			torch->blocks[block->prev].next = number;
		mr_torch_block_drop(torch, gone);
	}
	if (joins(torch, block->next, block->state)) {
		uint32_t gone = block->next;

		mr_torch_remove(torch, gone);
		block->size += torch->blocks[gone].size;
		block->next = torch->blocks[gone].next;
		if (block->next != MR_TORCH_NONE)
			torch->blocks[block->next].prev = number;
		mr_torch_block_drop(torch, gone);
	}
}

/* --- pools and streams */

/* The large pool of an id, the small one behind it; made if need be. */
static uint32_t
find_pool(struct mr_torch *torch, const uint64_t id[2])
{
	struct mr_torch_pool *pool;
	void *pools = torch->pools;

	for (uint32_t i = 0; i < torch->pool_count; i += 2)
		if (torch->pools[i].id[0] == id[0] && torch->pools[i].id[1] == id[1])
			return i;
	if (!room(torch, &pools, torch->pool_count + 1, &torch->pool_space,
		    sizeof(*torch->pools)))
		return MR_TORCH_NONE;
	torch->pools = pools;
	pool = &torch->pools[torch->pool_count];
	memset(pool, 0, 2 * sizeof(*pool));
	memcpy(pool[0].id, id, sizeof(pool[0].id));
	memcpy(pool[1].id, id, sizeof(pool[1].id));
	pool[1].small = true;
	torch->pool_count += 2;
	return torch->pool_count - 2;
}

/* Makes the lane of a stream, at its place in the pool. */
static uint32_t
new_lane(struct mr_torch *torch, uint32_t number, uint32_t at, uint64_t stream)
{
	struct mr_torch_pool *pool = &torch->pools[number];
	void *lanes = torch->lanes, *order = pool->lanes;
	struct mr_torch_lane *lane;

	if (!room(torch, &lanes, torch->lane_count, &torch->lane_space,
		    sizeof(*torch->lanes)))
		return MR_TORCH_NONE;
	torch->lanes = lanes;
	if (!room(torch, &order, pool->count, &pool->space, sizeof(*pool->lanes)))
		return MR_TORCH_NONE;
	pool->lanes = order;
	memmove(pool->lanes + at + 1, pool->lanes + at,
		(pool->count - at) * sizeof(*pool->lanes));
	pool->lanes[at] = torch->lane_count;
	pool->count++;
	lane = &torch->lanes[torch->lane_count];
	memset(lane, 0, sizeof(*lane));
	lane->stream = stream;
	lane->pool = number;
	return torch->lane_count++;
}

uint32_t
mr_torch_lane(struct mr_torch *torch, struct mr_torch_queue queue, bool small)
{
	uint32_t number = find_pool(torch, queue.pool), from = 0, to;
	const struct mr_torch_pool *pool;

	if (number == MR_TORCH_NONE)
		return number;
	number += small;
	pool = &torch->pools[number];
	to = pool->count;
	while (from < to) {
		uint32_t middle = (from + to) / 2;

		if (torch->lanes[pool->lanes[middle]].stream < queue.stream)
			from = middle + 1;
		else
			to = middle;
	}
	if (from < pool->count && torch->lanes[pool->lanes[from]].stream == queue.stream)
		return pool->lanes[from];
	return new_lane(torch, number, from, queue.stream);
}

struct mr_torch_queue
mr_torch_queue_of(
	const struct mr_torch *torch, const struct mr_torch_block *block, bool *small)
{
	const struct mr_torch_lane *lane = &torch->lanes[block->lane];
	const struct mr_torch_pool *pool = &torch->pools[lane->pool];

	*small = pool->small;
	return (struct mr_torch_queue){lane->stream, {pool->id[0], pool->id[1]}};
}

/* --- addresses */

bool
mr_torch_claim(struct mr_torch *torch, uint64_t addr, uint64_t bytes)
{
	struct mr_free_set *claims = &torch->claims;
	struct mr_free_key key = {addr, addr + bytes};
	struct mr_free_at at = mr_free_lower(claims, (struct mr_free_key){addr, 0});

	if (!bytes || key.addr < addr)
		return false;
	if (mr_free_valid(claims, at) && mr_free_at_key(claims, at).size < key.addr)
		return false;
	if (claims->blocks && mr_free_previous(claims, &at) &&
		mr_free_at_key(claims, at).addr > addr)
		return false;
	if (mr_free_insert(claims, key, 0)) {
		torch->failed = true;
		return false;
	}
	if (torch->low == MIDDLE && torch->high == MIDDLE)
		torch->low = torch->high = addr;
	if (addr < torch->low)
		torch->low = addr;
	if (key.addr > torch->high)
		torch->high = key.addr;
	return true;
}

void
mr_torch_unclaim(struct mr_torch *torch, uint64_t addr, uint64_t bytes)
{
	mr_free_remove(&torch->claims, (struct mr_free_key){addr, addr + bytes});
}

uint64_t
mr_torch_range_of(const struct mr_torch *torch, uint64_t addr)
{
	struct mr_free_at at =
		mr_free_lower(&torch->claims, (struct mr_free_key){addr + 1, 0});

	/* every byte of a block lies in a claim: there is one before */
	(void)mr_free_previous(&torch->claims, &at);
	return mr_free_at_key(&torch->claims, at).size;
}

bool
mr_torch_place(struct mr_torch *torch, uint64_t *addr, uint64_t *bytes, uint64_t least)
{
	uint64_t wanted = *bytes;
	uint64_t space = (wanted / MR_TORCH_ROUND + 1) * MR_TORCH_ROUND;

	if (torch->hooks.place && torch->hooks.place(torch->hooks.context, addr, bytes) &&
		*bytes >= least && mr_torch_claim(torch, *addr, *bytes))
		return true;
	*bytes = wanted;
	if ((torch->settings.descending && torch->low > space) ||
		torch->high > UINT64_MAX - 2 * space)
		*addr = (torch->low - wanted) / MR_TORCH_ROUND * MR_TORCH_ROUND;
	else
		*addr = (torch->high + MR_TORCH_ROUND - 1) / MR_TORCH_ROUND *
			MR_TORCH_ROUND;
	return mr_torch_claim(torch, *addr, wanted);
}

void
mr_torch_tell(struct mr_torch *torch, enum mr_torch_action action, uint64_t addr,
	uint64_t bytes)
{
	if (torch->hooks.device)
		torch->hooks.device(torch->hooks.context, action, addr, bytes);
}

void
mr_torch_reserve(struct mr_torch *torch, uint64_t bytes)
{
	torch->stats.reserved += bytes;
	if (torch->stats.reserved > torch->stats.peak_reserved) {
		torch->stats.peak_reserved = torch->stats.reserved;
		torch->rising = true;
	}
}

const struct mr_torch_stats *
mr_torch_stats(const struct mr_torch *torch)
{
	return &torch->stats;
}

const struct mr_torch_oom *
mr_torch_last_oom(const struct mr_torch *torch)
{
	return &torch->oom;
}

const struct mr_torch_block *
mr_torch_blocks(const struct mr_torch *torch, uint32_t *count)
{
	*count = torch->block_count;
	return torch->blocks;
}
