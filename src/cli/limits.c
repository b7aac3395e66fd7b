/* SPDX-License-Identifier: MIT */
#include "cli/limits.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"

/* --limits=auto tries these, eight to an octave, and shows where it bends. */
#define AUTO_FROM_BITS 12 /* 4 KiB */
#define AUTO_TO_BITS   42 /* 4 TiB */
#define AUTO_STEPS     8
/* A point off the straight line between its neighbours by this is shown. */
#define AUTO_BEND 0.01
#define GROUP     16                  /* limits that are swept together */
#define RANGE_MAX 16384               /* points of a range that can be swept apart */
#define MOST      (UINT64_C(1) << 20) /* points of a range: each takes memory and a row */

static const struct mr_option rows[] = {
	{MR_OPTION_TEXT, 'L', "limits", "WHICH", "auto", .of_cache = true,
		.offset = offsetof(struct mr_sweep_group_options, limits),
		.help = "cache limits to try: exact (every multiple of --resolution), "
			"auto "
			"(spaced by their logarithm, more where the curve bends), "
			"LO:HI:STEP, or a list such as 0,16M,32M,unlimited"},
	{MR_OPTION_SIZE, 0, "from", "SIZE", "0", .of_cache = true,
		.offset = offsetof(struct mr_sweep_group_options, from),
		.help = "with --limits=exact: the first limit"},
	{MR_OPTION_SIZE, 0, "to", "SIZE", "unlimited", .of_cache = true,
		.offset = offsetof(struct mr_sweep_group_options, to),
		.help = "with --limits=exact: the last limit; unlimited is the first at "
			"which nothing changes any more"},
	{MR_OPTION_SIZE, 0, "resolution", "SIZE", .of_cache = true,
		.offset = offsetof(struct mr_sweep_group_options, resolution),
		.help = "with --limits=exact: bytes between two limits; 1 walks every "
			"step "
			"of the curve; otherwise the finest power of two that gives at "
			"most about 500 points"},
	{MR_OPTION_COUNT, 'j', "jobs", "N", "1", .min = 1, .max = 256,
		.offset = offsetof(struct mr_sweep_group_options, jobs),
		.help = "threads to share the limits; the output is the same for any "
			"number"},
};
const struct mr_option_group mr_sweep_group = {
	"Sweep options", rows, sizeof(rows) / sizeof(rows[0])};

static enum mr_status
add(struct mr_limits *limits, uint64_t value, struct mr_error *err)
{
	size_t count = limits->options.limit_count;
	uint64_t *list = realloc(limits->list, (count + 1) * sizeof(*list));

	if (!list)
		return mr_fail_memory(err);
	list[count] = value;
	limits->list = list;
	limits->options.limits = list;
	limits->options.limit_count = count + 1;
	return MR_OK;
}

static enum mr_status
make_auto(struct mr_limits *limits, struct mr_error *err)
{
	enum mr_status st = add(limits, 0, err);

	limits->is_auto = true;
	for (unsigned bits = AUTO_FROM_BITS; bits < AUTO_TO_BITS && !st; bits++)
		for (uint64_t i = 0; i < AUTO_STEPS && !st; i++)
			st = add(limits,
				(UINT64_C(1) << bits) / AUTO_STEPS * (AUTO_STEPS + i),
				err);
	return st ? st : add(limits, MR_UNLIMITED, err);
}

/* Reads one size out of a longer text, up to any of `ends`. */
static enum mr_status
next_size(uint64_t *out, const char **text, char end, struct mr_error *err)
{
	const char *at = strchr(*text, end);
	size_t length = at ? (size_t)(at - *text) : strlen(*text);
	char copy[MR_TEXT_SIZE];

	if (length >= sizeof(copy))
		return mr_fail(
			err, MR_EINVAL, "--limits: \"%.40s\" is not a size", *text);
	memcpy(copy, *text, length);
	copy[length] = '\0';
	*text += length + (at != NULL);
	return mr_size_parse(out, copy, err);
}

/* Whether there is room for the limits of a range that has an end. */
static enum mr_status
check_count(const struct mr_sweep_options *o, const char *option, struct mr_error *err)
{
	uint64_t steps;

	/* a step of 1 byte makes points only where something changes */
	if (o->to == MR_UNLIMITED || o->resolution <= 1)
		return MR_OK;
	steps = (o->to - o->from) / o->resolution;
	if (steps < MOST)
		return MR_OK;
	return mr_fail(err, MR_EINVAL,
		"--%s: that makes %" PRIu64 " limits, and at most %" PRIu64
		" are possible; a step of 1 tries those at which something changes",
		option, steps + 1, MOST);
}

static enum mr_status
make_range(struct mr_limits *limits, const char *text, struct mr_error *err)
{
	struct mr_sweep_options *o = &limits->options;
	enum mr_status st;

	if ((st = next_size(&o->from, &text, ':', err)) ||
		(st = next_size(&o->to, &text, ':', err)) ||
		(st = mr_size_parse(&o->resolution, text, err)))
		return st;
	if (!o->resolution || o->resolution == MR_UNLIMITED || o->to == MR_UNLIMITED ||
		o->to < o->from)
		return mr_fail(err, MR_EINVAL,
			"--limits: LO:HI:STEP needs LO <= HI, both limited, and STEP > "
			"0");
	return check_count(o, "limits", err);
}

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

