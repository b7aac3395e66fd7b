/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_TALLY_H
#define MR_TRACE_TALLY_H

/*
 * Two counts for each of a bounded number of keys. Once there are as many keys
 * as allowed, further new ones are only counted together, so that memory stays
 * bounded whatever the trace holds. A struct of zeros with max set is empty.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"

struct mr_tally_row {
	uint64_t key;
	uint64_t first;
	uint64_t second;
	bool used;
};

struct mr_tally {
	size_t max; /* keys */
	size_t count;
	size_t space;  /* rows, a power of two, or 0 */
	uint64_t lost; /* additions to keys that found no place */
	struct mr_tally_row *rows;
};

/* Adds to the counts of key. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_tally_add(struct mr_tally *tally, uint64_t key,
	uint64_t first, uint64_t second, struct mr_error *err);

/*
 * A copy of the rows without gaps, in the order that compare (as qsort takes
 * it) gives; the caller frees it. NULL if empty or out of memory.
 */
struct mr_tally_row *mr_tally_sorted(
	const struct mr_tally *tally, int (*compare)(const void *, const void *));

void mr_tally_fini(struct mr_tally *tally);

#endif
