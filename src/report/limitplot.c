/* SPDX-License-Identifier: MIT */
/* The picture of the curve over the cache limit. */
#include <string.h>

#include "base/units.h"
#include "report/picture.h"

#define MANY 4 /* colours, and dashes: each pair is the look of a subject */

static const char *const inks[MANY] = {
	MR_INK_BLUE, MR_INK_RED, MR_INK_GREEN, MR_INK_PINK};
static const int dashes[MANY] = {1, 5, 4, 2};

static double
rate(uint64_t part, uint64_t whole)
{
	return whole ? 100 * (double)part / (double)whole : 0;
}

/* The last limit at which anything changes; what is above is all the same. */
static uint64_t
last_limit(const struct mr_subject *subject)
{
	uint64_t last = 0;

	for (size_t i = 0; i < subject->point_count; i++) {
		if (subject->points[i].cache_limit != MR_UNLIMITED)
			last = subject->points[i].cache_limit;
		if (subject->points[i].valid_to == MR_UNLIMITED)
			break;
	}
	return last;
}

static bool
is_loss(const struct mr_point *points, size_t i)
{
	return i && points[i].result.hits < points[i - 1].result.hits;
}

/* Each point holds up to the next that is known, so the curve goes in steps. */
static void
print_data(struct mr_plot *plot, const struct mr_subject *subject, size_t number,
	double end, struct mr_scale x)
{
	const struct mr_point *points = subject->points;

	fprintf(plot->script, "$curve%zu << EOD\n", number);
	for (size_t i = 0; i < subject->point_count; i++) {
		const struct mr_result *result = &points[i].result;
		double loss = rate(result->hits, result->mallocs);

		if (points[i].cache_limit == MR_UNLIMITED)
			continue;
		fprintf(plot->script, "%.9g %.5g %.5g",
			(double)points[i].cache_limit / x.by,
			rate(result->hits, result->mallocs),
			rate(result->hit_bytes, result->requested_bytes));
		if (is_loss(points, i))
			fprintf(plot->script, " %.5g\n", loss);
		else
			fputs(" NaN\n", plot->script);
	}
	if (subject->point_count) {
		const struct mr_result *result = &points[subject->point_count - 1].result;

		fprintf(plot->script, "%.9g %.5g %.5g NaN\n", end / x.by,
			rate(result->hits, result->mallocs),
			rate(result->hit_bytes, result->requested_bytes));
	}
	fputs("EOD\n", plot->script);
}

static void
print_line(struct mr_plot *plot, uint64_t limit, const char *name, double end,
	struct mr_scale x, double height)
{
	double at = (double)limit / x.by;
	bool left = (double)limit > 0.75 * end;

	if (limit == MR_UNLIMITED || (double)limit > end)
		return;
	fprintf(plot->script,
		"set arrow from first %.9g,graph 0 to first %.9g,graph 1 nohead lw 1.2 "
		"dt 2 lc rgb 'black' back\n"
		"set label '%s' at first %.9g,graph %.2f %s offset %s,0 front "
		"font 'sans-serif,11'\n",
		at, at, name, at, height, left ? "right" : "left", left ? "-0.5" : "0.5");
}

/* A mark on the curve of one of several subjects, where it is known: a ring or a dot. */
static void
print_dot(struct mr_plot *plot, const struct mr_subject *subject, size_t s,
	uint64_t limit, bool ring, struct mr_scale x)
{
	const struct mr_result *at = NULL;

	for (size_t i = 0; i < subject->point_count; i++)
		if (subject->points[i].cache_limit <= limit)
			at = &subject->points[i].result;
	if (at && limit <= last_limit(subject))
		fprintf(plot->script,
			"set object circle at first %.9g,first %.5g size screen 0.006 "
			"front "
			"fc rgb '%s' fs %s border lc rgb '%s' lw 2\n",
			(double)limit / x.by, rate(at->hits, at->mallocs), inks[s % MANY],
			ring ? "empty" : "solid", inks[s % MANY]);
}

static void
print_dots(struct mr_plot *plot, const struct mr_subject *subjects, size_t count,
	struct mr_scale x)
{
	for (size_t s = 0; s < count; s++) {
		print_dot(plot, &subjects[s], s, subjects[s].policy.cache_limit, true, x);
		if (subjects[s].is_advised)
			print_dot(plot, &subjects[s], s, subjects[s].advice.limit, false,
				x);
	}
}

