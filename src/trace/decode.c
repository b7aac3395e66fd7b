/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "base/error.h"
#include "trace/block.h"
#include "trace/event.h"

/* Reads a varint; false where the bytes end in it or it has over 64 bits. */
static inline bool
get(const unsigned char **at, const unsigned char *end, uint64_t *value)
{
	const unsigned char *p = *at;
	uint64_t sum;

	if (p == end)
		return false;
	sum = *p++;
	if (sum < 0x80) {
		*value = sum;
		*at = p;
		return true;
	}
	sum &= 0x7f;
	for (unsigned shift = 7; p != end && shift < 64; shift += 7) {
		uint64_t byte = *p++;

		if (shift == 63 && byte > 1)
			return false;
		sum |= (byte & 0x7f) << shift;
		if (byte < 0x80) {
			*value = sum;
			*at = p;
			return true;
		}
	}
	return false;
}

static bool
get_u32(const unsigned char **at, const unsigned char *end, uint32_t *value)
{
	uint64_t wide;

	if (!get(at, end, &wide) || wide > UINT32_MAX)
		return false;
	*value = (uint32_t)wide;
	return true;
}

static bool
get_signed(const unsigned char **at, const unsigned char *end, int64_t *value)
{
	uint64_t folded;

	if (!get(at, end, &folded))
		return false;
	*value = (int64_t)(folded >> 1 ^ -(folded & 1));
	return true;
}

static bool
get_shapes(struct mr_block_decoder *decoder, const unsigned char **at,
	const unsigned char *end)
{
	if (!get_u32(at, end, &decoder->shape_count) ||
		decoder->shape_count > MR_BLOCK_SHAPES)
		return false;
	for (uint32_t i = 0; i < decoder->shape_count; i++) {
		struct mr_shape *shape = &decoder->shapes[i];

		if (end - *at < 3)
			return false;
		shape->op = (*at)[0];
		shape->has = (*at)[1];
		shape->bits = (*at)[2];
		*at += 3;
		if (shape->op >= MR_OP_COUNT || shape->has & ~mr_op_optional[shape->op] ||
			shape->bits & ~MR_SHAPE_BITS)
			return false;
		if (shape->has & MR_HAS_TID && !get_u32(at, end, &shape->tid))
			return false;
	}
	return true;
}

static bool
get_column(const unsigned char **at, const unsigned char *end,
	const unsigned char **column, const unsigned char **column_end)
{
	uint64_t length;

	if (!get(at, end, &length) || length > (size_t)(end - *at))
		return false;
	*column = *at;
	*column_end = *at += length;
	return true;
}

static enum mr_status
damaged(struct mr_error *err)
{
	return mr_fail(err, MR_EFORMAT, "a block does not hold what its length says");
}

enum mr_status
mr_block_open(struct mr_block_decoder *decoder, const unsigned char *payload,
	size_t length, uint32_t count, struct mr_error *err)
{
	const unsigned char *at = payload, *end = payload + length;

	decoder->last_t = 0;
	decoder->left = count;
	if (!get_shapes(decoder, &at, end) || count > (size_t)(end - at))
		return damaged(err);
	decoder->shape_at = at;
	at += count;
	if (!get_column(&at, end, &decoder->times, &decoder->times_end) ||
		!get_column(&at, end, &decoder->ids, &decoder->ids_end) ||
		!get_column(&at, end, &decoder->sizes, &decoder->sizes_end) ||
		!get_column(&at, end, &decoder->rest, &decoder->rest_end) || at != end ||
		!get(&decoder->ids, decoder->ids_end, &decoder->next_id))
		return damaged(err);
	return MR_OK;
}

