/* SPDX-License-Identifier: MIT */
#include "alloc/torchfree.h"

#include <stdlib.h>
#include <string.h>

#define HALF (MR_FREE_CHUNK / 2)

static inline bool
below(struct mr_free_key a, struct mr_free_key b)
{
	return a.size < b.size || (a.size == b.size && a.addr < b.addr);
}

/* How many of count ascending keys are below key. */
static inline uint32_t
count_below(const struct mr_free_key *keys, uint32_t count, struct mr_free_key key)
{
	uint32_t from = 0;

	while (count) {
		uint32_t half = count / 2;

		if (below(keys[from + half], key)) {
			from += half + 1;
			count -= half + 1;
		} else {
			count = half;
		}
	}
	return from;
}

void
mr_free_set_fini(struct mr_free_set *set)
{
	for (uint32_t i = 0; i < set->made; i++)
		free(set->chunks[i]);
	free(set->chunks);
	free(set->firsts);
	memset(set, 0, sizeof(*set));
}

/* The chunk that key belongs in: the last that does not begin above it. */
static inline uint32_t
chunk_of(const struct mr_free_set *set, struct mr_free_key key)
{
	uint32_t at = count_below(set->firsts, set->count, key);

	if (at < set->count && !below(key, set->firsts[at]))
		return at;
	return at ? at - 1 : 0;
}

struct mr_free_at
mr_free_lower(const struct mr_free_set *set, struct mr_free_key key)
{
	struct mr_free_at at;

	if (!set->count)
		return mr_free_first();
	at.chunk = chunk_of(set, key);
	at.index = count_below(
		set->chunks[at.chunk]->keys, set->chunks[at.chunk]->count, key);
	if (at.index == set->chunks[at.chunk]->count)
		at = (struct mr_free_at){at.chunk + 1, 0};
	return at;
}

static bool
grow(struct mr_free_set *set)
{
	uint32_t space = set->space ? 2 * set->space : 8;
	struct mr_free_key *firsts = realloc(set->firsts, space * sizeof(*firsts));
	struct mr_free_chunk **chunks;

	if (!firsts)
		return false;
	set->firsts = firsts;
	chunks = realloc(set->chunks, space * sizeof(*chunks));
	if (!chunks)
		return false;
	set->chunks = chunks;
	set->space = space;
	return true;
}

/* Makes an empty chunk at a place in the list. */
static enum mr_status
open_chunk(struct mr_free_set *set, uint32_t at)
{
	uint32_t behind = set->count - at;
	struct mr_free_chunk *chunk;

	if (set->count == set->made) {
		if (set->made == set->space && !grow(set))
			return MR_ENOMEM;
		set->chunks[set->made] = malloc(sizeof(*chunk));
		if (!set->chunks[set->made])
			return MR_ENOMEM;
		set->made++;
	}
	chunk = set->chunks[set->count];
	chunk->count = 0;
	memmove(set->chunks + at + 1, set->chunks + at, behind * sizeof(*set->chunks));
	memmove(set->firsts + at + 1, set->firsts + at, behind * sizeof(*set->firsts));
	set->chunks[at] = chunk;
	set->count++;
	return MR_OK;
}

/* Takes the empty chunk at a place out of the list; it becomes a spare. */
static void
close_chunk(struct mr_free_set *set, uint32_t at)
{
	struct mr_free_chunk *chunk = set->chunks[at];
	uint32_t behind = --set->count - at;

	memmove(set->chunks + at, set->chunks + at + 1, behind * sizeof(*set->chunks));
	memmove(set->firsts + at, set->firsts + at + 1, behind * sizeof(*set->firsts));
	set->chunks[set->count] = chunk;
}

static enum mr_status
halve(struct mr_free_set *set, uint32_t at)
{
	struct mr_free_chunk *low, *high;

	if (open_chunk(set, at + 1))
		return MR_ENOMEM;
	low = set->chunks[at];
	high = set->chunks[at + 1];
	memcpy(high->keys, low->keys + HALF, HALF * sizeof(*low->keys));
	memcpy(high->blocks, low->blocks + HALF, HALF * sizeof(*low->blocks));
	low->count = high->count = HALF;
	set->firsts[at + 1] = high->keys[0];
	return MR_OK;
}

enum mr_status
mr_free_insert(struct mr_free_set *set, struct mr_free_key key, uint32_t block)
{
	struct mr_free_chunk *chunk;
	uint32_t at, index, behind;

	if (!set->count && open_chunk(set, 0))
		return MR_ENOMEM;
	at = set->blocks ? chunk_of(set, key) : 0;
	if (set->chunks[at]->count == MR_FREE_CHUNK) {
		if (halve(set, at))
			return MR_ENOMEM;
		if (!below(key, set->firsts[at + 1]))
			at++;
	}
	chunk = set->chunks[at];
	index = count_below(chunk->keys, chunk->count, key);
	behind = chunk->count - index;
	memmove(chunk->keys + index + 1, chunk->keys + index, behind * sizeof(key));
	memmove(chunk->blocks + index + 1, chunk->blocks + index, behind * sizeof(block));
	chunk->keys[index] = key;
	chunk->blocks[index] = block;
	chunk->count++;
	set->firsts[at] = chunk->keys[0];
	set->blocks++;
	return MR_OK;
}

void
mr_free_remove(struct mr_free_set *set, struct mr_free_key key)
{
	uint32_t at = chunk_of(set, key);
	struct mr_free_chunk *chunk = set->chunks[at];
	uint32_t index = count_below(chunk->keys, chunk->count, key);
	uint32_t behind = --chunk->count - index;

	memmove(chunk->keys + index, chunk->keys + index + 1, behind * sizeof(key));
	memmove(chunk->blocks + index, chunk->blocks + index + 1,
		behind * sizeof(*chunk->blocks));
	set->blocks--;
	if (chunk->count)
		set->firsts[at] = chunk->keys[0];
	else
		close_chunk(set, at);
}
