/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_AHEAD_H
#define MR_TRACE_AHEAD_H

/*
 * An inflow's bytes, taken ahead by threads that have nothing else to do, so
 * that inflating goes on beside what is done with the events.
 */

#include "trace/inflow.h"

struct mr_ahead;

/* From here on the flow is its own, mr_inflow.bytes_read aside. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_ahead_new(
	struct mr_ahead **out, struct mr_inflow *flow, struct mr_error *err);

/*
 * Takes some bytes ahead; any thread may call it at any time. False: there is
 * no room, no more, or another thread is at it.
 */
bool mr_ahead_help(struct mr_ahead *ahead);

/* As mr_inflow_take(), from one thread: with what is there, or helping itself. */
MR_MUST_CHECK enum mr_status mr_ahead_take(struct mr_ahead *ahead, unsigned char *to,
	size_t room, size_t *got, struct mr_error *err);

/* NULL is fine. */
void mr_ahead_free(struct mr_ahead *ahead);

#endif
