/* SPDX-License-Identifier: MIT */
#include "memreplay/tune.h"

#include <stdlib.h>

#include "base/error.h"

/* What one limit gives, over all traces. */
struct choice {
	uint64_t limit;
	double rate;
};

struct choices {
	struct choice *items;
	size_t count;
};

static double
rate_at(const struct mr_point *point, bool by_bytes)
{
	const struct mr_result *r = &point->result;
	uint64_t part = by_bytes ? r->hit_bytes : r->hits;
	uint64_t whole = by_bytes ? r->requested_bytes : r->mallocs;

	return whole ? (double)part / (double)whole : 0;
}

/* The last point at or below limit: exact at every multiple of a resolution. */
static const struct mr_point *
point_for(const struct mr_tune_curve *curve, uint64_t limit)
{
	size_t low = 0, high = curve->count;

	while (high - low > 1) {
		size_t middle = low + (high - low) / 2;

		if (curve->points[middle].cache_limit <= limit)
			low = middle;
		else
			high = middle;
	}
	return &curve->points[low];
}

double
mr_tune_share(const struct mr_tune_curve *curve, uint64_t limit, bool by_bytes)
{
	double most = rate_at(&curve->points[curve->count - 1], by_bytes);

	return most > 0 ? rate_at(point_for(curve, limit), by_bytes) / most : 1;
}

static double
together(const struct mr_tune_curve *curves, size_t count, uint64_t limit,
	const struct mr_tune_options *options)
{
	double worst = mr_tune_share(&curves[0], limit, options->by_bytes), sum = 0,
	       weights = 0;

	for (size_t i = 0; i < count; i++) {
		double own = mr_tune_share(&curves[i], limit, options->by_bytes);

		sum += own * curves[i].weight;
		weights += curves[i].weight;
		if (own < worst)
			worst = own;
	}
	return options->together == MR_TOGETHER_MEAN && weights > 0 ? sum / weights
								    : worst;
}

/* The limits that all curves can answer for: multiples of the coarsest one's. */
static enum mr_status
gather(struct choices *out, const struct mr_tune_curve *curves, size_t count,
	const struct mr_tune_options *options, struct mr_error *err)
{
	uint64_t step = 1, top = 0, space;

	for (size_t i = 0; i < count; i++) {
		if (!curves[i].count)
			return mr_fail(err, MR_EINVAL, "a curve has no points");
		if (curves[i].resolution > step)
			step = curves[i].resolution;
		if (curves[i].points[curves[i].count - 1].cache_limit > top)
			top = curves[i].points[curves[i].count - 1].cache_limit;
	}
	space = (top + step - 1) / step + 1;
	out->items = space < SIZE_MAX ? calloc((size_t)space, sizeof(*out->items)) : NULL;
	if (!out->items)
		return mr_fail_memory(err);
	for (out->count = 0; out->count < space; out->count++) {
		uint64_t limit = out->count * step;

		out->items[out->count] =
			(struct choice){limit, together(curves, count, limit, options)};
	}
	return MR_OK;
}

/* The smallest from which on all are good enough. */
static size_t
find_target(const struct choices *choices, double target)
{
	size_t i = choices->count - 1;

	while (i && choices->items[i - 1].rate >= target)
		i--;
	return i;
}

static size_t
find_budget(const struct choices *choices, uint64_t budget)
{
	size_t best = 0;

	for (size_t i = 0; i < choices->count; i++)
		if (choices->items[i].limit <= budget &&
			choices->items[i].rate > choices->items[best].rate)
			best = i;
	return best;
}

/* Farthest above the line from the first choice to the last. */
static size_t
find_knee(const struct choices *choices)
{
	const struct choice *items = choices->items;
	size_t best = 0, last = choices->count - 1;
	double most = 0;

	for (size_t i = 1; i < last; i++) {
		double part = (double)i / (double)last;
		double line = items[0].rate * (1 - part) + items[last].rate * part;

		if (items[i].rate - line > most) {
			most = items[i].rate - line;
			best = i;
		}
	}
	return best;
}

static void
describe(struct mr_advice *out, const struct choices *choices, size_t at)
{
	const struct choice *items = choices->items;
	size_t i;

	*out = (struct mr_advice){.limit = items[at].limit, .rate = items[at].rate};
	for (i = at; i && items[i - 1].rate == items[at].rate; i--)
		;
	out->has_cheaper = i > 0;
	out->cheaper = i ? items[i - 1].limit : 0;
	for (i = at + 1; i < choices->count && items[i].rate <= items[at].rate; i++) {
		if (items[i].rate < items[at].rate &&
			(!out->has_worse || items[i].rate < out->worse_rate)) {
			out->has_worse = true;
			out->worse = items[i].limit;
			out->worse_rate = items[i].rate;
		}
	}
	out->has_dearer = i < choices->count;
	out->dearer = out->has_dearer ? items[i].limit : 0;
	for (; i < choices->count; i++)
		if (items[i].rate < items[at].rate &&
			(!out->has_worse || items[i].rate < out->worse_rate)) {
			out->has_worse = true;
			out->worse = items[i].limit;
			out->worse_rate = items[i].rate;
		}
}

enum mr_status
mr_tune(struct mr_advice *out, const struct mr_tune_curve *curves, size_t count,
	const struct mr_tune_options *options, struct mr_error *err)
{
	struct choices choices = {NULL, 0};
	enum mr_status st;
	size_t at = 0;

	if (!count)
		return mr_fail(err, MR_EINVAL, "there is no curve to tune by");
	st = gather(&choices, curves, count, options, err);
	if (st)
		return st;
	switch (options->goal) {
	case MR_GOAL_TARGET:
		at = find_target(&choices, options->target);
		break;
	case MR_GOAL_BUDGET:
		at = find_budget(&choices, options->budget);
		break;
	case MR_GOAL_KNEE:
		at = find_knee(&choices);
		break;
	}
	describe(out, &choices, at);
	free(choices.items);
	return MR_OK;
}
