/* SPDX-License-Identifier: MIT */
#include "trace/jsonwalk.h"

#include "base/error.h"

enum mr_status
mr_jsonwalk_fail(const struct mr_jsonwalk *walk, struct mr_error *err, const char *text)
{
	return mr_fail_at(err, MR_EFORMAT, MR_PLACE_LINE, walk->line, "%s", text);
}

/*
 * Makes more than `have` bytes available, or finds that there are no more.
 *   MR_END  there are no more
 */
static enum mr_status
peek_more(const struct mr_jsonwalk *walk, size_t have, const char **text, size_t *length,
	struct mr_error *err)
{
	const unsigned char *data = NULL;
	enum mr_status st;

	st = mr_input_peek(walk->input, have + 1, &data, length, err);
	*text = (const char *)data;
	return st ? st : *length > have ? MR_OK : MR_END;
}

enum mr_status
mr_jsonwalk_space(struct mr_jsonwalk *walk, struct mr_error *err)
{
	const char *text;
	size_t length, at;
	enum mr_status st;

	for (;;) {
		st = peek_more(walk, 0, &text, &length, err);
		if (st)
			return st;
		for (at = 0; at < length && mr_json_space(text[at]); at++)
			walk->line += text[at] == '\n';
		mr_input_skip(walk->input, at);
		if (at < length)
			return MR_OK;
	}
}

static enum mr_status
fail_in_middle(const struct mr_jsonwalk *walk, struct mr_error *err)
{
	return mr_jsonwalk_fail(walk, err, "not valid JSON: the file ends in the middle");
}

enum mr_status
mr_jsonwalk_value(struct mr_jsonwalk *walk, struct mr_scan *scan, const char **text,
	enum mr_scan_result *result, struct mr_error *err)
{
	enum mr_status st;
	size_t length = 0;

	do {
		st = peek_more(walk, length, text, &length, err);
		if (st)
			return st == MR_END ? fail_in_middle(walk, err) : st;
		*result = mr_scan_value(scan, *text, length);
		if (scan->at > MR_JSON_ELEMENT_MAX)
			return mr_jsonwalk_fail(
				walk, err, "an object here is longer than 1 MiB");
	} while (*result == MR_SCAN_MORE);
	return MR_OK;
}

void
mr_jsonwalk_pass(struct mr_jsonwalk *walk, const struct mr_scan *scan)
{
	mr_input_skip(walk->input, scan->at);
	walk->line += scan->newlines;
}

enum mr_status
mr_jsonwalk_element(struct mr_jsonwalk *walk, bool *any, struct mr_error *err)
{
	bool comma = *any; /* one is needed */
	bool ends = true;  /* a ] may come */
	const char *text;
	size_t length;
	enum mr_status st;

	for (;;) {
		st = mr_jsonwalk_space(walk, err);
		if (st == MR_END)
			return mr_jsonwalk_fail(walk, err,
				"not valid JSON: the file ends inside the events");
		if (!st)
			st = peek_more(walk, 0, &text, &length, err);
		if (st)
			return st;
		if (*text == ']' && ends) {
			mr_input_skip(walk->input, 1);
			return MR_END;
		}
		if (*text == '{' && !comma) {
			*any = true;
			return MR_OK;
		}
		if (*text != ',' || !comma)
			return mr_jsonwalk_fail(walk, err,
				comma ? "expected \",\" or \"]\" behind an event"
				      : "expected an event, an object");
		mr_input_skip(walk->input, 1);
		comma = ends = false;
	}
}

enum mr_status
mr_jsonwalk_close(struct mr_jsonwalk *walk, struct mr_error *err)
{
	struct mr_scan scan = {.depth = 1};
	enum mr_scan_result result;
	enum mr_status st;
	const char *text;
	size_t length;

	do {
		st = peek_more(walk, 0, &text, &length, err);
		if (st)
			return st == MR_END ? fail_in_middle(walk, err) : st;
		scan.at = 0;
		scan.newlines = 0;
		result = mr_scan_value(&scan, text, length);
		mr_jsonwalk_pass(walk, &scan);
	} while (result == MR_SCAN_MORE);
	return MR_OK;
}
