/* SPDX-License-Identifier: MIT */
#include "trace/snapshotfold.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

/* The keys that mean something here; all others are passed over. */
enum key {
	ACTION,
	ADDR,
	ADDRESS,
	BLOCKS,
	DEVICE,
	DEVICE_FREE,
	FILENAME,
	FRAMES,
	HISTORY,
	IS_EXPANDABLE,
	LINE,
	NAME,
	REAL_SIZE,
	REQUESTED_SIZE,
	SEGMENT_POOL_ID,
	SEGMENT_TYPE,
	SIZE,
	STATE,
	STREAM,
	TIME_US,
	TOTAL_SIZE,
	KEY_COUNT
};

static const char *const key_names[KEY_COUNT] = {
	[ACTION] = "action",
	[ADDR] = "addr",
	[ADDRESS] = "address",
	[BLOCKS] = "blocks",
	[DEVICE] = "device",
	[DEVICE_FREE] = "device_free",
	[FILENAME] = "filename",
	[FRAMES] = "frames",
	[HISTORY] = "history",
	[IS_EXPANDABLE] = "is_expandable",
	[LINE] = "line",
	[NAME] = "name",
	[REAL_SIZE] = "real_size",
	[REQUESTED_SIZE] = "requested_size",
	[SEGMENT_POOL_ID] = "segment_pool_id",
	[SEGMENT_TYPE] = "segment_type",
	[SIZE] = "size",
	[STATE] = "state",
	[STREAM] = "stream",
	[TIME_US] = "time_us",
	[TOTAL_SIZE] = "total_size",
};

#define NOWHERE UINT64_MAX /* address of a block that does not say */

/* The known members of a dict. */
struct fields {
	const struct mr_pickle *pickle;
	bool has[KEY_COUNT];
	mr_value value[KEY_COUNT];
};

static void
collect(struct fields *fields, const struct mr_pickle *pickle, mr_value dict)
{
	size_t count;
	const mr_value *items = mr_value_items(pickle, dict, &count);

	memset(fields, 0, sizeof(*fields));
	fields->pickle = pickle;
	for (size_t i = 0; i < count; i += 2) {
		for (size_t key = 0; key < KEY_COUNT; key++) {
			if (!mr_value_is_text(pickle, items[i], key_names[key]))
				continue;
			fields->has[key] = true;
			fields->value[key] = items[i + 1];
			break;
		}
	}
}

/* A number that may be missing, and is then 0. */
static enum mr_status
get(const struct fields *fields, enum key key, uint64_t *out, struct mr_error *err)
{
	int64_t number;

	*out = 0;
	if (!fields->has[key] ||
		mr_value_get_u64(fields->pickle, fields->value[key], out))
		return MR_OK;
	/* some writers have addresses and streams with a sign */
	if ((key != STREAM && key != ADDR && key != ADDRESS) ||
		!mr_value_get_i64(fields->pickle, fields->value[key], &number))
		return mr_fail(err, MR_EFORMAT, "\"%s\" is not a number of 64 bits",
			key_names[key]);
	*out = (uint64_t)number;
	return MR_OK;
}

/* One that must be there. */
static enum mr_status
need(const struct fields *fields, enum key key, const char *what, uint64_t *out,
	struct mr_error *err)
{
	if (!fields->has[key])
		return mr_fail(
			err, MR_EFORMAT, "%s without \"%s\"", what, key_names[key]);
	return get(fields, key, out, err);
}

/* Makes room for one more row of a table, paid for by the pickle's length. */
static enum mr_status
reserve(struct mr_pickle *pickle, void **rows, size_t *space, size_t count, size_t size,
	struct mr_error *err)
{
	size_t wanted = *space ? *space * 2 : 64;
	enum mr_status st;
	void *larger;

