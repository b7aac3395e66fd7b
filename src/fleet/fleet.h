/* SPDX-License-Identifier: MIT */
#ifndef MR_FLEET_FLEET_H
#define MR_FLEET_FLEET_H

/*
 * Getting the work of a plan done: a parcel is described, carried out, and what its
 * units came to is taken in. What the work is, and what results mean, is the
 * caller's affair.
 */

#include "fleet/journal.h"
#include "fleet/packet.h"
#include "fleet/plan.h"
#include "fleet/transport.h"

/* Told which part of a parcel is done, 0 to 1. False: it is to be given up. */
typedef bool (*mr_errand_watch)(void *context, double part);

/* A parcel on its way. */
struct mr_errand {
	struct mr_packet brief; /* what is to be done */
	mr_errand_watch watch;  /* NULL: nobody does */
	void *watch_context;

	int status;               /* 0: done */
	uint64_t events;          /* read */
	uint64_t steps;           /* events carried out, over all states of caches */
	uint64_t ns;              /* that it took; set by mr_errand_run() */
	struct mr_packet results; /* a text for each unit; else one that says why */
};

struct mr_fleet;

/* Carries it out. */
void mr_errand_run(struct mr_errand *errand, const struct mr_fleet *fleet);

void mr_errand_fini(struct mr_errand *errand);

/* A process of several, and what it has done. */
struct mr_member {
	char host[64];
	bool here;
	const struct mr_parcel *parcel; /* that it has in hand; NULL: none */
	double part;                    /* of that it has done */
	uint64_t units, events, steps, ns;
};

struct mr_fleet {
	bool fail_fast;                       /* the first source that fails ends it */
	const struct mr_transport *transport; /* NULL: this process is alone */
	struct mr_journal *journal; /* keeps what units with a key came to; or NULL */

	/* Puts into out what work() is to know of a parcel. */
	void (*describe)(
		void *context, const struct mr_parcel *parcel, struct mr_packet *out);
	/* Carries out a parcel. */
	void (*work)(void *context, struct mr_errand *errand);
	/* Takes in what a unit came to. False: it cannot be read. */
	bool (*take)(void *context, size_t unit, struct mr_packet *result);
	/* A source cannot be worked on; the rest of it is left out. */
	void (*fail)(void *context, size_t source, int status, const char *why);
	/* Shows which part of all is done; not called of a process that is alone. */
	void (*progress)(void *context, double part);
	void *context;

	struct mr_member *members; /* by rank, if there are several; to be freed */
	bool lost;                 /* others may still be at work */
	bool stopped;              /* some was left undone */
};

/*
 * Makes parcels of a plan's units that are not done, and carries them out.
 *   MR_EIO      the journal cannot be written, or another process not be reached
 *   MR_EFORMAT  a result cannot be read, or another process is another version
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_fleet_lead(
	struct mr_fleet *fleet, struct mr_plan *plan, struct mr_error *err);

/* The same with other processes, of which this one has rank 0. */
MR_MUST_CHECK enum mr_status mr_fleet_lead_others(
	struct mr_fleet *fleet, struct mr_plan *plan, struct mr_error *err);

/* What those others do. MR_EIO, MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_fleet_follow(
	const struct mr_fleet *fleet, struct mr_error *err);

/* Takes in what came of a parcel; see mr_fleet_lead(). */
MR_MUST_CHECK enum mr_status mr_fleet_settle(struct mr_fleet *fleet, struct mr_plan *plan,
	const struct mr_parcel *parcel, struct mr_errand *errand, struct mr_error *err);

#endif
