/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_FAULTLIVE_H
#define MR_TESTS_FAULTLIVE_H

/*
 * What is live in a process whose mallocs tests/fault.c stands before, and the
 * place that a call comes from. Neither allocates. Threads may call at once.
 */

#include "fault.h"

/* Notes a block and the code that asked for it; forgets one, if it was noted. */
void fault_live_add(struct fault *fault, const void *block, const void *caller);
void fault_live_remove(const void *block);

/* Adds what is live to fault->owners. */
void fault_live_tell(struct fault *fault);

/* Whether the call comes from a place that none came from before. */
int fault_site_is_new(struct fault *fault);

#endif
