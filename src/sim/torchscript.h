/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_TORCHSCRIPT_H
#define MR_SIM_TORCHSCRIPT_H

/*
 * What a program asked of PyTorch's allocator, made of a memory snapshot: the
 * requests in order, freed from what the traced allocator did with them, and
 * the state in which they begin.
 *
 * A snapshot holds the last events and the segments as they are after them. The
 * beginning is found by walking back from the end: what an event did is undone.
 * What is in no block that is in use is free, for free blocks are always merged.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "alloc/torch.h"

/* --- what was recorded of one device */

enum mr_torch_recorded {
	MR_RECORDED_ALLOC,
	MR_RECORDED_FREE_REQUESTED,
	MR_RECORDED_FREE_COMPLETED,
	MR_RECORDED_FREE, /* both at once, as the oldest versions record it */
	MR_RECORDED_SEGMENT_ALLOC,
	MR_RECORDED_SEGMENT_FREE,
	MR_RECORDED_SEGMENT_MAP,
	MR_RECORDED_SEGMENT_UNMAP,
	MR_RECORDED_OOM,
	MR_RECORDED_OTHER
};

struct mr_recorded_event {
	uint8_t kind;   /* enum mr_torch_recorded */
	uint32_t stack; /* equal where the stack frames are; 0: there are none */
	uint64_t addr;  /* oom: bytes free on the device */
	uint64_t size;
	struct mr_torch_queue queue; /* its pool is found by walking back */
};

struct mr_recorded_block {
	uint64_t addr;
	uint64_t size;
	uint64_t requested;
	uint8_t state; /* enum mr_torch_state */
};

struct mr_recorded_segment {
	uint64_t addr;
	uint64_t size;
	struct mr_torch_queue queue;
	bool small;
	bool expandable;
	size_t first_block; /* in blocks */
	size_t block_count;
};

struct mr_recording {
	struct mr_torch_settings settings; /* in force while it was recorded */
	struct mr_recorded_event *events;
	size_t event_count;
	const struct mr_recorded_segment *segments; /* after the last event */
	size_t segment_count;
	const struct mr_recorded_block *blocks;
	size_t block_count;
	/* whether a stack is that of a call of empty_cache() */
	bool (*empties)(void *context, uint32_t stack);
	void *context;
};

/* --- what is made of it */

enum mr_torch_op_kind {
	MR_TORCH_OP_MALLOC,
	MR_TORCH_OP_FREE,    /* the program gives a block back... */
	MR_TORCH_OP_DONE,    /* ...and no stream uses it any more */
	MR_TORCH_OP_EMPTY,   /* empty_cache() */
	MR_TORCH_OP_REFUSED, /* a request for which memory ran out; not kept */
	/* of an import, where each event is one, as in a simulation of it: */
	MR_TORCH_OP_FREED, /* FREE, and DONE at once */
	MR_TORCH_OP_NONE   /* asks for nothing */
};

struct mr_torch_op {
	uint8_t kind;   /* enum mr_torch_op_kind */
	uint32_t life;  /* which block: a number of its own in the whole script */
	uint32_t queue; /* malloc: index in queues */
	uint32_t event; /* index in the recording */
	uint64_t size;  /* malloc: bytes asked for; empty: how much it gave back */
};

/* A block that is there when the script begins. */
struct mr_torch_older {
	uint32_t life;
	uint32_t segment; /* index in segments */
	uint32_t queue;
	bool waiting; /* given back; its done comes later */
	struct mr_torch_part part;
};

/* Something recorded of the device. */
struct mr_torch_device_event {
	enum mr_torch_action action;
	uint32_t event;
	uint64_t addr;
	uint64_t bytes;
};

struct mr_torch_script {
	struct mr_torch_op *ops;
	size_t op_count;
	uint32_t lives;
	struct mr_torch_segment *segments; /* at the beginning, by address */
	size_t segment_count;
	struct mr_torch_older *older; /* by address */
	size_t older_count;
	struct mr_torch_device_event *device;
	size_t device_count;
	struct mr_torch_queue *queues;
	uint32_t queue_count, queue_space;
	struct mr_torch_segment *ranges; /* of expandable segments, by address */
	size_t range_count;

	size_t event_count;
	uint64_t empties;       /* calls of empty_cache() that gave something back */
	uint64_t retries;       /* recorded: memory was given back to serve a request */
	uint64_t refused;       /* recorded out-of-memory events */
	uint64_t strange;       /* events that do not fit the others; left out */
	uint64_t streams;       /* how many */
	bool private_pools;     /* there are some */
	uint64_t peak_reserved; /* recorded */
	/* memory runs out in the recording on a device smaller than this */
	uint64_t device_below; /* MR_UNLIMITED: it never ran out */
};

/*
 * Makes a script; a struct of zeros is one to mr_torch_script_fini().
 *   MR_EFORMAT  segments or blocks overlap
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_torch_script_make(struct mr_torch_script *out,
	const struct mr_recording *recording, struct mr_error *err);

/* The index of a queue, added if need be; MR_TORCH_NONE: memory. */
uint32_t mr_torch_script_queue(
	struct mr_torch_script *script, const struct mr_torch_queue *queue);

void mr_torch_script_fini(struct mr_torch_script *script);

#endif
