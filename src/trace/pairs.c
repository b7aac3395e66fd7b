/* SPDX-License-Identifier: MIT */
#include "trace/pairs.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define NONE UINT32_MAX

enum mr_status
mr_pairs_init(struct mr_pairs *pairs, struct mr_error *err)
{
	memset(pairs, 0, sizeof(*pairs));
	pairs->empty = NONE;
	return mr_slots_init(&pairs->keys, err);
}

void
mr_pairs_fini(struct mr_pairs *pairs)
{
	mr_slots_fini(&pairs->keys);
	free(pairs->tops);
	free(pairs->pairs);
}

/* The stack of a key, which is new if need be; NULL if there is no memory. */
static uint32_t *
top_of(struct mr_pairs *pairs, uint64_t key, struct mr_error *err)
{
	size_t space = pairs->top_space ? pairs->top_space * 2 : 64;
	uint32_t slot, *larger;

	if (mr_slots_find(&pairs->keys, &slot, key))
		return &pairs->tops[slot];
	if (mr_slots_add(&pairs->keys, &slot, key, err))
		return NULL;
	if (slot >= pairs->top_space) {
		larger = realloc(pairs->tops, space * sizeof(*larger));
		if (!larger) {
			mr_fail_memory(err);
			return NULL;
		}
		pairs->tops = larger;
		pairs->top_space = space;
	}
	pairs->tops[slot] = NONE;
	return &pairs->tops[slot];
}

/* A place for one more block; NONE if there is no memory. */
static uint32_t
new_place(struct mr_pairs *pairs)
{
	size_t space = pairs->space ? pairs->space * 2 : 256;
	uint32_t place = pairs->empty;
	struct mr_pair *larger;

	if (place != NONE) {
		pairs->empty = pairs->pairs[place].next;
		return place;
	}
	if (pairs->count == NONE)
		return NONE;
	if (pairs->count == pairs->space) {
		larger = realloc(pairs->pairs, space * sizeof(*larger));
		if (!larger)
			return NONE;
		pairs->pairs = larger;
		pairs->space = space;
	}
	return (uint32_t)pairs->count++;
}

enum mr_status
mr_pairs_push(struct mr_pairs *pairs, uint64_t key, uint64_t id, struct mr_error *err)
{
	uint32_t *top = top_of(pairs, key, err);
	uint32_t place = top ? new_place(pairs) : NONE;

	if (place == NONE)
		return mr_fail_memory(err);
	pairs->pairs[place] = (struct mr_pair){.id = id, .next = *top};
	*top = place;
	return MR_OK;
}

bool
mr_pairs_pop(struct mr_pairs *pairs, uint64_t key, uint64_t *id)
{
	uint32_t slot, place;

	if (!mr_slots_find(&pairs->keys, &slot, key) || pairs->tops[slot] == NONE)
		return false;
	place = pairs->tops[slot];
	*id = pairs->pairs[place].id;
	pairs->tops[slot] = pairs->pairs[place].next;
	pairs->pairs[place].next = pairs->empty;
	pairs->empty = place;
	return true;
}
