/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_SETUP_H
#define MR_CLI_SETUP_H

/*
 * Which policy a command runs a trace under. The policy's defaults give way to
 * what the trace's header says, that to --cache-limit, and that to --set.
 */

#include "cli/option.h"
#include "memreplay/policy.h"
#include "memreplay/trace.h"

/* The names that --policy and --set choose from, by index; NULL: no more. */
const char *mr_setup_policy_at(size_t index);
const char *mr_setup_knob_at(size_t index);

/* --policy, --set, --alloc-conf */
struct mr_policy_options {
	int policy; /* row of mr_policy_names() */
	struct mr_texts knobs;
	struct mr_texts confs;
	bool quiet; /* what is to be said of them has been */
};
extern const struct mr_option_group mr_policy_group;

/* --cache-limit, --keep-limit-events */
struct mr_limit_options {
	struct mr_number cache_limit;
	bool keep_limit_events;
};
extern const struct mr_option_group mr_limit_group;

struct mr_setup {
	struct mr_policy policy;
	bool keep_limits; /* the trace's set_cache_limit events are obeyed */
};

/*
 * Makes the set-up. limits NULL: the command has no such options, and the
 * trace's limits are obeyed. header NULL: only the options are checked, which
 * a command does before it opens anything, and what does nothing is named.
 *   MR_EINVAL   an option is wrong
 *   MR_EFORMAT  the header is: a page that cannot be
 */
MR_MUST_CHECK enum mr_status mr_setup_make(struct mr_setup *out,
	const struct mr_policy_options *options, const struct mr_limit_options *limits,
	const struct mr_header *header, struct mr_error *err);

/* Makes the policy that --policy names, with its defaults. MR_EINVAL. */
MR_MUST_CHECK enum mr_status mr_setup_policy(struct mr_policy *out,
	const struct mr_policy_options *options, struct mr_error *err);

/* Whether the options ask for PyTorch's rules: by name, or with --alloc-conf. */
bool mr_setup_is_torch(const struct mr_policy_options *options);

/*
 * Applies what --alloc-conf was given (NULL: nothing) and then every --set to a
 * policy; says what is to be said of the text if `say`.
 *   MR_EINVAL  an option is wrong
 */
MR_MUST_CHECK enum mr_status mr_setup_knobs(struct mr_policy *policy,
	const struct mr_policy_options *options, const char *conf, bool say,
	struct mr_error *err);

/* Says how many set_cache_limit events a simulation has ignored, if any. */
void mr_setup_say_ignored(uint64_t ignored);

#endif
