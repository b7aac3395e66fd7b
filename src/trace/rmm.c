/* SPDX-License-Identifier: MIT */

/*
 * The CSV that RMM's logging_resource_adaptor writes:
 *
 *	Thread,Time,Action,Pointer,Size,Stream
 *	1234,10:21:33.123456,allocate,0x7f5d88000000,1024,0
 *
 * Action is allocate, free or "allocate failure". Time is that of the day;
 * older releases write :123456 for the microseconds. Pointers are hexadecimal
 * or (nil), and so is the stream, a handle.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/import.h"
#include "trace/lines.h"

#define HEADER  "Thread,Time,Action,Pointer,Size,Stream"
#define DAY_NS  UINT64_C(86400000000000)
#define HOUR_NS UINT64_C(3600000000000)

struct rmm {
	struct mr_lines lines;
	uint64_t day_ns; /* begin of the day; of the first, one day */
	uint64_t last_ns;
	struct mr_slots streams; /* handles, numbered as they come up */
	bool has_streams;
	char name[64]; /* of a mark */
};

enum action { ALLOCATE, FREE, FAILURE };

/* A line, taken apart. */
struct record {
	enum action action;
	uint64_t tid;
	uint64_t time_ns; /* of the day */
	uint64_t pointer; /* 0: nil */
	uint64_t size;
	uint64_t stream;
};

/* "10:21:33.123456" or "10:21:33:123456" */
static bool
take_time(struct mr_line *line, uint64_t *ns)
{
	uint64_t hours, minutes, seconds, fraction = 0, unit = 1000000000;
	const char *digits;
	bool point;

	if (!mr_line_decimal(line, &hours) || !mr_line_text(line, ":") ||
		!mr_line_decimal(line, &minutes) || !mr_line_text(line, ":") ||
		!mr_line_decimal(line, &seconds) || hours > 23 || minutes > 59 ||
		seconds > 60)
		return false;
	point = mr_line_text(line, ".");
	if (point || mr_line_text(line, ":")) {
		digits = line->at;
		if (!mr_line_decimal(line, &fraction) || line->at - digits > 9)
			return false;
		for (; digits < line->at; digits++)
			unit /= 10;
		/* behind a colon stand microseconds, however many digits */
		fraction *= point ? unit : 1000;
	}
	*ns = ((hours * 60 + minutes) * 60 + seconds) * 1000000000 + fraction;
	return true;
}

static bool
take_action(struct mr_line *line, enum action *action)
{
	*action = mr_line_text(line, "allocate failure,") ? FAILURE
		: mr_line_text(line, "allocate,")         ? ALLOCATE
							  : FREE;
	return *action != FREE || mr_line_text(line, "free,");
}

/* A pointer or handle with 0x or without; (nil) is 0. */
static bool
take_handle(struct mr_line *line, uint64_t *handle)
{
	*handle = 0;
	if (mr_line_text(line, "(nil)"))
		return true;
	mr_line_text(line, "0x");
	return mr_line_hex(line, handle);
}

static bool
take_record(struct mr_line *line, struct record *record)
{
	return mr_line_decimal(line, &record->tid) && mr_line_text(line, ",") &&
		take_time(line, &record->time_ns) && mr_line_text(line, ",") &&
		take_action(line, &record->action) &&
		take_handle(line, &record->pointer) && mr_line_text(line, ",") &&
		mr_line_decimal(line, &record->size) && mr_line_text(line, ",") &&
		take_handle(line, &record->stream) && mr_line_done(line);
}

/*
 * Midnight is where the time goes back by more than half a day. Threads may log out
 * of order: a line behind it that is less than an hour older is of the day before.
 */
static void
set_time(struct rmm *rmm, uint64_t ns)
{
	uint64_t day_ns = rmm->day_ns;

	if (ns > rmm->last_ns + DAY_NS - HOUR_NS) {
		day_ns -= DAY_NS;
	} else {
		if (ns + DAY_NS / 2 < rmm->last_ns)
			day_ns = rmm->day_ns += DAY_NS;
		rmm->last_ns = ns;
	}
	mr_import_time(&rmm->lines.import, day_ns + ns);
}

