/* SPDX-License-Identifier: MIT */
#include "plan.h"

#include <stdlib.h>
#include <string.h>

#include "kit.h"

uint64_t
plan_draw(uint64_t *state, uint64_t below)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*state >> 33) % below;
}

void
log_note(struct log *log, struct deed deed)
{
	if (log->count == log->room) {
		log->room = log->room ? 2 * log->room : 64;
		log->deeds = realloc(log->deeds, log->room * sizeof(*log->deeds));
		REQUIRE(log->deeds, "no memory");
	}
	log->deeds[log->count++] = deed;
}

void
plan_init(struct plan *plan)
{
	memset(plan, 0, sizeof(*plan));
	ck_assert(!mr_program_new(&plan->program, NULL));
}

void
plan_fini(struct plan *plan)
{
	for (size_t i = 0; i < THREADS_MAX; i++)
		free(plan->logs[i].deeds);
	mr_program_free(plan->program);
}

void
plan_add(struct plan *plan, uint32_t thread, struct mr_event event)
{
	event.has = MR_HAS_TID;
	event.tid = thread;
	REQUIRE(!mr_program_add(plan->program, &event, NULL), "no room");
}

void
plan_malloc(struct plan *plan, uint32_t thread, uint32_t slot, uint64_t size)
{
	plan->live[slot] = size;
	plan->calls++;
	log_note(&plan->logs[thread], (struct deed){.size = size});
	plan_add(plan, thread,
		(struct mr_event){.op = MR_OP_MALLOC, .slot = slot, .size = size});
}

void
plan_free(struct plan *plan, uint32_t thread, uint32_t slot)
{
	plan->calls++;
	log_note(&plan->logs[thread],
		(struct deed){.free = true, .size = plan->live[slot]});
	plan->live[slot] = 0;
	plan_add(plan, thread, (struct mr_event){.op = MR_OP_FREE, .slot = slot});
}

void
plan_pair(struct plan *plan, uint32_t thread)
{
	uint32_t slot = 400 + thread;

	plan_malloc(plan, thread, slot, ++plan->serial);
	plan_free(plan, thread, slot);
}

void
plan_fence(struct plan *plan, uint32_t thread)
{
	plan_add(plan, thread,
		(struct mr_event){.op = MR_OP_SET_MEMORY_LIMIT, .bytes = plan->calls});
}

void
plan_handed_on(struct plan *plan)
{
	for (int i = 0; i < 2000; i++) {
		plan_malloc(plan, 0, 0, ++plan->serial);
		plan_free(plan, 1, 0);
	}
}
