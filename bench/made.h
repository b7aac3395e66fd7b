/* SPDX-License-Identifier: MIT */
#ifndef MR_BENCH_MADE_H
#define MR_BENCH_MADE_H

/*
 * Made-up traces of any length, without an end: places are filled with blocks
 * one after the other, then in turns the block at a random place is freed and
 * another put there. Sizes are drawn at random, evenly, from multiples of 16
 * bytes. It is as hard as a trace can be: no two events that follow each other
 * have to do with the same memory. The same arguments give the same events.
 */

#include <stdint.h>

#include "memreplay/trace.h"

struct mr_made {
	uint64_t state; /* of the random numbers */
	uint64_t sizes; /* distinct ones */
	uint64_t last_id;
	uint64_t event_count; /* so far */
	uint32_t places;      /* the most blocks live at a time */
	uint32_t place;       /* of the last free */
	uint64_t *ids;        /* of the block at each place */
};

/* Starts a trace; says why and exits where there is no memory. */
void mr_made_init(struct mr_made *made, uint32_t places, uint64_t sizes);
void mr_made_fini(struct mr_made *made);

/* The next event; its slot is the place. */
void mr_made_next(struct mr_made *made, struct mr_event *event);

#endif
