/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_PLAN_H
#define MR_TESTS_PLAN_H

/* Programs of several threads, and with them what each thread is to do. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "replay/program.h"

#define THREADS_MAX 16
#define SLOTS_MAX   512

/* A malloc or free. Blocks are told apart by their sizes, no two of which are equal. */
struct deed {
	bool free;
	uint64_t size;
	struct token *token; /* of a malloc that was done */
};

struct log {
	struct deed *deeds;
	size_t count, room;
	uint64_t state; /* for drawing */
};

/* Appends to a log, whose deeds are to be freed. */
void log_note(struct log *log, struct deed deed);

/* A number below `below`, the next of those that follow from *state. */
uint64_t plan_draw(uint64_t *state, uint64_t below);

struct plan {
	struct mr_program *program;
	struct log logs[THREADS_MAX];
	uint64_t live[SLOTS_MAX]; /* sizes by slot; 0: none is live */
	uint64_t serial;          /* of blocks */
	size_t calls;             /* mallocs and frees */
};

void plan_init(struct plan *plan);
void plan_fini(struct plan *plan);

/* Adds an event of a thread; what is neither malloc nor free is in no log. */
void plan_add(struct plan *plan, uint32_t thread, struct mr_event event);

void plan_malloc(struct plan *plan, uint32_t thread, uint32_t slot, uint64_t size);
void plan_free(struct plan *plan, uint32_t thread, uint32_t slot);

/* A pair of calls on a block that no other thread has to do with. */
void plan_pair(struct plan *plan, uint32_t thread);

/* A fence that says how many mallocs and frees come before it. */
void plan_fence(struct plan *plan, uint32_t thread);

/* One thread only gets, the other only gives, and the slot is always the same. */
void plan_handed_on(struct plan *plan);

#endif
