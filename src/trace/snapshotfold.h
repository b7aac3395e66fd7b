/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_SNAPSHOTFOLD_H
#define MR_TRACE_SNAPSHOTFOLD_H

/*
 * Taking a snapshot's little dicts (events, blocks, segments, frames) out of its
 * pickle while it is read: each becomes a row of a table here and only its
 * number stays there.
 */

#include "trace/pickle.h"
#include "trace/snapshot.h"
#include "trace/stacks.h"

/* What a dict or list was folded as. */
enum mr_fold {
	MR_FOLD_EVENT,
	MR_FOLD_BLOCK,
	MR_FOLD_SEGMENT,
	MR_FOLD_FRAME,
	MR_FOLD_STACK
};

struct mr_snapshot_store {
	bool with_stacks;
	struct mr_snapshot_event *events;
	size_t event_count, event_space;
	struct mr_snapshot_block *blocks;
	size_t block_count, block_space;
	size_t blocks_claimed; /* those of segments so far */
	struct mr_snapshot_segment *segments;
	size_t segment_count, segment_space;
	struct mr_snapshot_note *notes; /* with texts of their own */
	size_t note_count;
	struct mr_stacks stacks;
	uint32_t *frames; /* of the stack being folded */
	size_t frame_space;
};

/* A mr_pickle_hook; its context is a struct mr_snapshot_store. */
MR_MUST_CHECK enum mr_status mr_snapshot_fold(
	void *context, struct mr_pickle *pickle, mr_value dict, struct mr_error *err);

#endif
