/* SPDX-License-Identifier: MIT */
#include "trace/select.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/event.h"
#include "trace/slots.h"

#define TRUTH (MR_HAS_CAP | MR_HAS_HIT)

enum phase { BEFORE, INSIDE, OVER };

/* A live block of the trace. */
struct block {
	struct mr_event malloc; /* what of it is still true later */
	bool chosen;
	bool live;
};

/* Numbers handed out to large ones in the order in which they come up. */
struct numbering {
	struct mr_slots slots;
	bool used;
};

struct mr_select {
	const struct mr_select_options *options;
	mr_select_put *put;
	void *context;
	bool drops_truth;

	enum phase phase;
	uint64_t number; /* of the event in the trace; 1 is the first */
	struct mr_select_result result;

	struct block *blocks; /* by slot */
	size_t block_space;

	/* limits that were set before the window */
	bool has_limit[MR_OP_COUNT];
	uint64_t limit[MR_OP_COUNT];

	bool shifts_time;
	bool has_base;
	uint64_t base_ns; /* the time that becomes 0 */

	struct numbering threads;
	struct numbering streams;
	struct numbering names; /* of marks, by hash */
	char name[24];
};

static bool
has_window(const struct mr_select_options *options)
{
	return options->from_mark || options->to_mark || options->from_event;
}

static bool
begins_late(const struct mr_select_options *options)
{
	return options->from_mark || options->from_event > 1;
}

bool
mr_select_any(const struct mr_select_options *options)
{
	return has_window(options) || options->strip || mr_select_drops_truth(options);
}

bool
mr_select_drops_truth(const struct mr_select_options *options)
{
	return begins_late(options) || options->has_thread || options->min_size ||
		options->scale_divisor;
}

static enum mr_status
init_numbering(struct numbering *numbering, struct mr_error *err)
{
	enum mr_status st = mr_slots_init(&numbering->slots, err);

	numbering->used = !st;
	return st;
}

static void
fini_numbering(struct numbering *numbering)
{
	if (numbering->used)
		mr_slots_fini(&numbering->slots);
}

static enum mr_status
number_of(
	struct numbering *numbering, uint32_t *number, uint64_t key, struct mr_error *err)
{
	if (mr_slots_find(&numbering->slots, number, key))
		return MR_OK;
	return mr_slots_add(&numbering->slots, number, key, err);
}

enum mr_status
mr_select_new(struct mr_select **out, const struct mr_select_options *options,
	mr_select_put *put, void *context, struct mr_error *err)
{
	struct mr_select *select = calloc(1, sizeof(*select));
	enum mr_status st;

	*out = NULL;
	if (!select)
		return mr_fail_memory(err);
	select->options = options;
	select->put = put;
	select->context = context;
	select->drops_truth = mr_select_drops_truth(options);
	select->shifts_time = begins_late(options) || options->strip;
	select->phase = begins_late(options) ? BEFORE : INSIDE;
	if ((st = init_numbering(&select->threads, err)) ||
		(st = init_numbering(&select->streams, err)) ||
		(st = init_numbering(&select->names, err)))
		mr_select_free(select);
	else
		*out = select;
	return st;
}

void
mr_select_free(struct mr_select *select)
{
	if (!select)
		return;
	fini_numbering(&select->threads);
	fini_numbering(&select->streams);
	fini_numbering(&select->names);
	free(select->blocks);
	free(select);
}

/* --- single events */

static enum mr_status
scale_size(struct mr_select *select, uint64_t *size, struct mr_error *err)
{
	uint64_t divisor = select->options->scale_divisor;
	uint64_t scale = select->options->scale, whole, part, old = *size;

	if (!divisor || !old)
		return MR_OK;
	/* in 64 bits: size = q * divisor + r, and r * scale is below 2^60 */
	part = (old % divisor * scale + divisor / 2) / divisor;
	if (__builtin_mul_overflow(old / divisor, scale, &whole) ||
		__builtin_add_overflow(whole, part, size) || *size > MR_SIZE_MAX)
		return mr_fail_at(err, MR_EFORMAT, MR_PLACE_EVENT, select->number,
			"the size of %" PRIu64 " becomes more than 2^63 - 1 when scaled",
			old);
	if (!*size)
		*size = 1;
	return MR_OK;
}

