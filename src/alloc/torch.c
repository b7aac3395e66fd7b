/* SPDX-License-Identifier: MIT */
#include "alloc/torch.h"

#include <stdlib.h>
#include <string.h>

#include "alloc/torchstate.h"
#include "base/error.h"

/* No device has so much; below it sums and addresses do not overflow. */
#define NO_DEVICE (UINT64_C(1) << 50)

static inline uint64_t
round_up(uint64_t n, uint64_t multiple)
{
	return (n + multiple - 1) / multiple * multiple;
}

static inline unsigned
log2_of(uint64_t n)
{
	return 63u - (unsigned)__builtin_clzll(n);
}

/* Rounds n up to one of the equal steps that divide its power of two. */
static uint64_t
round_divided(uint64_t n, uint64_t divisions)
{
	uint64_t power = UINT64_C(1) << log2_of(n);
	uint64_t step = power >> log2_of(divisions);

	if (n == power)
		return n;
	return step ? round_up(n, step) : 2 * power;
}

uint64_t
mr_torch_round(const struct mr_torch_settings *settings, uint64_t requested)
{
	uint64_t n = requested + settings->extra;
	unsigned power;
	uint64_t divisions;

	if (n < MR_TORCH_MIN_BLOCK)
		return MR_TORCH_MIN_BLOCK;
	power = log2_of(n);
	divisions = settings->roundup[power < 20 ? 0 : power > 35 ? 15 : power - 20];
	if (divisions > 1 && n > MR_TORCH_MIN_BLOCK * divisions)
		return round_divided(n, divisions);
	return round_up(n, MR_TORCH_MIN_BLOCK);
}

uint64_t
mr_torch_segment_size(const struct mr_torch_settings *settings, uint64_t rounded)
{
	if (rounded <= MR_TORCH_SMALL)
		return MR_TORCH_SMALL_SEG;
	if (rounded < MR_TORCH_MIN_LARGE)
		return settings->large_segment;
	return round_up(rounded, MR_TORCH_ROUND);
}

/* --- searching */

/* What an expandable block could grow to. */
static uint64_t
size_grown(const struct mr_torch *torch, const struct mr_torch_block *block)
{
	uint64_t size = block->size;

	if (block->next != MR_TORCH_NONE &&
		torch->blocks[block->next].state == MR_TORCH_UNMAPPED)
		size += torch->blocks[block->next].size;
	return size;
}

/* Prefers a hole that cannot grow to a tail that can. */
static struct mr_free_at
prefer_hole(
	const struct mr_torch *torch, const struct mr_free_set *set, struct mr_free_at at)
{
	const struct mr_torch_block *block = &torch->blocks[mr_free_block(set, at)];

	while (block->expandable) {
		struct mr_free_at next = mr_free_next(set, at);
		const struct mr_torch_block *other;

		if (!mr_free_valid(set, next))
			break;
		other = &torch->blocks[mr_free_block(set, next)];
		if (size_grown(torch, other) >= size_grown(torch, block))
			break;
		at = next;
		block = other;
	}
	return at;
}

/* While segments do not expand, what once did is passed over. */
static struct mr_free_at
skip_expandable(
	const struct mr_torch *torch, const struct mr_free_set *set, struct mr_free_at at)
{
	while (mr_free_valid(set, at) && torch->blocks[mr_free_block(set, at)].expandable)
		at = mr_free_next(set, at);
	return at;
}

static bool
collects(const struct mr_torch *torch)
{
	return torch->limit != MR_UNLIMITED && torch->settings.gc_threshold;
}

/* The free block that serves size, out of its set; MR_TORCH_NONE: there is none. */
static uint32_t
search(struct mr_torch *torch, struct mr_torch_lane *lane, uint64_t size)
{
	const struct mr_torch_settings *settings = &torch->settings;
	struct mr_free_key key = {size, 0};
	struct mr_free_at at;
	const struct mr_torch_block *block;
	uint32_t number;

	if (collects(torch))
		torch->pools[lane->pool].calls++;
	at = mr_free_lower(&lane->free, key);
	if (!mr_free_valid(&lane->free, at))
		return MR_TORCH_NONE;
	if (settings->expandable)
		at = prefer_hole(torch, &lane->free, at);
	else
		at = skip_expandable(torch, &lane->free, at);
	if (!mr_free_valid(&lane->free, at))
		return MR_TORCH_NONE;
	number = mr_free_block(&lane->free, at);
	block = &torch->blocks[number];
	if (size < settings->max_split_size && block->size >= settings->max_split_size)
		return MR_TORCH_NONE;
	if (size >= settings->max_split_size &&
		block->size >= size + settings->max_non_split_rounding)
		return MR_TORCH_NONE;
	mr_torch_remove(torch, number);
	return number;
}

