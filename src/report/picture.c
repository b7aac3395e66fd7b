/* SPDX-License-Identifier: MIT */
#include "report/picture.h"

/* Above it, the next unit: of five digits an axis has no room for the last number. */
#define MOST_SHOWN UINT64_C(5000)

struct mr_scale
mr_scale_bytes(uint64_t most)
{
	static const char *const units[] = {
		"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
	struct mr_scale scale = {1, units[0]};

	for (size_t i = 1; i < sizeof(units) / sizeof(units[0]); i++) {
		if ((double)most / scale.by < 1024)
			break;
		scale = (struct mr_scale){scale.by * 1024, units[i]};
	}
	return scale;
}

struct mr_scale
mr_scale_count(uint64_t most, const char *one, const char *thousand, const char *million)
{
	if (most < MOST_SHOWN)
		return (struct mr_scale){1, one};
	if (most < 1000 * MOST_SHOWN)
		return (struct mr_scale){1e3, thousand};
	return (struct mr_scale){1e6, million};
}

struct mr_scale
mr_scale_time(uint64_t most_ns)
{
	static const uint64_t us = 1000, ms = 1000 * us, s = 1000 * ms, min = 60 * s;

	if (most_ns < MOST_SHOWN)
		return (struct mr_scale){1, "ns"};
	if (most_ns < MOST_SHOWN * us)
		return (struct mr_scale){1e3, "us"};
	if (most_ns < MOST_SHOWN * ms)
		return (struct mr_scale){1e6, "ms"};
	if (most_ns < 600 * s)
		return (struct mr_scale){1e9, "s"};
	if (most_ns < 600 * min)
		return (struct mr_scale){60e9, "min"};
	return (struct mr_scale){3600e9, "h"};
}

void
mr_numbers_span(struct mr_numbers *numbers, double from, double to)
{
	if (numbers->count == MR_SPANS_MAX) {
		numbers->doc.failed = true;
		return;
	}
	numbers->from[numbers->count] = from;
	numbers->to[numbers->count++] = to;
}

static uint64_t
larger(uint64_t a, uint64_t b)
{
	return a > b ? a : b;
}

void
mr_extent_add(
	struct mr_extent *extent, const struct mr_subject *subject, enum mr_course_x x)
{
	const struct mr_watch *watch = subject->watch;
	const struct mr_series *series = &watch->by_event;

	extent->bytes = larger(extent->bytes, mr_series_most(series, MR_LEVEL_ACTIVE));
	extent->bytes = larger(extent->bytes, mr_series_most(series, MR_LEVEL_CACHED));
	extent->bytes = larger(extent->bytes, mr_series_most(series, MR_LEVEL_REQUESTED));
	extent->position = larger(extent->position,
		x == MR_COURSE_TIME ? watch->last_ns - watch->first_ns : watch->events);
}
