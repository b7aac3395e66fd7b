/* SPDX-License-Identifier: MIT */
#include "trace/profile.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum mr_status
mr_profile_new(struct mr_profile **out, struct mr_error *err)
{
	*out = calloc(1, sizeof(**out));
	if (!*out)
		return mr_fail_memory(err);
	(*out)->sizes.max = MR_PROFILE_SIZES;
	(*out)->threads.max = MR_PROFILE_THREADS;
	return MR_OK;
}

void
mr_profile_free(struct mr_profile *profile)
{
	if (!profile)
		return;
	mr_tally_fini(&profile->sizes);
	mr_tally_fini(&profile->threads);
	free(profile->blocks);
	free(profile);
}

uint64_t
mr_profile_bucket_start(size_t bucket)
{
	return bucket ? UINT64_C(1) << (bucket - 1) : 0;
}

static enum mr_status
reserve_slot(struct mr_profile *profile, uint32_t slot, struct mr_error *err)
{
	size_t space = (size_t)slot + slot / 2 + 64;
	struct mr_profile_block *blocks;

	if (slot < profile->block_space)
		return MR_OK;
	blocks = realloc(profile->blocks, space * sizeof(*blocks));
	if (!blocks)
		return mr_fail_memory(err);
	profile->blocks = blocks;
	profile->block_space = space;
	return MR_OK;
}

static void
count_size(struct mr_profile *profile, uint64_t size)
{
	size_t bucket = size ? 64 - (size_t)__builtin_clzll(size) : 0;

	profile->buckets[bucket].mallocs++;
	profile->buckets[bucket].bytes += size;
	profile->requested_bytes += size;
	if (size > profile->largest_bytes)
		profile->largest_bytes = size;
}

static enum mr_status
add_malloc(struct mr_profile *profile, const struct mr_event *event, struct mr_error *err)
{
	enum mr_status st = reserve_slot(profile, event->slot, err);

	if (st)
		return st;
	profile->blocks[event->slot] = (struct mr_profile_block){
		.event = profile->events,
		.t = event->has & MR_HAS_T ? event->t : 0,
		.size = event->size,
		.has_t = event->has & MR_HAS_T,
	};
	profile->caps += (event->has & MR_HAS_CAP) != 0;
	profile->hits += (event->has & MR_HAS_HIT) != 0;
	profile->live_bytes += event->size;
	if (++profile->live_blocks > profile->peak_live_blocks)
		profile->peak_live_blocks = profile->live_blocks;
	if (profile->live_bytes > profile->peak_requested_bytes)
		profile->peak_requested_bytes = profile->live_bytes;
	count_size(profile, event->size);
	return mr_tally_add(&profile->sizes, event->size, 1, 0, err);
}

static void
add_free(struct mr_profile *profile, const struct mr_event *event)
{
	const struct mr_profile_block *block = &profile->blocks[event->slot];

	profile->live_blocks--;
	profile->live_bytes -= block->size;
	mr_histogram_add(&profile->lifetime_events, profile->events - block->event);
	if (block->has_t && (event->has & MR_HAS_T))
		mr_histogram_add(&profile->lifetime_ns, event->t - block->t);
}

static void
add_mark(struct mr_profile *profile, const struct mr_event *event)
{
	uint64_t index = profile->ops[MR_OP_MARK] - 1;
	struct mr_profile_mark *mark;
	size_t length = event->name_length;

	if (index >= MR_PROFILE_MARKS)
		return;
	mark = &profile->marks[index];
	mark->event = profile->events;
	mark->t = event->has & MR_HAS_T ? event->t : 0;
	if (length >= sizeof(mark->name)) {
		length = sizeof(mark->name) - 1;
		while (length && (event->name[length] & 0xc0) == 0x80)
			length--;
	}
	memcpy(mark->name, event->name, length);
}

/* Adds an event to the trace's time and to its thread. */
static enum mr_status
add_origin(struct mr_profile *profile, const struct mr_event *event, struct mr_error *err)
{
	if (event->has & MR_HAS_T) {
		if (!profile->timed++)
			profile->first_ns = event->t;
		profile->last_ns = event->t;
	}
	if (!(event->has & MR_HAS_TID))
		return MR_OK;
	return mr_tally_add(&profile->threads, event->tid, event->op == MR_OP_MALLOC,
		event->op == MR_OP_FREE, err);
}

enum mr_status
mr_profile_add(
	struct mr_profile *profile, const struct mr_event *event, struct mr_error *err)
{
	enum mr_status st = add_origin(profile, event, err);

	if (st)
		return st;
	profile->events++;
	profile->ops[event->op]++;
	switch ((enum mr_op)event->op) {
	case MR_OP_MALLOC:
		return add_malloc(profile, event, err);
	case MR_OP_FREE:
		add_free(profile, event);
		break;
	case MR_OP_MARK:
		add_mark(profile, event);
		break;
	case MR_OP_SET_CACHE_LIMIT:
	case MR_OP_SET_MEMORY_LIMIT:
	case MR_OP_CLEAR_CACHE:
	case MR_OP_RESET_PEAK:
	case MR_OP_COUNTERS:
		break;
	}
	return MR_OK;
}
