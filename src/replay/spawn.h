/* SPDX-License-Identifier: MIT */
#ifndef MR_REPLAY_SPAWN_H
#define MR_REPLAY_SPAWN_H

/* Children: this program, started anew to carry out one order. */

#include "replay/order.h"

struct mr_start {
	const struct mr_order *order; /* its library, if any, is preloaded */
	int memory_fd;                /* of the operations; -1 for a probe */
	int schedule_fd;              /* -1: none */
	char *const *environment;
	/* order->tell_progress: called with the number of operations done */
	void (*progress)(void *context, uint64_t done);
	void *context;
};

/*
 * Starts a child, gives it the order and waits for its end. *answer is what the
 * child said, all zero if it died before, and end (MR_REPLAY_EXIT_SIZE bytes) how
 * it ended, as in struct mr_replay_backend.
 *   MR_EIO, MR_ENOMEM  it could not be started
 */
MR_MUST_CHECK enum mr_status mr_spawn(struct mr_answer *answer, char *end,
	const struct mr_start *start, struct mr_error *err);

#endif