/* --- asking the device */

/* The bytes that the device still has. */
static uint64_t
device_free(const struct mr_torch *torch)
{
	uint64_t memory = torch->settings.memory;

	if (memory == MR_UNLIMITED)
		return MR_UNLIMITED;
	return memory > torch->stats.reserved ? memory - torch->stats.reserved : 0;
}

static bool
over_limit(const struct mr_torch *torch, uint64_t bytes)
{
	return torch->limit != MR_UNLIMITED &&
		(bytes > torch->limit || torch->stats.reserved > torch->limit - bytes);
}

static uint32_t
new_segment(struct mr_torch *torch, uint32_t lane, uint64_t bytes)
{
	uint32_t number = mr_torch_block_new(torch);
	struct mr_torch_block *block;

	if (number == MR_TORCH_NONE)
		return number;
	block = &torch->blocks[number];
	if (!mr_torch_place(torch, &block->addr, &bytes, bytes)) {
		mr_torch_block_drop(torch, number);
		return MR_TORCH_NONE;
	}
	block->size = bytes;
	block->lane = lane;
	torch->stats.segments++;
	if (torch->stats.segments > torch->stats.peak_segments)
		torch->stats.peak_segments = torch->stats.segments;
	torch->stats.segment_allocs++;
	mr_torch_reserve(torch, bytes);
	mr_torch_tell(torch, MR_TORCH_SEGMENT_ALLOC, block->addr, bytes);
	return number;
}

/* New memory for size, in no set; MR_TORCH_NONE: the cap or the device refuses. */
static uint32_t
fresh(struct mr_torch *torch, uint32_t lane, uint64_t size)
{
	uint64_t bytes = mr_torch_segment_size(&torch->settings, size);

	if (torch->failed || over_limit(torch, bytes) || bytes > NO_DEVICE ||
		torch->stats.reserved > NO_DEVICE)
		return MR_TORCH_NONE;
	if (torch->settings.expandable)
		return mr_torch_expand(torch, lane, size);
	if (bytes > device_free(torch))
		return MR_TORCH_NONE;
	return new_segment(torch, lane, bytes);
}

static void
note_oom(struct mr_torch *torch, uint32_t lane, uint64_t requested, uint64_t size)
{
	torch->stats.ooms++;
	torch->oom = (struct mr_torch_oom){
		.requested = requested,
		.size = size,
		.segment = mr_torch_segment_size(&torch->settings, size),
		.stream = torch->lanes[lane].stream,
		.device_free = device_free(torch),
		.reserved = torch->stats.reserved,
		.allocated = torch->stats.allocated,
	};
}

/* What is tried, in order, when no free block serves. */
static uint32_t
obtain(struct mr_torch *torch, uint32_t lane, uint64_t size)
{
	uint64_t bytes = mr_torch_segment_size(&torch->settings, size);
	uint32_t block;

	if (collects(torch))
		mr_torch_collect(torch);
	block = fresh(torch, lane, size);
	if (block != MR_TORCH_NONE || torch->failed)
		return block;
	if (torch->settings.oom_at_cap && over_limit(torch, bytes))
		return MR_TORCH_NONE;
	if (mr_torch_release_available(torch, lane, size))
		block = fresh(torch, lane, size);
	if (block != MR_TORCH_NONE || torch->failed)
		return block;
	mr_torch_release_cached(torch);
	torch->stats.retries++;
	return fresh(torch, lane, size);
}

/* --- serving */

static bool
should_split(
	const struct mr_torch *torch, const struct mr_torch_block *block, uint64_t size)
{
	uint64_t rest = block->size - size;

	if (torch->settings.expandable ||
		torch->pools[torch->lanes[block->lane].pool].small)
		return rest >= MR_TORCH_MIN_BLOCK;
	return size < torch->settings.max_split_size && rest > MR_TORCH_SMALL;
}

