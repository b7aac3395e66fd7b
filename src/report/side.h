/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_SIDE_H
#define MR_REPORT_SIDE_H

/*
 * One side of a comparison: the results of a policy, just simulated or read
 * back from what simulate or replay printed as JSON.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "memreplay/policy.h"
#include "memreplay/replay.h"
#include "memreplay/result.h"
#include "memreplay/trace.h"
#include "report/doc.h"

#define MR_SIDE_PARTS   66 /* a replay has so many backends */
#define MR_SIDE_METRICS 128
#define MR_SIDE_KNOBS   32
#define MR_SIDE_TEXT    64

/* One result: that of a simulation, or of one backend of a replay. */
struct mr_side_part {
	char name[MR_SIDE_TEXT];
	struct mr_result result;
	bool known[MR_SIDE_METRICS];     /* by row of mr_detail_metrics() */
	double ratios[MR_SIDE_METRICS];  /* without their counts; NAN: of those */
	double figures[MR_FIGURE_COUNT]; /* NAN: not known */
};

struct mr_side_knob {
	char name[MR_SIDE_TEXT];
	char text[MR_SIDE_TEXT]; /* the cell's, if it is one */
	struct mr_cell cell;
};

struct mr_side {
	const char *path;
	bool saved;
	uint64_t events;
	char workload[MR_SIDE_TEXT];
	char policy[MR_SIDE_TEXT];
	struct mr_side_knob knobs[MR_SIDE_KNOBS];
	size_t knob_count;
	struct mr_side_part *parts;
	size_t count;
};

/*
 * Reads what simulate or replay printed as JSON (gzipped or not) into *out,
 * whose parts are the caller's, for mr_side_fini(), also on failure.
 *   MR_END      the file holds something else, or is no regular file
 *   MR_EFORMAT  a number in it is above 2^53, negative or no whole number, or a
 *               ratio is not from 0 to 1
 *   MR_EIO, MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_side_read(
	struct mr_side *out, const char *path, struct mr_error *err);

/* Makes a side of a simulation's result; as above. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_side_make(struct mr_side *out, const char *path,
	const struct mr_header *header, const struct mr_policy *policy,
	const struct mr_result *result);

/* The event at which memory ran out in the first result; 0: it did not. */
uint64_t mr_side_oom(const struct mr_side *side);

void mr_side_fini(struct mr_side *side);

#endif
