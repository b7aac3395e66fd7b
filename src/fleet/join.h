/* SPDX-License-Identifier: MIT */
#ifndef MR_FLEET_JOIN_H
#define MR_FLEET_JOIN_H

/* Whether a launcher such as mpirun started this process as one of several. */

#include <stdbool.h>

#include "fleet/transport.h"
#include "memreplay/base.h"

/* Whether there may be others: a launcher says so in the environment. */
bool mr_join_is_launched(void);

/*
 * Loads the module at path, and meets the other processes.
 *   MR_EIO  it cannot be loaded, or MPI does not start
 */
MR_MUST_CHECK enum mr_status mr_join(
	const struct mr_transport **out, const char *path, struct mr_error *err);

#endif
