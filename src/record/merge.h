/* SPDX-License-Identifier: MIT */
#ifndef MR_RECORD_MERGE_H
#define MR_RECORD_MERGE_H

/*
 * Reading a spool in the order of its events, whichever threads they are of.
 * Memory grows with the threads that were alive at once (16 KiB each) and, by
 * 16 bytes a chunk, with the spool.
 */

#include <stdbool.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "record/spool.h"

struct mr_moment {
	enum mr_raw_op op; /* one that MR_RAW_IS_EVENT() */
	unsigned log2;     /* see enum mr_raw_op */
	uint32_t tid;
	uint64_t seq;
	uint64_t ticks;
	uint64_t value;
	uint64_t size;
	uint64_t more; /* what the record that belongs to it holds */
	char name[MR_MARK_MAX + 1];
};

struct mr_merge;

/*
 * Opens the spool at path, which no process may be writing any more. On success
 * *out is the caller's, to be given to mr_merge_close().
 *   MR_EIO      it cannot be opened or read
 *   MR_EFORMAT  it is no spool, or one of another version
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_merge_open(
	struct mr_merge **out, const char *path, struct mr_error *err);

/* The spool's head, as it was when it was opened. */
const struct mr_spool_head *mr_merge_head(const struct mr_merge *merge);

/* The latest moment at which the spool says what both clocks showed. */
struct mr_instant mr_merge_last_instant(const struct mr_merge *merge);

/*
 * Stores the next event. Events that may be incomplete (from stop_seq on) are
 * left out.
 *   MR_END      there are no more
 *   MR_EIO      the spool cannot be read
 *   MR_EFORMAT  it is damaged: numbers of a chunk do not grow
 */
MR_MUST_CHECK enum mr_status mr_merge_next(
	struct mr_merge *merge, struct mr_moment *moment, struct mr_error *err);

/* Closes and frees; NULL is fine. */
void mr_merge_close(struct mr_merge *merge);

#endif
