/* SPDX-License-Identifier: MIT */
#ifndef MR_REPLAY_PROGRAM_H
#define MR_REPLAY_PROGRAM_H

/* What a program is made of; shared by the parent and its children. */

#include <stddef.h>
#include <stdint.h>

#include "memreplay/replay.h"
#include "trace/slots.h"

/* One event. An array of them is all that is in the shared memory. */
struct mr_operation {
	uint64_t size;      /* malloc: requested bytes; limits: the new limit */
	uint32_t slot;      /* malloc, free: see mr_reader_slots() */
	uint8_t op;         /* enum mr_op */
	uint8_t align_log2; /* malloc: 0 where none was recorded */
	uint16_t thread;    /* number of the thread, at most MR_THREADS_MAX */
};

/* Threads that a replay can tell apart. */
#define MR_THREADS_MAX UINT16_MAX

_Static_assert(sizeof(struct mr_operation) == 16, "a program is 16 bytes an event");

struct mr_program_thread {
	uint32_t tid;   /* what the trace calls it */
	uint64_t count; /* operations */
};

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

	struct mr_slots threads; /* numbers of threads, by what the trace calls them */
	struct mr_program_thread *by_thread; /* the first MR_THREADS_MAX */
	uint32_t by_thread_room;
	uint32_t last_tid; /* of the event before; 0 at first */
	uint64_t mallocs;
	uint64_t malloc_bytes; /* of all mallocs */
	uint64_t fences;       /* operations that are fences in a schedule */
};

/* What mallocs keep beside a block, at the most generous. */
#define MR_BLOCK_OVERHEAD 64

/* a + b, or UINT64_MAX if that is larger. */
uint64_t mr_bytes_add(uint64_t a, uint64_t b);

/*
 * Whether the machine has so many bytes left for something of this many events.
 *   MR_ENOMEM  it has not
 */
MR_MUST_CHECK enum mr_status mr_program_check_room(
	uint64_t bytes, uint64_t events, struct mr_error *err);

#endif
