/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "alloc/torchstate.h"
#include "base/error.h"

/* --- the state that a simulation begins in */

/* The unmapped block that holds all of a segment; MR_TORCH_NONE: there is none. */
static uint32_t
unmapped_at(const struct mr_torch *torch, uint32_t lane,
	const struct mr_torch_segment *segment)
{
	const struct mr_free_set *set = &torch->lanes[lane].unmapped;
	struct mr_free_key key = {0, segment->addr + 1};
	struct mr_free_at at = mr_free_lower(set, key);
	const struct mr_torch_block *block;

	if (!set->blocks || !mr_free_previous(set, &at))
		return MR_TORCH_NONE;
	block = &torch->blocks[mr_free_block(set, at)];
	if (segment->addr + segment->size > block->addr + block->size)
		return MR_TORCH_NONE;
	return mr_free_block(set, at);
}

/* Claims a range of address space, all of it unmapped; in no set. */
static uint32_t
seed_range(struct mr_torch *torch, uint32_t lane, const struct mr_torch_segment *segment)
{
	uint32_t number;

	if (!mr_torch_claim(
		    torch, segment->range_addr, segment->range_end - segment->range_addr))
		return MR_TORCH_NONE;
	number = mr_torch_block_new(torch);
	if (number == MR_TORCH_NONE)
		return number;
	torch->blocks[number].addr = segment->range_addr;
	torch->blocks[number].size = segment->range_end - segment->range_addr;
	torch->blocks[number].lane = lane;
	torch->blocks[number].expandable = true;
	torch->blocks[number].state = MR_TORCH_UNMAPPED;
	return number;
}

/* A mapped run within a range; in no set. */
static uint32_t
seed_run(struct mr_torch *torch, uint32_t lane, const struct mr_torch_segment *segment)
{
	uint32_t number = unmapped_at(torch, lane, segment);
	uint64_t front;

	if (number != MR_TORCH_NONE)
		mr_torch_remove(torch, number);
	else
		number = seed_range(torch, lane, segment);
	if (number == MR_TORCH_NONE)
		return number;
	front = segment->addr - torch->blocks[number].addr;
	if (front) {
		uint32_t below = number;

		number = mr_torch_split(torch, below, front);
		if (number == MR_TORCH_NONE)
			return number;
		mr_torch_insert(torch, below);
	}
	if (torch->blocks[number].size > segment->size) {
		uint32_t above = mr_torch_split(torch, number, segment->size);

		if (above == MR_TORCH_NONE)
			return above;
		mr_torch_insert(torch, above);
	}
	torch->blocks[number].state = MR_TORCH_FREE;
	return number;
}

static uint32_t
seed_plain(struct mr_torch *torch, uint32_t lane, const struct mr_torch_segment *segment)
{
	uint32_t number;

	if (!mr_torch_claim(torch, segment->addr, segment->size))
		return MR_TORCH_NONE;
	number = mr_torch_block_new(torch);
	if (number == MR_TORCH_NONE)
		return number;
	torch->blocks[number].addr = segment->addr;
	torch->blocks[number].size = segment->size;
	torch->blocks[number].lane = lane;
	torch->stats.segments++;
	return number;
}

enum mr_status
mr_torch_seed(struct mr_torch *torch, uint32_t *block,
	const struct mr_torch_segment *segment, struct mr_error *err)
{
	uint32_t lane = mr_torch_lane(torch, segment->queue, segment->small);

	*block = MR_TORCH_NONE;
	if (lane != MR_TORCH_NONE)
		*block = segment->expandable ? seed_run(torch, lane, segment)
					     : seed_plain(torch, lane, segment);
	if (torch->failed)
		return mr_fail_memory(err);
	if (*block == MR_TORCH_NONE)
		return mr_fail(err, MR_EINVAL,
			"the segment at 0x%" PRIx64 " overlaps another", segment->addr);
	mr_torch_insert(torch, *block);
	torch->stats.reserved += segment->size;
	return torch->failed ? mr_fail_memory(err) : MR_OK;
}

enum mr_status
mr_torch_seed_block(struct mr_torch *torch, uint32_t *block, uint32_t *rest,
	uint32_t free_block, const struct mr_torch_part *part, struct mr_error *err)
{
	const struct mr_torch_block *whole = &torch->blocks[free_block];

	*block = free_block;
	*rest = MR_TORCH_NONE;
	if (part->addr < whole->addr || !part->size || part->size > whole->size ||
		part->addr - whole->addr > whole->size - part->size)
		return mr_fail(err, MR_EINVAL,
			"the block at 0x%" PRIx64 " overlaps another", part->addr);
	mr_torch_remove(torch, free_block);
	if (part->addr > whole->addr) {
		*block = mr_torch_split(torch, free_block, part->addr - whole->addr);
		if (*block != MR_TORCH_NONE)
			mr_torch_insert(torch, free_block);
	}
	if (!torch->failed && torch->blocks[*block].size > part->size) {
		*rest = mr_torch_split(torch, *block, part->size);
		if (*rest != MR_TORCH_NONE)
			mr_torch_insert(torch, *rest);
	}
	if (torch->failed)
		return mr_fail_memory(err);
	torch->blocks[*block].requested = part->requested;
	torch->blocks[*block].serial = 0;
	torch->blocks[*block].state = MR_TORCH_ACTIVE;
	torch->stats.active += part->size;
	torch->stats.allocated += part->size;
	torch->stats.requested += part->requested;
	torch->stats.live_blocks++;
	return MR_OK;
}

