/* SPDX-License-Identifier: MIT */
#ifndef MEMREPLAY_DETAIL_H
#define MEMREPLAY_DETAIL_H

/*
 * Simulation in detail: as memreplay/sim.h, and besides why mallocs missed, what
 * of the cache was never used, how it was filled at its peak, what happened in
 * each phase, and how many hits any policy could have had at most.
 *
 * Of PyTorch's policies it tells no more than the plain simulation.
 *
 * Takes about six times as long as the plain simulation, and memory for the
 * blocks of two caches: the one asked for, and one without a limit.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "memreplay/policy.h"
#include "memreplay/result.h"
#include "memreplay/sim.h"
#include "memreplay/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mr_detail;

/* Arguments and statuses as those of mr_sim_new(). */
MR_API MR_MUST_CHECK enum mr_status mr_detail_new(struct mr_detail **out,
	const struct mr_policy *policy, bool keep_limits, struct mr_error *err);

MR_API void mr_detail_free(struct mr_detail *detail);

/*
 * Carries out count events from a reader. The name of a mark must still be
 * valid: the reader's last event, or one whose name the caller keeps.
 *   MR_ENOMEM
 */
MR_API MR_MUST_CHECK enum mr_status mr_detail_run(struct mr_detail *detail,
	const struct mr_event *events, size_t count, struct mr_error *err);

/* The figures so far, those of MR_SECTION_DETAIL included. */
MR_API void mr_detail_result(const struct mr_detail *detail, struct mr_result *out);

/* The simulation behind it, for what else that tells; the detail's. */
MR_API const struct mr_sim *mr_detail_sim(const struct mr_detail *detail);

/* Phases told apart by name; what comes under further names is one phase more. */
#define MR_PHASES_MAX 256

/*
 * Whether marks of these names are of one phase: both are the same but for their
 * numbers. "#" stands for any number.
 */
MR_API bool mr_phase_is(const char *phase, const char *mark);

/*
 * What happened from a mark to the next of another name. Names that differ in
 * numbers only, such as "step 1" and "step 2", are one: "step #". The first phase,
 * called "", ends with the first mark; the one for further names is called "...".
 */
struct mr_phase {
	const char *name;
	uint64_t marks;       /* of this name */
	uint64_t entries;     /* how often it began */
	uint64_t first_event; /* with which it began first; 1 is the trace's first */
	/* What was cached as it began, summed over entries, and of that: */
	uint64_t inherited_bytes;
	uint64_t inherited_reused_bytes; /* reused before it ended */
	uint64_t inherited_idle_bytes;   /* still cached when it ended */
	/*
	 * Counters are of this phase alone, summed over entries; peaks are highest
	 * values within it; active_bytes, cached_bytes, live_blocks and
	 * cached_blocks are those at its last end. peak_since_reset_bytes, stale and
	 * mean figures, limits and bounds are not told by phase, and 0.
	 */
	struct mr_result result;
};

/*
 * The phases in the order in which they first began; *phases is the detail's
 * until the next call. A first phase without events is left out. MR_ENOMEM.
 */
MR_API MR_MUST_CHECK enum mr_status mr_detail_phases(struct mr_detail *detail,
	const struct mr_phase **phases, size_t *count, struct mr_error *err);

/* Cached blocks of capacities from 2^(i-1) to below 2^i. */
#define MR_DETAIL_BUCKETS 65

struct mr_detail_bucket {
	uint64_t blocks;
	uint64_t bytes;
};

/* What was cached when cached memory first was at its peak. */
MR_API void mr_detail_histogram(const struct mr_detail *detail,
	struct mr_detail_bucket buckets[MR_DETAIL_BUCKETS]);

#ifdef __cplusplus
}
#endif
#endif
