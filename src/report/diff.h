/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_DIFF_H
#define MR_REPORT_DIFF_H

/*
 * What differs between two sides, largest first, and expectations on it:
 * "METRIC OP CHANGE", such as "peak_cached_bytes<=+10%" or "hits>=-5".
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "report/doc.h"
#include "report/expect.h"
#include "report/side.h"

/*
 * A figure on both sides. Exact ones are a / a_divisor; the divisor is 0 for a
 * ratio of nothing, which counts as 0.
 */
struct mr_change {
	const char *part; /* whose: the name of the allocator, the second side's */
	const char *name;
	enum mr_unit unit;
	enum mr_better better;
	bool exact;
	bool endless; /* one side is unlimited and the other is not */
	bool unequal; /* memory ran out, so that they are of unequal parts of the trace */
	uint64_t a, a_divisor, b, b_divisor;
	double a_value, b_value;
	double change;
	double relative; /* to a; INFINITY if that is 0 and b is not */
};

struct mr_diff {
	struct mr_change *changes; /* largest first, the unchanged last */
	size_t count;
	size_t changed;
	const char *first; /* the name of the first allocator */
};

/*
 * Compares the figures that both sides know; of two replays, backend by
 * backend: the first, which are the caching allocators, and those of one name.
 * *out is the caller's, for mr_diff_fini(), and points into the sides.
 *   MR_EINVAL  they have no figure in common
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_diff_make(struct mr_diff *out, const struct mr_side *a,
	const struct mr_side *b, struct mr_error *err);

void mr_diff_fini(struct mr_diff *diff);

struct mr_delta {
	const char *text; /* as the user gave it */
	char name[MR_NAME_SIZE];
	enum mr_relation relation;
	bool negative;
	bool relative; /* number / divisor is a share of the first side's value */
	uint64_t number;
	uint64_t divisor;
};

/*
 * Reads an expectation. A change is written with its sign (0 may go without):
 * +10% is relative to the first side, -5, +4MiB and -0.01 are absolute.
 *   MR_EINVAL  malformed, or no such metric or figure; err names the nearest
 */
MR_MUST_CHECK enum mr_status mr_delta_parse(
	struct mr_delta *out, const char *text, struct mr_error *err);

/*
 * Whether the first allocator's change is as expected; exactly, for metrics but
 * ratios without their counts.
 * Prints it into text. False if the sides do not both know the figure, or if it
 * is of unequal parts of the trace.
 */
bool mr_delta_holds(const struct mr_delta *delta, const struct mr_diff *diff,
	char text[MR_FOUND_SIZE]);

/* Adds the sections "a", "b", "policy", "summary" and "changes". */
void mr_doc_add_diff(struct mr_doc *doc, const struct mr_side *a, const struct mr_side *b,
	const struct mr_diff *diff);

#endif