void
mr_torch_seeded(struct mr_torch *torch)
{
	struct mr_torch_stats *stats = &torch->stats;

	stats->peak_reserved = stats->reserved;
	stats->peak_allocated = stats->allocated;
	stats->peak_active = stats->active;
	stats->peak_requested = stats->requested;
	stats->allocated_at_peak = stats->allocated;
	stats->active_at_peak = stats->active;
	stats->requested_at_peak = stats->requested;
	stats->peak_segments = stats->segments;
}

/* --- proof */

/* What a walk over all blocks adds up to. */
struct sums {
	uint64_t reserved, allocated, active, requested, segments, live, waiting;
};

static const char *
check_links(const struct mr_torch *torch, uint32_t number)
{
	const struct mr_torch_block *block = &torch->blocks[number];
	const struct mr_torch_block *next;

	if (block->prev != MR_TORCH_NONE && torch->blocks[block->prev].next != number)
		return "a neighbour below does not know it";
	if (block->next == MR_TORCH_NONE)
		return NULL;
	next = &torch->blocks[block->next];
	if (!next->used || next->prev != number)
		return "a neighbour above does not know it";
	if (next->addr != block->addr + block->size || next->lane != block->lane)
		return "it does not touch its neighbour above";
	if (next->state == block->state &&
		(block->state == MR_TORCH_FREE || block->state == MR_TORCH_UNMAPPED))
		return "it is not merged with its neighbour above";
	return NULL;
}

static const char *
check_set(const struct mr_torch *torch, uint32_t number)
{
	const struct mr_torch_block *block = &torch->blocks[number];
	const struct mr_torch_lane *lane = &torch->lanes[block->lane];
	bool unmapped = block->state == MR_TORCH_UNMAPPED;
	const struct mr_free_set *set = unmapped ? &lane->unmapped : &lane->free;
	struct mr_free_key key = {unmapped ? 0 : block->size, block->addr};
	struct mr_free_at at = mr_free_lower(set, key);
	bool found = mr_free_valid(set, at) && mr_free_block(set, at) == number;

	if (block->state == MR_TORCH_FREE || unmapped)
		return found ? NULL : "it is not where it can be found";
	return found ? "it can be found, but is in use" : NULL;
}

static void
add_up(struct sums *sums, const struct mr_torch_block *block)
{
	bool live = block->state == MR_TORCH_ACTIVE || block->state == MR_TORCH_WAITING;

	if (block->state != MR_TORCH_UNMAPPED)
		sums->reserved += block->size;
	if (live) {
		sums->active += block->size;
		sums->requested += block->requested;
		sums->live++;
	}
	if (block->state == MR_TORCH_ACTIVE)
		sums->allocated += block->size;
	if (block->state == MR_TORCH_WAITING)
		sums->waiting++;
	if (block->prev == MR_TORCH_NONE && !block->expandable)
		sums->segments++;
}

static bool
sums_hold(const struct mr_torch *torch, const struct sums *sums)
{
	const struct mr_torch_stats *stats = &torch->stats;

	return sums->reserved == stats->reserved && sums->active == stats->active &&
		sums->allocated == stats->allocated &&
		sums->requested == stats->requested && sums->live == stats->live_blocks &&
		sums->segments == stats->segments && sums->waiting == torch->waiting;
}

enum mr_status
mr_torch_check(const struct mr_torch *torch, struct mr_error *err)
{
	struct sums sums = {0};
	uint64_t in_sets = 0, in_state = 0;

	for (uint32_t i = 0; i < torch->block_count; i++) {
		const struct mr_torch_block *block = &torch->blocks[i];
		const char *wrong;

		if (!block->used)
			continue;
		wrong = block->size ? check_links(torch, i) : "it has no bytes";
		if (!wrong)
			wrong = check_set(torch, i);
		if (wrong)
			return mr_fail(err, MR_EINVAL, "block at 0x%" PRIx64 ": %s",
				block->addr, wrong);
		in_state += block->state == MR_TORCH_FREE ||
			block->state == MR_TORCH_UNMAPPED;
		add_up(&sums, block);
	}
	for (uint32_t i = 0; i < torch->lane_count; i++)
		in_sets += torch->lanes[i].free.blocks + torch->lanes[i].unmapped.blocks;
	if (in_sets != in_state)
		return mr_fail(err, MR_EINVAL, "the sets hold other blocks");
	if (!sums_hold(torch, &sums))
		return mr_fail(err, MR_EINVAL, "a counter is not the sum of its blocks");
	return MR_OK;
}
