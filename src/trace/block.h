/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_BLOCK_H
#define MR_TRACE_BLOCK_H

/*
 * Events as the bytes of a block of the binary format, and back. A block stands
 * alone: nothing in it refers to another.
 *
 *   varint n, then n shapes     what events look like: op, optional fields, tid
 *   one byte an event           the number of its shape
 *   four columns, each          varint of its length in bytes, then the bytes:
 *     times                       t less the t before it in the block
 *     ids                         the newest id so far, then see below
 *     sizes                       of mallocs
 *     rest                        all other fields, in the order of an event's
 *
 * A shape is op, has (MR_HAS_*), bits (MR_SHAPE_*) and, if has says so, tid as
 * a varint. The column of ids begins with the id that the first malloc would
 * have if ids had no gaps ("next"). A malloc whose id is next needs no byte,
 * another adds id - next; either way next becomes id + 1. A free adds
 * next - 1 - id. Varints hold 7 bits a byte, the lowest first, with the top bit
 * set in all but the last; signed numbers n are stored as 2n or -2n - 1.
 */

#include <stddef.h>
#include <stdint.h>

#include "memreplay/trace.h"

#define MR_BLOCK_EVENTS 16384             /* at most in a block */
#define MR_BLOCK_BYTES  (1024 * 1024)     /* a block is ended when it has these */
#define MR_BLOCK_MAX    (4 * 1024 * 1024) /* a reader takes no longer one */
#define MR_BLOCK_SHAPES 256

#define MR_SHAPE_HIT     0x01u /* the value of hit */
#define MR_SHAPE_NEXT_ID 0x02u /* malloc: id is next */
#define MR_SHAPE_CAP     0x04u /* cap equals size */
#define MR_SHAPE_BITS    0x07u

struct mr_bytes {
	unsigned char *data;
	size_t length;
	size_t space;
};

struct mr_shape {
	uint8_t op;
	uint8_t has;
	uint8_t bits;
	uint32_t tid;
};

/* A block being made. Zero it before the first use. */
struct mr_block_encoder {
	struct mr_shape shapes[MR_BLOCK_SHAPES];
	uint32_t shape_count;
	unsigned char shape_of[MR_BLOCK_EVENTS];
	uint32_t count; /* of events */
	struct mr_bytes times, ids, sizes, rest;
	uint64_t last_t;
	uint64_t next_id; /* goes on from block to block */
	struct mr_bytes payload;
};

/*
 * Adds an event. *full: it was not added, for the block must be ended first.
 *   MR_EFORMAT  not an event of a valid trace
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_block_add(struct mr_block_encoder *encoder,
	const struct mr_event *event, bool *full, struct mr_error *err);

/* Puts the block together in encoder->payload and begins a new one. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_block_end(
	struct mr_block_encoder *encoder, uint32_t *count, struct mr_error *err);

void mr_block_encoder_fini(struct mr_block_encoder *encoder);

/* A block being read; pointers into its payload. */
struct mr_block_decoder {
	struct mr_shape shapes[MR_BLOCK_SHAPES];
	uint32_t shape_count;
	const unsigned char *shape_at; /* of the next event */
	uint32_t left;                 /* events */
	const unsigned char *times, *times_end;
	const unsigned char *ids, *ids_end;
	const unsigned char *sizes, *sizes_end;
	const unsigned char *rest, *rest_end;
	uint64_t last_t;
	uint64_t next_id;
};

/*
 * Begins to read a block of count events. payload must stay where it is.
 *   MR_EFORMAT  it is not what the format promises; err has no place
 */
MR_MUST_CHECK enum mr_status mr_block_open(struct mr_block_decoder *decoder,
	const unsigned char *payload, size_t length, uint32_t count,
	struct mr_error *err);

/*
 * Reads up to `most` events; *count is 0 when the block is done. Names of marks
 * point into the payload.
 *   MR_EFORMAT
 */
MR_MUST_CHECK enum mr_status mr_block_next(struct mr_block_decoder *decoder,
	struct mr_event *events, size_t most, size_t *count, struct mr_error *err);

#endif