	if (count < *space)
		return MR_OK;
	st = mr_pickle_charge(pickle, (wanted - *space) * size, err);
	if (st)
		return st;
	larger = realloc(*rows, wanted * size);
	if (!larger)
		return mr_fail_memory(err);
	*rows = larger;
	*space = wanted;
	return MR_OK;
}

/* Collects the numbers of a stack's frames. */
static enum mr_status
gather_frames(struct mr_snapshot_store *store, struct mr_pickle *pickle,
	const mr_value *items, size_t count, struct mr_error *err)
{
	enum mr_status st = MR_OK;
	uint64_t number;

	for (size_t i = 0; i < count && !st; i++) {
		if (!mr_value_folded(pickle, items[i], MR_FOLD_FRAME, &number))
			return mr_fail(err, MR_EFORMAT,
				"a frame without \"name\" and \"filename\"");
		st = reserve(pickle, (void **)&store->frames, &store->frame_space, i,
			sizeof(*store->frames), err);
		if (!st)
			store->frames[i] = (uint32_t)number;
	}
	return st;
}

/* Folds the frames of an event or a block, and stores the number of the stack. */
static enum mr_status
fold_stack(struct mr_snapshot_store *store, struct mr_pickle *pickle,
	const struct fields *fields, uint32_t *stack, struct mr_error *err)
{
	mr_value frames = fields->value[FRAMES];
	enum mr_status st = MR_OK;
	const mr_value *items;
	uint64_t number;
	size_t count;

	*stack = 0;
	if (!fields->has[FRAMES])
		return MR_OK;
	if (mr_value_folded(pickle, frames, MR_FOLD_STACK, &number)) {
		*stack = (uint32_t)number;
		return MR_OK;
	}
	if (mr_value_kind(pickle, frames) != MR_VALUE_LIST)
		return MR_OK;
	if (store->with_stacks) {
		items = mr_value_items(pickle, frames, &count);
		st = mr_pickle_charge(pickle, count * sizeof(*store->frames), err);
		if (!st)
			st = gather_frames(store, pickle, items, count, err);
		if (!st)
			st = mr_stacks_add(
				&store->stacks, stack, store->frames, count, err);
	}
	if (!st)
		mr_value_fold(pickle, frames, MR_FOLD_STACK, *stack);
	return st;
}

static enum mr_snapshot_action
find_action(const struct fields *fields)
{
	for (size_t i = 0; i < MR_SNAPSHOT_OTHER; i++)
		if (mr_value_is_text(fields->pickle, fields->value[ACTION],
			    mr_snapshot_action_name((enum mr_snapshot_action)i)))
			return (enum mr_snapshot_action)i;
	return MR_SNAPSHOT_OTHER;
}

static enum mr_status
fold_event(struct mr_snapshot_store *store, struct mr_pickle *pickle, mr_value dict,
	const struct fields *fields, struct mr_error *err)
{
	struct mr_snapshot_event event = {.action = (uint8_t)find_action(fields)};
	bool known = event.action < MR_SNAPSHOT_SNAPSHOT;
	enum key where = event.action == MR_SNAPSHOT_OOM && fields->has[DEVICE_FREE]
		? DEVICE_FREE
		: ADDR;
	enum mr_status st;

	if ((st = known ? need(fields, ADDR, "an event", &event.address, err)
			: get(fields, where, &event.address, err)) ||
		(st = known ? need(fields, SIZE, "an event", &event.size, err)
			    : get(fields, SIZE, &event.size, err)) ||
		(st = get(fields, STREAM, &event.stream, err)) ||
		(st = get(fields, TIME_US, &event.time_us, err)) ||
		(st = fold_stack(store, pickle, fields, &event.stack, err)) ||
		(st = reserve(pickle, (void **)&store->events, &store->event_space,
			 store->event_count, sizeof(event), err)))
		return st;
	mr_value_fold(pickle, dict, MR_FOLD_EVENT, store->event_count);
	store->events[store->event_count++] = event;
	return MR_OK;
}

