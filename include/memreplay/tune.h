/* SPDX-License-Identifier: MIT */
#ifndef MEMREPLAY_TUNE_H
#define MEMREPLAY_TUNE_H

/*
 * Tuning: which cache limit to set, from the points of one or more sweeps.
 *
 * A recommendation rests on the limits that were tried. It keeps its promise at
 * every tried limit above it too, for the curve need not be monotone.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "memreplay/sweep.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mr_goal {
	MR_GOAL_TARGET, /* smallest limit from which on the rate stays high enough */
	MR_GOAL_BUDGET, /* best rate at or below a limit; the smallest such */
	MR_GOAL_KNEE    /* where the curve is farthest above a straight line */
};

/* How several traces are brought under one limit. */
enum mr_together { MR_TOGETHER_WORST, MR_TOGETHER_MEAN };

struct mr_tune_options {
	enum mr_goal goal;
	bool by_bytes;   /* the rate is byte_hit_rate; otherwise hit_rate */
	double target;   /* MR_GOAL_TARGET: share of the unlimited cache's rate, 0..1 */
	uint64_t budget; /* MR_GOAL_BUDGET: bytes */
	enum mr_together together;
};

/* The curve of one trace: all points of a sweep of resolution `resolution`. */
struct mr_tune_curve {
	const struct mr_point *points;
	size_t count;
	uint64_t resolution; /* between the points; a power of two */
	double weight;       /* of this trace in a mean */
};

struct mr_advice {
	uint64_t limit; /* bytes; a multiple of the coarsest resolution */
	double rate;    /* there: the worst trace's, or the mean, as a share of its
			    unlimited cache's */
	bool has_cheaper, has_dearer;
	uint64_t cheaper; /* the nearest tried limits at which that differs */
	uint64_t dearer;
	bool has_worse; /* a tried limit above gives less than here */
	uint64_t worse; /* the one that gives least */
	double worse_rate;
};

/*
 * Finds the limit. Curves must all begin at 0 and be complete.
 *   MR_EINVAL  no curve, or one without points
 *   MR_ENOMEM
 */
MR_API MR_MUST_CHECK enum mr_status mr_tune(struct mr_advice *out,
	const struct mr_tune_curve *curves, size_t count,
	const struct mr_tune_options *options, struct mr_error *err);

/*
 * What a trace gets at a limit of what an unlimited cache gives it: 1 is all of it.
 * The limit is a multiple of the curve's resolution; the curve has a point.
 */
MR_API double mr_tune_share(
	const struct mr_tune_curve *curve, uint64_t limit, bool by_bytes);

#ifdef __cplusplus
}
#endif
#endif
