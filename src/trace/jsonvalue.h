/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_JSONVALUE_H
#define MR_TRACE_JSONVALUE_H

/*
 * Values out of cJSON trees, checked. cJSON holds numbers as doubles, so every
 * call is also given the text of the object, to tell what was really written.
 * Errors have no place.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "memreplay/base.h"

/* The text of an object, in which an item's raw value can be looked up. */
struct mr_object {
	const char *text;
	size_t length;
};

/*
 * cJSON_ParseWithLengthOpts(), which does not tell text that is no JSON from memory
 * that ran out. *tree is NULL for such text; *end, unless end is NULL, is where
 * the value ended, or the defect is.
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_json_parse(cJSON **tree, const char *text, size_t length,
	const char **end, struct mr_error *err);

/*
 * Adds an item to an object, or, where key is NULL, to an array. cJSON leaves an item
 * that there is no memory to add to the caller; this deletes it. False then, and for an
 * item of NULL.
 */
bool mr_json_add(cJSON *to, const char *key, cJSON *item);

/*
 * Parses text as one JSON object with nothing but white space behind it. On
 * success *tree is the caller's.
 *   MR_EFORMAT
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_object_parse(
	cJSON **tree, const struct mr_object *object, struct mr_error *err);

/*
 * Reads a whole number from 0 to 2^53 without the text of its object, which alone tells
 * 2^53 from what is a little above it: for where that does not matter. False for anything
 * else, and for NULL; *out is any number then.
 */
bool mr_json_whole(uint64_t *out, const cJSON *item);

/*
 * Reads a whole number from 0 to 2^53, however it is written (1e3, 5.0).
 *   MR_EFORMAT  anything else; err names the key and what stands there
 */
MR_MUST_CHECK enum mr_status mr_value_u64(uint64_t *out, const cJSON *item,
	const struct mr_object *object, struct mr_error *err);

/* Reads the same, or null: MR_UNLIMITED. */
MR_MUST_CHECK enum mr_status mr_value_limit(uint64_t *out, const cJSON *item,
	const struct mr_object *object, struct mr_error *err);

MR_MUST_CHECK enum mr_status mr_value_u32(uint32_t *out, const cJSON *item,
	const struct mr_object *object, struct mr_error *err);

MR_MUST_CHECK enum mr_status mr_value_i32(int32_t *out, const cJSON *item,
	const struct mr_object *object, struct mr_error *err);

#endif
