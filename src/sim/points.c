/* SPDX-License-Identifier: MIT */

/* What came of a sweep: a point for each limit, or for each range of limits. */

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sim/spread.h"

size_t
mr_sweep_ranges(const struct mr_sweep *sweep)
{
	size_t count = 0;

	for (size_t i = 0; i < sweep->group_count; i++)
		count += sweep->groups[i]->lane_count;
	return count;
}

static void
make_point(const struct mr_sweep *sweep, const struct mr_group *group,
	const struct mr_lane *lane, struct mr_point *point)
{
	const struct mr_tally *tally = &lane->tally;
	struct mr_result *result = &point->result;

	memset(point, 0, sizeof(*point));
	point->cache_limit = lane->first;
	point->valid_from = tally->peak_cached;
	point->valid_to = tally->rejected_at;
	result->events = sweep->events;
	result->mallocs = sweep->mallocs;
	result->frees = sweep->frees;
	result->hits = tally->hits;
	result->misses = sweep->mallocs - tally->hits;
	result->larger_hits = tally->larger_hits;
	result->slack_bytes = tally->slack_bytes;
	result->requested_bytes = sweep->requested_bytes;
	result->hit_bytes = tally->hit_bytes;
	result->rejected_frees = tally->rejected_frees;
	result->rejected_bytes = tally->rejected_bytes;
	result->evicted_blocks = result->cleared_blocks = tally->cleared_blocks;
	result->evicted_bytes = result->cleared_bytes = tally->cleared_bytes;
	result->stale_bytes = tally->cleared_bytes + group->cached;
	result->active_bytes = group->active;
	result->cached_bytes = group->cached;
	result->live_blocks = sweep->mallocs - sweep->frees;
	result->cached_blocks = group->cached_blocks;
	result->peak_active_bytes =
		tally->peak > tally->peak_active ? tally->peak : tally->peak_active;
	result->peak_since_reset_bytes = tally->peak;
	result->peak_cached_bytes = tally->peak_cached;
	result->peak_total_bytes = tally->peak_total;
	result->memory_limit = sweep->memory_limit;
	result->events_over_memory_limit = tally->over_memory;
}

static int
by_limit(const void *a, const void *b)
{
	uint64_t x = ((const struct mr_point *)a)->cache_limit;
	uint64_t y = ((const struct mr_point *)b)->cache_limit;
	size_t p = ((const struct mr_point *)a)->policy;
	size_t q = ((const struct mr_point *)b)->policy;

	if (p != q)
		return p < q ? -1 : 1;
	return (x > y) - (x < y);
}

/* How many points a range gets; see mr_sweep_points(). */
static uint64_t
points_of(const struct mr_sweep *sweep, const struct mr_lane *lane)
{
	uint64_t last = lane->last;

	if (sweep->is_list || sweep->scene.resolution == 1)
		return 1;
	/* Up to the first multiple at which nothing changes any more. */
	if (last == MR_UNLIMITED)
		return 1;
	return (last - lane->first) / sweep->scene.resolution + 1;
}

static enum mr_status
group_points(struct mr_sweep *sweep, struct mr_error *err)
{
	uint64_t total = 0;
	size_t n = 0;

	for (size_t i = 0; i < sweep->group_count; i++) {
		mr_group_flush(sweep->groups[i]);
		for (size_t k = 0; k < sweep->groups[i]->lane_count; k++)
			total += points_of(sweep, sweep->groups[i]->lanes[k]);
	}
	free(sweep->points);
	sweep->points = total < SIZE_MAX / sizeof(*sweep->points)
		? malloc((size_t)total * sizeof(*sweep->points))
		: NULL;
	if (!sweep->points)
		return mr_fail_memory(err);
	for (size_t i = 0; i < sweep->group_count; i++) {
		const struct mr_group *group = sweep->groups[i];

		for (size_t k = 0; k < group->lane_count; k++) {
			uint64_t own = points_of(sweep, group->lanes[k]);

			for (uint64_t m = 0; m < own; m++) {
				struct mr_point *point = &sweep->points[n++];

				make_point(sweep, group, group->lanes[k], point);
				point->cache_limit += m * sweep->scene.resolution;
				point->result.cache_limit = point->cache_limit;
			}
		}
	}
	sweep->point_count = n;
	return MR_OK;
}

enum mr_status
mr_sweep_points(struct mr_sweep *sweep, const struct mr_point **points, size_t *count,
	struct mr_error *err)
{
	enum mr_status st =
		sweep->by_runs ? mr_spread_points(sweep, err) : group_points(sweep, err);

	if (st)
		return st;
	qsort(sweep->points, sweep->point_count, sizeof(*sweep->points), by_limit);
	*points = sweep->points;
	*count = sweep->point_count;
	return MR_OK;
}

void
mr_sweep_summary(const struct mr_sweep *sweep, struct mr_sweep_summary *out)
{
	out->events = sweep->events;
	out->resolution = sweep->is_list ? 0 : sweep->set.step;
	out->ignored_limits = sweep->ignored_limits;
	out->ranges = mr_sweep_ranges(sweep) + sweep->run_count;
	out->states = sweep->group_count + sweep->run_count;
	out->state_events = sweep->state_events;
}
