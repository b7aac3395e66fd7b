/* SPDX-License-Identifier: MIT */
#ifndef MEMREPLAY_RESULT_H
#define MEMREPLAY_RESULT_H

/*
 * Results: what an allocator, real or simulated, did with a trace; and the
 * table of metrics that names each figure.
 *
 * All members are exact integers. Ratios are made from two of them by the
 * table's rows. "After any event" in the words below means after each malloc,
 * free, limit change, clearing of the cache or reset of the peak has been
 * carried out completely.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "memreplay/policy.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mr_result {
	uint64_t events; /* everything in the trace after its header */
	uint64_t mallocs;
	uint64_t frees;
	uint64_t hits;                /* mallocs served from the cache */
	uint64_t misses;              /* mallocs served by the system */
	uint64_t larger_hits;         /* hits on a block larger than asked for */
	uint64_t slack_bytes;         /* capacity beyond the request, summed over hits */
	uint64_t requested_bytes;     /* summed over mallocs */
	uint64_t hit_bytes;           /* requested bytes, summed over hits */
	uint64_t failed_mallocs;      /* that the policy refused; none of the above */
	uint64_t first_failed_malloc; /* the number of its event, from 1; 0: none */

	uint64_t rejected_frees; /* blocks that did not fit under the limit */
	uint64_t rejected_bytes;
	uint64_t evicted_blocks; /* cached blocks returned, for whatever reason */
	uint64_t evicted_bytes;
	uint64_t evictions_by_limit; /* of those: for the cache was above its limit */
	uint64_t evicted_bytes_by_limit;
	uint64_t evictions_for_room; /* of those: to cache a freed block */
	uint64_t evicted_bytes_for_room;
	uint64_t evictions_by_pressure; /* of those: for memory, or blocks, ran short */
	uint64_t evicted_bytes_by_pressure;
	uint64_t cleared_blocks; /* of those: because the cache was cleared */
	uint64_t cleared_bytes;

	uint64_t stale_bytes; /* cached, then evicted or left to the end, not reused */

	uint64_t active_bytes; /* at the end: capacities of live blocks */
	uint64_t cached_bytes; /* at the end */
	uint64_t live_blocks;
	uint64_t cached_blocks;
	uint64_t peak_active_bytes;      /* of the whole trace */
	uint64_t peak_since_reset_bytes; /* what MLX would report as peak memory */
	uint64_t peak_cached_bytes;
	uint64_t peak_total_bytes; /* of active + cached */

	uint64_t cache_limit;              /* in force at the end; MR_UNLIMITED: none */
	uint64_t memory_limit;             /* in force at the end; MR_UNLIMITED: none */
	uint64_t limit_changes;            /* cache limit changes carried out */
	uint64_t max_overshoot_bytes;      /* cached above the limit, after any event */
	uint64_t events_over_limit;        /* events after which cached > limit */
	uint64_t events_over_memory_limit; /* events after which active > limit */

	/* torch-cuda and torch-npu only; 0 under the others */
	uint64_t reserved_bytes; /* at the end: held of the device */
	uint64_t allocated_bytes;
	uint64_t peak_reserved_bytes;
	uint64_t peak_allocated_bytes;
	uint64_t allocated_at_peak_bytes; /* when reserved memory peaked first */
	uint64_t unused_at_peak_bytes;    /* reserved less allocated, then */
	uint64_t reserved_sum; /* after each event, summed, in blocks of 512 bytes */
	uint64_t unused_sum;   /* the same of reserved less allocated */
	uint64_t segments;     /* at the end; expandable ones do not count */
	uint64_t peak_segments;
	uint64_t segment_allocs;
	uint64_t segment_frees;
	uint64_t segment_maps;
	uint64_t segment_unmaps;
	uint64_t released_bytes;
	uint64_t collections; /* of garbage that released something */
	uint64_t retries;     /* requests for which all that was cached was released */
	uint64_t ooms;        /* 1: memory ran out, and nothing was done from there on */
	uint64_t oom_event;   /* then: the event; 1 is the first */
	uint64_t oom_bytes;   /* then: what was asked for */

	/*
	 * In detail: 0 unless memreplay/detail.h has counted them. The four causes
	 * add up to the misses; the first that applies counts.
	 */
	uint64_t misses_by_limit;       /* a cache without a limit would have hit */
	uint64_t misses_nothing_cached; /* the cache was empty */
	uint64_t misses_only_smaller;   /* all that was cached was too small */
	uint64_t misses_beyond_window;  /* all that was large enough was too large */
	uint64_t peak_stale_bytes;      /* stale bytes are those never reused again */
	uint64_t mean_stale_bytes;      /* over all events, rounded down */
	uint64_t mean_cached_bytes;
	uint64_t peak_live_blocks;
	uint64_t peak_cached_blocks;
	uint64_t peak_blocks;     /* live and cached */
	uint64_t bound_hits;      /* no policy with this window and limit has more */
	uint64_t bound_hit_bytes; /* the same of requested bytes served by hits */
};

/* Which part of a report a metric belongs to. */
enum mr_section {
	MR_SECTION_RESULT = 1,
	MR_SECTION_LIMITS = 2, /* limit_enforcement; a metric can be in both */
	MR_SECTION_TORCH = 4,  /* the result of torch-cuda and torch-npu */
	MR_SECTION_DETAIL = 8  /* known from memreplay/detail.h only */
};

/* Which direction users want. */
enum mr_better { MR_BETTER_NONE, MR_BETTER_HIGHER, MR_BETTER_LOWER };

struct mr_metric {
	const char *name; /* JSON key, CSV column and --expect name */
	const char *help; /* one line, no full stop */
	enum mr_unit unit;
	enum mr_better better;
	unsigned sections; /* enum mr_section, or-ed */
	size_t offset;     /* of a uint64_t in struct mr_result */
	size_t divisor;    /* MR_UNIT_RATIO: offset of the uint64_t to divide by */
};

/* The table of metrics that every result has, *count rows; static storage. */
MR_API const struct mr_metric *mr_metrics(size_t *count);

/* The same table with those of MR_SECTION_DETAIL after them. */
MR_API const struct mr_metric *mr_detail_metrics(size_t *count);

/* The row called name, or NULL. */
MR_API const struct mr_metric *mr_metric_find(const char *name);

/* The value of a metric, exactly; of a ratio, its dividend. */
MR_API uint64_t mr_metric_count(
	const struct mr_metric *metric, const struct mr_result *result);

/* The divisor of a ratio (0 if it is a ratio of nothing); 1 for the others. */
MR_API uint64_t mr_metric_divisor(
	const struct mr_metric *metric, const struct mr_result *result);

/* The value of any metric as a double; a ratio of nothing is 0. */
MR_API double mr_metric_value(
	const struct mr_metric *metric, const struct mr_result *result);

#ifdef __cplusplus
}
#endif
#endif
