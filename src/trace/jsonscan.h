/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_JSONSCAN_H
#define MR_TRACE_JSONSCAN_H

/*
 * Finding where JSON values begin and end, without building anything: for
 * cutting a long document into elements that cJSON then parses, and for
 * getting at the text of a value where its double is not enough.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum mr_scan_result {
	MR_SCAN_MORE, /* the text ended before the value did */
	MR_SCAN_END,  /* `at` stands behind the bracket that closes the value */
	MR_SCAN_FOUND /* `at` stands behind the [ of the member looked for */
};

/*
 * A scan that can be continued when more text has come. Zero it to begin before
 * an opening bracket; set depth to 1 to begin behind one.
 */
struct mr_scan {
	size_t at;    /* how much of the text is behind us */
	size_t depth; /* open brackets */
	bool in_string;
	bool escaped;      /* the last character was a backslash in a string */
	const char *find;  /* set by the caller: a key, with its quotes, at depth 1, whose
			      array is looked for; NULL: none */
	uint8_t stage;     /* how much of that has been seen */
	size_t string_at;  /* begin of the last string at depth 1 */
	uint64_t newlines; /* seen on the way */
};

/* Goes on in text, of which length bytes are there, from scan->at. */
enum mr_scan_result mr_scan_value(struct mr_scan *scan, const char *text, size_t length);

/* One member of an object; pointers into the object's text. */
struct mr_member {
	const char *key; /* between the quotes, escapes as they stand */
	size_t key_length;
	const char *value;
	size_t value_length;
};

/*
 * Takes the member at *at, which begins behind the { of an object known to be
 * valid JSON, and moves *at behind it. False where there are no more.
 */
bool mr_member_next(const char **at, const char *end, struct mr_member *member);

/* Finds the member of a valid object with this key, NULL-terminated. */
bool mr_member_find(
	const char *object, size_t length, const char *key, struct mr_member *member);

/* Whether c is white space in JSON. */
static inline bool
mr_json_space(char c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

#endif
