/* SPDX-License-Identifier: MIT */
/* Pictures over the course of a trace. */
#include <stdlib.h>
#include <string.h>

#include "report/picture.h"

#define TABLE_ROWS  48 /* of the numbers below a picture */
#define MARKS_DRAWN 40
#define FEW_MARKS   12
#define NAME_MOST   14

/* A course made of fewer, wider buckets. */
struct course {
	const struct mr_series *series;
	uint64_t width; /* of a bucket */
	size_t per;     /* buckets of the series in one */
	size_t count;
	double end; /* of the x axis */
	struct mr_scale x;
	bool timed;
};

static void
course_init(struct course *course, const struct mr_subject *subject, enum mr_course_x x,
	uint64_t end, size_t points)
{
	const struct mr_watch *watch = subject->watch;
	const struct mr_series *series =
		x == MR_COURSE_TIME ? &watch->by_time : &watch->by_event;
	uint64_t all = end / series->width + 1;

	course->series = series;
	course->timed = x == MR_COURSE_TIME;
	course->per = (size_t)(all / points) + (all % points != 0);
	course->width = series->width * course->per;
	course->count = (series->count + course->per - 1) / course->per;
	course->end = end ? (double)end : 1;
	course->x = x == MR_COURSE_TIME
		? mr_scale_time(end)
		: mr_scale_count(end, "events", "thousand events", "million events");
}

static struct mr_bucket
bucket_at(const struct course *course, size_t i)
{
	size_t at = i * course->per;
	struct mr_bucket bucket = course->series->buckets[at];

	for (size_t k = 1; k < course->per && at + k < course->series->count; k++)
		mr_bucket_merge(&bucket, &course->series->buckets[at + k]);
	return bucket;
}

/* A bucket's stretch of the axis, 0 to 1. */
static double
edge(const struct course *course, size_t i)
{
	double at = (double)i * (double)course->width / course->end;

	return at < 1 ? at : 1;
}

static double
middle(const struct course *course, size_t i)
{
	return (edge(course, i) + edge(course, i + 1)) / 2 * course->end / course->x.by;
}

static void
print_x_axis(struct mr_plot *plot, const struct course *course)
{
	fprintf(plot->script, "set xrange [0:%.9g]\nset xlabel '%s%s' offset 0,0.4\n",
		course->end / course->x.by, course->timed ? "time, " : "",
		course->x.unit);
}

/* --- memory */

static void
print_levels(struct mr_plot *plot, const struct course *course, struct mr_scale y)
{
	static const enum mr_level levels[] = {
		MR_LEVEL_ACTIVE, MR_LEVEL_CACHED, MR_LEVEL_REQUESTED, MR_LEVEL_LIMIT};

	fputs("$levels << EOD\n", plot->script);
	for (size_t i = 0; i < course->count; i++) {
		struct mr_bucket bucket = bucket_at(course, i);

		fprintf(plot->script, "%.9g", middle(course, i));
		for (size_t k = 0; k < sizeof(levels) / sizeof(levels[0]); k++)
			fprintf(plot->script, " %.6g %.6g",
				(double)bucket.least[levels[k]] / y.by,
				(double)bucket.most[levels[k]] / y.by);
		putc('\n', plot->script);
	}
	fputs("EOD\n", plot->script);
}

/* Whether two names differ in more than their numbers. */
static bool
is_other(const char *a, const char *b)
{
	char phase[2 * MR_WATCH_NAME];
	size_t length = 0;

	for (; *a; a++) {
		if (*a < '0' || *a > '9')
			phase[length++] = *a;
		else if (!length || phase[length - 1] != '#')
			phase[length++] = '#';
	}
	phase[length] = '\0';
	return !mr_phase_is(phase, b);
}

/* One where the name changes; any, if there are few, or some of many. */
static bool
is_mark_shown(const struct mr_watch *watch, size_t i)
{
	return watch->mark_count <= FEW_MARKS || watch->kept < watch->mark_count || !i ||
		is_other(watch->marks[i - 1].name, watch->marks[i].name);
}

