/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_HEADER_H
#define MR_TRACE_HEADER_H

/* The object with which every trace begins, from JSON text and back. */

#include <stdbool.h>
#include <stddef.h>

#include <cjson/cJSON.h>

#include "memreplay/trace.h"

/* A header and what its strings live in. Zero it before use. */
struct mr_header_store {
	struct mr_header header;
	char *json;
	cJSON *tree;
	bool has_format;
	bool has_version;
};

/*
 * Parses the object in text, which must say which format and version it is
 * unless `partial` (a document may say so behind its events). On failure the
 * store still has to be given to mr_header_fini(). Errors have no place.
 *   MR_EFORMAT, MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_header_parse(struct mr_header_store *store,
	const char *text, size_t length, bool partial, struct mr_error *err);

/*
 * Checks what stands behind the events of a document, an object made of the
 * members there, against the header before them.
 */
MR_MUST_CHECK enum mr_status mr_header_parse_tail(struct mr_header_store *store,
	const char *text, size_t length, struct mr_error *err);

void mr_header_fini(struct mr_header_store *store);

/*
 * Makes of any JSON object the text of a header: one line, format and version
 * first, all other members as they were. *out is the caller's.
 *   MR_EINVAL  not a JSON object
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_header_print(
	char **out, const char *json, struct mr_error *err);

/*
 * Makes of any JSON object one in which key has the given JSON text as its
 * value. *out is the caller's.
 *   MR_EINVAL  not a JSON object
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_header_set(char **out, const char *json, const char *key,
	const char *value, struct mr_error *err);

/*
 * Makes the JSON object of an end mark: json (NULL: {}), with the number of
 * events set. *out is the caller's.
 *   MR_EINVAL  not a JSON object
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_trailer_print(
	char **out, const char *json, uint64_t events, struct mr_error *err);

#endif