static enum mr_status
make_list(struct mr_limits *limits, const char *text, struct mr_error *err)
{
	size_t *count = &limits->options.limit_count, kept = 0;
	enum mr_status st = MR_OK;
	uint64_t limit;

	while (*text && !st)
		if (!(st = next_size(&limit, &text, ',', err)))
			st = add(limits, limit, err);
	if (*count)
		qsort(limits->list, *count, sizeof(*limits->list), by_value);
	for (size_t i = 0; i < *count; i++)
		if (!i || limits->list[i] != limits->list[kept - 1])
			limits->list[kept++] = limits->list[i];
	*count = kept;
	return st;
}

enum mr_status
mr_limits_make(struct mr_limits *out, const struct mr_sweep_group_options *options,
	struct mr_error *err)
{
	const char *text = options->limits;
	bool exact = !strcmp(text, "exact");

	memset(out, 0, sizeof(*out));
	out->options.jobs = (unsigned)options->jobs.value;
	if (!exact &&
		(options->from.given || options->to.given || options->resolution.given))
		return mr_fail(err, MR_EINVAL,
			"--from, --to and --resolution go with --limits=exact");
	if (exact) {
		out->options.from = options->from.value;
		out->options.to = options->to.value;
		out->options.resolution = options->resolution.value;
		if (options->resolution.given &&
			(!options->resolution.value ||
				options->resolution.value == MR_UNLIMITED))
			return mr_fail(
				err, MR_EINVAL, "--resolution: expected 1 byte or more");
		if (options->from.value > options->to.value)
			return mr_fail(err, MR_EINVAL, "--from is above --to");
		return check_count(&out->options, "resolution", err);
	}
	if (!strcmp(text, "auto"))
		return make_auto(out, err);
	if (strchr(text, ':'))
		return make_range(out, text, err);
	return make_list(out, text, err);
}

void
mr_limits_fini(struct mr_limits *limits)
{
	free(limits->list);
}

/* How many limits there are; 0: that is not known, or each depends on the others. */
static size_t
count_of(const struct mr_sweep_options *options)
{
	uint64_t steps;

	if (options->limits)
		return options->limit_count;
	/* of a step of 1 byte only those limits are points at which something changes */
	if (options->to == MR_UNLIMITED || options->resolution <= 1)
		return 0;
	steps = (options->to - options->from) / options->resolution;
	return steps < RANGE_MAX ? (size_t)steps + 1 : 0;
}

bool
mr_limits_apart(const struct mr_sweep_options *options)
{
	return count_of(options) > 0;
}

size_t
mr_limits_groups(const struct mr_sweep_options *options)
{
	return mr_limits_apart(options) ? (count_of(options) + GROUP - 1) / GROUP : 1;
}

size_t
mr_limits_width(const struct mr_sweep_options *options, size_t first, size_t count)
{
	size_t all = count_of(options), end = (first + count) * GROUP;

	return all ? (end < all ? end : all) - first * GROUP : 0;
}

struct mr_sweep_options
mr_limits_part(const struct mr_sweep_options *options, size_t first, size_t count)
{
	struct mr_sweep_options part = *options;
	size_t width = mr_limits_width(options, first, count);

	if (options->limits) {
		part.limits += first * GROUP;
		part.limit_count = width;
	} else if (width) {
		part.from += first * GROUP * part.resolution;
		part.to = part.from + (width - 1) * part.resolution;
	}
	return part;
}

static double
rate(const struct mr_point *point)
{
	return point->result.mallocs
		? (double)point->result.hits / (double)point->result.mallocs
		: 0;
}

/* Marks the points between first and last that a straight line would miss. */
static void
mark_bends(const struct mr_point *points, bool *keep, size_t first, size_t last)
{
	size_t worst = 0;
	double most = AUTO_BEND;

	keep[first] = keep[last] = true;
	for (size_t i = first + 1; i < last; i++) {
		double part = (double)(i - first) / (double)(last - first);
		double line =
			rate(&points[first]) * (1 - part) + rate(&points[last]) * part;
		double off = rate(&points[i]) - line;

		if (off < 0)
			off = -off;
		if (off > most) {
			most = off;
			worst = i;
		}
	}
	if (!worst)
		return;
	mark_bends(points, keep, first, worst);
	mark_bends(points, keep, worst, last);
}

enum mr_status
mr_limits_thin(struct mr_point *points, size_t *count, struct mr_error *err)
{
	bool *keep = calloc(*count + 1, sizeof(*keep));
	size_t end = 0, kept = 0;

	if (!keep)
		return mr_fail_memory(err);
	/* From the first point at which nothing changes any more, all are one. */
	while (end + 1 < *count && points[end].valid_to != MR_UNLIMITED)
		end++;
	mark_bends(points, keep, 0, end);
	for (size_t i = 0; i <= end; i++)
		if (keep[i])
			points[kept++] = points[i];
	free(keep);
	*count = kept;
	return MR_OK;
}