/* Of those to be shown, every how many-th is drawn, to have room for all. */
static size_t
mark_step(const struct mr_watch *watch)
{
	size_t shown = 0;

	for (size_t i = 0; i < watch->kept; i++)
		shown += is_mark_shown(watch, i);
	return shown / (MARKS_DRAWN + 1) + 1;
}

/* Lines for marks. */
static void
print_marks(struct mr_plot *plot, const struct course *course,
	const struct mr_watch *watch, bool timed)
{
	size_t shown = 0, step = mark_step(watch);
	double labelled = -1;

	for (size_t i = 0; i < watch->kept; i++) {
		const struct mr_watch_mark *mark = &watch->marks[i];
		double at = timed ? (double)mark->t : (double)mark->event - 1;
		double room = NAME_MOST * 6.2 * course->end /
			(plot->width - MR_PLOT_LEFT - MR_PLOT_RIGHT);

		if (!is_mark_shown(watch, i) || shown++ % step)
			continue;
		fprintf(plot->script,
			"set arrow from first %.9g,graph 0 to first %.9g,graph 1 nohead "
			"back lw 1 dt 3 lc rgb '" MR_INK_GREY "'\n",
			at / course->x.by, at / course->x.by);
		if (labelled >= 0 && at < labelled + room)
			continue;
		if (at + room > course->end)
			continue;
		labelled = at;
		fputs("set label ", plot->script);
		mr_plot_text(plot, mark->name, NAME_MOST);
		fprintf(plot->script,
			" at first %.9g,graph 0.97 left offset 0.4,0 front "
			"font 'sans-serif,10' noenhanced\n",
			at / course->x.by);
	}
}

static void
number_levels(struct mr_numbers *numbers, const struct course *course, bool timed)
{
	mr_doc_begin(&numbers->doc, "course", 7);
	for (size_t i = 0; i < course->count; i++) {
		struct mr_bucket bucket = bucket_at(course, i);
		uint64_t start = (uint64_t)i * course->width;

		mr_numbers_span(numbers, edge(course, i), edge(course, i + 1));
		if (timed)
			mr_doc_ns(&numbers->doc, "from", start);
		else
			mr_doc_count(&numbers->doc, "from event", start + 1);
		mr_doc_bytes(
			&numbers->doc, "active, least", bucket.least[MR_LEVEL_ACTIVE]);
		mr_doc_bytes(&numbers->doc, "most", bucket.most[MR_LEVEL_ACTIVE]);
		mr_doc_bytes(
			&numbers->doc, "cached, least", bucket.least[MR_LEVEL_CACHED]);
		mr_doc_bytes(&numbers->doc, "most", bucket.most[MR_LEVEL_CACHED]);
		mr_doc_bytes(&numbers->doc, "requested, most",
			bucket.most[MR_LEVEL_REQUESTED]);
		mr_doc_bytes(&numbers->doc, "cache limit", bucket.most[MR_LEVEL_LIMIT]);
	}
}

/*
 * The limit widens the picture, unless it is so high that all else were flat
 * beneath it.
 */
static double
top_of(const struct mr_extent *extent, const struct mr_series *series)
{
	uint64_t limit = mr_series_most(series, MR_LEVEL_LIMIT);

	if (limit > extent->bytes && limit / 2 <= extent->bytes)
		return (double)limit * 1.08;
	return extent->bytes ? (double)extent->bytes * 1.08 : 1;
}

