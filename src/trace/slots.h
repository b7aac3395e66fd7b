/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_SLOTS_H
#define MR_TRACE_SLOTS_H

/*
 * Live ids and their slots: a hash from id to a small number that one live
 * block has at a time. Memory grows with the blocks live at once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"

struct mr_slot_entry {
	uint64_t id;
	uint32_t slot; /* MR_SLOT_NONE: the place is empty */
};
#define MR_SLOT_NONE UINT32_MAX

/*
 * Open addressing with linear probing: an entry stands at or behind its home, less
 * than MR_SLOT_PROBES places, with no empty place between. At most half of the places
 * are taken. Ids that find no place there go to a tree: without those that are chosen
 * to collide it is empty, and with them a search still takes logarithmic time.
 */
#define MR_SLOT_PROBES 128
struct mr_slots {
	struct mr_slot_entry *table;
	size_t mask;    /* places - 1, a power of two less one */
	unsigned shift; /* 64 - log2(places) */
	void *crowded;  /* the tree, of tsearch() */
	size_t live;
	uint32_t used;  /* slots handed out so far: 1 + the largest */
	uint32_t *free; /* stack of slots to hand out again */
	size_t free_count;
	size_t free_capacity; /* >= used */
};

/* MR_ENOMEM */
MR_MUST_CHECK enum mr_status mr_slots_init(struct mr_slots *slots, struct mr_error *err);
void mr_slots_fini(struct mr_slots *slots);

/*
 * Gives the id, which must not be live, a slot.
 *   MR_ENOMEM  ids may be lost, and all that is left is mr_slots_fini()
 */
MR_MUST_CHECK enum mr_status mr_slots_add(
	struct mr_slots *slots, uint32_t *slot, uint64_t id, struct mr_error *err);

/* Takes the id's slot back and stores it; false if the id is not live. */
bool mr_slots_remove(struct mr_slots *slots, uint32_t *slot, uint64_t id);

/* Stores the slot of the id; false if it is not live. */
bool mr_slots_find(const struct mr_slots *slots, uint32_t *slot, uint64_t id);

#endif
