/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_LIMITS_H
#define MR_TESTS_LIMITS_H

/*
 * Whether a trace runs the same at other limits, as a simulation or a point of a
 * sweep claims: by runs of their own at these limits. What differs is told by name.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/sweep.h"
#include "oracle.h"

#define MOST_POLICIES 16

/* A trace in memory, and the policies that a sweep of it has. */
struct events {
	struct mr_event *items;
	size_t count;
	size_t next; /* for the sweep */
	struct mr_policy policies[MOST_POLICIES];
	size_t policy_count;
};

/* A source for mr_sweep_run(); context is struct events. */
enum mr_status events_next(void *context, struct mr_event *event, struct mr_error *err);

/*
 * Compares a run of the model at another limit with what one at the policy's own
 * came to; NULL: they are the same, as far as limits that are not the same can be.
 */
const char *limits_model_differs(const struct events *events,
	const struct mr_policy *policy, bool keep_limits, uint64_t limit,
	const struct mr_result *want);

/* Compares a simulation at limit with the point of a sweep; NULL: the same. */
const char *limits_run_differs(
	const struct events *events, uint64_t limit, const struct mr_point *point);

/*
 * The same at the point's limit and at both ends of its range, in which the limit
 * must be; *limit is the one that differs.
 */
const char *limits_point_differs(
	const struct events *events, const struct mr_point *point, uint64_t *limit);

#endif
