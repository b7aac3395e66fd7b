/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_PAIRS_H
#define MR_TRACE_PAIRS_H

/*
 * Frees that do not say which block is meant, only its kind (its size, say):
 * ids of live blocks under a key, the newest taken first. Memory grows with
 * the blocks live at once and the keys. A struct of zeros, once readied, is
 * empty.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "trace/slots.h"

/* A live block, or an empty place. */
struct mr_pair {
	uint64_t id;
	uint32_t next; /* below it under the same key, or the next empty place */
};

struct mr_pairs {
	struct mr_slots keys; /* each has a slot for good */
	uint32_t *tops;       /* by slot */
	size_t top_space;
	struct mr_pair *pairs;
	size_t count, space;
	uint32_t empty; /* first place to be used again */
};

/* MR_ENOMEM */
MR_MUST_CHECK enum mr_status mr_pairs_init(struct mr_pairs *pairs, struct mr_error *err);
void mr_pairs_fini(struct mr_pairs *pairs);

/* MR_ENOMEM */
MR_MUST_CHECK enum mr_status mr_pairs_push(
	struct mr_pairs *pairs, uint64_t key, uint64_t id, struct mr_error *err);

/* Takes the newest id under key; false if there is none. */
bool mr_pairs_pop(struct mr_pairs *pairs, uint64_t key, uint64_t *id);

#endif