/* In the oldest snapshots a block's requested size stands in its history. */
static enum mr_status
get_requested(const struct fields *fields, struct mr_snapshot_block *block,
	struct mr_error *err)
{
	const mr_value *history;
	size_t count;
	mr_value real;

	block->requested = block->size;
	if (fields->has[REQUESTED_SIZE])
		return get(fields, REQUESTED_SIZE, &block->requested, err);
	if (!fields->has[HISTORY])
		return MR_OK;
	history = mr_value_items(fields->pickle, fields->value[HISTORY], &count);
	if (count && mr_value_find(fields->pickle, history[0], "real_size", &real) &&
		!mr_value_get_u64(fields->pickle, real, &block->requested))
		return mr_fail(
			err, MR_EFORMAT, "\"real_size\" is not a number of 64 bits");
	return MR_OK;
}

static enum mr_status
get_state(const struct fields *fields, uint8_t *state, struct mr_error *err)
{
	static const struct {
		const char *name;
		enum mr_snapshot_state state;
	} states[] = {
		{"inactive", MR_SNAPSHOT_INACTIVE},
		{"active_allocated", MR_SNAPSHOT_ALLOCATED},
		{"active_pending_free", MR_SNAPSHOT_PENDING},
		{"active_awaiting_free", MR_SNAPSHOT_PENDING},
	};
	char text[MR_QUOTE_SIZE] = "?";
	const char *found;
	size_t length;

	for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++) {
		if (!mr_value_is_text(
			    fields->pickle, fields->value[STATE], states[i].name))
			continue;
		*state = (uint8_t)states[i].state;
		return MR_OK;
	}
	found = mr_value_text(fields->pickle, fields->value[STATE], &length);
	if (found)
		mr_text_quote(text, found, length);
	return mr_fail(err, MR_EFORMAT, "there is no state \"%s\" of a block", text);
}

static enum mr_status
fold_block(struct mr_snapshot_store *store, struct mr_pickle *pickle, mr_value dict,
	const struct fields *fields, struct mr_error *err)
{
	struct mr_snapshot_block block = {.address = NOWHERE};
	enum mr_status st;
	uint32_t stack;

	if ((st = need(fields, SIZE, "a block", &block.size, err)) ||
		(st = get_state(fields, &block.state, err)) ||
		(st = get_requested(fields, &block, err)) ||
		(fields->has[ADDRESS] &&
			(st = get(fields, ADDRESS, &block.address, err))) ||
		(st = fold_stack(store, pickle, fields, &stack, err)) ||
		(st = reserve(pickle, (void **)&store->blocks, &store->block_space,
			 store->block_count, sizeof(block), err)))
		return st;
	mr_value_fold(pickle, dict, MR_FOLD_BLOCK, store->block_count);
	store->blocks[store->block_count++] = block;
	return MR_OK;
}

/* Takes a segment's blocks, which must be the last ones read, in their order. */
static enum mr_status
claim_blocks(struct mr_snapshot_store *store, const struct fields *fields,
	struct mr_snapshot_segment *segment, struct mr_error *err)
{
	uint64_t number, address = segment->address;
	const mr_value *items =
		mr_value_items(fields->pickle, fields->value[BLOCKS], &segment->count);

	segment->first = store->blocks_claimed;
	for (size_t i = 0; i < segment->count; i++) {
		struct mr_snapshot_block *block;

		if (!mr_value_folded(fields->pickle, items[i], MR_FOLD_BLOCK, &number))
			return mr_fail(err, MR_EFORMAT, "a block without \"state\"");
		if (number != segment->first + i)
			return mr_fail(err, MR_EFORMAT, "a block stands in two segments");
		block = &store->blocks[number];
		if (block->address == NOWHERE)
			block->address = address;
		address = block->address + block->size;
	}
	store->blocks_claimed += segment->count;
	return MR_OK;
}

