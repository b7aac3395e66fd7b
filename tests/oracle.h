/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_ORACLE_H
#define MR_TESTS_ORACLE_H

/*
 * A slow and obvious model of a caching allocator, to hold the fast ones
 * against: two arrays, linear scans, exact integers. It is written from the
 * rules alone and shares no code with src/. It aborts if it runs out of memory.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/policy.h"
#include "memreplay/result.h"
#include "memreplay/trace.h"

struct oracle;

/* What a malloc got. */
struct oracle_outcome {
	uint64_t capacity;
	bool hit;
	bool none; /* the policy gave no block */
};

/* keep_limits as in mr_sim_new(). The caller's, for oracle_free(). */
struct oracle *oracle_new(const struct mr_policy *policy, bool keep_limits);
void oracle_free(struct oracle *oracle);

/* Carries out one event; the outcome is all zero unless it is a malloc. */
struct oracle_outcome oracle_step(struct oracle *oracle, const struct mr_event *event);

/* The figures so far. */
const struct mr_result *oracle_result(const struct oracle *oracle);

/* The capacity of the cached block at a place, 0 being the one cached earliest. */
uint64_t oracle_cached(const struct oracle *oracle, size_t at);

/* The name of the first member that differs, or NULL. */
const char *oracle_difference(const struct mr_result *a, const struct mr_result *b);

#endif
