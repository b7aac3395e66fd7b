/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_WATCH_H
#define MR_SIM_WATCH_H

/*
 * A detailed simulation watched from event to event: its course over events and
 * over time, hits and misses by size, how long blocks were cached before they were
 * reused or left for good, and the marks passed. Memory grows as that of the
 * simulation, not with the trace.
 */

#include "sim/detail.h"
#include "sim/series.h"

#define MR_WATCH_ROWS  65  /* 0; 1; 2-3; 4-7; ... 2^63 and above */
#define MR_WATCH_MARKS 512 /* kept; of more, some from all of the trace */
#define MR_WATCH_NAME  64

/* Requests of some sizes, by what they came to. */
struct mr_watch_size {
	uint64_t mallocs[MR_FATE_COUNT];
	uint64_t bytes[MR_FATE_COUNT];
};

/* Blocks that were cached for so many events. */
struct mr_watch_age {
	uint64_t reused_blocks;
	uint64_t reused_bytes;
	uint64_t stale_blocks; /* evicted, or left to the end */
	uint64_t stale_bytes;
};

/* What is remembered of a live block. */
struct mr_watch_block {
	uint64_t size; /* asked for; 0 also if it got nothing */
	uint64_t born; /* the event, from 1 */
};

struct mr_watch_mark {
	uint64_t event;           /* 1 is the first after the header */
	uint64_t t;               /* ns since the first event that has a time */
	char name[MR_WATCH_NAME]; /* cut to fit, at a character's edge */
};

struct mr_watch {
	struct mr_detail *detail;
	struct mr_series by_event; /* position: number of the event, from 0 */
	struct mr_series by_time;  /* position: ns since the first event with a time */
	bool timed;                /* there was such an event */
	uint64_t first_ns, last_ns;
	uint64_t events;
	uint64_t requested;            /* of live blocks, now */
	struct mr_watch_block *blocks; /* by slot */
	uint32_t slot_space;
	uint64_t mark_count; /* passed */
	uint64_t mark_gap;   /* events, at least, between two that are kept */
	size_t kept;
	struct mr_watch_mark marks[MR_WATCH_MARKS];
	struct mr_watch_size sizes[MR_WATCH_ROWS];
	struct mr_watch_age ages[MR_WATCH_ROWS]; /* see mr_watch_finish() */
	uint64_t lives[MR_WATCH_ROWS];           /* freed blocks, by events they lived */
};

/* Arguments and statuses as those of mr_sim_new(). */
MR_MUST_CHECK enum mr_status mr_watch_new(struct mr_watch **out,
	const struct mr_policy *policy, bool keep_limits, struct mr_error *err);
void mr_watch_free(struct mr_watch *watch);

/* Carries out count events from a reader; a mark's name must be valid. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_watch_run(struct mr_watch *watch,
	const struct mr_event *events, size_t count, struct mr_error *err);

/* At the end of the trace: counts the blocks that are still cached by age, too. */
void mr_watch_finish(struct mr_watch *watch);

/* The least value of a row of sizes or ages. */
uint64_t mr_watch_row_from(size_t row);

#endif
