/* SPDX-License-Identifier: MIT */
#include "alloc/torchstate.h"

uint64_t
mr_torch_range(const struct mr_torch_settings *settings)
{
	if (settings->range)
		return settings->range;
	if (settings->memory == MR_UNLIMITED)
		return UINT64_C(1) << 40;
	return settings->memory + settings->memory / 8;
}

static uint64_t
granule(const struct mr_torch *torch, const struct mr_torch_block *block)
{
	return torch->pools[torch->lanes[block->lane].pool].small
		? MR_TORCH_SMALL_SEG
		: torch->settings.large_segment;
}

/*
 * Maps the first size bytes of an unmapped block, in whole granules, and joins
 * them with what is free beside them. False, and nothing is done: the device
 * refuses. *number becomes the free block, which is in its set.
 */
static bool
map(struct mr_torch *torch, uint32_t *number, uint64_t size)
{
	struct mr_torch_block *block = &torch->blocks[*number];
	uint64_t step = granule(torch, block);
	uint64_t bytes = (size + step - 1) / step * step;
	uint64_t addr = block->addr, memory = torch->settings.memory;

	if (bytes > block->size)
		bytes = block->size;
	if (memory != MR_UNLIMITED &&
		(bytes > memory || torch->stats.reserved > memory - bytes))
		return false;
	mr_torch_remove(torch, *number);
	if (bytes < block->size) {
		uint32_t rest = mr_torch_split(torch, *number, bytes);

		if (torch->failed)
			return false;
		mr_torch_insert(torch, rest);
		block = &torch->blocks[*number];
	}
	block->state = MR_TORCH_FREE;
	mr_torch_merge(torch, *number);
	mr_torch_insert(torch, *number);
	torch->stats.maps++;
	mr_torch_reserve(torch, bytes);
	mr_torch_tell(torch, MR_TORCH_SEGMENT_MAP, addr, bytes);
	return !torch->failed;
}

/* Whether the free blocks from here on, mapped or not, have room for size. */
static bool
has_room(const struct mr_torch *torch, uint32_t number, uint64_t size)
{
	uint64_t bytes = 0;

	while (bytes < size && number != MR_TORCH_NONE &&
		(torch->blocks[number].state == MR_TORCH_FREE ||
			torch->blocks[number].state == MR_TORCH_UNMAPPED)) {
		bytes += torch->blocks[number].size;
		number = torch->blocks[number].next;
	}
	return bytes >= size;
}

/* A new range of address space, all of it unmapped; MR_TORCH_NONE: there is none. */
static uint32_t
new_range(struct mr_torch *torch, uint32_t lane, uint64_t size)
{
	uint32_t number = mr_torch_block_new(torch);
	uint64_t bytes = mr_torch_range(&torch->settings), step;
	struct mr_torch_block *block;

	if (number == MR_TORCH_NONE)
		return number;
	block = &torch->blocks[number];
	block->lane = lane;
	block->expandable = true;
	block->state = MR_TORCH_UNMAPPED;
	step = granule(torch, block);
	bytes = bytes > size ? bytes : size;
	block->size = (bytes + step - 1) / step * step;
	if (!mr_torch_place(torch, &block->addr, &block->size, size)) {
		mr_torch_block_drop(torch, number);
		return MR_TORCH_NONE;
	}
	mr_torch_insert(torch, number);
	return number;
}

/* Where size can grow: an unmapped block, or the free one just before it. */
static uint32_t
find_place(struct mr_torch *torch, uint32_t lane, uint64_t size)
{
	const struct mr_free_set *unmapped = &torch->lanes[lane].unmapped;

	for (struct mr_free_at at = mr_free_first(); mr_free_valid(unmapped, at);
		at = mr_free_next(unmapped, at)) {
		uint32_t number = mr_free_block(unmapped, at);
		uint32_t before = torch->blocks[number].prev;

		if (before != MR_TORCH_NONE &&
			torch->blocks[before].state == MR_TORCH_FREE)
			number = before;
		if (has_room(torch, number, size))
			return number;
	}
	return new_range(torch, lane, size);
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint32_t
mr_torch_expand(struct mr_torch *torch, uint32_t lane, uint64_t size)
{
	uint32_t number = find_place(torch, lane, size);

	if (torch->failed || number == MR_TORCH_NONE)
		return MR_TORCH_NONE;
	if (torch->blocks[number].state == MR_TORCH_UNMAPPED &&
		!map(torch, &number, least(torch->blocks[number].size, size)))
		return MR_TORCH_NONE;
	while (torch->blocks[number].size < size) {
		uint32_t next = torch->blocks[number].next;
		uint64_t missing = size - torch->blocks[number].size;

		if (!map(torch, &next, least(missing, torch->blocks[next].size)))
			return MR_TORCH_NONE;
		number = next;
	}
	mr_torch_remove(torch, number);
	return number;
}

/* Makes a free block of the first size bytes of one that is in no set. */
static uint32_t
keep_front(struct mr_torch *torch, uint32_t number, uint64_t size)
{
	uint32_t rest = mr_torch_split(torch, number, size);

	if (!torch->failed)
		mr_torch_insert(torch, number);
	return rest;
}

void
mr_torch_unmap(struct mr_torch *torch, uint32_t number)
{
	struct mr_torch_block *block = &torch->blocks[number];
	uint64_t step = granule(torch, block), addr, bytes, end;
	uint64_t base = mr_torch_range_of(torch, block->addr);

	addr = base + (block->addr - base + step - 1) / step * step;
	end = base + (block->addr + block->size - base) / step * step;
	if (addr >= end)
		return;
	bytes = end - addr;
	mr_torch_remove(torch, number);
	if (addr > block->addr)
		number = keep_front(torch, number, addr - block->addr);
	if (!torch->failed && torch->blocks[number].size > bytes) {
		uint32_t rest = mr_torch_split(torch, number, bytes);

		if (!torch->failed)
			mr_torch_insert(torch, rest);
	}
	if (torch->failed)
		return;
	torch->blocks[number].state = MR_TORCH_UNMAPPED;
	mr_torch_merge(torch, number);
	mr_torch_insert(torch, number);
	torch->stats.reserved -= bytes;
	torch->stats.released_bytes += bytes;
	torch->stats.unmaps++;
	mr_torch_tell(torch, MR_TORCH_SEGMENT_UNMAP, addr, bytes);
	block = &torch->blocks[number];
	if (mr_torch_is_split(block))
		return;
	mr_torch_remove(torch, number);
	mr_torch_unclaim(torch, block->addr, block->size);
	mr_torch_block_drop(torch, number);
}
