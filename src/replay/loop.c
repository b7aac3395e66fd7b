/* SPDX-License-Identifier: MIT */
#include "replay/loop.h"

#include <stdbool.h>
#include <string.h>

#include "base/clock.h"

static void
touch(const struct mr_loop *loop, volatile unsigned char *block, size_t size)
{
	if (!size)
		return;
	switch (loop->touch) {
	case MR_TOUCH_NONE:
		return;
	case MR_TOUCH_PAGE:
		for (size_t at = 0; at < size; at += loop->page)
			block[at] = 1;
		/* a block does not begin at a page: the last one may be left */
		block[size - 1] = 1;
		return;
	case MR_TOUCH_FULL:
		memset((void *)(uintptr_t)block, 1, size);
		return;
	}
}

static bool
refused(struct mr_loop *loop, const struct mr_allocator *allocator, uint64_t at)
{
	if (!allocator->refused || !allocator->refused(allocator->context))
		return false;
	if (!loop->first_refused)
		loop->first_refused = loop->before + at + 1;
	return true;
}

static void
note_call(struct mr_loop *loop, const struct mr_operation *operation,
	struct mr_histogram *histogram, uint64_t ns)
{
	mr_histogram_add(histogram, ns);
	if (!loop->calls)
		return;
	loop->calls[operation->thread].count++;
	loop->calls[operation->thread].ns += ns;
}

/* Whether the block that is to be freed is there. */
static bool
comes(const struct mr_loop *loop, const struct mr_operation *operation)
{
	return operation->thread == loop->thread ||
		mr_meeting_wait(loop->meeting, loop->thread, operation->thread,
			(size_t)operation->size);
}

/* Says that a block is there, and written to, if another thread will free it. */
static void
tell(const struct mr_loop *loop, const struct mr_operation *operation, uint64_t at)
{
	if (operation->thread != loop->thread)
		mr_meeting_tell(
			loop->meeting, loop->thread, (size_t)(loop->before + at + 1));
}

/*
 * Inlined several times, so that the loop without clocks and other threads has
 * no branch for them. The allocator is called through pointers also where it
 * does nothing, and so their cost is part of what calibration finds.
 */
static inline __attribute__((always_inline)) uint64_t
run(struct mr_loop *loop, const struct mr_allocator *allocator, bool timed, bool meets)
{
	void *context = allocator->context;

	for (uint64_t i = 0; i < loop->count; i++) {
		const struct mr_operation *operation = &loop->operations[i];
		/* what has no address is refused like what is not to be had */
		size_t size =
			operation->size < SIZE_MAX ? (size_t)operation->size : SIZE_MAX;
		uint64_t start = 0;
		void *block;

		switch ((enum mr_op)operation->op) {
		case MR_OP_MALLOC:
			if (timed)
				start = mr_clock_ns();
			block = allocator->take(context, size, operation->align_log2);
			if (timed)
				note_call(loop, operation, loop->malloc_ns,
					mr_clock_ns() - start);
			loop->blocks[operation->slot] = block;
			if (block)
				touch(loop, block, size);
			else if (!refused(loop, allocator, i) && size)
				return i;
			if (meets)
				tell(loop, operation, i);
			break;
		case MR_OP_FREE:
			if (meets && !comes(loop, operation))
				return i;
			block = loop->blocks[operation->slot];
			loop->blocks[operation->slot] = NULL;
			if (timed)
				start = mr_clock_ns();
			allocator->give(context, block);
			if (timed)
				note_call(loop, operation, loop->free_ns,
					mr_clock_ns() - start);
			break;
		case MR_OP_SET_CACHE_LIMIT:
		case MR_OP_SET_MEMORY_LIMIT:
		case MR_OP_CLEAR_CACHE:
		case MR_OP_RESET_PEAK:
		case MR_OP_MARK:
		case MR_OP_COUNTERS:
			allocator->control(context, operation);
			break;
		}
	}
	return loop->count;
}

uint64_t
mr_loop_run(struct mr_loop *loop, const struct mr_allocator *allocator)
{
	if (loop->meeting)
		return loop->malloc_ns ? run(loop, allocator, true, true)
				       : run(loop, allocator, false, true);
	if (loop->malloc_ns)
		return run(loop, allocator, true, false);
	return run(loop, allocator, false, false);
}

static void *
take_nothing(void *context, size_t size, uint32_t align_log2)
{
	(void)size;
	(void)align_log2;
	return context;
}

static void
give_nothing(void *context, void *block)
{
	(void)context;
	(void)block;
}

#define CALIBRATION_EVENTS 4096
#define CALIBRATION_ROUNDS 32

/* The smallest difference between two readings that differ. */
static uint64_t
clock_step(void)
{
	uint64_t step = UINT64_MAX;

	for (int i = 0; i < 64; i++) {
		uint64_t before = mr_clock_ns(), after;

		do
			after = mr_clock_ns();
		while (after == before);
		if (after - before < step)
			step = after - before;
	}
	return step;
}

void
mr_loop_calibrate(struct mr_loop_cost *out, struct mr_histogram *malloc_ns,
	struct mr_histogram *free_ns)
{
	struct mr_operation operations[CALIBRATION_EVENTS];
	void *blocks[2];
	struct mr_allocator nothing = {take_nothing, NULL, give_nothing, NULL, blocks};
	struct mr_loop loop = {.operations = operations,
		.count = CALIBRATION_EVENTS,
		.blocks = blocks,
		.touch = MR_TOUCH_NONE,
		.page = 1,
		.malloc_ns = malloc_ns,
		.free_ns = free_ns};
	uint64_t best = UINT64_MAX;

	memset(out, 0, sizeof(*out));
	for (uint32_t i = 0; i < CALIBRATION_EVENTS; i++)
		operations[i] = (struct mr_operation){
			.op = i % 2 ? MR_OP_FREE : MR_OP_MALLOC, .size = i};
	/* the least disturbed round is the cost; other programs only add to it */
	for (int i = 0; i < CALIBRATION_ROUNDS; i++) {
		uint64_t start = mr_clock_ns(), took;

		mr_loop_run(&loop, &nothing);
		took = mr_clock_ns() - start;
		best = took < best ? took : best;
	}
	out->event_ns = (double)best / CALIBRATION_EVENTS;
	if (!malloc_ns)
		return;
	mr_histogram_merge(malloc_ns, free_ns);
	out->call_ns = mr_histogram_percentile(malloc_ns, 500);
	out->call_mean_ns = mr_histogram_mean(malloc_ns);
	out->step_ns = clock_step();
	memset(malloc_ns, 0, sizeof(*malloc_ns));
	memset(free_ns, 0, sizeof(*free_ns));
}
