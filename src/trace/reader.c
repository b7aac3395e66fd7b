/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/check.h"
#include "trace/format.h"
#include "trace/import.h"

#define PROBE_SIZE 512            /* bytes from which a format is recognised */
#define BOM        "\xef\xbb\xbf" /* the byte order mark that some editors put first */

struct mr_reader {
	const struct mr_reading *reading;
	struct mr_source source;
	struct mr_check check;
	size_t at;             /* in source.events: the next to hand out */
	struct mr_error after; /* what follows source.events[count - 1] */
	uint64_t events;       /* handed out */

	/* of an import, once all of it has been read */
	char foreseen[MR_IMPORT_TEXT_SIZE];
	char phrase[MR_IMPORT_TEXT_SIZE];
	char trailer[MR_IMPORT_TEXT_SIZE + 16];
};

/* All but the reader's own memory. */
static void
close_reader(struct mr_reader *reader)
{
	if (reader->reading)
		reader->reading->close(&reader->source);
	reader->reading = NULL;
	mr_check_fini(&reader->check);
	memset(&reader->check, 0, sizeof(reader->check));
	mr_input_close(reader->source.input);
}

static enum mr_status
find_format(struct mr_reader *reader, const char *from, struct mr_error *err)
{
	struct mr_input *input = reader->source.input;
	char text[MR_QUOTE_SIZE];
	const unsigned char *data;
	size_t row, length;
	enum mr_status st;

	if (from && !mr_format_by_name(&row, from))
		return mr_fail(err, MR_EINVAL, "there is no format \"%s\"",
			mr_text_quote(text, from, strlen(from)));
	st = mr_input_peek(input, 1, &data, &length, err);
	if (st)
		return st;
	if (length == 0)
		return mr_fail(err, MR_EFORMAT, "the file is empty");
	/* a defect behind the first bytes is for the format to meet */
	if (mr_input_peek(input, PROBE_SIZE, &data, &length, NULL))
		st = mr_input_peek(input, 1, &data, &length, err);
	if (!st && length >= strlen(BOM) && !memcmp(data, BOM, strlen(BOM))) {
		mr_input_skip(input, strlen(BOM));
		data += strlen(BOM);
		length -= strlen(BOM);
	}
	if (!st && !from && !mr_format_by_content(&row, data, length))
		return mr_fail(err, MR_EFORMAT, "no known format begins like this");
	if (!st)
		reader->reading = mr_format_at(row)->reading;
	return st;
}

/* Refuses what the format would pass over. */
static enum mr_status
check_options(const struct mr_reading *reading, const struct mr_reader_options *options,
	struct mr_error *err)
{
	if (options->device && !(reading->takes & MR_TAKES_DEVICE))
		return mr_fail(
			err, MR_EINVAL, "traces of this format are not of devices");
	if (options->free_at != MR_FREE_AT_COMPLETED &&
		!(reading->takes & MR_TAKES_FREE_AT))
		return mr_fail(err, MR_EINVAL,
			"in traces of this format a free is one event, not two");
	return MR_OK;
}

static enum mr_status
open_reader(struct mr_reader *reader, const char *path,
	const struct mr_reader_options *options, struct mr_error *err)
{
	struct mr_source *source = &reader->source;
	enum mr_status st;

	source->lenient = options->lenient;
	if ((st = mr_input_open(&source->input, path, err)))
		return st;
	mr_input_tell(source->input, options->progress, options->progress_context);
	if ((options->ahead && (st = mr_input_read_ahead(source->input, err))) ||
		(st = mr_check_init(&reader->check, options->lenient, err)) ||
		(st = find_format(reader, options->from, err)) ||
		(st = check_options(reader->reading, options, err)))
		return st;
	source->options = options;
	st = reader->reading->open(source, err);
	source->options = NULL;
	return st;
}

/*
 * Opens for good, having read an import to its end before if that is asked for
 * and can be done twice. A defect in it is met again, in its place.
 */
static enum mr_status
open_foreseeing(struct mr_reader *reader, const char *path,
	const struct mr_reader_options *options, struct mr_error *err)
{
	enum mr_status st = open_reader(reader, path, options, err);
	uint64_t done, length;
	struct mr_event event;

	if (st || !options->foresee || !reader->source.import ||
		reader->source.import->complete)
		return st;
	mr_input_progress(reader->source.input, &done, &length);
	if (!length || !strcmp(path, "-"))
		return MR_OK;
	do
		st = mr_reader_next(reader, &event, err);
	while (!st);
	if (st == MR_EIO || st == MR_ENOMEM)
		return st;
	mr_import_json(reader->foreseen, reader->source.import);
	close_reader(reader);
	memset(&reader->source, 0, sizeof(reader->source));
	reader->source.foreseen = reader->foreseen;
	reader->after.status = MR_OK;
	reader->events = reader->at = 0;
	return open_reader(reader, path, options, err);
}

