/* SPDX-License-Identifier: MIT */
#ifndef MR_BASE_ERROR_H
#define MR_BASE_ERROR_H

/* Building the report of a failure where it is known, in one expression. */

#include "memreplay/base.h"

/* Fills in *err (if not NULL) without a place, and returns status. */
enum mr_status mr_fail(struct mr_error *err, enum mr_status status, const char *format,
	...) MR_PRINTF(3, 4);

/* The same with a place in the input. */
enum mr_status mr_fail_at(struct mr_error *err, enum mr_status status,
	enum mr_place place, uint64_t where, const char *format, ...) MR_PRINTF(5, 6);

/* The report of a host failure: "what: text of errno_value". */
enum mr_status mr_fail_errno(struct mr_error *err, int errno_value, const char *what);

/* The report of our own tables not fitting into memory. */
enum mr_status mr_fail_memory(struct mr_error *err);

#endif
