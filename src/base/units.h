/* SPDX-License-Identifier: MIT */
#ifndef MR_BASE_UNITS_H
#define MR_BASE_UNITS_H

/*
 * Sizes as people write them. The only place that multiplies by 1024.
 */

#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"

/*
 * Reads "4096", "32M", "32MiB", "1.5G" (powers of 1024, K to E, either case,
 * "B" and "iB" allowed) or "unlimited" (MR_UNLIMITED). A fraction of a byte
 * left over by 1.3M and the like is dropped.
 *   MR_EINVAL  not a size; err says what a size looks like
 */
MR_MUST_CHECK enum mr_status mr_size_parse(
	uint64_t *out, const char *text, struct mr_error *err);

/* Reads a whole decimal number. MR_EINVAL otherwise. */
MR_MUST_CHECK enum mr_status mr_count_parse(
	uint64_t *out, const char *text, struct mr_error *err);

#define MR_TEXT_SIZE 32 /* what the printers below need at most */

/*
 * Prints bytes for people into text: exact if a whole number of the unit
 * ("32 MiB"), otherwise to four digits ("33.55 MiB"). Returns text.
 */
char *mr_size_print(char text[MR_TEXT_SIZE], uint64_t bytes);

/* Prints a count for people: "1,234,567". Returns text. */
char *mr_count_print(char text[MR_TEXT_SIZE], uint64_t count);

/* Prints a duration for people: "12.3 ns", "4.56 us", "7.8 ms", "9.01 s". */
char *mr_time_print(char text[MR_TEXT_SIZE], double ns);

#endif
