/* SPDX-License-Identifier: MIT */
#ifndef MR_REPLAY_SCHEDULE_H
#define MR_REPLAY_SCHEDULE_H

/*
 * A program cut up by threads: each one's operations in their order, and what
 * of the order between threads must hold.
 *
 * - A free follows its malloc. Where that is another thread's, `thread` of the
 *   free names that thread and `size` says how many of its operations must be
 *   done; and `thread` of the malloc names the thread that waits, so that only
 *   those tell which somebody waits for. In all others it is the own thread.
 * - What acts on the whole allocator is a fence: a changed limit, a cleared
 *   cache, a peak begun anew. All that was recorded before it comes before it,
 *   all that was recorded after it after it. Otherwise a limit would be that of
 *   another time, for the thread that sets it often does nothing else.
 * - No thread runs away from the others for good: if it could come to hold more
 *   memory than MR_AHEAD_BYTES or the recorded peak above that peak, whatever
 *   the threads' speed, there is a fence too. So a replay needs at most twice
 *   the recorded memory or MR_AHEAD_BYTES more, though nothing else holds back
 *   a thread that only allocates what others free.
 *
 * Marks and counters order nothing. Fences part the program into stretches; no
 * operation of a stretch comes before all threads are done with the one before.
 *
 * `slot` is not that of the program, where a malloc has the slot of a block that
 * another thread may not have freed yet. It is a cell: the thread that frees a
 * block uses its cell again, and no other, so its own order is enough. Cells
 * that lie together in a cache line begin with one thread. Blocks that go from
 * thread to thread take a new cell each if none comes back, so that there are
 * at most as many cells as mallocs.
 */

#include <stddef.h>
#include <stdint.h>

#include "replay/program.h"

#define MR_AHEAD_BYTES (UINT64_C(64) << 20)

/* What a child is told of a schedule. */
struct mr_schedule_shape {
	uint64_t operations;
	uint64_t stretches; /* at least 1 */
	uint32_t threads;   /* at most MR_THREADS_MAX */
	uint32_t cells;
};

struct mr_schedule {
	struct mr_schedule_shape shape;
	int fd;
	void *mapping; /* all that follows is in it */
	size_t bytes;
	struct mr_operation *operations; /* thread after thread */
	struct mr_replay_thread *threads;
	/* how many of its operations a thread has done at the end of a stretch */
	uint64_t *ends; /* [stretch * shape.threads + thread] */
};

/*
 * Makes the schedule of a program, in the caller's storage; mr_schedule_fini()
 * also after failure. keep_limits as in struct mr_replay_options: a limit that is
 * not set is no fence. Needs 16 bytes an event of shared memory, and 8 bytes a
 * thread and stretch.
 *   MR_EINVAL  more threads than MR_THREADS_MAX
 *   MR_ENOMEM, MR_EIO
 */
MR_MUST_CHECK enum mr_status mr_schedule_make(struct mr_schedule *schedule,
	const struct mr_program *program, bool keep_limits, struct mr_error *err);

/*
 * Maps a schedule of this shape that another process made; for
 * mr_schedule_fini().
 *   MR_EIO
 */
MR_MUST_CHECK enum mr_status mr_schedule_attach(struct mr_schedule *schedule, int fd,
	const struct mr_schedule_shape *shape, struct mr_error *err);

/* Closes its descriptor too; zeros with a descriptor of -1 are fine. */
void mr_schedule_fini(struct mr_schedule *schedule);

/* The most bytes that a program's schedule and its threads can come to take. */
uint64_t mr_schedule_need(const struct mr_program *program);

#endif
