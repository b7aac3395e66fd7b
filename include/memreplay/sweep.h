/* SPDX-License-Identifier: MIT */
#ifndef MEMREPLAY_SWEEP_H
#define MEMREPLAY_SWEEP_H

/*
 * Sweeps: one policy at many cache limits, all in one reading of a trace.
 *
 * Every point is exact, and with it comes the range of limits at which the
 * trace runs the same. Under mlx-cpu the limit is only ever compared with
 * cached + c when a block of capacity c is freed. So a run at limit L is also
 * the run at every limit from the largest such sum that was accepted up to, but
 * not including, the smallest that was rejected. Under other policies and knobs
 * it is compared with other sums, but nothing else is done with it, so that the
 * same holds. The curve is not monotone: between two points nothing is known but
 * what their ranges cover.
 *
 * The trace's own set_cache_limit events are ignored; everything else in it is
 * carried out. Memory grows with limits times live blocks, not with the trace.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "memreplay/policy.h"
#include "memreplay/result.h"
#include "memreplay/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Which limits. Either a list, or the multiples of a resolution. */
struct mr_sweep_options {
	const uint64_t *limits; /* any order; NULL: from, to and resolution hold */
	size_t limit_count;
	uint64_t from;       /* first limit of the grid */
	uint64_t to;         /* last; MR_UNLIMITED: up to where nothing changes */
	uint64_t resolution; /* between two limits, in bytes; 0: see mr_sweep_new() */
	unsigned jobs;       /* threads to use; 0 is 1 */
	/*
	 * What a thread without work may do for the source meanwhile, as
	 * mr_reader_help() does; false if there was nothing. NULL: nothing.
	 */
	bool (*help)(void *source);
};

/* One limit, and the limits at which the trace runs just the same. */
struct mr_point {
	size_t policy; /* its index: see mr_sweep_new_grid() */
	uint64_t cache_limit;
	uint64_t valid_from;     /* the same from here... */
	uint64_t valid_to;       /* ...to just below; MR_UNLIMITED: everywhere above */
	struct mr_result result; /* at cache_limit */
};

struct mr_sweep;

/*
 * Makes a sweep of policy, whose own cache_limit does not matter. With
 * resolution 0 it is the finest power of two that makes at most 512 points between
 * `from` and `to`, or, if that is MR_UNLIMITED, the last limit at which anything
 * changes, which is found while reading.
 * On success *out is the caller's, for mr_sweep_free().
 *   MR_EINVAL  a policy has no cache, or the limits make no sense
 *   MR_ENOMEM
 */
MR_API MR_MUST_CHECK enum mr_status mr_sweep_new(struct mr_sweep **out,
	const struct mr_policy *policy, const struct mr_sweep_options *options,
	struct mr_error *err);

/*
 * The same for several policies at once. Points come policy by policy.
 */
MR_API MR_MUST_CHECK enum mr_status mr_sweep_new_grid(struct mr_sweep **out,
	const struct mr_policy *policies, size_t count,
	const struct mr_sweep_options *options, struct mr_error *err);

MR_API void mr_sweep_free(struct mr_sweep *sweep);

/* Where events come from: as mr_reader_next(), with slots set. */
typedef enum mr_status (*mr_next_event)(
	void *source, struct mr_event *event, struct mr_error *err);

/*
 * Advances all limits over the events that next(source) yields until MR_END.
 * next is called from the calling thread only, also while others work.
 *   MR_EINVAL  of a policy with more rules than those of mlx-cpu as it is by
 *              default, or of several policies: limits of the grid behave in
 *              more than 16,384 ways
 *   MR_ENOMEM, or what next returned
 */
MR_API MR_MUST_CHECK enum mr_status mr_sweep_run(
	struct mr_sweep *sweep, mr_next_event next, void *source, struct mr_error *err);

/*
 * The points in the order of their limits; *points is the sweep's. A grid of
 * resolution 1 has one point for each range of limits that run the same (its
 * first limit in the grid), any other grid one for each of its multiples up to
 * the first at which nothing changes any more.
 *   MR_ENOMEM
 */
MR_API MR_MUST_CHECK enum mr_status mr_sweep_points(struct mr_sweep *sweep,
	const struct mr_point **points, size_t *count, struct mr_error *err);

/* What a sweep did, for those who want to know how. */
struct mr_sweep_summary {
	uint64_t events;
	uint64_t resolution;     /* of the grid; 0: a list */
	uint64_t ignored_limits; /* set_cache_limit events */
	uint64_t ranges;         /* of limits told apart at the end */
	uint64_t states;         /* of the cache told apart at the end */
	uint64_t state_events;   /* events carried out, summed over states */
};

MR_API void mr_sweep_summary(const struct mr_sweep *sweep, struct mr_sweep_summary *out);

#ifdef __cplusplus
}
#endif
#endif
