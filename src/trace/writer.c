/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/check.h"
#include "trace/event.h"
#include "trace/format.h"
#include "trace/header.h"

struct mr_writer {
	const struct mr_writing *writing;
	struct mr_sink sink;
	struct mr_error failure; /* MR_OK: none so far */
};

static bool
ends_in_gz(const char *path)
{
	size_t length = strlen(path);

	return length >= 3 && !strcmp(path + length - 3, ".gz");
}

enum mr_status
mr_writer_open(struct mr_writer **out, const char *path, const char *format,
	const char *header_json, struct mr_error *err)
{
	struct mr_writer *writer;
	char *header = NULL;
	enum mr_status st;

	*out = NULL;
	writer = calloc(1, sizeof(*writer));
	if (!writer)
		return mr_fail_memory(err);
	if ((st = mr_format_writing(&writer->writing, path, format, err)) ||
		(st = mr_header_print(&header, header_json, err)) ||
		(st = mr_output_open(&writer->sink.output, path,
			 writer->writing->always_gzip || ends_in_gz(path), err)))
		goto out;
	st = writer->writing->open(&writer->sink, header, err);
out:
	free(header);
	if (st)
		mr_writer_abort(writer);
	else
		*out = writer;
	return st;
}

const char *
mr_writer_temporary(const struct mr_writer *writer)
{
	return mr_output_temporary(writer->sink.output);
}

/* What no format can hold. */
static enum mr_status
check_event(const struct mr_event *event, struct mr_error *err)
{
	if (event->op >= MR_OP_COUNT)
		return mr_fail(err, MR_EFORMAT, "there is no op %u", event->op);
	if (event->op == MR_OP_MALLOC)
		return mr_check_malloc(event, err);
	if (event->op != MR_OP_MARK)
		return MR_OK;
	if (event->name_length > MR_NAME_MAX)
		return mr_fail(err, MR_EFORMAT, "the name of a mark has over %d bytes",
			MR_NAME_MAX);
	if (!mr_text_is_utf8(event->name, event->name_length))
		return mr_fail(err, MR_EFORMAT, "the name of a mark is not valid UTF-8");
	return MR_OK;
}

enum mr_status
mr_writer_put(
	struct mr_writer *writer, const struct mr_event *event, struct mr_error *err)
{
	enum mr_status st = writer->failure.status;

	if (!st) {
		st = check_event(event, &writer->failure);
		if (!st)
			st = writer->writing->put(&writer->sink, event, &writer->failure);
		writer->sink.events += !st;
	}
	if (st && err)
		*err = writer->failure;
	return st;
}

enum mr_status
mr_writer_finish(struct mr_writer *writer, const char *trailer_json, struct mr_error *err)
{
	enum mr_status st = writer->failure.status;
	char *trailer = NULL;

	if (st && err)
		*err = writer->failure;
	if (!st)
		st = mr_trailer_print(&trailer, trailer_json, writer->sink.events, err);
	if (!st)
		st = writer->writing->finish(&writer->sink, trailer, err);
	free(trailer);
	if (!st) {
		st = mr_output_finish(writer->sink.output, err);
		writer->sink.output = NULL;
	}
	mr_writer_abort(writer);
	return st;
}

void
mr_writer_abort(struct mr_writer *writer)
{
	if (!writer)
		return;
	if (writer->sink.output || writer->sink.state)
		writer->writing->close(&writer->sink);
	mr_output_abort(writer->sink.output);
	free(writer);
}
