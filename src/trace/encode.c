/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "trace/block.h"
#include "trace/event.h"

#define VARINT_MAX 10 /* bytes of a 64-bit number */

static enum mr_status
reserve(struct mr_bytes *bytes, size_t more, struct mr_error *err)
{
	size_t space = (bytes->length + more) * 2;
	unsigned char *data;

	if (bytes->space - bytes->length >= more)
		return MR_OK;
	data = realloc(bytes->data, space);
	if (!data)
		return mr_fail_memory(err);
	bytes->data = data;
	bytes->space = space;
	return MR_OK;
}

/* The room has been reserved. */
static void
put(struct mr_bytes *bytes, uint64_t value)
{
	while (value >= 0x80) {
		bytes->data[bytes->length++] = (unsigned char)(value | 0x80);
		value >>= 7;
	}
	bytes->data[bytes->length++] = (unsigned char)value;
}

static void
put_bytes(struct mr_bytes *bytes, const void *data, size_t length)
{
	if (length)
		memcpy(bytes->data + bytes->length, data, length);
	bytes->length += length;
}

static uint64_t
zigzag(int64_t value)
{
	return (uint64_t)value << 1 ^ (uint64_t)(value >> 63);
}

static struct mr_shape
shape_of(const struct mr_block_encoder *encoder, const struct mr_event *event)
{
	struct mr_shape shape = {
		.op = event->op, .has = event->has & (uint8_t)mr_op_optional[event->op]};

	if (shape.has & MR_HAS_TID)
		shape.tid = event->tid;
	if (shape.has & MR_HAS_HIT && event->hit)
		shape.bits |= MR_SHAPE_HIT;
	if (event->op == MR_OP_MALLOC && event->id == encoder->next_id)
		shape.bits |= MR_SHAPE_NEXT_ID;
	if (shape.has & MR_HAS_CAP && event->cap == event->size)
		shape.bits |= MR_SHAPE_CAP;
	return shape;
}

/* The number of a shape, new or known; MR_BLOCK_SHAPES if there are too many. */
static uint32_t
number_shape(struct mr_block_encoder *encoder, const struct mr_shape *shape)
{
	uint32_t i;

	for (i = 0; i < encoder->shape_count; i++) {
		const struct mr_shape *s = &encoder->shapes[i];

		if (s->op == shape->op && s->has == shape->has &&
			s->bits == shape->bits && s->tid == shape->tid)
			return i;
	}
	if (i < MR_BLOCK_SHAPES)
		encoder->shapes[encoder->shape_count++] = *shape;
	return i;
}

static void
put_malloc(struct mr_block_encoder *encoder, const struct mr_event *event,
	const struct mr_shape *shape)
{
	if (!(shape->bits & MR_SHAPE_NEXT_ID))
		put(&encoder->ids, event->id - encoder->next_id);
	encoder->next_id = event->id + 1;
	put(&encoder->sizes, event->size);
	if (shape->has & MR_HAS_CAP && !(shape->bits & MR_SHAPE_CAP))
		put(&encoder->rest, zigzag((int64_t)(event->cap - event->size)));
	if (shape->has & MR_HAS_ALIGN)
		put(&encoder->rest, event->align);
	if (shape->has & MR_HAS_STREAM)
		put(&encoder->rest, event->stream);
	if (shape->has & MR_HAS_DEVICE)
		put(&encoder->rest, zigzag(event->device));
}

static void
put_fields(struct mr_block_encoder *encoder, const struct mr_event *event,
	const struct mr_shape *shape)
{
	switch ((enum mr_op)event->op) {
	case MR_OP_MALLOC:
		put_malloc(encoder, event, shape);
		break;
	case MR_OP_FREE:
		put(&encoder->ids, encoder->next_id - 1 - event->id);
		break;
	case MR_OP_SET_CACHE_LIMIT:
	case MR_OP_SET_MEMORY_LIMIT:
		put(&encoder->rest, event->bytes);
		break;
	case MR_OP_MARK:
		put(&encoder->rest, event->name_length);
		put_bytes(&encoder->rest, event->name, event->name_length);
		put_bytes(&encoder->rest, "", 1);
		break;
	case MR_OP_COUNTERS:
		put(&encoder->rest, event->active);
		put(&encoder->rest, event->cached);
		put(&encoder->rest, event->peak);
		break;
	case MR_OP_CLEAR_CACHE:
	case MR_OP_RESET_PEAK:
		break;
	}
}

