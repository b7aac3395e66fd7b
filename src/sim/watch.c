/* SPDX-License-Identifier: MIT */
#include "sim/watch.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static size_t
row_of(uint64_t value)
{
	return value ? 64 - (size_t)__builtin_clzll(value) : 0;
}

static void
note_age(void *context, uint64_t age, uint64_t capacity, bool reused)
{
	struct mr_watch *watch = context;
	struct mr_watch_age *row = &watch->ages[row_of(age)];

	if (reused) {
		row->reused_blocks++;
		row->reused_bytes += capacity;
	} else {
		row->stale_blocks++;
		row->stale_bytes += capacity;
	}
}

enum mr_status
mr_watch_new(struct mr_watch **out, const struct mr_policy *policy, bool keep_limits,
	struct mr_error *err)
{
	struct mr_watch *watch = calloc(1, sizeof(*watch));
	enum mr_status st;

	*out = NULL;
	if (!watch)
		return mr_fail_memory(err);
	mr_series_init(&watch->by_event, false);
	mr_series_init(&watch->by_time, true);
	st = mr_detail_new(&watch->detail, policy, keep_limits, err);
	if (st) {
		mr_watch_free(watch);
		return st;
	}
	mr_detail_watch(watch->detail, note_age, watch);
	*out = watch;
	return MR_OK;
}

void
mr_watch_free(struct mr_watch *watch)
{
	if (!watch)
		return;
	mr_detail_free(watch->detail);
	free(watch->blocks);
	free(watch);
}

uint64_t
mr_watch_row_from(size_t row)
{
	return row ? UINT64_C(1) << (row - 1) : 0;
}

static enum mr_status
reserve_slot(struct mr_watch *watch, uint32_t slot, struct mr_error *err)
{
	size_t space = (size_t)slot + slot / 2 + 64;
	struct mr_watch_block *blocks;

	if (slot < watch->slot_space)
		return MR_OK;
	blocks = realloc(watch->blocks, space * sizeof(*blocks));
	if (!blocks)
		return mr_fail_memory(err);
	watch->blocks = blocks;
	watch->slot_space = space > UINT32_MAX ? UINT32_MAX : (uint32_t)space;
	return MR_OK;
}

/* before: the fates up to the event, for what has changed is what it came to. */
static void
note_malloc(struct mr_watch *watch, const struct mr_event *event,
	const uint64_t before[MR_FATE_COUNT], uint64_t flows[MR_FLOW_COUNT])
{
	struct mr_watch_size *row = &watch->sizes[row_of(event->size)];
	uint64_t after[MR_FATE_COUNT];
	int fate = 0;

	mr_detail_fates(watch->detail, after);
	while (fate < MR_FATE_COUNT && after[fate] == before[fate])
		fate++;
	/* one that the policy refused came to nothing */
	watch->blocks[event->slot] = (struct mr_watch_block){
		.size = fate < MR_FATE_COUNT ? event->size : 0, .born = watch->events};
	if (fate == MR_FATE_COUNT)
		return;
	watch->requested += event->size;
	row->mallocs[fate]++;
	row->bytes[fate] += event->size;
	flows[MR_FLOW_MALLOCS] = 1;
	flows[MR_FLOW_HITS] = fate == MR_FATE_HIT;
	flows[MR_FLOW_REQUESTED_BYTES] = event->size;
	flows[MR_FLOW_HIT_BYTES] = fate == MR_FATE_HIT ? event->size : 0;
}

/* Whether a mark at this event is far enough from the one kept before. */
static bool
is_apart(const struct mr_watch *watch, size_t kept, uint64_t event)
{
	return !kept || event - watch->marks[kept - 1].event >= watch->mark_gap;
}

/* Keeps at most half of the marks, evenly from all that was passed. */
static void
thin_marks(struct mr_watch *watch)
{
	while (watch->kept > MR_WATCH_MARKS / 2) {
		size_t kept = 0;

		watch->mark_gap = watch->mark_gap ? watch->mark_gap * 2 : 2;
		for (size_t i = 0; i < watch->kept; i++)
			if (is_apart(watch, kept, watch->marks[i].event))
				watch->marks[kept++] = watch->marks[i];
		watch->kept = kept;
	}
}

static void
note_mark(struct mr_watch *watch, const struct mr_event *event)
{
	struct mr_watch_mark *mark;
	size_t length = event->name_length;

	watch->mark_count++;
	if (watch->kept == MR_WATCH_MARKS)
		thin_marks(watch);
	if (!is_apart(watch, watch->kept, watch->events))
		return;
	mark = &watch->marks[watch->kept++];
	*mark = (struct mr_watch_mark){.event = watch->events};
	mark->t = watch->last_ns - watch->first_ns;
	if (length >= sizeof(mark->name)) {
		length = sizeof(mark->name) - 1;
		while (length && (event->name[length] & 0xc0) == 0x80)
			length--;
	}
	memcpy(mark->name, event->name, length);
}

static void
note_time(struct mr_watch *watch, const struct mr_event *event)
{
	if (!(event->has & MR_HAS_T))
		return;
	if (!watch->timed)
		watch->first_ns = event->t;
	watch->timed = true;
	watch->last_ns = event->t;
}

static void
note_state(struct mr_watch *watch, const uint64_t flows[MR_FLOW_COUNT])
{
	const struct mr_core *core = mr_detail_core(watch->detail);
	const uint64_t levels[MR_LEVEL_COUNT] = {
		[MR_LEVEL_ACTIVE] = core->active,
		[MR_LEVEL_CACHED] = core->cached,
		[MR_LEVEL_TOTAL] = core->active + core->cached,
		[MR_LEVEL_REQUESTED] = watch->requested,
		[MR_LEVEL_LIMIT] = core->policy.cache_limit,
	};

	mr_series_add(&watch->by_event, watch->events - 1, levels, flows);
	if (watch->timed)
		mr_series_add(
			&watch->by_time, watch->last_ns - watch->first_ns, levels, flows);
}

static enum mr_status
watch_one(struct mr_watch *watch, const struct mr_event *event, struct mr_error *err)
{
	uint64_t flows[MR_FLOW_COUNT] = {[MR_FLOW_EVENTS] = 1};
	uint64_t fates[MR_FATE_COUNT];
	enum mr_status st;

	if (event->op == MR_OP_FREE) {
		const struct mr_watch_block *block = &watch->blocks[event->slot];

		watch->requested -= block->size;
		watch->lives[row_of(watch->events + 1 - block->born)]++;
	}
	mr_detail_fates(watch->detail, fates);
	if ((st = mr_detail_run(watch->detail, event, 1, err)))
		return st;
	watch->events++;
	note_time(watch, event);
	if (event->op == MR_OP_MALLOC) {
		if ((st = reserve_slot(watch, event->slot, err)))
			return st;
		note_malloc(watch, event, fates, flows);
	}
	if (event->op == MR_OP_MARK)
		note_mark(watch, event);
	note_state(watch, flows);
	return MR_OK;
}

enum mr_status
mr_watch_run(struct mr_watch *watch, const struct mr_event *events, size_t count,
	struct mr_error *err)
{
	enum mr_status st = MR_OK;

	for (size_t i = 0; i < count && !st; i++)
		st = watch_one(watch, &events[i], err);
	return st;
}

void
mr_watch_finish(struct mr_watch *watch)
{
	mr_detail_left_over(watch->detail);
}