/* The limits in force, by default, and advised; with one subject, all three. */
static void
print_limits(struct mr_plot *plot, const struct mr_subject *subjects, size_t count,
	double end, struct mr_scale x)
{
	struct mr_policy plain;
	const struct mr_subject *first = &subjects[0];
	char size[MR_TEXT_SIZE], text[64];

	if (count > 1)
		print_dots(plot, subjects, count, x);
	if (count > 1 || !first->point_count)
		return;
	if (first->is_advised) {
		snprintf(text, sizeof(text), "advised: %s",
			mr_size_print(size, first->advice.limit));
		print_line(plot, first->advice.limit, text, end, x, 0.08);
	}
	snprintf(text, sizeof(text), "now: %s",
		mr_size_print(size, first->policy.cache_limit));
	print_line(plot, first->policy.cache_limit, text, end, x, 0.17);
	if (!mr_policy_init(&plain, mr_policy_name(&first->policy), NULL) &&
		plain.cache_limit != first->policy.cache_limit) {
		snprintf(text, sizeof(text), "default: %s",
			mr_size_print(size, plain.cache_limit));
		print_line(plot, plain.cache_limit, text, end, x, 0.26);
	}
}

static void
number(struct mr_numbers *numbers, const struct mr_subject *subjects, size_t count,
	double end)
{
	for (size_t s = 0; s < count; s++) {
		const struct mr_subject *subject = &subjects[s];
		size_t n = subject->point_count;
		size_t every = n / 64 + 1;

		for (size_t i = 0; i < n; i += every) {
			const struct mr_point *point = &subject->points[i];
			size_t next = i + every < n ? i + every : n - 1;
			double from = (double)point->cache_limit / end;
			double to = i + every < n
				? (double)subject->points[next].cache_limit / end
				: 1;

			if (point->cache_limit == MR_UNLIMITED)
				continue;
			/* the picture of several has no stretch of one alone */
			if (count == 1)
				mr_numbers_span(numbers, from, to);
			mr_doc_text(&numbers->doc, "trace", subject->name);
			mr_doc_bytes(&numbers->doc, "cache limit", point->cache_limit);
			mr_doc_bytes(&numbers->doc, "the same from", point->valid_from);
			mr_doc_bytes(&numbers->doc, "to below", point->valid_to);
			mr_doc_ratio(&numbers->doc, "hit rate", point->result.hits,
				point->result.mallocs);
			mr_doc_ratio(&numbers->doc, "byte hit rate",
				point->result.hit_bytes, point->result.requested_bytes);
			mr_doc_bytes(&numbers->doc, "peak total",
				point->result.peak_total_bytes);
			mr_doc_count(&numbers->doc, "rejected frees",
				point->result.rejected_frees);
		}
	}
}

/* The end of a path, which tells more than its beginning; what is varied stays. */
static const char *
short_name(const char *name)
{
	const char *end = strstr(name, ", ");
	const char *at = end ? end : name + strlen(name);

	while (at > name && at[-1] != '/')
		at--;
	return at;
}

static void
plot_one(struct mr_plot *plot, const struct mr_subject *subject, size_t s, bool alone)
{
	const char *comma = s ? ", " : "";

	fprintf(plot->script,
		"%s$curve%zu using 1:2 with steps lw 2 dt %d lc rgb '%s' title ", comma,
		s, alone ? 1 : dashes[(s + s / MANY) % MANY], inks[s % MANY]);
	if (!alone) {
		mr_plot_text(plot, short_name(subject->name), 34);
		return;
	}
	fprintf(plot->script,
		"'mallocs', $curve%zu using 1:3 with steps lw 1.6 dt 5 lc rgb "
		"'" MR_INK_ORANGE "' title 'bytes', "
		"$curve%zu using 1:4:(0):(-4) with vectors nohead lw 2 lc rgb "
		"'" MR_INK_RED "' title 'fewer hits'",
		s, s);
}

void
mr_picture_curve(struct mr_plot *plot, struct mr_numbers *numbers,
	const struct mr_subject *subjects, size_t count)
{
	uint64_t last = 0;
	double end;
	struct mr_scale x;

	for (size_t i = 0; i < count; i++) {
		uint64_t own = last_limit(&subjects[i]);

		last = own > last ? own : last;
	}
	end = last ? (double)last * 1.03 : 1;
	x = mr_scale_bytes(last);
	for (size_t i = 0; i < count; i++)
		print_data(plot, &subjects[i], i, end, x);
	print_limits(plot, subjects, count, end, x);
	fprintf(plot->script,
		"set datafile missing NaN\nset xrange [0:%.9g]\n"
		"set xlabel 'cache limit, %s' offset 0,0.4\nset yrange [0:104]\nset "
		"ytics 20\n"
		"set ylabel 'hit rate, %%' offset 1.5,0\nplot ",
		end / x.by, x.unit);
	for (size_t i = 0; i < count; i++)
		plot_one(plot, &subjects[i], i, count == 1);
	putc('\n', plot->script);
	if (!numbers)
		return;
	mr_doc_begin(&numbers->doc, "curve", 8);
	number(numbers, subjects, count, end);
}
