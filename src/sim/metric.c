/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "memreplay/result.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define AT(member)   offsetof(struct mr_result, member)

#define BOTH (MR_SECTION_RESULT | MR_SECTION_LIMITS)
#define ALL  (MR_SECTION_RESULT | MR_SECTION_TORCH)

/* clang-format off */
static const struct mr_metric metrics[] = {
	{ "events", "events in the trace", MR_UNIT_COUNT, MR_BETTER_NONE,
		ALL, AT(events), 0 },
	{ "mallocs", "requests for a block", MR_UNIT_COUNT, MR_BETTER_NONE,
		ALL, AT(mallocs), 0 },
	{ "frees", "blocks freed", MR_UNIT_COUNT, MR_BETTER_NONE,
		ALL, AT(frees), 0 },
	{ "hits", "mallocs served from the cache", MR_UNIT_COUNT, MR_BETTER_HIGHER,
		ALL, AT(hits), 0 },
	{ "misses", "mallocs served by the system", MR_UNIT_COUNT, MR_BETTER_LOWER,
		ALL, AT(misses), 0 },
	{ "hit_rate", "hits / mallocs", MR_UNIT_RATIO, MR_BETTER_HIGHER,
		ALL, AT(hits), AT(mallocs) },
	{ "byte_hit_rate", "requested bytes served by hits / requested bytes",
		MR_UNIT_RATIO, MR_BETTER_HIGHER,
		ALL, AT(hit_bytes), AT(requested_bytes) },
	{ "requested_bytes", "bytes asked for, summed over mallocs", MR_UNIT_BYTES,
		MR_BETTER_NONE, ALL, AT(requested_bytes), 0 },
	{ "hit_bytes", "bytes asked for, summed over hits", MR_UNIT_BYTES,
		MR_BETTER_HIGHER, MR_SECTION_RESULT, AT(hit_bytes), 0 },
	{ "larger_hits", "hits on a block larger than the request", MR_UNIT_COUNT,
		MR_BETTER_NONE, MR_SECTION_RESULT, AT(larger_hits), 0 },
	{ "slack_bytes", "capacity beyond the request, summed over hits", MR_UNIT_BYTES,
		MR_BETTER_LOWER, MR_SECTION_RESULT, AT(slack_bytes), 0 },
	{ "failed_mallocs", "mallocs that the policy refused", MR_UNIT_COUNT,
		MR_BETTER_LOWER, MR_SECTION_RESULT, AT(failed_mallocs), 0 },
	{ "first_failed_malloc", "number of the event of the first of these; 0: none",
		MR_UNIT_COUNT, MR_BETTER_NONE, MR_SECTION_RESULT, AT(first_failed_malloc),
		0 },
	{ "evicted_blocks", "cached blocks returned to the system, for any reason",
		MR_UNIT_COUNT, MR_BETTER_LOWER, MR_SECTION_RESULT, AT(evicted_blocks),
		0 },
	{ "evicted_bytes", "capacity of the evicted blocks", MR_UNIT_BYTES,
		MR_BETTER_LOWER, MR_SECTION_RESULT, AT(evicted_bytes), 0 },
	{ "stale_bytes", "cached, then evicted or left to the end without reuse",
		MR_UNIT_BYTES, MR_BETTER_LOWER, MR_SECTION_RESULT, AT(stale_bytes), 0 },
	{ "active_bytes", "capacity of the blocks live at the end", MR_UNIT_BYTES,
		MR_BETTER_NONE, ALL, AT(active_bytes), 0 },
	{ "cached_bytes", "capacity of the blocks cached at the end", MR_UNIT_BYTES,
		MR_BETTER_NONE, ALL, AT(cached_bytes), 0 },
	{ "live_blocks", "blocks live at the end", MR_UNIT_COUNT, MR_BETTER_NONE,
		ALL, AT(live_blocks), 0 },
	{ "cached_blocks", "blocks cached at the end", MR_UNIT_COUNT, MR_BETTER_NONE,
		MR_SECTION_RESULT, AT(cached_blocks), 0 },
	{ "peak_active_bytes", "highest active memory of the whole trace", MR_UNIT_BYTES,
		MR_BETTER_LOWER, ALL, AT(peak_active_bytes), 0 },
	{ "peak_since_reset_bytes",
		"highest active memory since the last reset of the peak",
		MR_UNIT_BYTES, MR_BETTER_LOWER, MR_SECTION_RESULT,
		AT(peak_since_reset_bytes), 0 },
	{ "peak_total_bytes", "highest active + cached memory", MR_UNIT_BYTES,
		MR_BETTER_LOWER, MR_SECTION_RESULT, AT(peak_total_bytes), 0 },
	{ "cache_limit", "cache limit in force at the end", MR_UNIT_BYTES, MR_BETTER_NONE,
		MR_SECTION_LIMITS, AT(cache_limit), 0 },
	{ "peak_cached_bytes", "highest cached memory", MR_UNIT_BYTES, MR_BETTER_LOWER,
		BOTH, AT(peak_cached_bytes), 0 },
	{ "max_overshoot_bytes", "most cached memory above the limit", MR_UNIT_BYTES,
		MR_BETTER_LOWER, MR_SECTION_LIMITS, AT(max_overshoot_bytes), 0 },
	{ "events_over_limit", "events that left cached memory above the limit",
		MR_UNIT_COUNT, MR_BETTER_LOWER, MR_SECTION_LIMITS, AT(events_over_limit),
		0 },
	{ "rejected_frees", "freed blocks that did not fit under the limit",
		MR_UNIT_COUNT,
		MR_BETTER_LOWER, BOTH, AT(rejected_frees), 0 },
	{ "rejected_bytes", "capacity of the rejected blocks", MR_UNIT_BYTES,
		MR_BETTER_LOWER, BOTH, AT(rejected_bytes), 0 },
	{ "limit_changes", "changes of the cache limit", MR_UNIT_COUNT, MR_BETTER_NONE,
		MR_SECTION_LIMITS, AT(limit_changes), 0 },
	{ "evictions_by_limit",
		"blocks evicted because cached memory was above the limit",
		MR_UNIT_COUNT, MR_BETTER_LOWER, MR_SECTION_LIMITS, AT(evictions_by_limit),
		0 },
	{ "evicted_bytes_by_limit", "capacity of the blocks evicted by the limit",
		MR_UNIT_BYTES, MR_BETTER_LOWER, MR_SECTION_LIMITS,
		AT(evicted_bytes_by_limit), 0 },
	{ "evictions_for_room", "blocks evicted to make room for freed ones",
		MR_UNIT_COUNT, MR_BETTER_LOWER, MR_SECTION_LIMITS, AT(evictions_for_room),
		0 },
	{ "evicted_bytes_for_room", "capacity of the blocks evicted to make room",
		MR_UNIT_BYTES, MR_BETTER_LOWER, MR_SECTION_LIMITS,
		AT(evicted_bytes_for_room), 0 },
	{ "evictions_by_pressure", "blocks evicted because memory or blocks ran short",
		MR_UNIT_COUNT, MR_BETTER_LOWER, MR_SECTION_LIMITS,
		AT(evictions_by_pressure), 0 },
	{ "evicted_bytes_by_pressure", "capacity of the blocks evicted by pressure",
		MR_UNIT_BYTES, MR_BETTER_LOWER, MR_SECTION_LIMITS,
		AT(evicted_bytes_by_pressure), 0 },
	{ "cleared_blocks", "blocks evicted by clearing the cache", MR_UNIT_COUNT,
		MR_BETTER_NONE, MR_SECTION_LIMITS, AT(cleared_blocks), 0 },
	{ "cleared_bytes", "capacity of the cleared blocks", MR_UNIT_BYTES,
		MR_BETTER_NONE,
		MR_SECTION_LIMITS, AT(cleared_bytes), 0 },
	{ "memory_limit", "memory limit in force at the end", MR_UNIT_BYTES,
		MR_BETTER_NONE, MR_SECTION_LIMITS, AT(memory_limit), 0 },
	{ "events_over_memory_limit", "events that left active memory above the limit",
		MR_UNIT_COUNT, MR_BETTER_LOWER, MR_SECTION_LIMITS,
		AT(events_over_memory_limit), 0 },
	{ "reserved_bytes", "bytes held of the device at the end",
		MR_UNIT_BYTES, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(reserved_bytes), 0 },
	{ "allocated_bytes", "bytes of blocks in use at the end",
		MR_UNIT_BYTES, MR_BETTER_NONE,
		MR_SECTION_TORCH, AT(allocated_bytes), 0 },
	{ "peak_reserved_bytes", "most bytes held of the device",
		MR_UNIT_BYTES, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(peak_reserved_bytes), 0 },
	{ "peak_allocated_bytes", "most bytes of blocks in use",
		MR_UNIT_BYTES, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(peak_allocated_bytes), 0 },
	{ "allocated_at_peak_bytes", "bytes in use when reserved memory peaked first",
		MR_UNIT_BYTES, MR_BETTER_NONE,
		MR_SECTION_TORCH, AT(allocated_at_peak_bytes), 0 },
	{ "fragmentation_at_peak", "share of reserved memory not in use, at its peak",
		MR_UNIT_RATIO, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(unused_at_peak_bytes), AT(peak_reserved_bytes) },
	{ "mean_fragmentation", "share of reserved memory not in use, over all events",
		MR_UNIT_RATIO, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(unused_sum), AT(reserved_sum) },
	{ "segments", "segments at the end",
		MR_UNIT_COUNT, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(segments), 0 },
	{ "peak_segments", "most segments",
		MR_UNIT_COUNT, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(peak_segments), 0 },
	{ "segment_allocs", "segments asked of the device",
		MR_UNIT_COUNT, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(segment_allocs), 0 },
	{ "segment_frees", "segments given back to the device",
		MR_UNIT_COUNT, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(segment_frees), 0 },
	{ "segment_maps", "times that an expandable segment grew",
		MR_UNIT_COUNT, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(segment_maps), 0 },
	{ "segment_unmaps", "times that it gave memory back",
		MR_UNIT_COUNT, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(segment_unmaps), 0 },
	{ "released_bytes", "bytes given back to the device",
		MR_UNIT_BYTES, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(released_bytes), 0 },
	{ "collections", "garbage collections that gave something back",
		MR_UNIT_COUNT, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(collections), 0 },
	{ "retries", "requests for which all that was cached was released",
		MR_UNIT_COUNT, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(retries), 0 },
	{ "ooms", "1 if memory ran out; the run ends there",
		MR_UNIT_COUNT, MR_BETTER_LOWER,
		MR_SECTION_TORCH, AT(ooms), 0 },
	{ "oom_event", "event at which memory ran out; 0: before the first, or ooms is 0",
		MR_UNIT_COUNT, MR_BETTER_NONE,
		MR_SECTION_TORCH, AT(oom_event), 0 },
	{ "oom_bytes", "bytes that were asked for then",
		MR_UNIT_BYTES, MR_BETTER_NONE,
		MR_SECTION_TORCH, AT(oom_bytes), 0 },
	{ "misses_by_limit", "misses that a cache without a limit would have served",
		MR_UNIT_COUNT, MR_BETTER_LOWER, MR_SECTION_DETAIL, AT(misses_by_limit),
		0 },
	{ "misses_nothing_cached", "other misses, with nothing cached at all",
		MR_UNIT_COUNT, MR_BETTER_LOWER, MR_SECTION_DETAIL,
		AT(misses_nothing_cached), 0 },
	{ "misses_only_smaller", "other misses, with only smaller blocks cached",
		MR_UNIT_COUNT, MR_BETTER_LOWER, MR_SECTION_DETAIL,
		AT(misses_only_smaller), 0 },
	{ "misses_beyond_window", "other misses: what was large enough was too large",
		MR_UNIT_COUNT, MR_BETTER_LOWER, MR_SECTION_DETAIL,
		AT(misses_beyond_window), 0 },
	{ "peak_stale_bytes", "most bytes at once that were cached for nothing",
		MR_UNIT_BYTES, MR_BETTER_LOWER, MR_SECTION_DETAIL, AT(peak_stale_bytes),
		0 },
	{ "mean_stale_bytes", "bytes cached for nothing, the mean over all events",
		MR_UNIT_BYTES, MR_BETTER_LOWER, MR_SECTION_DETAIL, AT(mean_stale_bytes),
		0 },
	{ "mean_cached_bytes", "cached memory, the mean over all events", MR_UNIT_BYTES,
		MR_BETTER_LOWER, MR_SECTION_DETAIL, AT(mean_cached_bytes), 0 },
	{ "stale_share", "mean_stale_bytes / mean_cached_bytes", MR_UNIT_RATIO,
		MR_BETTER_LOWER, MR_SECTION_DETAIL, AT(mean_stale_bytes),
		AT(mean_cached_bytes) },
	{ "peak_live_blocks", "most live blocks at once", MR_UNIT_COUNT, MR_BETTER_NONE,
		MR_SECTION_DETAIL, AT(peak_live_blocks), 0 },
	{ "peak_cached_blocks", "most cached blocks at once", MR_UNIT_COUNT,
		MR_BETTER_LOWER, MR_SECTION_DETAIL, AT(peak_cached_blocks), 0 },
	{ "peak_blocks", "most live and cached blocks at once", MR_UNIT_COUNT,
		MR_BETTER_LOWER, MR_SECTION_DETAIL, AT(peak_blocks), 0 },
	{ "bound_hits", "hits that no policy with this window and limit exceeds",
		MR_UNIT_COUNT, MR_BETTER_NONE, MR_SECTION_DETAIL, AT(bound_hits), 0 },
	{ "bound_hit_rate", "bound_hits / mallocs", MR_UNIT_RATIO, MR_BETTER_NONE,
		MR_SECTION_DETAIL, AT(bound_hits), AT(mallocs) },
	{ "bound_hit_bytes", "the same bound on hit_bytes", MR_UNIT_BYTES,
		MR_BETTER_NONE, MR_SECTION_DETAIL, AT(bound_hit_bytes), 0 },
	{ "bound_byte_hit_rate", "the same bound on the byte hit rate", MR_UNIT_RATIO,
		MR_BETTER_NONE, MR_SECTION_DETAIL, AT(bound_hit_bytes),
		AT(requested_bytes) },
};
/* clang-format on */

