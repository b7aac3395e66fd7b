/* SPDX-License-Identifier: MIT */
#ifndef MR_REPLAY_SPAWN_H
#define MR_REPLAY_SPAWN_H

/* Children: this program, started anew to carry out one order. */

#include "replay/order.h"

/*
 * Starts a child with the given environment, gives it the order and waits for
 * its end. order->library, if any, is preloaded. memory_fd is that of the
 * operations, -1 for a probe. *answer is what the child said, all zero if it
 * died before, and end (MR_REPLAY_EXIT_SIZE bytes) how it ended, as in struct
 * mr_replay_backend.
 *   MR_EIO, MR_ENOMEM  it could not be started
 */
MR_MUST_CHECK enum mr_status mr_spawn(struct mr_answer *answer, char *end,
	const struct mr_order *order, int memory_fd, char *const *environment,
	struct mr_error *err);

#endif
