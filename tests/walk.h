/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_WALK_H
#define MR_TESTS_WALK_H

/*
 * Random traces that seek out the edges of the rules: sizes beside those in
 * the cache, at both ends of the window, zero and one; limits beside the
 * cached memory and the 0.9 rule. The same seed gives the same trace.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/policy.h"
#include "memreplay/trace.h"
#include "oracle.h"

struct walk_options {
	uint64_t seed;
	uint64_t max_size;  /* of a request */
	uint64_t max_limit; /* MR_UNLIMITED: any */
	size_t max_live;    /* blocks at a time */
};

struct walk;

/* Aborts if out of memory. The caller's, for walk_free(). */
struct walk *walk_new(const struct walk_options *options, const struct mr_policy *policy);
void walk_free(struct walk *walk);

/*
 * Makes the next event, with id and slot as a reader would set them. oracle
 * has carried out all events so far; it tells where the edges are.
 */
void walk_next(struct walk *walk, const struct oracle *oracle, struct mr_event *event);

/* Makes the free of a block still live; false if there is none. */
bool walk_drain(struct walk *walk, struct mr_event *event);

/* A random number below bound (1 or more). */
uint64_t walk_below(struct walk *walk, uint64_t bound);

#endif
