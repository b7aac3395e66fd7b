/* SPDX-License-Identifier: MIT */
#ifndef MR_FLEET_FLEET_H
#define MR_FLEET_FLEET_H

/*
 * Getting the work of a plan done: a parcel is described, carried out, and what its
 * units came to is taken in. What the work is, and what results mean, is the
 * caller's affair.
 */

#include "fleet/packet.h"
#include "fleet/plan.h"

/* Told which part of a parcel is done, 0 to 1. False: it is to be given up. */
typedef bool (*mr_watch)(void *context, double part);

/* A parcel on its way. */
struct mr_errand {
	struct mr_packet brief; /* what is to be done */
	mr_watch watch;         /* NULL: nobody does */
	void *watch_context;

	int status;               /* 0: done */
	uint64_t events;          /* read */
	uint64_t steps;           /* events carried out, over all states of caches */
	struct mr_packet results; /* a text for each unit; else one that says why */
};

struct mr_fleet {
	bool fail_fast; /* the first source that fails ends it */

	/* Puts into out what work() is to know of a parcel. */
	void (*describe)(
		void *context, const struct mr_parcel *parcel, struct mr_packet *out);
	/* Carries out a parcel. */
	void (*work)(void *context, struct mr_errand *errand);
	/* Takes in what a unit came to. False: it cannot be read. */
	bool (*take)(void *context, size_t unit, struct mr_packet *result);
	/* A source cannot be worked on; the rest of it is left out. */
	void (*fail)(void *context, size_t source, int status, const char *why);
	void *context;

	bool stopped; /* some was left undone */
};

/*
 * Carries out all parcels of a plan.
 *   MR_EFORMAT  a result cannot be read
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_fleet_lead(
	struct mr_fleet *fleet, struct mr_plan *plan, struct mr_error *err);

#endif
