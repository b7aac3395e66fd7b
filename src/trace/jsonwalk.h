/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_JSONWALK_H
#define MR_TRACE_JSONWALK_H

/*
 * Going through a long JSON text value by value, counting lines. Errors have
 * the line at which the value began.
 */

#include <stddef.h>
#include <stdint.h>

#include "trace/input.h"
#include "trace/jsonscan.h"

#define MR_JSON_ELEMENT_MAX ((size_t)1024 * 1024) /* bytes of one value */

struct mr_jsonwalk {
	struct mr_input *input;
	uint64_t line; /* of the next byte; 1 is the first */
};

/* MR_EFORMAT with the line and this text. */
enum mr_status mr_jsonwalk_fail(
	const struct mr_jsonwalk *walk, struct mr_error *err, const char *text);

/*
 * Skips white space.
 *   MR_END  the input ends
 */
MR_MUST_CHECK enum mr_status mr_jsonwalk_space(
	struct mr_jsonwalk *walk, struct mr_error *err);

/*
 * Brings the whole value that a scan goes through into the buffer; to be passed
 * over with mr_jsonwalk_pass().
 *   MR_EFORMAT  the input ends before, or it is longer than MR_JSON_ELEMENT_MAX
 */
MR_MUST_CHECK enum mr_status mr_jsonwalk_value(struct mr_jsonwalk *walk,
	struct mr_scan *scan, const char **text, enum mr_scan_result *result,
	struct mr_error *err);

/* Moves behind what was scanned. */
void mr_jsonwalk_pass(struct mr_jsonwalk *walk, const struct mr_scan *scan);

/*
 * Goes to the next element, an object, of an array whose [ is passed; *any says
 * whether there was one before.
 *   MR_END      the array has ended; its ] is passed
 *   MR_EFORMAT  something else stands there, or the input ends
 */
MR_MUST_CHECK enum mr_status mr_jsonwalk_element(
	struct mr_jsonwalk *walk, bool *any, struct mr_error *err);

/*
 * Passes over all up to and with the bracket that closes what is open.
 *   MR_EFORMAT  the input ends before
 */
MR_MUST_CHECK enum mr_status mr_jsonwalk_close(
	struct mr_jsonwalk *walk, struct mr_error *err);

#endif
