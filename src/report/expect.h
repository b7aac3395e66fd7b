/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_EXPECT_H
#define MR_REPORT_EXPECT_H

/*
 * Expectations: "METRIC OP VALUE", such as "hit_rate>=0.95" or
 * "peak_cached_bytes <= 32MiB", held against a result. Comparisons are exact,
 * of ratios too.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "memreplay/result.h"

enum mr_relation { MR_AT_LEAST, MR_AT_MOST, MR_EQUAL, MR_UNEQUAL, MR_ABOVE, MR_BELOW };

struct mr_expect {
	const char *text; /* as the user gave it */
	const struct mr_metric *metric;
	enum mr_relation relation;
	uint64_t number; /* wanted: number / divisor */
	uint64_t divisor;
};

/*
 * Reads an expectation; it points into text and rows, the table of metrics it
 * may name: those in one of the sections, and those in none. The name may be that
 * of the section in JSON before it: limit_enforcement.max_overshoot_bytes. Sizes
 * may be written 32MiB, ratios 0.95 or 95%.
 *   MR_EINVAL  malformed, or no such metric; err names the nearest
 */
MR_MUST_CHECK enum mr_status mr_expect_parse(struct mr_expect *out, const char *text,
	const struct mr_metric *rows, size_t count, unsigned sections,
	struct mr_error *err);

#define MR_NAME_SIZE 64

/* Takes an expectation apart, without blanks; false if it is malformed. */
bool mr_expect_split(const char *text, char name[MR_NAME_SIZE],
	enum mr_relation *relation, char value[MR_NAME_SIZE]);

/* Reads 0.95 or 95% as a fraction, exactly. MR_EINVAL: it is neither. */
MR_MUST_CHECK enum mr_status mr_ratio_parse(
	uint64_t *number, uint64_t *divisor, const char *text, struct mr_error *err);

/* The metric's own name in one with its section before it. */
const char *mr_metric_bare_name(const char *name);

/* Whether what was found, on this side of what was wanted (below, at or above 0), is
 * in that relation to it. */
bool mr_relation_holds(enum mr_relation relation, int sign);

#define MR_FOUND_SIZE 96

/*
 * Whether the metric's value, found / divisor (divisor 1 unless it is a ratio;
 * a ratio of nothing is 0), is what was expected. Prints it into text.
 */
bool mr_expect_holds(const struct mr_expect *expect, uint64_t found, uint64_t divisor,
	char text[MR_FOUND_SIZE]);

#endif
