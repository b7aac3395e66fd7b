/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_SERIES_H
#define MR_SIM_SERIES_H

/*
 * A course of values reduced to what a screen can show, in memory that does not
 * depend on how long it is.
 *
 * Positions (numbers of events, or times) are cut into buckets of equal width.
 * When there are more than the buckets hold, neighbours become one and the
 * width doubles. Least and highest values and sums are exact at any width.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MR_SERIES_BUCKETS 1024 /* never fewer than half of them once it is full */

/* The state after an event. */
enum mr_level {
	MR_LEVEL_ACTIVE,
	MR_LEVEL_CACHED,
	MR_LEVEL_TOTAL,     /* active + cached */
	MR_LEVEL_REQUESTED, /* what live blocks were asked for */
	MR_LEVEL_LIMIT      /* MR_UNLIMITED: none */
};
#define MR_LEVEL_COUNT (MR_LEVEL_LIMIT + 1)

/* What an event adds up to. */
enum mr_flow {
	MR_FLOW_EVENTS,
	MR_FLOW_MALLOCS,
	MR_FLOW_HITS,
	MR_FLOW_REQUESTED_BYTES,
	MR_FLOW_HIT_BYTES
};
#define MR_FLOW_COUNT (MR_FLOW_HIT_BYTES + 1)

struct mr_bucket {
	uint64_t least[MR_LEVEL_COUNT];
	uint64_t most[MR_LEVEL_COUNT];
	uint64_t flows[MR_FLOW_COUNT];
};

struct mr_series {
	/*
	 * Whether a state holds until the next event, as it does over time: it then
	 * counts in every bucket in which it holds. Otherwise it is only its event's.
	 */
	bool lasting;
	uint64_t width; /* of a bucket, a power of two */
	size_t count;   /* buckets so far */
	uint64_t last[MR_LEVEL_COUNT];
	struct mr_bucket buckets[MR_SERIES_BUCKETS];
};

/* Starts empty. */
void mr_series_init(struct mr_series *series, bool lasting);

/* Adds what an event came to, at a position not below those before. */
void mr_series_add(struct mr_series *series, uint64_t position,
	const uint64_t levels[MR_LEVEL_COUNT], const uint64_t flows[MR_FLOW_COUNT]);

/* The highest value of a level in all of it; those without a limit left out. */
uint64_t mr_series_most(const struct mr_series *series, enum mr_level level);

/* Adds bucket from to bucket to. */
void mr_bucket_merge(struct mr_bucket *to, const struct mr_bucket *from);

#endif
