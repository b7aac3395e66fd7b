/* SPDX-License-Identifier: MIT */
#include "trace/slots.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define FIRST_PLACES_LOG2 10
#define GOLDEN_RATIO      UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / phi */

/* --- the tree */

static int
compare(const void *a, const void *b)
{
	const struct mr_slot_entry *left = a, *right = b;

	return (left->id > right->id) - (left->id < right->id);
}

static struct mr_slot_entry *
find_crowded(const struct mr_slots *slots, uint64_t id)
{
	const struct mr_slot_entry wanted = {.id = id};
	void *node = tfind(&wanted, &slots->crowded, compare);

	return node ? *(struct mr_slot_entry **)node : NULL;
}

static enum mr_status
add_crowded(struct mr_slots *slots, uint64_t id, uint32_t slot, struct mr_error *err)
{
	struct mr_slot_entry *entry = malloc(sizeof(*entry));

	if (entry) {
		*entry = (struct mr_slot_entry){id, slot};
		if (tsearch(entry, &slots->crowded, compare))
			return MR_OK;
	}
	free(entry);
	return mr_fail_memory(err);
}

static void
remove_crowded(struct mr_slots *slots, struct mr_slot_entry *entry)
{
	tdelete(entry, &slots->crowded, compare);
	free(entry);
}

/* --- the table */

static size_t
home(const struct mr_slots *slots, uint64_t id)
{
	return (size_t)(id * GOLDEN_RATIO >> slots->shift);
}

static struct mr_slot_entry *
new_table(unsigned places_log2)
{
	size_t places = (size_t)1 << places_log2;
	struct mr_slot_entry *table = malloc(places * sizeof(*table));

	for (size_t i = 0; table && i < places; i++)
		table[i].slot = MR_SLOT_NONE;
	return table;
}

enum mr_status
mr_slots_init(struct mr_slots *slots, struct mr_error *err)
{
	memset(slots, 0, sizeof(*slots));
	slots->table = new_table(FIRST_PLACES_LOG2);
	if (!slots->table)
		return mr_fail_memory(err);
	slots->mask = ((size_t)1 << FIRST_PLACES_LOG2) - 1;
	slots->shift = 64 - FIRST_PLACES_LOG2;
	return MR_OK;
}

void
mr_slots_fini(struct mr_slots *slots)
{
	while (slots->crowded)
		remove_crowded(slots, *(struct mr_slot_entry **)slots->crowded);
	free(slots->table);
	free(slots->free);
}

static enum mr_status
insert(struct mr_slots *slots, uint64_t id, uint32_t slot, struct mr_error *err)
{
	size_t at = home(slots, id);

	for (int probe = 0; probe < MR_SLOT_PROBES; probe++) {
		if (slots->table[at].slot == MR_SLOT_NONE) {
			slots->table[at] = (struct mr_slot_entry){id, slot};
			return MR_OK;
		}
		at = (at + 1) & slots->mask;
	}
	return add_crowded(slots, id, slot, err);
}

/* What holds the id, in the table or in the tree; NULL: it is not live. */
static struct mr_slot_entry *
look(const struct mr_slots *slots, uint64_t id)
{
	size_t at = home(slots, id);

	for (int probe = 0; probe < MR_SLOT_PROBES; probe++) {
		if (slots->table[at].slot == MR_SLOT_NONE)
			break;
		if (slots->table[at].id == id)
			return &slots->table[at];
		at = (at + 1) & slots->mask;
	}
	return slots->crowded ? find_crowded(slots, id) : NULL;
}

static enum mr_status
grow_table(struct mr_slots *slots, struct mr_error *err)
{
	struct mr_slot_entry *old = slots->table;
	struct mr_slot_entry *larger = new_table(64 - slots->shift + 1);
	size_t old_places = slots->mask + 1;
	enum mr_status st = MR_OK;

	if (!larger)
		return mr_fail_memory(err);
	slots->table = larger;
	slots->mask = slots->mask * 2 + 1;
	slots->shift--;
	for (size_t i = 0; i < old_places && !st; i++)
		if (old[i].slot != MR_SLOT_NONE)
			st = insert(slots, old[i].id, old[i].slot, err);
	free(old);
	return st;
}

/* Keeps room on the stack for every slot there is, so that free cannot fail. */
static enum mr_status
new_slot(struct mr_slots *slots, uint32_t *slot, struct mr_error *err)
{
	size_t capacity = slots->free_capacity ? slots->free_capacity * 2 : 1024;
	uint32_t *larger;

	if (slots->used == MR_SLOT_NONE)
		return mr_fail_memory(err);
	if (slots->used == slots->free_capacity) {
		larger = realloc(slots->free, capacity * sizeof(*larger));
		if (!larger)
			return mr_fail_memory(err);
		slots->free = larger;
		slots->free_capacity = capacity;
	}
	*slot = slots->used++;
	return MR_OK;
}

enum mr_status
mr_slots_add(struct mr_slots *slots, uint32_t *slot, uint64_t id, struct mr_error *err)
{
	enum mr_status st;

	if (slots->live > slots->mask / 2) {
		st = grow_table(slots, err);
		if (st)
			return st;
	}
	if (slots->free_count) {
		*slot = slots->free[--slots->free_count];
	} else {
		st = new_slot(slots, slot, err);
		if (st)
			return st;
	}
	slots->live++;
	return insert(slots, id, *slot, err);
}

/* Empties a place by moving back what stands behind it only because of it. */
static void
close_gap(struct mr_slots *slots, size_t gap)
{
	size_t at = gap;

	for (;;) {
		at = (at + 1) & slots->mask;
		if (slots->table[at].slot == MR_SLOT_NONE)
			break;
		/* from there on no home is as far back as the gap */
		if (((at - gap) & slots->mask) >= MR_SLOT_PROBES)
			break;
		/* stays if its home lies cyclically in (gap, at] */
		if (((at - home(slots, slots->table[at].id)) & slots->mask) <
			((at - gap) & slots->mask))
			continue;
		slots->table[gap] = slots->table[at];
		gap = at;
	}
	slots->table[gap].slot = MR_SLOT_NONE;
}

bool
mr_slots_remove(struct mr_slots *slots, uint32_t *slot, uint64_t id)
{
	struct mr_slot_entry *entry = look(slots, id);
	size_t at;

	if (!entry)
		return false;
	*slot = entry->slot;
	at = ((uintptr_t)entry - (uintptr_t)slots->table) / sizeof(*entry);
	if (at <= slots->mask)
		close_gap(slots, at);
	else
		remove_crowded(slots, entry);
	slots->free[slots->free_count++] = *slot;
	slots->live--;
	return true;
}

bool
mr_slots_find(const struct mr_slots *slots, uint32_t *slot, uint64_t id)
{
	const struct mr_slot_entry *entry = look(slots, id);

	*slot = entry ? entry->slot : MR_SLOT_NONE;
	return entry;
}
