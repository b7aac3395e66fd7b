/* SPDX-License-Identifier: MIT */

/*
 * Reading text: JSON Lines, and a JSON document with an "events" array. Which
 * of the two it is shows while the first object is scanned. Either is cut into
 * elements, lines or array members, and each is parsed on its own.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/event.h"
#include "trace/format.h"
#include "trace/header.h"
#include "trace/jsonevent.h"
#include "trace/jsonscan.h"
#include "trace/jsonwalk.h"
#include "trace/lines.h"

enum phase {
	LINES,    /* reading JSON Lines */
	ELEMENTS, /* within the array of a document */
	DONE
};

struct json {
	enum phase phase;
	struct mr_jsonwalk walk;
	uint64_t element; /* of a document: events so far */
	bool any;         /* of them, also bad ones */
	struct mr_header_store header;
	struct mr_event event;
	cJSON *held; /* what event.name points into */
};

static bool
probe(const unsigned char *data, size_t length)
{
	size_t at = 0;

	while (at < length && mr_json_space((char)data[at]))
		at++;
	return at < length && data[at] == '{';
}

/* Adds a line to an error that has no place yet. */
static enum mr_status
at_line(struct mr_error *err, uint64_t line)
{
	if (err->place == MR_PLACE_NONE && err->status == MR_EFORMAT) {
		err->place = MR_PLACE_LINE;
		err->where = line;
	}
	return err->status;
}

/* The same for an element of a document, and says which. */
static enum mr_status
at_element(struct mr_error *err, uint64_t line, uint64_t element)
{
	char text[sizeof(err->text)];

	if (err->place == MR_PLACE_NONE && err->status == MR_EFORMAT) {
		memcpy(text, err->text, sizeof(text));
		snprintf(err->text, sizeof(err->text), "event %" PRIu64 ": %.200s",
			element, text);
	}
	return at_line(err, line);
}

/* The header of a document is what stands before "events", closed. */
static enum mr_status
parse_document_head(struct json *json, const char *text, const struct mr_scan *scan,
	struct mr_error *err)
{
	size_t length = scan->string_at;
	enum mr_status st;
	char *head;

	while (length && mr_json_space(text[length - 1]))
		length--;
	if (length && text[length - 1] == ',')
		length--;
	head = malloc(length + 1);
	if (!head)
		return mr_fail_memory(err);
	memcpy(head, text, length);
	head[length] = '}';
	st = mr_header_parse(&json->header, head, length + 1, true, err);
	free(head);
	return st;
}

/* In JSON Lines nothing stands behind the header on its line. */
static enum mr_status
end_header_line(struct mr_source *source, struct mr_error *err)
{
	struct json *json = source->state;
	uint64_t line = json->walk.line;
	enum mr_status st;

	st = mr_jsonwalk_space(&json->walk, err);
	if (!st && json->walk.line == line)
		return mr_jsonwalk_fail(
			&json->walk, err, "trailing text after the header");
	return st == MR_END ? MR_OK : st;
}

static enum mr_status
open_header(struct mr_source *source, struct mr_error *err)
{
	struct json *json = source->state;
	struct mr_scan scan = {.find = "\"events\""};
	enum mr_scan_result result;
	enum mr_status st;
	const char *text;

	st = mr_jsonwalk_space(&json->walk, err);
	if (!st)
		st = mr_jsonwalk_value(&json->walk, &scan, &text, &result, err);
	if (st)
		return st == MR_END ? mr_jsonwalk_fail(&json->walk, err, "no header")
				    : st;
	source->format = result == MR_SCAN_FOUND ? "json" : "jsonl";
	json->phase = result == MR_SCAN_FOUND ? ELEMENTS : LINES;
	if (result == MR_SCAN_FOUND)
		st = parse_document_head(json, text, &scan, err);
	else
		st = mr_header_parse(&json->header, text, scan.at, false, err);
	if (st)
		return at_line(err, json->walk.line);
	json->walk.line += scan.newlines;
	mr_input_skip(source->input, scan.at);
	source->header = json->header.header;
	return json->phase == LINES ? end_header_line(source, err) : MR_OK;
}

static enum mr_status
open_json(struct mr_source *source, struct mr_error *err)
{
	struct json *json = calloc(1, sizeof(*json));

	if (!json)
		return mr_fail_memory(err);
	source->state = json;
	source->place = MR_PLACE_LINE;
	source->events = &json->event;
	json->walk = (struct mr_jsonwalk){source->input, 1};
	return open_header(source, err);
}

