/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_LIMITS_H
#define MR_CLI_LIMITS_H

/* Which limits to sweep: --limits, --from, --to, --resolution, --jobs. */

#include "cli/option.h"
#include "memreplay/sweep.h"

struct mr_sweep_group_options {
	const char *limits;
	struct mr_number from;
	struct mr_number to;
	struct mr_number resolution;
	struct mr_number jobs;
};
extern const struct mr_option_group mr_sweep_group;

struct mr_limits {
	bool is_auto;   /* show only the points at which the curve bends */
	uint64_t *list; /* in order, each once */
	struct mr_sweep_options options; /* points into list */
};

/*
 * Reads the options; *out is to be given to mr_limits_fini() in any case.
 *   MR_EINVAL  they make no sense
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_limits_make(struct mr_limits *out,
	const struct mr_sweep_group_options *options, struct mr_error *err);

void mr_limits_fini(struct mr_limits *limits);

/*
 * Limits that are listed, or at a step over a range that has an end, can be swept
 * apart, in groups of neighbours: no point depends on other limits. Others are one
 * group, which all policies share.
 */
bool mr_limits_apart(const struct mr_sweep_options *options);
size_t mr_limits_groups(const struct mr_sweep_options *options);

/* How many limits are in so many groups from `first` on; 0: that is not known. */
size_t mr_limits_width(
	const struct mr_sweep_options *options, size_t first, size_t count);

/* The options with the limits of these groups alone. */
struct mr_sweep_options mr_limits_part(
	const struct mr_sweep_options *options, size_t first, size_t count);

/*
 * Keeps of the *count points, in place, the first, the last, and those between
 * which the hit rate bends. MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_limits_thin(
	struct mr_point *points, size_t *count, struct mr_error *err);

#endif