/*
 * What the columns cannot hold: it would not be a valid trace. The op and the name of
 * a mark are known to be good.
 */
static enum mr_status
check(const struct mr_block_encoder *encoder, const struct mr_event *event,
	struct mr_error *err)
{
	if (event->has & MR_HAS_T && event->t < encoder->last_t)
		return mr_fail(
			err, MR_EFORMAT, "time goes back to %" PRIu64 " ns", event->t);
	if (event->op == MR_OP_MALLOC &&
		(event->id < encoder->next_id || event->id > MR_ID_MAX))
		return mr_fail(err, MR_EFORMAT,
			"malloc with id %" PRIu64 ", below %" PRIu64, event->id,
			encoder->next_id);
	if (event->op == MR_OP_FREE && event->id >= encoder->next_id)
		return mr_fail(err, MR_EFORMAT,
			"free of id %" PRIu64 ", which was never allocated", event->id);
	return MR_OK;
}

static size_t
encoded_bytes(const struct mr_block_encoder *encoder)
{
	return encoder->count + encoder->times.length + encoder->ids.length +
		encoder->sizes.length + encoder->rest.length;
}

enum mr_status
mr_block_add(struct mr_block_encoder *encoder, const struct mr_event *event, bool *full,
	struct mr_error *err)
{
	size_t name = event->op == MR_OP_MARK ? event->name_length + 1 : 0;
	struct mr_shape shape;
	enum mr_status st;
	uint32_t number;

	*full = true;
	if (encoder->count == MR_BLOCK_EVENTS || encoded_bytes(encoder) >= MR_BLOCK_BYTES)
		return MR_OK;
	if ((st = check(encoder, event, err)) ||
		(st = reserve(&encoder->times, VARINT_MAX, err)) ||
		(st = reserve(&encoder->ids, 2 * VARINT_MAX, err)) ||
		(st = reserve(&encoder->sizes, VARINT_MAX, err)) ||
		(st = reserve(&encoder->rest, 4 * VARINT_MAX + name, err)))
		return st;
	shape = shape_of(encoder, event);
	number = number_shape(encoder, &shape);
	if (number == MR_BLOCK_SHAPES)
		return MR_OK;
	*full = false;
	if (!encoder->count)
		put(&encoder->ids, encoder->next_id);
	encoder->shape_of[encoder->count++] = (unsigned char)number;
	if (shape.has & MR_HAS_T) {
		put(&encoder->times, event->t - encoder->last_t);
		encoder->last_t = event->t;
	}
	put_fields(encoder, event, &shape);
	return MR_OK;
}

static void
put_column(struct mr_bytes *payload, struct mr_bytes *column)
{
	put(payload, column->length);
	put_bytes(payload, column->data, column->length);
	column->length = 0;
}

enum mr_status
mr_block_end(struct mr_block_encoder *encoder, uint32_t *count, struct mr_error *err)
{
	struct mr_bytes *payload = &encoder->payload;
	enum mr_status st;

	*count = encoder->count;
	payload->length = 0;
	st = reserve(payload,
		encoded_bytes(encoder) + MR_BLOCK_SHAPES * (3 + VARINT_MAX) +
			5 * VARINT_MAX,
		err);
	if (st)
		return st;
	put(payload, encoder->shape_count);
	for (uint32_t i = 0; i < encoder->shape_count; i++) {
		const struct mr_shape *shape = &encoder->shapes[i];
		const unsigned char bytes[] = {shape->op, shape->has, shape->bits};

		put_bytes(payload, bytes, sizeof(bytes));
		if (shape->has & MR_HAS_TID)
			put(payload, shape->tid);
	}
	put_bytes(payload, encoder->shape_of, encoder->count);
	put_column(payload, &encoder->times);
	put_column(payload, &encoder->ids);
	put_column(payload, &encoder->sizes);
	put_column(payload, &encoder->rest);
	encoder->count = encoder->shape_count = 0;
	encoder->last_t = 0;
	return MR_OK;
}

void
mr_block_encoder_fini(struct mr_block_encoder *encoder)
{
	free(encoder->times.data);
	free(encoder->ids.data);
	free(encoder->sizes.data);
	free(encoder->rest.data);
	free(encoder->payload.data);
}