/* FNV-1a */
static uint64_t
hash(const char *text, size_t length)
{
	uint64_t value = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < length; i++)
		value = (value ^ (unsigned char)text[i]) * UINT64_C(0x100000001b3);
	return value;
}

static enum mr_status
strip(struct mr_select *select, struct mr_event *event, struct mr_error *err)
{
	enum mr_status st = MR_OK;
	uint32_t number;

	if (event->has & MR_HAS_TID)
		st = number_of(&select->threads, &event->tid, event->tid, err);
	if (!st && event->has & MR_HAS_STREAM)
		st = number_of(&select->streams, &event->stream, event->stream, err);
	if (st || event->op != MR_OP_MARK)
		return st;
	st = number_of(
		&select->names, &number, hash(event->name, event->name_length), err);
	event->name = select->name;
	event->name_length = (size_t)snprintf(
		select->name, sizeof(select->name), "mark %" PRIu32, number + 1);
	return st;
}

static enum mr_status
emit(struct mr_select *select, const struct mr_event *given, struct mr_error *err)
{
	struct mr_event event = *given;
	enum mr_status st;

	if (event.has & MR_HAS_T && select->shifts_time) {
		if (!select->has_base)
			select->base_ns = event.t;
		select->has_base = true;
		event.t -= select->base_ns;
	}
	if (select->drops_truth && event.has & TRUTH) {
		event.has &= (uint8_t)~TRUTH;
		select->result.dropped_truth = true;
	}
	if (event.op == MR_OP_MALLOC && (st = scale_size(select, &event.size, err)))
		return st;
	if (select->options->strip && (st = strip(select, &event, err)))
		return st;
	select->result.events++;
	return select->put(select->context, &event, err);
}

/* --- blocks */

static enum mr_status
keep_malloc(struct mr_select *select, const struct mr_event *event, struct mr_error *err)
{
	const struct mr_select_options *options = select->options;
	size_t space = (size_t)event->slot + event->slot / 2 + 64;
	struct block *blocks;

	if (event->slot >= select->block_space) {
		blocks = realloc(select->blocks, space * sizeof(*blocks));
		if (!blocks)
			return mr_fail_memory(err);
		memset(blocks + select->block_space, 0,
			(space - select->block_space) * sizeof(*blocks));
		select->blocks = blocks;
		select->block_space = space;
	}
	select->blocks[event->slot] = (struct block){
		.malloc = *event,
		.live = true,
		.chosen = event->size >= options->min_size &&
			(!options->has_thread ||
				(event->has & MR_HAS_TID &&
					event->tid == options->thread)),
	};
	return MR_OK;
}

/* Whether the block that was freed is part of the result. */
static bool
drop_block(struct mr_select *select, uint32_t slot)
{
	select->blocks[slot].live = false;
	return select->blocks[slot].chosen;
}

static int
by_id(const void *a, const void *b)
{
	const struct mr_event *left = a, *right = b;

	return left->id < right->id ? -1 : left->id > right->id;
}

static enum mr_status
emit_seed(struct mr_select *select, const struct mr_event *event, bool timed,
	struct mr_error *err)
{
	struct mr_event seed = *event;
	uint64_t size = event->size;
	enum mr_status st = scale_size(select, &size, err);

	if (st)
		return st;
	seed.has &= (uint8_t)~MR_HAS_T;
	if (timed) {
		seed.has |= MR_HAS_T;
		seed.t = select->base_ns;
	}
	select->result.seeded_blocks++;
	select->result.seeded_bytes += size;
	return emit(select, &seed, err);
}

/* The blocks live here, as mallocs in the order of their ids. */
static enum mr_status
emit_seeds(struct mr_select *select, bool timed, struct mr_error *err)
{
	struct mr_event *seeds = malloc((select->block_space + 1) * sizeof(*seeds));
	enum mr_status st = MR_OK;
	size_t count = 0;

	if (!seeds)
		return mr_fail_memory(err);
	for (size_t i = 0; i < select->block_space; i++)
		if (select->blocks[i].live && select->blocks[i].chosen)
			seeds[count++] = select->blocks[i].malloc;
	qsort(seeds, count, sizeof(*seeds), by_id);
	for (size_t i = 0; i < count && !st; i++)
		st = emit_seed(select, &seeds[i], timed, err);
	free(seeds);
	return st;
}

/* --- the window */

static bool
is_mark(const struct mr_event *event, const char *name)
{
	return event->op == MR_OP_MARK && event->name_length == strlen(name) &&
		!memcmp(event->name, name, event->name_length);
}