enum mr_status
mr_reader_open(struct mr_reader **out, const char *path,
	const struct mr_reader_options *options, struct mr_error *err)
{
	static const struct mr_reader_options defaults = {0};
	struct mr_error why = {.status = MR_OK};
	struct mr_reader *reader;
	enum mr_status st;

	*out = NULL;
	reader = calloc(1, sizeof(*reader));
	if (!reader)
		return mr_fail_memory(err);
	st = open_foreseeing(reader, path, options ? options : &defaults, &why);
	if (st) {
		if (err)
			*err = why;
		mr_reader_close(reader);
		return st;
	}
	*out = reader;
	return MR_OK;
}

const struct mr_header *
mr_reader_header(const struct mr_reader *reader)
{
	return &reader->source.header;
}

/* Gives an error of the rules the place of the event that broke them. */
static void
place_error(struct mr_reader *reader, size_t failed)
{
	const struct mr_source *source = &reader->source;
	struct mr_error *err = &reader->after;
	char text[sizeof(err->text)];

	if (err->status != MR_EFORMAT)
		return;
	err->place = source->place;
	err->where = source->where + (source->place == MR_PLACE_EVENT ? failed : 0);
	if (source->element) {
		memcpy(text, err->text, sizeof(text));
		snprintf(err->text, sizeof(err->text), "event %" PRIu64 ": %.200s",
			source->element, text);
	}
}

/* Says what the import came to, as far as it has come. */
static void
describe_import(struct mr_reader *reader)
{
	const struct mr_source *source = &reader->source;
	char text[MR_IMPORT_TEXT_SIZE];

	mr_import_phrase(reader->phrase, source->import);
	if (source->foreseen || source->import->complete)
		return; /* the header has it */
	snprintf(reader->trailer, sizeof(reader->trailer), "{\"import\":%s}",
		mr_import_json(text, source->import));
	reader->source.trailer = reader->trailer;
}

/* Gets and checks more events, or sets `after`. */
static void
fill(struct mr_reader *reader)
{
	struct mr_source *source = &reader->source;
	struct mr_error *after = &reader->after;
	size_t failed = 0;

	reader->at = 0;
	do {
		after->place = MR_PLACE_NONE;
		after->status = reader->reading->fill(source, after);
		if (after->status) {
			source->count = 0;
			break;
		}
		after->status = mr_check_events(
			&reader->check, source->events, &source->count, &failed, after);
		if (after->status)
			place_error(reader, failed);
	} while (!after->status && !source->count);
	if (after->status == MR_END && !reader->events)
		mr_fail(after, MR_EFORMAT, "no events");
	if (after->status == MR_END && source->import)
		describe_import(reader);
}

enum mr_status
mr_reader_next(struct mr_reader *reader, struct mr_event *event, struct mr_error *err)
{
	if (reader->at == reader->source.count) {
		if (!reader->after.status)
			fill(reader);
		if (reader->at == reader->source.count) {
			if (err && reader->after.status != MR_END)
				*err = reader->after;
			return reader->after.status;
		}
	}
	*event = reader->source.events[reader->at++];
	reader->events++;
	return MR_OK;
}

uint32_t
mr_reader_slots(const struct mr_reader *reader)
{
	return reader->check.slots.used;
}

bool
mr_reader_help(struct mr_reader *reader)
{
	return mr_input_help(reader->source.input);
}

void
mr_reader_summary(const struct mr_reader *reader, struct mr_reader_summary *out)
{
	const struct mr_source *source = &reader->source;
	const struct mr_check *check = &reader->check;

	out->format = source->format;
	out->events = reader->events;
	out->cut = source->cut;
	out->skipped_lines = source->skipped_lines + check->skipped_events;
	out->skipped_frees = check->skipped_frees;
	out->skipped_mallocs = check->skipped_mallocs;
	out->clamped_times = check->clamped_times;
	out->trailer = source->trailer ? source->trailer : "";
	out->import = reader->phrase;
}

void
mr_reader_progress(const struct mr_reader *reader, uint64_t *done, uint64_t *length)
{
	const struct mr_source *source = &reader->source;

	*done = source->step;
	*length = source->steps;
	if (!source->steps)
		mr_input_progress(source->input, done, length);
}

void
mr_reader_close(struct mr_reader *reader)
{
	if (reader)
		close_reader(reader);
	free(reader);
}
