/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_STACKS_H
#define MR_TRACE_STACKS_H

/*
 * Call stacks, each kept once: equal frames have the same number, and equal
 * stacks too. Memory grows with what is distinct. A struct of zeros is empty.
 */

#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"

/* A text by its place in mr_stacks.texts. */
struct mr_stacks_frame {
	size_t name;
	size_t filename;
	uint64_t line;
	uint64_t hash;
};

struct mr_stacks_stack {
	size_t first; /* in mr_stacks.parts */
	size_t depth;
	uint64_t hash;
};

/* Numbers by hash: open addressing, 0 is an empty place, others are number + 1. */
struct mr_stacks_index {
	uint32_t *places;
	size_t space; /* a power of two, or 0 */
	size_t count;
};

struct mr_stacks {
	char *texts; /* each ends with a NUL */
	size_t text_length, text_space;
	struct mr_stacks_frame *frames;
	size_t frame_count, frame_space;
	struct mr_stacks_stack *stacks;
	size_t stack_count, stack_space;
	uint32_t *parts; /* numbers of frames */
	size_t part_count, part_space;
	struct mr_stacks_index by_frame;
	struct mr_stacks_index by_stack;
};

/* Text that need not end with a NUL; what it holds beyond one is not kept. */
struct mr_stacks_text {
	const char *text;
	size_t length;
};

/* Stores the number of a frame, from 0 on. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_stacks_add_frame(struct mr_stacks *stacks,
	uint32_t *number, struct mr_stacks_text name, struct mr_stacks_text filename,
	uint64_t line, struct mr_error *err);

/* Stores the number of a stack of frames, from 1 on; 0 if it has none. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_stacks_add(struct mr_stacks *stacks, uint32_t *number,
	const uint32_t *frames, size_t depth, struct mr_error *err);

void mr_stacks_fini(struct mr_stacks *stacks);

#endif