static bool
begins_here(const struct mr_select *select, const struct mr_event *event)
{
	const struct mr_select_options *options = select->options;

	return options->from_mark ? is_mark(event, options->from_mark)
				  : select->number == options->from_event;
}

static bool
ends_here(const struct mr_select *select, const struct mr_event *event, bool first)
{
	const struct mr_select_options *options = select->options;

	if (options->to_event)
		return select->number > options->to_event;
	return options->to_mark && !first && is_mark(event, options->to_mark);
}

/* What happens before the window leaves live blocks and limits. */
static enum mr_status
pass_over(struct mr_select *select, const struct mr_event *event, struct mr_error *err)
{
	switch ((enum mr_op)event->op) {
	case MR_OP_MALLOC:
		return keep_malloc(select, event, err);
	case MR_OP_FREE:
		drop_block(select, event->slot);
		break;
	case MR_OP_SET_CACHE_LIMIT:
	case MR_OP_SET_MEMORY_LIMIT:
		select->has_limit[event->op] = true;
		select->limit[event->op] = event->bytes;
		break;
	case MR_OP_CLEAR_CACHE:
	case MR_OP_RESET_PEAK:
	case MR_OP_MARK:
	case MR_OP_COUNTERS:
		break;
	}
	return MR_OK;
}

static enum mr_status
begin(struct mr_select *select, const struct mr_event *first, struct mr_error *err)
{
	static const uint8_t limits[] = {MR_OP_SET_CACHE_LIMIT, MR_OP_SET_MEMORY_LIMIT};
	bool timed = first->has & MR_HAS_T;
	enum mr_status st = MR_OK;

	select->phase = INSIDE;
	select->has_base = timed;
	select->base_ns = first->t;
	for (size_t i = 0; i < sizeof(limits) && !st; i++) {
		struct mr_event event = {
			.op = limits[i],
			.has = timed ? MR_HAS_T : 0,
			.t = first->t,
			.bytes = select->limit[limits[i]],
		};

		if (select->has_limit[limits[i]])
			st = emit(select, &event, err);
	}
	return st ? st : emit_seeds(select, timed, err);
}

static enum mr_status
choose(struct mr_select *select, const struct mr_event *event, struct mr_error *err)
{
	enum mr_status st;

	if (event->op == MR_OP_MALLOC) {
		st = keep_malloc(select, event, err);
		if (st || !select->blocks[event->slot].chosen)
			return st;
	}
	if (event->op == MR_OP_FREE && !drop_block(select, event->slot))
		return MR_OK;
	if (event->op == MR_OP_COUNTERS && select->drops_truth) {
		select->result.dropped_truth = true;
		return MR_OK;
	}
	return emit(select, event, err);
}

enum mr_status
mr_select_add(
	struct mr_select *select, const struct mr_event *event, struct mr_error *err)
{
	bool first = false;
	enum mr_status st;

	if (select->phase == OVER)
		return MR_END;
	select->number++;
	if (select->phase == BEFORE) {
		if (!begins_here(select, event))
			return pass_over(select, event, err);
		first = true;
		st = begin(select, event, err);
		if (st)
			return st;
	}
	if (ends_here(select, event, first)) {
		select->phase = OVER;
		return MR_END;
	}
	return choose(select, event, err);
}

enum mr_status
mr_select_finish(const struct mr_select *select, struct mr_select_result *result,
	struct mr_error *err)
{
	const struct mr_select_options *options = select->options;
	char text[MR_QUOTE_SIZE];

	*result = select->result;
	if (select->phase == BEFORE && options->from_mark)
		return mr_fail(err, MR_EFORMAT, "there is no mark \"%s\"",
			mr_text_quote(
				text, options->from_mark, strlen(options->from_mark)));
	if (select->phase == BEFORE)
		return mr_fail(err, MR_EFORMAT,
			"there is no event %" PRIu64 ", the last is %" PRIu64,
			options->from_event, select->number);
	if (select->phase == INSIDE && options->to_mark)
		return mr_fail(err, MR_EFORMAT, "there is no mark \"%s\"%s",
			mr_text_quote(text, options->to_mark, strlen(options->to_mark)),
			options->from_mark ? " behind the first of the window" : "");
	if (!select->result.events)
		return mr_fail(err, MR_EFORMAT, "nothing is left of the trace");
	return MR_OK;
}
