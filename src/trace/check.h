/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_CHECK_H
#define MR_TRACE_CHECK_H

/*
 * The rules that hold in every trace, whatever its format, and the slots that
 * go with live ids.
 */

#include "memreplay/trace.h"
#include "trace/slots.h"

struct mr_check {
	bool lenient;
	struct mr_slots slots;
	bool any_malloc;
	bool gaps;         /* some id between first_id and last_id was left out */
	uint64_t first_id; /* of the mallocs so far */
	uint64_t last_id;
	uint64_t last_t; /* ns */
	/* lenient: see struct mr_reader_summary */
	uint64_t skipped_events;
	uint64_t skipped_frees;
	uint64_t skipped_mallocs;
	uint64_t clamped_times;
};

/* MR_ENOMEM */
MR_MUST_CHECK enum mr_status mr_check_init(
	struct mr_check *check, bool lenient, struct mr_error *err);
void mr_check_fini(struct mr_check *check);

/*
 * Checks *count events and sets their slots. On failure the first *count
 * events are good and *failed is the index of the one that is not. When lenient
 * the bad ones are taken out, or their times raised, and *count is what is left.
 *   MR_EFORMAT  err has no place
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_check_events(struct mr_check *check,
	struct mr_event *events, size_t *count, size_t *failed, struct mr_error *err);

/*
 * Checks the sizes and the alignment of a malloc, whatever came before it.
 *   MR_EFORMAT  err has no place
 */
MR_MUST_CHECK enum mr_status mr_check_malloc(
	const struct mr_event *event, struct mr_error *err);

#endif
