/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_WALK_H
#define MR_CLI_WALK_H

/* Running a sweep over a trace, and expectations on its points. */

#include "cli/output.h"
#include "cli/source.h"
#include "memreplay/sweep.h"

/* For mr_sweep_options.help. */
bool mr_walk_help(void *feed);

/* Runs the whole trace through the sweep. Returns an exit status. */
int mr_walk(struct mr_sweep *sweep, struct mr_source *input);

/* The same, and before through what stands beside it, batch by batch. */
int mr_walk_beside(struct mr_sweep *sweep, struct mr_source *input, mr_take_events beside,
	void *context);

/*
 * Says about how long a byte-exact walk will take, judging by its first second;
 * says nothing where that is all it takes, or the trace cannot be read twice.
 */
void mr_walk_estimate(const char *path, const struct mr_source_options *source,
	const struct mr_policy *policy, const struct mr_sweep_options *options);

/* --expect METRIC@LIMIT OP VALUE */
extern const struct mr_option_group mr_point_expect_group;

struct mr_point_expects {
	size_t count;
	struct mr_expect items[MR_TEXTS_MAX];
	uint64_t limits[MR_TEXTS_MAX];
	char texts[MR_TEXTS_MAX][128];
};

/* MR_EINVAL: one is malformed, or names no metric or no limit. */
MR_MUST_CHECK enum mr_status mr_point_expects_parse(struct mr_point_expects *out,
	const struct mr_expect_options *options, struct mr_error *err);

/*
 * Says each expectation that does not hold at the point whose range covers its
 * limit, or that no point covers, with the trace at path, if it is one of several
 * (NULL: it is not). Returns MR_EXIT_UNMET if there is one.
 */
int mr_point_expects_check(const struct mr_point_expects *expects, const char *path,
	const struct mr_point *points, size_t count);

/* The point whose range covers limit, or NULL. */
const struct mr_point *mr_point_at(
	const struct mr_point *points, size_t count, uint64_t limit);

#endif
