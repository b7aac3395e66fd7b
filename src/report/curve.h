/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_CURVE_H
#define MR_REPORT_CURVE_H

/* The points of a sweep, as a table with a chart, as JSON or as CSV. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "memreplay/sweep.h"
#include "report/doc.h"
#include "report/screen.h"

struct mr_curve {
	const char *path;         /* of the trace */
	const struct mr_doc *doc; /* what JSON says before the points */
	const struct mr_point *points;
	size_t count;
	const struct mr_sweep_summary *summary;
	const char *const *varied; /* "KNOB=VALUE" of each knob that is varied */
	size_t varied_count;
};

/*
 * Whether every limit between point i and the next is known: their ranges meet.
 * The last point's is known up to any limit only if nothing changes above it.
 */
bool mr_curve_proved(const struct mr_curve *curve, size_t i);

/* Prints the table of points; on a terminal in its width, with a chart. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_curve_table(const struct mr_curve *curve,
	const struct mr_screen *screen, FILE *out, struct mr_error *err);

/* Prints one JSON object, without a newline behind it. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_curve_json(
	const struct mr_curve *curve, FILE *out, struct mr_error *err);

/* Prints the CSV line of column names, and the lines of a curve. */
void mr_curve_csv_names(const struct mr_curve *curve, FILE *out);
void mr_curve_csv(const struct mr_curve *curve, FILE *out);

/* A place where more cache means fewer hits. */
struct mr_loss {
	size_t at; /* the point before it */
	uint64_t hits;
};

/*
 * The places between neighbouring points that lose hits, the largest first;
 * *losses is the caller's, to be freed. MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_curve_losses(const struct mr_curve *curve,
	struct mr_loss **losses, size_t *count, struct mr_error *err);

#endif