const struct mr_metric *
mr_detail_metrics(size_t *count)
{
	*count = COUNT(metrics);
	return metrics;
}

/* Those in detail are the last. */
const struct mr_metric *
mr_metrics(size_t *count)
{
	*count = COUNT(metrics);
	while (metrics[*count - 1].sections & MR_SECTION_DETAIL)
		--*count;
	return metrics;
}

const struct mr_metric *
mr_metric_find(const char *name)
{
	for (size_t i = 0; i < COUNT(metrics); i++)
		if (!strcmp(metrics[i].name, name))
			return &metrics[i];
	return NULL;
}

static uint64_t
member(const struct mr_result *result, size_t offset)
{
	return *(const uint64_t *)(const void *)((const char *)result + offset);
}

uint64_t
mr_metric_count(const struct mr_metric *metric, const struct mr_result *result)
{
	return member(result, metric->offset);
}

uint64_t
mr_metric_divisor(const struct mr_metric *metric, const struct mr_result *result)
{
	return metric->unit == MR_UNIT_RATIO ? member(result, metric->divisor) : 1;
}

double
mr_metric_value(const struct mr_metric *metric, const struct mr_result *result)
{
	double value = (double)member(result, metric->offset);
	uint64_t divisor;

	if (metric->unit != MR_UNIT_RATIO)
		return value;
	divisor = member(result, metric->divisor);
	return divisor ? value / (double)divisor : 0;
}
