/* SPDX-License-Identifier: MIT */
#ifndef MEMREPLAY_VERIFY_H
#define MEMREPLAY_VERIFY_H

/*
 * Verification: what a trace recorded of its own allocator, event by event,
 * against what a policy gives. Every capacity, every hit and every counters
 * event is compared; the trace's own limit changes are obeyed.
 */

#include <stdbool.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "memreplay/policy.h"
#include "memreplay/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mr_verifier;

/* A recorded figure that is not what the policy gives. */
struct mr_difference {
	uint64_t event;    /* 1 is the first after the header */
	const char *field; /* "cap", "hit", "active", "cached", "peak"; static */
	uint64_t recorded;
	uint64_t given; /* by the policy */
};

struct mr_verdict {
	uint64_t events;
	uint64_t caps_checked;
	uint64_t hits_checked;
	uint64_t counters_checked; /* events, of three figures each */
	uint64_t cap_differences;
	uint64_t hit_differences;
	uint64_t counters_differences; /* events with one or more */
	bool differs;                  /* then `first` is the first difference */
	struct mr_difference first;
};

/*
 * Makes a verifier that starts with an empty allocator under policy. On success
 * *out is the caller's, for mr_verifier_free().
 *   MR_EINVAL  the policy has a value that its knob has not
 *   MR_ENOMEM
 */
MR_API MR_MUST_CHECK enum mr_status mr_verifier_new(
	struct mr_verifier **out, const struct mr_policy *policy, struct mr_error *err);

/* Compares the next event, from a reader. MR_ENOMEM. */
MR_API MR_MUST_CHECK enum mr_status mr_verifier_step(
	struct mr_verifier *verifier, const struct mr_event *event, struct mr_error *err);

/* What the comparison came to so far. */
MR_API void mr_verifier_verdict(
	const struct mr_verifier *verifier, struct mr_verdict *out);

/* Frees it; NULL is fine. */
MR_API void mr_verifier_free(struct mr_verifier *verifier);

#ifdef __cplusplus
}
#endif
#endif
