/* SPDX-License-Identifier: MIT */
#ifndef MEMREPLAY_POLICY_H
#define MEMREPLAY_POLICY_H

/*
 * Policies: the rules of a caching allocator, and the knobs that vary them.
 *
 * A policy is plain data: initialise one by name, then set knobs by name and
 * text, or assign its members. Every knob is one row of one table; parsing,
 * help and reports all derive from the row.
 */

#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mr_policy_kind {
	MR_POLICY_MLX_CPU, /* MLX's allocator of builds without a GPU */
	MR_POLICY_NONE     /* plain malloc: nothing is ever cached */
};

/*
 * The rules of mlx-cpu (MLX, no_gpu back end, commit f831bdfc and later):
 *
 *   malloc(n)  takes the smallest cached capacity c >= n, among equal ones the
 *              one cached earliest, if c < min(window_factor * n,
 *              n + window_pages * page): a hit. So n = 0 never hits. Otherwise
 *              a block of capacity n comes from the system: a miss.
 *   free(b)    caches b if its capacity c > 0 and cached + c <= cache_limit.
 *              Otherwise it goes to the system; if c > 0 that is a rejected
 *              free. Nothing is evicted to make room.
 *   lowering the limit below cached releases cached - limit bytes: everything
 *              if that is at least 0.9 * cached, otherwise the least recently
 *              cached blocks until at least so many bytes are gone.
 */
struct mr_policy {
	enum mr_policy_kind kind;
	uint64_t cache_limit;  /* bytes; MR_UNLIMITED: no limit */
	uint64_t memory_limit; /* bytes of active memory; watched, not enforced */
	uint64_t page;         /* bytes */
	uint64_t window_factor;
	uint64_t window_pages;
};

/* Fills in the policy called name with its defaults. MR_EINVAL: no such name. */
MR_API MR_MUST_CHECK enum mr_status mr_policy_init(
	struct mr_policy *policy, const char *name, struct mr_error *err);

/* The names that mr_policy_init() knows, *count of them; static storage. */
MR_API const char *const *mr_policy_names(size_t *count);

/* The name of the policy's kind, as mr_policy_init() takes it. Static storage. */
MR_API const char *mr_policy_name(const struct mr_policy *policy);

/*
 * Sets a knob from text as a user types it.
 *   MR_EINVAL  no such knob, or a value out of its range; err names both
 */
MR_API MR_MUST_CHECK enum mr_status mr_policy_set(struct mr_policy *policy,
	const char *knob, const char *value, struct mr_error *err);

/* What a number is, for those who print it. */
enum mr_unit {
	MR_UNIT_COUNT,
	MR_UNIT_BYTES,
	MR_UNIT_NS,
	MR_UNIT_RATIO /* 0 to 1 */
};

struct mr_knob {
	const char *name;
	const char *help;         /* one line, no full stop */
	const char *default_text; /* as a user would type it */
	size_t offset;            /* of a uint64_t in struct mr_policy */
	enum mr_unit unit;
	uint64_t min;
	uint64_t max;
};

/* The table of knobs, *count rows; static storage. */
MR_API const struct mr_knob *mr_knobs(size_t *count);

/* The value that a knob has in a policy. */
MR_API uint64_t mr_knob_get(const struct mr_knob *knob, const struct mr_policy *policy);

#ifdef __cplusplus
}
#endif
#endif
