/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_TORCHTRIAL_H
#define MR_TESTS_TORCHTRIAL_H

/*
 * Programs made of any numbers, carried out by the torch allocator and by the slow
 * model of it: what each asks of the device, every address and every counter must be
 * the same after each step.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/torch.h"
#include "torchmodel.h"

/* Settings that no configuration has changed. */
extern const struct mr_torch_settings trial_plain;

/* The same addresses for both, in no order, with room for any range. */
struct trial_places {
	uint64_t made;
	uint64_t salt;
};

struct trial_live {
	uint64_t addr;
	uint32_t block, serial;
	bool waiting;
};

struct trial {
	/* set by whoever begins it: any number below end, and what a failure does */
	uint64_t (*draw)(void *context, uint64_t end);
	void (*fail)(const char *text);
	void *context;
	int number; /* for messages */

	struct mr_torch *torch;
	struct model model;
	struct trial_places places, model_places;
	struct trial_live live[512];
	size_t count;
	size_t events; /* of the model's, seen from the torch allocator */
	uint64_t retries;
	bool out; /* memory ran out */
	int step;
};

/* Draws settings and begins; the caller has set the first members, the rest is zero. */
void trial_begin(struct trial *trial);

/* One malloc, free or release of all, and the comparison. */
void trial_step(struct trial *trial);

void trial_end(struct trial *trial);

#endif