static bool
get_rare(struct mr_block_decoder *d, struct mr_event *event, const struct mr_shape *shape)
{
	int64_t number;

	if (shape->has & MR_HAS_CAP && !(shape->bits & MR_SHAPE_CAP)) {
		if (!get_signed(&d->rest, d->rest_end, &number))
			return false;
		event->cap = event->size + (uint64_t)number;
	}
	if (shape->has & MR_HAS_ALIGN && !get_u32(&d->rest, d->rest_end, &event->align))
		return false;
	if (shape->has & MR_HAS_STREAM && !get_u32(&d->rest, d->rest_end, &event->stream))
		return false;
	if (shape->has & MR_HAS_DEVICE) {
		if (!get_signed(&d->rest, d->rest_end, &number) || number < INT32_MIN ||
			number > INT32_MAX)
			return false;
		event->device = (int32_t)number;
	}
	return true;
}

static inline bool
get_malloc(
	struct mr_block_decoder *d, struct mr_event *event, const struct mr_shape *shape)
{
	uint64_t gap = 0;

	if (!(shape->bits & MR_SHAPE_NEXT_ID) && !get(&d->ids, d->ids_end, &gap))
		return false;
	event->id = d->next_id + gap;
	d->next_id = event->id + 1;
	event->hit = shape->bits & MR_SHAPE_HIT;
	if (!get(&d->sizes, d->sizes_end, &event->size))
		return false;
	event->cap = event->size;
	if (shape->has & (MR_HAS_CAP | MR_HAS_ALIGN | MR_HAS_STREAM | MR_HAS_DEVICE))
		return get_rare(d, event, shape);
	return true;
}

static bool
get_mark(struct mr_block_decoder *d, struct mr_event *event)
{
	uint64_t length;

	if (!get(&d->rest, d->rest_end, &length) ||
		length >= (size_t)(d->rest_end - d->rest) || d->rest[length])
		return false;
	event->name = (const char *)d->rest;
	event->name_length = (size_t)length;
	d->rest += length + 1;
	return true;
}

static inline bool
get_fields(
	struct mr_block_decoder *d, struct mr_event *event, const struct mr_shape *shape)
{
	uint64_t distance;

	switch ((enum mr_op)shape->op) {
	case MR_OP_MALLOC:
		return get_malloc(d, event, shape);
	case MR_OP_FREE:
		if (!get(&d->ids, d->ids_end, &distance))
			return false;
		event->id = d->next_id - 1 - distance;
		return true;
	case MR_OP_SET_CACHE_LIMIT:
	case MR_OP_SET_MEMORY_LIMIT:
		return get(&d->rest, d->rest_end, &event->bytes);
	case MR_OP_MARK:
		return get_mark(d, event);
	case MR_OP_COUNTERS:
		return get(&d->rest, d->rest_end, &event->active) &&
			get(&d->rest, d->rest_end, &event->cached) &&
			get(&d->rest, d->rest_end, &event->peak);
	case MR_OP_CLEAR_CACHE:
	case MR_OP_RESET_PEAK:
		break;
	}
	return true;
}

static bool
is_used_up(const struct mr_block_decoder *d)
{
	return d->times == d->times_end && d->ids == d->ids_end &&
		d->sizes == d->sizes_end && d->rest == d->rest_end;
}

enum mr_status
mr_block_next(struct mr_block_decoder *d, struct mr_event *events, size_t most,
	size_t *count, struct mr_error *err)
{
	size_t n = d->left < most ? d->left : most;

	*count = 0;
	for (size_t i = 0; i < n; i++) {
		struct mr_event *event = &events[i];
		const struct mr_shape *shape;
		uint64_t delta;

		if (*d->shape_at >= d->shape_count)
			return damaged(err);
		shape = &d->shapes[*d->shape_at++];
		event->op = shape->op;
		event->has = shape->has;
		event->tid = shape->tid;
		if (shape->has & MR_HAS_T) {
			if (!get(&d->times, d->times_end, &delta) ||
				__builtin_add_overflow(d->last_t, delta, &d->last_t))
				return damaged(err);
			event->t = d->last_t;
		}
		if (!get_fields(d, event, shape))
			return damaged(err);
	}
	d->left -= (uint32_t)n;
	*count = n;
	return d->left || is_used_up(d) ? MR_OK : damaged(err);
}
