/* SPDX-License-Identifier: MIT */
#ifndef MR_REPLAY_ORDER_H
#define MR_REPLAY_ORDER_H

/*
 * What parent and child tell each other: one order down, one answer up, each a
 * message of a SOCK_SEQPACKET pair; and before the answer, if asked for, now and
 * then the number of operations done, a uint64_t. Both are the same program, so
 * plain structs do; their sizes are compared in case its file was replaced
 * meanwhile.
 */

#include <stdbool.h>
#include <stdint.h>

#include "memreplay/replay.h"
#include "replay/schedule.h"

#define MR_LIBRARY_SIZE 4096

enum mr_order_kind {
	MR_ORDER_PROBE,   /* only tell whose malloc it is */
	MR_ORDER_CACHING, /* replay on the caching allocator */
	MR_ORDER_MALLOC   /* replay on malloc */
};

struct mr_order {
	uint64_t struct_size;
	enum mr_order_kind kind;
	enum mr_touch touch;
	enum mr_timing timing;
	bool keep_limits;
	bool tell_progress;
	uint32_t slots;
	uint64_t operations;
	struct mr_policy policy;
	/* of the schedule, if that is passed on, for what is measured by thread */
	struct mr_schedule_shape shape;
	bool on_threads; /* carry out the schedule */
	/* the preloaded library, whose malloc it must be; "": none is */
	char library[MR_LIBRARY_SIZE];
};

struct mr_answer {
	uint64_t struct_size;
	bool done; /* otherwise text says why not */
	uint64_t clock_step_ns;
	struct mr_result result; /* MR_ORDER_CACHING */
	double figures[MR_FIGURE_COUNT];
	char text[256];
	char malloc_library[MR_LIBRARY_SIZE]; /* the file that malloc is from */
};

#endif
