/* SPDX-License-Identifier: MIT */
#ifndef MEMREPLAY_SIM_H
#define MEMREPLAY_SIM_H

/*
 * Simulation: a policy's exact accounting on a trace, without memory.
 *
 * Memory grows with the live and cached blocks and the distinct sizes, not
 * with the trace. The outcome equals, counter by counter, what the allocator
 * of memreplay/cache.h does with the same events on one thread.
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

struct mr_sim;

/*
 * Makes a simulation of policy. keep_limits: obey the trace's own
 * set_cache_limit events; otherwise they are ignored and the policy's limit
 * holds throughout. On success *out is the caller's, for mr_sim_free().
 *   MR_EINVAL  the policy has a value that its knob has not
 *   MR_ENOMEM
 */
MR_API MR_MUST_CHECK enum mr_status mr_sim_new(struct mr_sim **out,
	const struct mr_policy *policy, bool keep_limits, struct mr_error *err);

MR_API void mr_sim_free(struct mr_sim *sim);

/* What a malloc got. */
struct mr_outcome {
	uint64_t capacity; /* 0 also if the policy gave no block */
	bool hit;
};

/*
 * Carries out one event from a reader (ids are trusted, slot must be set).
 * outcome (NULL: not wanted) is set for a malloc only.
 *   MR_ENOMEM
 */
MR_API MR_MUST_CHECK enum mr_status mr_sim_step(struct mr_sim *sim,
	const struct mr_event *event, struct mr_outcome *outcome, struct mr_error *err);

/* Carries out count events; as mr_sim_step(), at the highest speed. */
MR_API MR_MUST_CHECK enum mr_status mr_sim_run(struct mr_sim *sim,
	const struct mr_event *events, size_t count, struct mr_error *err);

/* The figures so far. */
MR_API void mr_sim_result(const struct mr_sim *sim, struct mr_result *out);

/*
 * The cache limits that would have made the same of the events so far, in place
 * of the policy's own: from *from to just below *to; MR_UNLIMITED: all above.
 * All counters are the same there but cache_limit and max_overshoot_bytes, which
 * tells how far above the limit the cache was. Every policy has such a range;
 * why is said in alloc/core.h.
 */
MR_API void mr_sim_valid_range(const struct mr_sim *sim, uint64_t *from, uint64_t *to);

/*
 * The number, from 1, of the first event that left active memory above the
 * memory limit; 0: none has.
 */
MR_API uint64_t mr_sim_first_over_memory(const struct mr_sim *sim);

/* How many set_cache_limit events were ignored, for keep_limits was false. */
MR_API uint64_t mr_sim_ignored_limits(const struct mr_sim *sim);

/* Proves the simulation's invariants; MR_EINVAL if one is broken. */
MR_API MR_MUST_CHECK enum mr_status mr_sim_check(
	const struct mr_sim *sim, struct mr_error *err);

#ifdef __cplusplus
}
#endif
#endif
