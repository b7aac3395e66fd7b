/* SPDX-License-Identifier: MIT */
#ifndef MEMREPLAY_DIAGNOSE_H
#define MEMREPLAY_DIAGNOSE_H

/*
 * Diagnosis: what to change, and what it would bring. A first reading of the
 * trace, with memreplay/detail.h, tells what may help; in a second reading each
 * such change is simulated, and only those that gain something are findings.
 *
 * The second reading simulates up to about 30 policies side by side.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "memreplay/detail.h"
#include "memreplay/policy.h"
#include "memreplay/result.h"
#include "memreplay/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mr_finding_kind {
	MR_FINDING_CLEAR,       /* clear the cache when a phase begins */
	MR_FINDING_RAISE_LIMIT, /* a larger cache limit gives more hits */
	MR_FINDING_LOWER_LIMIT, /* a smaller one gives as many */
	MR_FINDING_ROUND,       /* size classes */
	MR_FINDING_WINDOW,      /* larger blocks may serve */
	MR_FINDING_ON_FULL      /* make room, or do not */
};

/* What the finding's name is in JSON; static storage. */
MR_API const char *mr_finding_name(enum mr_finding_kind kind);

struct mr_finding {
	enum mr_finding_kind kind;
	const char *text;   /* what was seen and what the advice brings, in words */
	const char *advice; /* options that make `memreplay simulate` follow it */
	const char *call;   /* the line for a program that uses MLX; "": there is none */
	struct mr_result before;
	struct mr_result after; /* with the advice */
};

struct mr_diagnosis;

/*
 * Prepares the second reading, for a detail that has seen the whole trace under
 * the same policy and keep_limits. On success *out is the caller's, for
 * mr_diagnosis_free().
 *   MR_ENOMEM
 */
MR_API MR_MUST_CHECK enum mr_status mr_diagnosis_new(struct mr_diagnosis **out,
	struct mr_detail *detail, const struct mr_policy *policy, bool keep_limits,
	struct mr_error *err);

/* Carries out events of the second reading; as mr_detail_run(). MR_ENOMEM. */
MR_API MR_MUST_CHECK enum mr_status mr_diagnosis_run(struct mr_diagnosis *diagnosis,
	const struct mr_event *events, size_t count, struct mr_error *err);

#define MR_FINDINGS_MAX 5

/*
 * The findings, those that gain most first, MR_FINDINGS_MAX at most; *findings
 * is the diagnosis's.
 */
MR_API void mr_diagnosis_findings(struct mr_diagnosis *diagnosis,
	const struct mr_finding **findings, size_t *count);

/* Frees it; NULL is fine. */
MR_API void mr_diagnosis_free(struct mr_diagnosis *diagnosis);

/*
 * Where a cache is to be cleared: whenever a phase begins. A struct of zeros with
 * phase set has seen no mark yet.
 */
struct mr_clear_at {
	const char *phase; /* see mr_phase_is() */
	bool inside;       /* the last mark was one of it */
};

/* Whether the cache is to be cleared after this event, if it is a mark. */
MR_API bool mr_clear_at(struct mr_clear_at *clear, const struct mr_event *event);

#ifdef __cplusplus
}
#endif
#endif
