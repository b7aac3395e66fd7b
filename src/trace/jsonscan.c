/* SPDX-License-Identifier: MIT */
#include "trace/jsonscan.h"

#include <string.h>

/* mr_scan.stage: what stands directly before, white space aside */
enum { OTHER, THE_KEY, THE_COLON };

/* Returns where the string goes on or ends; leaves in_string if it ended. */
static size_t
skip_string(struct mr_scan *scan, const char *text, size_t at, size_t length)
{
	for (; at < length; at++) {
		char c = text[at];

		if (c == '\n')
			scan->newlines++;
		if (scan->escaped) {
			scan->escaped = false;
		} else if (c == '\\') {
			scan->escaped = true;
		} else if (c == '"') {
			scan->in_string = false;
			return at + 1;
		}
	}
	return at;
}

/* Notes what a string that has just ended means for the search. */
static void
end_string(struct mr_scan *scan, const char *text, size_t end)
{
	size_t length = scan->find ? strlen(scan->find) : 0;

	scan->stage = OTHER;
	if (scan->find && scan->depth == 1 && end - scan->string_at == length &&
		!memcmp(text + scan->string_at, scan->find, length))
		scan->stage = THE_KEY;
}

/* Handles one character outside of strings; true if the scan is over. */
static bool
step(struct mr_scan *scan, char c, size_t at, enum mr_scan_result *result)
{
	uint8_t stage = scan->stage;

	scan->stage = OTHER;
	switch (c) {
	case '"':
		scan->in_string = true;
		scan->string_at = at;
		return false;
	case ':':
		if (stage == THE_KEY)
			scan->stage = THE_COLON;
		return false;
	case '{':
	case '[':
		scan->depth++;
		*result = MR_SCAN_FOUND;
		return c == '[' && stage == THE_COLON;
	case '}':
	case ']':
		scan->depth--;
		*result = MR_SCAN_END;
		return scan->depth == 0;
	case '\n':
		scan->newlines++;
		scan->stage = stage;
		return false;
	case ' ':
	case '\t':
	case '\r':
		scan->stage = stage;
		return false;
	default:
		return false;
	}
}

enum mr_scan_result
mr_scan_value(struct mr_scan *scan, const char *text, size_t length)
{
	enum mr_scan_result result = MR_SCAN_MORE;
	size_t at = scan->at;

	while (at < length) {
		if (scan->in_string) {
			at = skip_string(scan, text, at, length);
			if (!scan->in_string)
				end_string(scan, text, at);
			continue;
		}
		at++;
		if (step(scan, text[at - 1], at - 1, &result)) {
			scan->at = at;
			return result;
		}
	}
	scan->at = at;
	return MR_SCAN_MORE;
}

static const char *
skip_space(const char *at, const char *end)
{
	while (at < end && mr_json_space(*at))
		at++;
	return at;
}

/* The end of the value that begins at `at`, in valid JSON. */
static const char *
value_end(const char *at, const char *end)
{
	struct mr_scan scan = {0};

	if (*at == '"') {
		scan.in_string = true;
		return at + 1 + skip_string(&scan, at + 1, 0, (size_t)(end - at - 1));
	}
	if (*at == '{' || *at == '[') {
		mr_scan_value(&scan, at, (size_t)(end - at));
		return at + scan.at;
	}
	while (at < end && *at != ',' && *at != '}' && !mr_json_space(*at))
		at++;
	return at;
}

bool
mr_member_next(const char **at, const char *end, struct mr_member *member)
{
	const char *p = skip_space(*at, end);

	if (p < end && *p == ',')
		p = skip_space(p + 1, end);
	if (p >= end || *p != '"')
		return false;
	member->key = p + 1;
	p = value_end(p, end);
	member->key_length = (size_t)(p - 1 - member->key);
	p = skip_space(p, end);
	/* cJSON passes over more white space than there is in JSON */
	member->value = p < end && *p == ':' ? skip_space(p + 1, end) : end;
	if (member->value >= end)
		return false;
	*at = value_end(member->value, end);
	member->value_length = (size_t)(*at - member->value);
	return true;
}

bool
mr_member_find(
	const char *object, size_t length, const char *key, struct mr_member *member)
{
	const char *end = object + length;
	const char *at = memchr(object, '{', length);
	size_t key_length = strlen(key);

	at = at ? at + 1 : end;
	while (mr_member_next(&at, end, member))
		if (member->key_length == key_length &&
			!memcmp(member->key, key, key_length))
			return true;
	return false;
}
