/* SPDX-License-Identifier: MIT */

/*
 * The binary format: a preamble, the header, blocks of events, an end mark.
 * memreplay-trace(5) has it byte by byte. Every part is a gzip member of its
 * own, so that a file cut short can be mended by cutting it shorter.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "base/error.h"
#include "base/little.h"
#include "trace/block.h"
#include "trace/event.h"
#include "trace/format.h"
#include "trace/header.h"
#include "trace/jsonvalue.h"

#define MAGIC        "MRT\x1a"
#define VERSION      1
#define EVENTS_TAG   "EVTS"
#define END_TAG      "ENDS"
#define PART_SIZE    16 /* of the preamble, and of what stands before a block */
#define CHUNK_EVENTS 256

struct mrt_reading {
	struct mr_header_store header;
	struct mr_block_decoder block;
	size_t payload_left; /* to be skipped when the block is done */
	uint64_t events;
	char *trailer;
	struct mr_event chunk[CHUNK_EVENTS];
};

/* magic or tag, then three numbers, little-endian */
struct part {
	unsigned char bytes[PART_SIZE];
};

static struct part
make_part(const char *tag, uint32_t first, uint32_t second)
{
	struct part part;

	memcpy(part.bytes, tag, 4);
	mr_little_put(part.bytes + 4, first);
	mr_little_put(part.bytes + 8, second);
	return part;
}

/* Of the part but its last number, and of what follows it. */
static uint32_t
checksum(const unsigned char *part, const void *data, size_t length)
{
	uLong crc = crc32(0, part, PART_SIZE - 4);

	return (uint32_t)crc32(crc, data, (uInt)length);
}

static bool
probe(const unsigned char *data, size_t length)
{
	return length >= 4 && !memcmp(data, MAGIC, 4);
}

static enum mr_status
fail_here(struct mr_source *source, struct mr_error *err, const char *text)
{
	return mr_fail_at(err, MR_EFORMAT, MR_PLACE_BYTE,
		mr_input_position(source->input), "%s", text);
}

/*
 * Shows a part and the payload behind it, whose length stands at payload_at.
 *   MR_END  the file ends before their last byte
 */
static enum mr_status
peek_part(struct mr_source *source, size_t length_at, size_t most,
	const unsigned char **part, size_t *length, struct mr_error *err)
{
	size_t have, want = PART_SIZE;
	enum mr_status st;

	for (int round = 0; round < 2; round++) {
		st = mr_input_peek(source->input, want, part, &have, err);
		if (st == MR_EFORMAT && mr_input_truncated(source->input))
			return MR_END;
		if (st)
			return st;
		if (have < want)
			return MR_END;
		*length = mr_little_get(*part + length_at);
		if (*length > most)
			return fail_here(source, err,
				"a length here is larger than the format allows");
		want = PART_SIZE + *length;
	}
	return MR_OK;
}

static enum mr_status
open_mrt(struct mr_source *source, struct mr_error *err)
{
	struct mrt_reading *mrt = calloc(1, sizeof(*mrt));
	const unsigned char *part;
	size_t have, length;
	enum mr_status st;

	if (!mrt)
		return mr_fail_memory(err);
	source->state = mrt;
	source->format = "mrt";
	source->place = MR_PLACE_EVENT;
	source->events = mrt->chunk;
	if ((st = mr_input_peek(source->input, 8, &part, &have, err)))
		return st;
	if (!probe(part, have)) /* --from said so */
		return mr_fail_at(err, MR_EFORMAT, MR_PLACE_BYTE, 0,
			"not the format mrt: it begins with other bytes");
	if (have >= 8 && mr_little_get(part + 4) > VERSION)
		return mr_fail_at(err, MR_EFORMAT, MR_PLACE_BYTE, 4,
			"version %u is newer than this program reads (%d)",
			(unsigned)mr_little_get(part + 4), VERSION);
	if (have < 8 || mr_little_get(part + 4) == 0)
		return fail_here(source, err, "no version behind the magic bytes");
	st = peek_part(source, 8, MR_HEADER_MAX, &part, &length, err);
	if (st)
		return st == MR_END ? fail_here(source, err, "cut inside the header")
				    : st;
	if (checksum(part, part + PART_SIZE, length) != mr_little_get(part + 12))
		return fail_here(source, err, "CRC mismatch in the header");
	st = mr_header_parse(
		&mrt->header, (const char *)part + PART_SIZE, length, false, err);
	if (st == MR_EFORMAT) {
		err->place = MR_PLACE_BYTE;
		err->where = PART_SIZE;
	}
	if (st)
		return st;
	mr_input_skip(source->input, PART_SIZE + length);
	source->header = mrt->header.header;
	return MR_OK;
}

/* The end mark is an object that knows how many events came before it. */
static enum mr_status
check_trailer(const struct mrt_reading *mrt, const struct mr_object *object,
	struct mr_error *err)
{
	const cJSON *item;
	cJSON *tree = NULL;
	uint64_t events = 0;
	enum mr_status st;

	st = mr_object_parse(&tree, object, err);
	if (st)
		return st;
	item = cJSON_GetObjectItemCaseSensitive(tree, "events");
	st = item ? mr_value_u64(&events, item, object, err)
		  : mr_fail(err, MR_EFORMAT, "no \"events\" in the end mark");
	if (!st && events != mrt->events)
		st = mr_fail(err, MR_EFORMAT,
			"the end mark counts %" PRIu64
			" events, the blocks hold %" PRIu64,
			events, mrt->events);
	cJSON_Delete(tree);
	return st;
}

