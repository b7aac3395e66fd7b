/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_PROFILE_H
#define MR_TRACE_PROFILE_H

/*
 * What is in a trace, computed in one pass. Memory grows with the live blocks
 * and not with the trace: of sizes, threads and marks only so many are told
 * apart.
 */

#include <stddef.h>
#include <stdint.h>

#include "base/histogram.h"
#include "memreplay/trace.h"
#include "trace/tally.h"

#define MR_PROFILE_SIZES   65536 /* distinct sizes counted one by one */
#define MR_PROFILE_THREADS 1024
#define MR_PROFILE_MARKS   10 /* marks whose names are kept */
#define MR_PROFILE_BUCKETS 65 /* 0; 1; 2-3; 4-7; ... 2^63 and above */

struct mr_size_bucket {
	uint64_t mallocs;
	uint64_t bytes;
};

struct mr_profile_mark {
	uint64_t event; /* 1 is the first after the header */
	uint64_t t;     /* ns; 0 if not recorded */
	char name[64];  /* cut to fit, at a character's edge */
};

/* What a live block needs remembered, by slot. */
struct mr_profile_block {
	uint64_t event;
	uint64_t t;
	uint64_t size;
	bool has_t;
};

struct mr_profile {
	uint64_t events;
	uint64_t ops[MR_OP_COUNT];
	uint64_t caps; /* mallocs with the capacity recorded */
	uint64_t hits; /* mallocs with hit or miss recorded */
	uint64_t timed;
	uint64_t first_ns;
	uint64_t last_ns;

	uint64_t requested_bytes; /* summed over mallocs */
	uint64_t largest_bytes;
	uint64_t live_blocks;
	uint64_t live_bytes;
	uint64_t peak_live_blocks;
	uint64_t peak_requested_bytes; /* most requested bytes live at once */

	struct mr_size_bucket buckets[MR_PROFILE_BUCKETS];
	struct mr_tally sizes;   /* key: size; first: mallocs */
	struct mr_tally threads; /* key: tid; first: mallocs, second: frees */
	struct mr_profile_mark marks[MR_PROFILE_MARKS];

	/* from malloc to free, of the blocks that were freed */
	struct mr_histogram lifetime_events;
	struct mr_histogram lifetime_ns; /* where both events have a time */

	struct mr_profile_block *blocks;
	size_t block_space;
};

/* On success *out is the caller's, for mr_profile_free(). MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_profile_new(
	struct mr_profile **out, struct mr_error *err);

/* Takes in the next event, from a reader. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_profile_add(
	struct mr_profile *profile, const struct mr_event *event, struct mr_error *err);

/* The least size of a bucket; one below that of the next is its largest. */
uint64_t mr_profile_bucket_start(size_t bucket);

/* Frees it; NULL is fine. */
void mr_profile_free(struct mr_profile *profile);

#endif
