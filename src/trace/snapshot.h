/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_SNAPSHOT_H
#define MR_TRACE_SNAPSHOT_H

/*
 * A memory snapshot of PyTorch, as torch.cuda.memory._dump_snapshot() and its
 * relatives write it, from the oldest forms on: the events of each device, and
 * the segments with their blocks as they were after the last event.
 *
 * All of it is in memory: about 40 bytes for each event and 32 for each block,
 * beside what the pickle itself needs while it is read.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "memreplay/base.h"
#include "trace/input.h"

enum mr_snapshot_action {
	MR_SNAPSHOT_ALLOC,
	MR_SNAPSHOT_FREE_REQUESTED,
	MR_SNAPSHOT_FREE_COMPLETED,
	MR_SNAPSHOT_FREE, /* of the oldest ones: requested and completed at once */
	MR_SNAPSHOT_SEGMENT_ALLOC,
	MR_SNAPSHOT_SEGMENT_FREE,
	MR_SNAPSHOT_SEGMENT_MAP,
	MR_SNAPSHOT_SEGMENT_UNMAP,
	MR_SNAPSHOT_SNAPSHOT,
	MR_SNAPSHOT_OOM,
	MR_SNAPSHOT_OTHER, /* annotate, workspace_snapshot, newer ones */
	MR_SNAPSHOT_ACTION_COUNT
};

struct mr_snapshot_event {
	uint64_t address; /* oom: bytes that the driver had free */
	uint64_t size;    /* alloc, free: requested bytes, before rounding */
	uint64_t time_us; /* 0: not recorded */
	uint64_t stream;
	uint32_t stack; /* 0: none, or not asked for; equal stacks have equal ones */
	uint8_t action; /* enum mr_snapshot_action */
};

enum mr_snapshot_state {
	MR_SNAPSHOT_INACTIVE,
	MR_SNAPSHOT_ALLOCATED,
	MR_SNAPSHOT_PENDING /* the program gave it back, some stream still uses it */
};

struct mr_snapshot_block {
	uint64_t address;
	uint64_t size;      /* as the allocator rounded it */
	uint64_t requested; /* equal to size if not recorded */
	uint8_t state;      /* enum mr_snapshot_state */
};

struct mr_snapshot_segment {
	uint64_t address;
	uint64_t total_size;
	uint64_t stream;
	uint64_t pool[2]; /* segment_pool_id; 0, 0 is the default */
	size_t first;     /* in blocks; they follow each other in address */
	size_t count;
	int32_t device;
	bool small; /* segment_type */
	bool expandable;
};

struct mr_snapshot_device {
	const struct mr_snapshot_event *events;
	size_t count;
};

/* What the program was doing: external_annotations. */
struct mr_snapshot_note {
	const char *stage; /* "START", "END" */
	const char *name;
	uint64_t time_us; /* 0: not recorded */
	int32_t device;
};

struct mr_snapshot_frame {
	const char *name;
	const char *filename;
	uint64_t line;
};

struct mr_snapshot {
	struct mr_snapshot_device *devices; /* as device_traces numbers them */
	size_t device_count;
	const struct mr_snapshot_segment *segments;
	size_t segment_count;
	const struct mr_snapshot_block *blocks;
	size_t block_count;
	const struct mr_snapshot_note *notes;
	size_t note_count;
	cJSON *settings; /* allocator_settings; NULL: not recorded */
	struct mr_snapshot_store *store;
};

/*
 * Reads a snapshot. stacks: whether frames are wanted. On success *out is the
 * caller's.
 *   MR_EFORMAT  not a pickle of plain data, or not a snapshot
 *   MR_EIO, MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_snapshot_read(struct mr_snapshot **out,
	struct mr_input *input, bool stacks, struct mr_error *err);

/* NULL is fine. */
void mr_snapshot_free(struct mr_snapshot *snapshot);

/*
 * Finds the device called by text ("0", "cuda:0"), or, if that is NULL, the
 * only one with events.
 *   MR_EINVAL   there is none such
 *   MR_EFORMAT  none has events, or several have; err lists them
 */
MR_MUST_CHECK enum mr_status mr_snapshot_find_device(const struct mr_snapshot *snapshot,
	size_t *device, const char *text, struct mr_error *err);

/* The name of an action as PyTorch writes it. */
const char *mr_snapshot_action_name(enum mr_snapshot_action action);

/* How many frames a stack has, the innermost first. */
size_t mr_snapshot_stack_depth(const struct mr_snapshot *snapshot, uint32_t stack);

/* One of them; its texts are the snapshot's. */
struct mr_snapshot_frame mr_snapshot_stack_frame(
	const struct mr_snapshot *snapshot, uint32_t stack, size_t at);

#endif
