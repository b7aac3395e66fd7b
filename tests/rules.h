/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_RULES_H
#define MR_TESTS_RULES_H

/*
 * The rules of the policies as short scripts with results worked out by hand,
 * for whatever claims to follow them. A script is words:
 *
 *   m100=100    allocate 100 bytes: a miss that gives a capacity of 100
 *   m60=100hit  allocate 60 bytes: a hit that gives a capacity of 100
 *   m60=none    allocate 60 bytes: there is no block
 *   f2          free what the second malloc got
 *   L50  M50    set the cache limit, the memory limit to 50
 *   C  R        clear the cache, reset the peak
 *   ?1,2,3      active memory is now 1, cached memory 2, the peak since reset 3
 */

#include <stdbool.h>
#include <stddef.h>

#include "memreplay/policy.h"
#include "memreplay/trace.h"

struct rule {
	const char *name;
	const char *policy; /* see rules_policy() */
	uint64_t cache_limit;
	const char *script;
};

extern const struct rule rules[];
extern const size_t rules_count;

/* The policy that a text like "mlx-cpu page=64 round=pow2" says; or aborts. */
struct mr_policy rules_policy(const char *text);

/* One word of a script. */
struct rule_step {
	bool is_counters;      /* event is of counters: they are expected */
	struct mr_event event; /* ids and slots count from 1 and 0 */
	bool none;             /* of a malloc: no block is expected */
	uint64_t capacity;     /* of a malloc: expected */
	bool hit;              /* of a malloc: expected */
	const char *word;      /* where it stands in the script */
};

/*
 * Reads the next word at *script, of a rule with *mallocs mallocs so far, and
 * moves both on; false at the end. Aborts on a word it does not know.
 */
bool rule_next(const char **script, uint64_t *mallocs, struct rule_step *step);

#endif