/* torch_npu: cuts off the front of a block that starts at an odd place. */
static uint32_t
cut_front(struct mr_torch *torch, uint32_t number, uint64_t size)
{
	const struct mr_torch_block *block = &torch->blocks[number];
	uint64_t align = torch->settings.align;
	uint64_t odd = align ? block->addr % align : 0;
	uint32_t front = number;

	if (!odd || !torch->settings.expandable || size < MR_TORCH_ALIGN_FROM ||
		block->size - size < align - odd)
		return number;
	number = mr_torch_split(torch, front, align - odd);
	mr_torch_insert(torch, front);
	return number;
}

static void
count_malloc(struct mr_torch_stats *stats, const struct mr_torch_block *block)
{
	stats->allocated += block->size;
	stats->active += block->size;
	stats->requested += block->requested;
	stats->live_blocks++;
	if (stats->allocated > stats->peak_allocated)
		stats->peak_allocated = stats->allocated;
	if (stats->active > stats->peak_active)
		stats->peak_active = stats->active;
	if (stats->requested > stats->peak_requested)
		stats->peak_requested = stats->requested;
}

/* Makes the low end of a block, that is in no set, the request's. */
static uint32_t
take(struct mr_torch *torch, uint32_t number, uint64_t size, uint64_t requested)
{
	struct mr_torch_block *block;

	if (torch->settings.align)
		number = cut_front(torch, number, size);
	if (torch->failed)
		return MR_TORCH_NONE;
	if (should_split(torch, &torch->blocks[number], size)) {
		uint32_t rest = mr_torch_split(torch, number, size);

		if (torch->failed)
			return MR_TORCH_NONE;
		mr_torch_insert(torch, rest);
	}
	block = &torch->blocks[number];
	block->state = MR_TORCH_ACTIVE;
	block->requested = requested;
	block->serial = (uint32_t)torch->stats.mallocs;
	count_malloc(&torch->stats, block);
	if (torch->rising) {
		torch->rising = false;
		torch->stats.allocated_at_peak = torch->stats.allocated;
		torch->stats.active_at_peak = torch->stats.active;
		torch->stats.requested_at_peak = torch->stats.requested;
	}
	return number;
}

enum mr_status
mr_torch_malloc(struct mr_torch *torch, uint32_t *block, uint64_t requested,
	struct mr_torch_queue queue, struct mr_error *err)
{
	uint64_t size = mr_torch_round(&torch->settings, requested);
	uint32_t lane = mr_torch_lane(torch, queue, size <= MR_TORCH_SMALL);
	bool hit;

	*block = MR_TORCH_NONE;
	if (lane == MR_TORCH_NONE)
		return mr_fail_memory(err);
	torch->stats.mallocs++;
	torch->stats.requested_sum += requested;
	*block = search(torch, &torch->lanes[lane], size);
	hit = *block != MR_TORCH_NONE;
	if (!hit)
		*block = obtain(torch, lane, size);
	if (*block != MR_TORCH_NONE)
		*block = take(torch, *block, size, requested);
	else
		note_oom(torch, lane, requested, size);
	if (torch->failed)
		return mr_fail_memory(err);
	torch->stats.hits += hit;
	torch->stats.hit_bytes += hit ? requested : 0;
	return MR_OK;
}

/* --- freeing */

void
mr_torch_complete(struct mr_torch *torch, uint32_t number)
{
	struct mr_torch_block *block = &torch->blocks[number];

	torch->stats.active -= block->size;
	torch->stats.requested -= block->requested;
	torch->stats.live_blocks--;
	torch->waiting--;
	block->state = MR_TORCH_FREE;
	mr_torch_merge(torch, number);
	mr_torch_insert(torch, number);
}

void
mr_torch_free_request(struct mr_torch *torch, uint32_t number)
{
	struct mr_torch_block *block = &torch->blocks[number];

	torch->stats.allocated -= block->size;
	torch->stats.frees++;
	torch->waiting++;
	block->state = MR_TORCH_WAITING;
}

bool
mr_torch_waits(const struct mr_torch *torch, uint32_t number, uint32_t serial)
{
	const struct mr_torch_block *block = &torch->blocks[number];

	return block->used && block->state == MR_TORCH_WAITING && block->serial == serial;
}

enum mr_status
mr_torch_free_complete(struct mr_torch *torch, uint32_t block, struct mr_error *err)
{
	mr_torch_complete(torch, block);
	return torch->failed ? mr_fail_memory(err) : MR_OK;
}