static bool
is_blank(const char *text, size_t length)
{
	for (size_t i = 0; i < length; i++)
		if (!mr_json_space(text[i]))
			return false;
	return true;
}

/* Parses one element; MR_EFORMAT is not final when reading leniently. */
static enum mr_status
parse_event(
	struct mr_source *source, const struct mr_object *object, struct mr_error *err)
{
	struct json *json = source->state;
	enum mr_status st;

	source->where = json->walk.line;
	source->element = json->element;
	st = mr_json_event(&json->event, &json->held, object, err);
	if (st)
		return json->element ? at_element(err, json->walk.line, json->element)
				     : at_line(err, json->walk.line);
	source->count = 1;
	return MR_OK;
}

static enum mr_status
next_line(struct mr_source *source, struct mr_error *err)
{
	struct json *json = source->state;
	struct mr_object object;
	enum mr_status st;
	bool last = false;

	st = mr_line_peek(source->input, &object.text, &object.length, &last, err);
	if (st)
		return st == MR_END ? st : at_line(err, json->walk.line);
	if (!is_blank(object.text, object.length))
		st = parse_event(source, &object, err);
	mr_input_skip(source->input, object.length + !last);
	json->walk.line += !last;
	return st;
}

/* Behind the array: the other members, the closing brace, and nothing more. */
static enum mr_status
end_document(struct mr_source *source, struct mr_error *err)
{
	struct json *json = source->state;
	struct mr_scan scan = {.depth = 1};
	enum mr_scan_result result;
	const char *text, *from;
	enum mr_status st;
	char *tail;

	st = mr_jsonwalk_space(&json->walk, err);
	if (st && st != MR_END)
		return st;
	st = mr_jsonwalk_value(&json->walk, &scan, &text, &result, err);
	if (st)
		return st;
	if (*text != ',' && *text != '}')
		return mr_jsonwalk_fail(
			&json->walk, err, "expected \",\" or \"}\" behind the events");
	tail = malloc(scan.at + 1);
	if (!tail)
		return mr_fail_memory(err);
	from = *text == ',' ? text + 1 : text;
	tail[0] = '{';
	memcpy(tail + 1, from, (size_t)(text + scan.at - from));
	st = mr_header_parse_tail(
		&json->header, tail, (size_t)(text + scan.at - from) + 1, err);
	free(tail);
	if (st)
		return at_line(err, json->walk.line);
	mr_jsonwalk_pass(&json->walk, &scan);
	st = mr_jsonwalk_space(&json->walk, err);
	return st
		? st
		: mr_jsonwalk_fail(&json->walk, err, "trailing text after the document");
}

static enum mr_status
next_element(struct mr_source *source, struct mr_error *err)
{
	struct json *json = source->state;
	struct mr_scan scan = {0};
	struct mr_object object;
	enum mr_scan_result result;
	enum mr_status st;

	st = mr_jsonwalk_element(&json->walk, &json->any, err);
	if (st == MR_END) {
		json->phase = DONE;
		return end_document(source, err);
	}
	if (!st)
		st = mr_jsonwalk_value(&json->walk, &scan, &object.text, &result, err);
	if (st)
		return st;
	object.length = scan.at;
	json->element++;
	st = parse_event(source, &object, err);
	mr_jsonwalk_pass(&json->walk, &scan);
	return st;
}

static enum mr_status
fill_json(struct mr_source *source, struct mr_error *err)
{
	struct json *json = source->state;
	uint64_t position;
	enum mr_status st;

	cJSON_Delete(json->held);
	json->held = NULL;
	source->count = 0;
	do {
		position = mr_input_position(source->input);
		st = json->phase == LINES ? next_line(source, err)
					  : next_element(source, err);
		if (st != MR_EFORMAT || !source->lenient)
			continue;
		if (mr_input_truncated(source->input)) {
			source->cut = true;
			return MR_END;
		}
		/* an element was passed over, unless there is no telling its end */
		if (mr_input_position(source->input) == position || json->phase == DONE)
			return st;
		source->skipped_lines++;
		st = MR_OK;
	} while (!st && !source->count);
	return st;
}

static void
close_json(struct mr_source *source)
{
	struct json *json = source->state;

	if (!json)
		return;
	cJSON_Delete(json->held);
	mr_header_fini(&json->header);
	free(json);
}

const struct mr_reading mr_json_reading = {
	.probe = probe,
	.open = open_json,
	.fill = fill_json,
	.close = close_json,
};
