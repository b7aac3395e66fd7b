/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_VARY_H
#define MR_CLI_VARY_H

/* --vary: a grid of policies and knobs, all combinations of some values of each. */

#include "cli/setup.h"

#define MR_VARY_MOST 4096 /* combinations */

struct mr_vary_options {
	struct mr_texts texts; /* "KNOB=a,b,c", or "policy=NAME,NAME" */
};
extern const struct mr_option_group mr_vary_group;

/* One combination: its policy, and "KNOB=VALUE" for each --vary, in their order. */
struct mr_variant {
	struct mr_setup setup;
	char *texts[MR_TEXTS_MAX];
};

struct mr_variants {
	struct mr_variant *items;
	size_t count; /* 1 if nothing varies */
	size_t varied;
};

/*
 * Makes all combinations, the last --vary changing fastest; header as in
 * mr_setup_make(). *out is to be given to mr_variants_fini() in any case.
 *   MR_EINVAL   an option is wrong
 *   MR_EFORMAT  the header is
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_variants_make(struct mr_variants *out,
	const struct mr_vary_options *vary, const struct mr_policy_options *policy,
	const struct mr_header *header, struct mr_error *err);

void mr_variants_fini(struct mr_variants *variants);

#endif
