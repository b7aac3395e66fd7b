/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_PHASES_H
#define MR_SIM_PHASES_H

/* The phases of a detailed simulation, told apart by the names of marks. */

#include "memreplay/detail.h"

struct mr_phases {
	struct mr_phase *rows; /* names are ours */
	size_t count;
	size_t space;
	size_t current;
	struct mr_result before; /* as the current one began */
	uint64_t began;          /* the event with which it did */
	/* within the current one */
	uint64_t inherited, reused, evicted;
	uint64_t peak_active, peak_cached, peak_total, peak_live_blocks;
	uint64_t peak_cached_blocks, peak_blocks;
};

/* Begins the first phase. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_phases_init(
	struct mr_phases *phases, struct mr_error *err);
void mr_phases_fini(struct mr_phases *phases);

/* The row of the phase that a mark called name is of, made if need be. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_phases_find(
	struct mr_phases *phases, const char *name, size_t *row, struct mr_error *err);

/*
 * Ends the current phase, with the figures so far, and begins that of a row with
 * the event of this number.
 */
void mr_phases_turn(struct mr_phases *phases, size_t row, uint64_t event,
	const struct mr_result *now);

/* Adds the current phase so far to its row; it can be gone on with after that. */
void mr_phases_flush(struct mr_phases *phases, const struct mr_result *now);

#endif