static enum mr_status
read_trailer(struct mr_source *source, const unsigned char *part, size_t length,
	struct mr_error *err)
{
	struct mrt_reading *mrt = source->state;
	struct mr_object object = {(const char *)part + PART_SIZE, length};
	const unsigned char *data;
	size_t have;
	enum mr_status st;

	st = check_trailer(mrt, &object, err);
	if (st)
		return st;
	mrt->trailer = strndup(object.text, length);
	if (!mrt->trailer)
		return mr_fail_memory(err);
	source->trailer = mrt->trailer;
	mr_input_skip(source->input, PART_SIZE + length);
	st = mr_input_peek(source->input, 1, &data, &have, err);
	if (!st && have)
		return fail_here(source, err, "trailing bytes behind the end mark");
	/* nothing is missing but the gzip trailer of the end mark */
	if (st == MR_EFORMAT && mr_input_truncated(source->input))
		st = MR_OK;
	return st ? st : MR_END;
}

/* Goes to the next block. MR_END: there is none, or not a whole one. */
static enum mr_status
next_block(struct mr_source *source, struct mr_error *err)
{
	struct mrt_reading *mrt = source->state;
	const unsigned char *part;
	enum mr_status st;
	size_t length;

	mr_input_skip(source->input, mrt->payload_left);
	mrt->payload_left = 0;
	st = peek_part(source, 4, MR_BLOCK_MAX, &part, &length, err);
	if (st) {
		source->cut = st == MR_END;
		return st;
	}
	if (memcmp(part, EVENTS_TAG, 4) != 0 && memcmp(part, END_TAG, 4) != 0)
		return fail_here(
			source, err, "expected a block of events or the end mark");
	if (checksum(part, part + PART_SIZE, length) != mr_little_get(part + 12))
		return fail_here(source, err, "CRC mismatch in a block");
	if (!memcmp(part, END_TAG, 4))
		return read_trailer(source, part, length, err);
	mr_input_skip(source->input, PART_SIZE);
	mrt->payload_left = length;
	return mr_block_open(
		&mrt->block, part + PART_SIZE, length, mr_little_get(part + 8), err);
}

static enum mr_status
fill_mrt(struct mr_source *source, struct mr_error *err)
{
	struct mrt_reading *mrt = source->state;
	enum mr_status st = MR_OK;

	source->where = mrt->events + 1;
	source->count = 0;
	while (!st && !source->count) {
		st = mr_block_next(
			&mrt->block, mrt->chunk, CHUNK_EVENTS, &source->count, err);
		if (!st && !source->count)
			st = next_block(source, err);
	}
	if (st == MR_EFORMAT && err->place == MR_PLACE_NONE) {
		err->place = MR_PLACE_BYTE;
		err->where = mr_input_position(source->input);
	}
	mrt->events += source->count;
	return st;
}

static void
close_mrt(struct mr_source *source)
{
	struct mrt_reading *mrt = source->state;

	if (!mrt)
		return;
	mr_header_fini(&mrt->header);
	free(mrt->trailer);
	free(mrt);
}

const struct mr_reading mr_mrt_reading = {
	.probe = probe,
	.open = open_mrt,
	.fill = fill_mrt,
	.close = close_mrt,
};

/* Writes a part with its payload as a gzip member of its own. */
static enum mr_status
write_part(struct mr_sink *sink, struct part *part, const void *data, size_t length,
	struct mr_error *err)
{
	enum mr_status st;

	mr_little_put(part->bytes + 12, checksum(part->bytes, data, length));
	if ((st = mr_output_write(sink->output, part->bytes, PART_SIZE, err)) ||
		(st = mr_output_write(sink->output, data, length, err)))
		return st;
	return mr_output_end_member(sink->output, err);
}

static enum mr_status
open_writing(struct mr_sink *sink, const char *header, struct mr_error *err)
{
	size_t length = strlen(header);
	struct part part = make_part(MAGIC, VERSION, (uint32_t)length);

	sink->state = calloc(1, sizeof(struct mr_block_encoder));
	if (!sink->state)
		return mr_fail_memory(err);
	if (length > MR_HEADER_MAX)
		return mr_fail(err, MR_EFORMAT, "the header is longer than 1 MiB");
	return write_part(sink, &part, header, length, err);
}

static enum mr_status
write_block(struct mr_sink *sink, struct mr_error *err)
{
	struct mr_block_encoder *encoder = sink->state;
	enum mr_status st;
	struct part part;
	uint32_t count;

	st = mr_block_end(encoder, &count, err);
	if (st || !count)
		return st;
	part = make_part(EVENTS_TAG, (uint32_t)encoder->payload.length, count);
	return write_part(
		sink, &part, encoder->payload.data, encoder->payload.length, err);
}

static enum mr_status
put_mrt(struct mr_sink *sink, const struct mr_event *event, struct mr_error *err)
{
	enum mr_status st;
	bool full;

	st = mr_block_add(sink->state, event, &full, err);
	if (st || !full)
		return st;
	st = write_block(sink, err);
	return st ? st : mr_block_add(sink->state, event, &full, err);
}

static enum mr_status
finish_mrt(struct mr_sink *sink, const char *trailer, struct mr_error *err)
{
	struct part part = make_part(END_TAG, (uint32_t)strlen(trailer), 0);
	enum mr_status st = write_block(sink, err);

	return st ? st : write_part(sink, &part, trailer, strlen(trailer), err);
}

static void
close_writing(struct mr_sink *sink)
{
	if (sink->state)
		mr_block_encoder_fini(sink->state);
	free(sink->state);
}

const struct mr_writing mr_mrt_writing = {
	true, open_writing, put_mrt, finish_mrt, close_writing};
