/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_CREW_H
#define MR_SIM_CREW_H

/*
 * The threads of a sweep. Each carries out the current batch on one group
 * after the other; the calling thread is one of them.
 */

#include "sim/sweep.h"

/*
 * Starts the other threads; *started counts all, also on failure.
 *   MR_ENOMEM  the host gives no more threads
 */
MR_MUST_CHECK enum mr_status mr_crew_hire(
	struct mr_sweep *sweep, unsigned *started, struct mr_error *err);

/* Ends the threads that were started. */
void mr_crew_dismiss(struct mr_sweep *sweep, unsigned started);

/* Lets the others begin with the current batch, and returns at once. */
void mr_crew_start(struct mr_sweep *sweep);

/* Helps them to its end. */
void mr_crew_finish(struct mr_sweep *sweep);

#endif
