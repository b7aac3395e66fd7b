/* SPDX-License-Identifier: MIT */
#include "trace/slots.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define FIRST_PLACES_LOG2 10
#define GOLDEN_RATIO      UINT64_C(0x9e3779b97f4a7c15) /* 2^64 / phi */

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
	free(slots->table);
	free(slots->free);
}

static void
insert(struct mr_slots *slots, uint64_t id, uint32_t slot)
{
	size_t at = home(slots, id);

	while (slots->table[at].slot != MR_SLOT_NONE)
		at = (at + 1) & slots->mask;
	slots->table[at].id = id;
	slots->table[at].slot = slot;
}

static enum mr_status
grow_table(struct mr_slots *slots, struct mr_error *err)
{
	struct mr_slot_entry *old = slots->table;
	struct mr_slot_entry *larger = new_table(64 - slots->shift + 1);
	size_t old_places = slots->mask + 1;

	if (!larger)
		return mr_fail_memory(err);
	slots->table = larger;
	slots->mask = slots->mask * 2 + 1;
	slots->shift--;
	for (size_t i = 0; i < old_places; i++)
		if (old[i].slot != MR_SLOT_NONE)
			insert(slots, old[i].id, old[i].slot);
	free(old);
	return MR_OK;
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
	insert(slots, id, *slot);
	slots->live++;
	return MR_OK;
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
	size_t at = home(slots, id);

	for (; slots->table[at].slot != MR_SLOT_NONE; at = (at + 1) & slots->mask) {
		if (slots->table[at].id != id)
			continue;
		*slot = slots->table[at].slot;
		close_gap(slots, at);
		slots->free[slots->free_count++] = *slot;
		slots->live--;
		return true;
	}
	return false;
}

bool
mr_slots_find(const struct mr_slots *slots, uint32_t *slot, uint64_t id)
{
	size_t at = home(slots, id);

	while (slots->table[at].slot != MR_SLOT_NONE && slots->table[at].id != id)
		at = (at + 1) & slots->mask;
	*slot = slots->table[at].slot;
	return *slot != MR_SLOT_NONE;
}