static enum mr_status
set_stream(struct rmm *rmm, uint64_t handle, struct mr_error *err)
{
	struct mr_event *next = &rmm->lines.import.next;

	next->has |= MR_HAS_STREAM;
	if (mr_slots_find(&rmm->streams, &next->stream, handle))
		return MR_OK;
	return mr_slots_add(&rmm->streams, &next->stream, handle, err);
}

static enum mr_status
import_failure(struct rmm *rmm, uint64_t size, struct mr_error *err)
{
	struct mr_event mark = {.op = MR_OP_MARK, .name = rmm->name};

	mark.name_length = (size_t)snprintf(rmm->name, sizeof(rmm->name),
		"allocate failure: %" PRIu64 " bytes", size);
	return mr_import_put(&rmm->lines.import, &mark, err);
}

static enum mr_status
import_free(struct rmm *rmm, const struct record *record, struct mr_error *err)
{
	const struct mr_import_block *block =
		mr_import_find(&rmm->lines.import, record->pointer);

	if (block && block->size != record->size)
		rmm->lines.import.facts[MR_FACT_SIZE_BREAKS]++;
	return mr_import_free(&rmm->lines.import, record->pointer, err);
}

/* A block of 0 bytes has no pointer and comes to nothing. */
static enum mr_status
import_record(struct rmm *rmm, const struct record *record, struct mr_error *err)
{
	enum mr_status st;

	rmm->lines.import.next.tid = (uint32_t)record->tid;
	rmm->lines.import.next.has |= MR_HAS_TID;
	set_time(rmm, record->time_ns);
	st = set_stream(rmm, record->stream, err);
	if (st)
		return st;
	if (record->action == FAILURE ||
		(record->action == ALLOCATE && !record->pointer && record->size))
		return import_failure(rmm, record->size, err);
	if (!record->pointer)
		return MR_OK;
	return record->action == FREE ? import_free(rmm, record, err)
				      : mr_import_malloc(&rmm->lines.import,
						record->pointer, record->size, err);
}

/* A log that was appended to has the header again. */
static enum mr_status
parse(struct mr_source *source, struct mr_line *line, struct mr_error *err)
{
	struct mr_line rest = *line;
	char text[MR_QUOTE_SIZE];
	struct record record;

	if (mr_line_done(line) || mr_line_is(line, HEADER))
		return MR_OK;
	if (!take_record(&rest, &record))
		return mr_fail(err, MR_EFORMAT, "expected " HEADER ", found \"%s\"",
			mr_text_quote(text, line->at, (size_t)(line->end - line->at)));
	if (record.tid > UINT32_MAX)
		return mr_fail(err, MR_EFORMAT, "the thread's number has over 32 bits");
	return import_record(source->state, &record, err);
}

static bool
probe(const unsigned char *data, size_t length)
{
	return length >= strlen(HEADER) && !memcmp(data, HEADER, strlen(HEADER));
}

static enum mr_status
open_rmm(struct mr_source *source, struct mr_error *err)
{
	enum mr_status st =
		mr_lines_open(source, sizeof(struct rmm), "rmm-csv", "rmm", err);
	struct rmm *rmm = source->state;
	uint32_t first;

	if (!st)
		st = mr_slots_init(&rmm->streams, err);
	if (st)
		return st;
	rmm->has_streams = true;
	rmm->day_ns = DAY_NS; /* there may be lines of the day before the first */
	/* the default stream is 0 */
	return mr_slots_add(&rmm->streams, &first, 0, err);
}

static enum mr_status
fill_rmm(struct mr_source *source, struct mr_error *err)
{
	return mr_lines_fill(source, parse, err);
}

static void
close_rmm(struct mr_source *source)
{
	struct rmm *rmm = source->state;

	if (rmm && rmm->has_streams)
		mr_slots_fini(&rmm->streams);
	mr_lines_close(source);
}

const struct mr_reading mr_rmm_reading = {
	.probe = probe,
	.open = open_rmm,
	.fill = fill_rmm,
	.close = close_rmm,
};