static enum mr_status
get_pool(const struct fields *fields, uint64_t pool[2], struct mr_error *err)
{
	size_t count;
	const mr_value *items =
		mr_value_items(fields->pickle, fields->value[SEGMENT_POOL_ID], &count);

	for (size_t i = 0; i < 2 && i < count; i++)
		if (!mr_value_get_u64(fields->pickle, items[i], &pool[i]))
			return mr_fail(err, MR_EFORMAT,
				"\"segment_pool_id\" is not two numbers");
	return MR_OK;
}

static enum mr_status
fold_segment(struct mr_snapshot_store *store, struct mr_pickle *pickle, mr_value dict,
	const struct fields *fields, struct mr_error *err)
{
	struct mr_snapshot_segment segment = {.small = fields->has[SEGMENT_TYPE] &&
			mr_value_is_text(pickle, fields->value[SEGMENT_TYPE], "small"),
		.expandable = fields->has[IS_EXPANDABLE] &&
			mr_value_is_true(pickle, fields->value[IS_EXPANDABLE])};
	enum mr_status st;
	uint64_t device;
	uint32_t stack;

	if ((st = need(fields, ADDRESS, "a segment", &segment.address, err)) ||
		(st = need(fields, TOTAL_SIZE, "a segment", &segment.total_size, err)) ||
		(st = get(fields, STREAM, &segment.stream, err)) ||
		(st = get(fields, DEVICE, &device, err)) ||
		(fields->has[SEGMENT_POOL_ID] &&
			(st = get_pool(fields, segment.pool, err))) ||
		(st = fold_stack(store, pickle, fields, &stack, err)) ||
		(st = claim_blocks(store, fields, &segment, err)) ||
		(st = reserve(pickle, (void **)&store->segments, &store->segment_space,
			 store->segment_count, sizeof(segment), err)))
		return st;
	if (device > INT32_MAX)
		return mr_fail(err, MR_EFORMAT, "a device's number has over 31 bits");
	segment.device = (int32_t)device;
	mr_value_fold(pickle, dict, MR_FOLD_SEGMENT, store->segment_count);
	store->segments[store->segment_count++] = segment;
	return MR_OK;
}

static struct mr_stacks_text
text_of(const struct fields *fields, enum key key)
{
	struct mr_stacks_text text = {"", 0};

	if (fields->has[key])
		text.text =
			mr_value_text(fields->pickle, fields->value[key], &text.length);
	return text.text ? text : (struct mr_stacks_text){"", 0};
}

static enum mr_status
fold_frame(struct mr_snapshot_store *store, struct mr_pickle *pickle, mr_value dict,
	const struct fields *fields, struct mr_error *err)
{
	enum mr_status st = MR_OK;
	uint32_t number = 0;
	uint64_t line = 0;

	if (fields->has[LINE] && !mr_value_get_u64(pickle, fields->value[LINE], &line))
		line = 0;
	if (store->with_stacks)
		st = mr_stacks_add_frame(&store->stacks, &number, text_of(fields, NAME),
			text_of(fields, FILENAME), line, err);
	if (!st)
		mr_value_fold(pickle, dict, MR_FOLD_FRAME, number);
	return st;
}

enum mr_status
mr_snapshot_fold(
	void *context, struct mr_pickle *pickle, mr_value dict, struct mr_error *err)
{
	struct mr_snapshot_store *store = context;
	struct fields fields;

	collect(&fields, pickle, dict);
	if (fields.has[ACTION] && fields.has[SIZE])
		return fold_event(store, pickle, dict, &fields, err);
	if (fields.has[BLOCKS])
		return fold_segment(store, pickle, dict, &fields, err);
	if (fields.has[STATE] && fields.has[SIZE])
		return fold_block(store, pickle, dict, &fields, err);
	if (fields.has[FILENAME])
		return fold_frame(store, pickle, dict, &fields, err);
	return MR_OK;
}
