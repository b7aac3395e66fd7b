/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_PICTURE_H
#define MR_REPORT_PICTURE_H

/*
 * The pictures of a report. Each is drawn as a plot, and has its numbers as rows
 * of a document, with the stretch of the x axis that each row stands for.
 *
 * Pictures of several subjects that are to be compared get the same axes.
 */

#include "memreplay/detail.h"
#include "memreplay/diagnose.h"
#include "memreplay/sweep.h"
#include "memreplay/tune.h"
#include "report/doc.h"
#include "report/plot.h"
#include "sim/watch.h"

/* A trace under a policy, and all that is known of it. */
struct mr_subject {
	const char *name; /* what tells it from the others */
	const char *path;
	const char *workload;
	struct mr_policy policy;
	struct mr_result result; /* detailed, as the trace has it */
	struct mr_watch *watch;
	/* the curve over the cache limit; count 0: the policy has none */
	struct mr_sweep *sweep;
	const struct mr_point *points;
	size_t point_count;
	uint64_t resolution;
	bool is_advised;
	struct mr_advice advice;
	struct mr_result advised; /* at the recommended limit */
	struct mr_result endless; /* with an unlimited cache */
	/* what would help; NULL: it was not looked for */
	struct mr_diagnosis *diagnosis;
};

#define MR_SPANS_MAX 512

/* A picture's numbers: rows, and where on the x axis (0 to 1) each stands. */
struct mr_numbers {
	struct mr_doc doc; /* one section of rows */
	size_t count;
	double from[MR_SPANS_MAX];
	double to[MR_SPANS_MAX];
};

/* What the x axis of a course counts. */
enum mr_course_x { MR_COURSE_EVENTS, MR_COURSE_TIME };

/* The highest values of several subjects; the axes reach up to them. */
struct mr_extent {
	uint64_t bytes;    /* active, cached or requested */
	uint64_t position; /* events, or ns */
};

void mr_extent_add(
	struct mr_extent *extent, const struct mr_subject *subject, enum mr_course_x x);

/*
 * Each of these prints into plot and, unless it is NULL, fills numbers (zeros at
 * first; see mr_doc_fini()). points is how many the picture has room for.
 */

/* Active, cached and requested memory and the limit, with the trace's marks. */
void mr_picture_course(struct mr_plot *plot, struct mr_numbers *numbers,
	const struct mr_subject *subject, enum mr_course_x x,
	const struct mr_extent *extent, size_t points);
#define MR_COURSE_KEY 1 /* lines of its legend, in a wide picture */

/* The hit rate, by calls and by bytes. */
void mr_picture_rates(struct mr_plot *plot, struct mr_numbers *numbers,
	const struct mr_subject *subject, const struct mr_extent *extent, size_t points);

/* The hit rate over the cache limit, of all subjects. */
void mr_picture_curve(struct mr_plot *plot, struct mr_numbers *numbers,
	const struct mr_subject *subjects, size_t count);

/* What bars show. */
enum mr_bars { MR_BARS_MALLOCS, MR_BARS_BYTES, MR_BARS_LIVES, MR_BARS_AGES };

/* The highest bar of a subject; at least most. */
uint64_t mr_bars_most(const struct mr_subject *subject, enum mr_bars what, uint64_t most);

/* Bars by powers of two; the y axis reaches up to most. */
void mr_picture_bars(struct mr_plot *plot, struct mr_numbers *numbers,
	const struct mr_subject *subject, enum mr_bars what, uint64_t most);

/* --- what the pictures share */

/* The colours, as gnuplot writes them; the page maps them for dark screens. */
#define MR_INK_BLUE   "#0072b2"
#define MR_INK_ORANGE "#e69f00"
#define MR_INK_GREEN  "#009e73"
#define MR_INK_RED    "#d55e00"
#define MR_INK_PINK   "#cc79a7"
#define MR_INK_YELLOW "#f0e442"
#define MR_INK_GREY   "#999999"
#define MR_INK_PURPLE "#5b1a5e"

/* A scale for an axis: what to divide by, and what the result counts. */
struct mr_scale {
	double by;
	const char *unit;
};

struct mr_scale mr_scale_bytes(uint64_t most);
struct mr_scale mr_scale_count(
	uint64_t most, const char *one, const char *thousand, const char *million);
struct mr_scale mr_scale_time(uint64_t most_ns);

/* A row of numbers begins, which stands for a stretch of the x axis. */
void mr_numbers_span(struct mr_numbers *numbers, double from, double to);

#endif
