/* SPDX-License-Identifier: MIT */

/* Writing JSON Lines. */

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "trace/format.h"
#include "trace/jsonevent.h"

static enum mr_status
open_jsonl(struct mr_sink *sink, const char *header, struct mr_error *err)
{
	enum mr_status st;

	sink->state = malloc(MR_JSON_EVENT_MAX);
	if (!sink->state)
		return mr_fail_memory(err);
	st = mr_output_write(sink->output, header, strlen(header), err);
	return st ? st : mr_output_write(sink->output, "\n", 1, err);
}

static enum mr_status
put_jsonl(struct mr_sink *sink, const struct mr_event *event, struct mr_error *err)
{
	size_t length = 0;
	enum mr_status st;

	st = mr_json_event_print(sink->state, &length, event, err);
	return st ? st : mr_output_write(sink->output, sink->state, length, err);
}

static enum mr_status
finish_jsonl(struct mr_sink *sink, const char *trailer, struct mr_error *err)
{
	(void)sink;
	(void)trailer;
	(void)err;
	return MR_OK;
}

static void
close_jsonl(struct mr_sink *sink)
{
	free(sink->state);
}

const struct mr_writing mr_jsonl_writing = {
	false, open_jsonl, put_jsonl, finish_jsonl, close_jsonl};
