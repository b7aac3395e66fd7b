/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_PIECE_H
#define MR_CLI_PIECE_H

/*
 * Sweeping in pieces: some of the variants, at some of the limits, over one trace in
 * one reading.
 */

#include "cli/account.h"
#include "cli/limits.h"
#include "cli/source.h"
#include "cli/vary.h"
#include "fleet/fleet.h"

/* What all pieces of one call share. */
struct mr_method {
	struct mr_source_options input;
	const struct mr_policy_options *policy;
	const struct mr_vary_options *vary;
	struct mr_sweep_options sweep;
	bool today; /* simulate, too, what the trace does at the limit it sets itself */
	bool estimate; /* say how long a walk of every step will take */
};

struct mr_piece {
	const char *path;
	size_t row, rows;     /* variants */
	size_t group, groups; /* of limits */
};

void mr_piece_put(struct mr_packet *packet, const struct mr_piece *piece);

/*
 * Carries out the piece in errand->brief. Each result has what there is to say of the
 * trace, then an account: one of all, or if mr_limits_apart() one for each variant
 * and group of limits.
 */
void mr_piece_work(const struct mr_method *method, struct mr_errand *errand);

#endif
