/* SPDX-License-Identifier: MIT */
#ifndef MR_REPLAY_PROGRAM_H
#define MR_REPLAY_PROGRAM_H

/* What a program is made of; shared by the parent and its children. */

#include <stddef.h>
#include <stdint.h>

#include "memreplay/replay.h"

/* One event. An array of them is all that is in the shared memory. */
struct mr_operation {
	uint64_t size;      /* malloc: requested bytes; limits: the new limit */
	uint32_t slot;      /* malloc, free: see mr_reader_slots() */
	uint8_t op;         /* enum mr_op */
	uint8_t align_log2; /* malloc: 0 where none was recorded */
	uint16_t unused;
};

_Static_assert(sizeof(struct mr_operation) == 16, "a program is 16 bytes an event");

struct mr_program {
	int fd; /* of the shared memory */
	struct mr_operation *operations;
	uint64_t count;
	uint64_t room; /* operations that the mapping holds */

	uint64_t *sizes; /* requested bytes of the live block, by slot */
	uint32_t slots;  /* 1 + the largest slot */
	uint32_t slots_room;
	uint64_t requested_bytes; /* of all live blocks */
	uint64_t peak_requested_bytes;
};

#endif
