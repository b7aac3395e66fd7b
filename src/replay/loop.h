/* SPDX-License-Identifier: MIT */
#ifndef MR_REPLAY_LOOP_H
#define MR_REPLAY_LOOP_H

/*
 * The loop that carries out a program's operations on an allocator, and how it
 * takes the time.
 *
 * The clock is CLOCK_MONOTONIC, which reads the processor's time stamp counter
 * without a system call. Reading the counter directly costs about the same
 * where it must be ordered with the calls around it, is no finer (the counter
 * of many processors advances 10 ns at once), and is not portable.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "memreplay/replay.h"
#include "replay/meeting.h"
#include "replay/program.h"

/* What the loop needs to know of an allocator. */
struct mr_allocator {
	/* NULL: no block; that is a failure unless size is 0 or it was refused. */
	void *(*take)(void *context, size_t size, uint32_t align_log2);
	/* Whether the last take() was NULL by the policy's will; never twice. */
	bool (*refused)(void *context);
	void (*give)(void *context, void *block);
	/* Every operation that is neither malloc nor free. */
	void (*control)(void *context, const struct mr_operation *operation);
	void *context;
};

/* Timed calls of one thread. */
struct mr_calls {
	uint64_t count;
	uint64_t ns; /* the clock's cost included */
};

struct mr_loop {
	const struct mr_operation *operations;
	uint64_t count;
	void **blocks; /* by slot; NULL: none is live */
	enum mr_touch touch;
	size_t page; /* bytes */
	/* times of each call in ns, the clock's cost included; NULL: none wanted */
	struct mr_histogram *malloc_ns;
	struct mr_histogram *free_ns;
	uint64_t first_refused; /* 0: none so far */
	struct mr_calls *calls; /* by the operation's thread; NULL: not wanted */
	/*
	 * One of several threads, whose operations are of a schedule and whose
	 * blocks by cell: where it meets the others; NULL: it is the only one.
	 */
	struct mr_meeting *meeting;
	uint16_t thread;
	uint64_t before; /* operations of this thread before these */
};

/*
 * Carries out all operations. Returns the number of those that it did: less
 * than count if the malloc that followed got no memory. A malloc that is refused
 * has no block, and its free nothing to give; loop->first_refused is the number
 * of the first of them, from 1. With others it is less than count also if, before
 * a free, their meeting was called off.
 */
uint64_t mr_loop_run(struct mr_loop *loop, const struct mr_allocator *allocator);

/* What the loop itself costs, measured on an allocator that does nothing. */
struct mr_loop_cost {
	double event_ns;     /* an event, all in all */
	double call_mean_ns; /* what a timed call that does nothing takes */
	uint64_t call_ns;    /* the same as median, for percentiles */
	uint64_t step_ns;    /* smallest difference that the clock shows, not 0 */
};

/*
 * Measures them with the histograms given (which are emptied; NULL, NULL: for
 * a loop that times no calls, only event_ns is set).
 */
void mr_loop_calibrate(struct mr_loop_cost *out, struct mr_histogram *malloc_ns,
	struct mr_histogram *free_ns);

#endif
