/* SPDX-License-Identifier: MIT */
#ifndef MR_ALLOC_TORCHFREE_H
#define MR_ALLOC_TORCHFREE_H

/*
 * An ordered set of blocks, by (size, address): what PyTorch's allocator
 * searches for the smallest block that fits and, among equals, the lowest.
 *
 * Two levels of sorted arrays: chunks of some dozen keys, and a list of the
 * chunks with the first key of each. A search is two binary searches over keys
 * that lie side by side; inserting moves a few cache lines.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"

#define MR_FREE_CHUNK 64

struct mr_free_key {
	uint64_t size; /* bytes */
	uint64_t addr;
};

struct mr_free_chunk {
	uint32_t count; /* never 0 */
	struct mr_free_key keys[MR_FREE_CHUNK];
	uint32_t blocks[MR_FREE_CHUNK];
};

/* A struct of zeros is an empty set. */
struct mr_free_set {
	uint32_t count; /* of chunks */
	uint32_t space;
	struct mr_free_key *firsts;    /* the first key of each chunk */
	struct mr_free_chunk **chunks; /* count in use, then spares up to made */
	uint32_t made;
	size_t blocks;
};

/* A place in a set; valid until the set is changed. */
struct mr_free_at {
	uint32_t chunk;
	uint32_t index;
};

void mr_free_set_fini(struct mr_free_set *set);

/*
 * Inserts a block whose key is not in the set.
 *   MR_ENOMEM  and the set is as before
 */
MR_MUST_CHECK enum mr_status mr_free_insert(
	struct mr_free_set *set, struct mr_free_key key, uint32_t block);

/* Removes the block of a key that is in the set. */
void mr_free_remove(struct mr_free_set *set, struct mr_free_key key);

/* The first place whose key is not below key; mr_free_valid() if there is one. */
struct mr_free_at mr_free_lower(const struct mr_free_set *set, struct mr_free_key key);

static inline struct mr_free_at
mr_free_first(void)
{
	return (struct mr_free_at){0, 0};
}

static inline bool
mr_free_valid(const struct mr_free_set *set, struct mr_free_at at)
{
	return at.chunk < set->count;
}

static inline uint32_t
mr_free_block(const struct mr_free_set *set, struct mr_free_at at)
{
	return set->chunks[at.chunk]->blocks[at.index];
}

static inline struct mr_free_key
mr_free_at_key(const struct mr_free_set *set, struct mr_free_at at)
{
	return set->chunks[at.chunk]->keys[at.index];
}

static inline struct mr_free_at
mr_free_next(const struct mr_free_set *set, struct mr_free_at at)
{
	if (++at.index == set->chunks[at.chunk]->count)
		at = (struct mr_free_at){at.chunk + 1, 0};
	return at;
}

/* Steps back from a place, or from the end; false before the first. */
static inline bool
mr_free_previous(const struct mr_free_set *set, struct mr_free_at *at)
{
	if (at->index) {
		at->index--;
		return true;
	}
	if (!at->chunk)
		return false;
	at->chunk--;
	at->index = set->chunks[at->chunk]->count - 1;
	return true;
}

#endif
