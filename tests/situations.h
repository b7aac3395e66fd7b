/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_SITUATIONS_H
#define MR_TESTS_SITUATIONS_H

/*
 * What random traces are made of, and the policy that they meet: one table for
 * all tests that hold the simulator against a slow model.
 */

#include <stdbool.h>

#include "walk.h"

struct situation {
	const char *name;
	const char *policy; /* see rules_policy() */
	bool keep_limits;
	struct walk_options walk;
};

extern const struct situation situations[];
extern const int situation_count;

#endif
