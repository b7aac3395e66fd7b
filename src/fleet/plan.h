/* SPDX-License-Identifier: MIT */
#ifndef MR_FLEET_PLAN_H
#define MR_FLEET_PLAN_H

/*
 * What work there is, and how it is dealt. A unit is the least that is handed out and
 * kept; it does not depend on who does the work. A parcel is some units of one source,
 * done in one reading of it: whole rows, or neighbours in one row. One process gets
 * parcels as large as can be, many get smaller ones, the largest first.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"

struct mr_work_unit {
	size_t source; /* its number */
	size_t row;    /* in the source */
	size_t width;  /* of a parcel, at most MR_PARCEL_WIDTH, if it has several units */
	uint64_t weight; /* about how long it takes, in any measure */
	char *key;       /* says all that its result depends on; NULL: it is not kept */
	bool once;       /* its source can be read once only, and only here */
	bool done;
};

#define MR_PARCEL_WIDTH 16384

struct mr_parcel {
	size_t first, count; /* units */
	uint64_t weight;
	bool once;
	bool dealt;
};

/* A struct of zeros with units and count is a plan without parcels. */
struct mr_plan {
	struct mr_work_unit *units; /* by source, then by row; the plan's */
	size_t count;
	struct mr_parcel *parcels; /* in the order of dealing */
	size_t parcel_count;
	size_t done;                  /* units that are, or that are not to be done */
	uint64_t weight, weight_done; /* of the units that were to be done */
};

/*
 * Makes parcels of the units that are not done, for so many workers.
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_plan_make(
	struct mr_plan *plan, size_t workers, struct mr_error *err);

/* The next parcel to be done; NULL: no more. Who is not `here` gets none that is once. */
const struct mr_parcel *mr_plan_deal(struct mr_plan *plan, bool here);

/* The unit is done, if it was not. */
void mr_plan_tick(struct mr_plan *plan, size_t unit);

/* Nothing more is to be done of a source. */
void mr_plan_drop(struct mr_plan *plan, size_t source);

void mr_plan_fini(struct mr_plan *plan);

#endif