void
mr_picture_course(struct mr_plot *plot, struct mr_numbers *numbers,
	const struct mr_subject *subject, enum mr_course_x x,
	const struct mr_extent *extent, size_t points)
{
	struct mr_scale y = mr_scale_bytes(extent->bytes);
	bool timed = x == MR_COURSE_TIME;
	struct course course, rows;

	course_init(&course, subject, x, extent->position, points);
	print_levels(plot, &course, y);
	print_x_axis(plot, &course);
	print_marks(plot, &course, subject->watch, timed);
	fprintf(plot->script,
		"set yrange [0:%.6g]\nset ylabel 'memory, %s' offset 1.5,0\n"
		"plot $levels using 1:2:3 with filledcurves fs transparent solid 0.35 "
		"lc rgb '" MR_INK_BLUE "' notitle, "
		"'' using 1:4:5 with filledcurves fs transparent solid 0.35 "
		"lc rgb '" MR_INK_ORANGE "' notitle, "
		"'' using 1:3 with lines lw 1.6 lc rgb '" MR_INK_BLUE "' title 'active', "
		"'' using 1:5 with lines lw 1.6 lc rgb '" MR_INK_ORANGE
		"' title 'cached', "
		"'' using 1:7 with lines lw 1.2 dt 3 lc rgb '" MR_INK_GREEN
		"' title 'requested', "
		"'' using 1:9 with steps lw 1.6 dt 2 lc rgb 'black' title 'limit'\n",
		top_of(extent, course.series) / y.by, y.unit);
	if (!numbers)
		return;
	course_init(&rows, subject, x, extent->position, TABLE_ROWS);
	number_levels(numbers, &rows, timed);
}

/* --- hit rates */

static void
number_rates(struct mr_numbers *numbers, const struct course *course)
{
	mr_doc_begin(&numbers->doc, "rates", 5);
	for (size_t i = 0; i < course->count; i++) {
		struct mr_bucket bucket = bucket_at(course, i);

		mr_numbers_span(numbers, edge(course, i), edge(course, i + 1));
		mr_doc_count(
			&numbers->doc, "from event", (uint64_t)i * course->width + 1);
		mr_doc_count(&numbers->doc, "mallocs", bucket.flows[MR_FLOW_MALLOCS]);
		mr_doc_count(&numbers->doc, "hits", bucket.flows[MR_FLOW_HITS]);
		if (!bucket.flows[MR_FLOW_MALLOCS]) {
			mr_doc_none(&numbers->doc, "hit rate");
			mr_doc_none(&numbers->doc, "byte hit rate");
			continue;
		}
		mr_doc_ratio(&numbers->doc, "hit rate", bucket.flows[MR_FLOW_HITS],
			bucket.flows[MR_FLOW_MALLOCS]);
		mr_doc_ratio(&numbers->doc, "byte hit rate",
			bucket.flows[MR_FLOW_HIT_BYTES],
			bucket.flows[MR_FLOW_REQUESTED_BYTES]);
	}
}

static void
print_rate(FILE *out, uint64_t part, uint64_t whole)
{
	if (whole)
		fprintf(out, " %.5g", 100 * (double)part / (double)whole);
	else
		fputs(" NaN", out);
}

void
mr_picture_rates(struct mr_plot *plot, struct mr_numbers *numbers,
	const struct mr_subject *subject, const struct mr_extent *extent, size_t points)
{
	struct course course, rows;

	course_init(&course, subject, MR_COURSE_EVENTS, extent->position, points);
	fputs("$rates << EOD\n", plot->script);
	for (size_t i = 0; i < course.count; i++) {
		struct mr_bucket bucket = bucket_at(&course, i);

		fprintf(plot->script, "%.9g", middle(&course, i));
		print_rate(plot->script, bucket.flows[MR_FLOW_HITS],
			bucket.flows[MR_FLOW_MALLOCS]);
		print_rate(plot->script, bucket.flows[MR_FLOW_HIT_BYTES],
			bucket.flows[MR_FLOW_REQUESTED_BYTES]);
		putc('\n', plot->script);
	}
	fputs("EOD\nset datafile missing NaN\n", plot->script);
	print_x_axis(plot, &course);
	fputs("set yrange [0:104]\nset ytics 20\nset ylabel 'hit rate, %' offset 1.5,0\n"
	      "plot $rates using 1:2 with lines lw 1.8 lc rgb '" MR_INK_BLUE
	      "' title 'mallocs', '' using 1:3 with lines lw 1.8 dt 2 lc rgb "
	      "'" MR_INK_ORANGE "' title 'bytes'\n",
		plot->script);
	if (!numbers)
		return;
	course_init(&rows, subject, MR_COURSE_EVENTS, extent->position, TABLE_ROWS);
	number_rates(numbers, &rows);
}
