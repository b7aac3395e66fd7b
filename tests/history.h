/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_HISTORY_H
#define MR_TESTS_HISTORY_H

/*
 * What the whole past of an allocator tells, worked out the slow way from an
 * oracle's cache after each event: nothing is forgotten, everything is summed
 * anew when it is asked for.
 */

#include "memreplay/detail.h"
#include "oracle.h"

struct history;

struct history *history_new(void);
void history_free(struct history *history);

/*
 * Takes in an event that the oracle has carried out, and the one without a limit
 * beside it; got are the outcomes.
 */
void history_add(struct history *history, const struct mr_event *event,
	const struct oracle *oracle, struct oracle_outcome got,
	struct oracle_outcome endless);

/* Sets the members of MR_SECTION_DETAIL, those of bounds aside. */
void history_result(const struct history *history, struct mr_result *out);

/* The histogram at the peak of cached memory. */
const struct mr_detail_bucket *history_histogram(const struct history *history);

/*
 * The phase of the marks like this one (see mr_phase_is()), as if it ended now,
 * with the members that the detail sets; false if there is none.
 */
bool history_phase(const struct history *history, const char *name, struct mr_phase *out);

#endif
