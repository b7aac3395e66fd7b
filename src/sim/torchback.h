/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_TORCHBACK_H
#define MR_SIM_TORCHBACK_H

/* Walking back from the end of a recording to its beginning. */

#include "sim/torchscript.h"

/*
 * Sets lives[i] to the block that event i of the recording is about, in numbers
 * from 0 (MR_TORCH_NONE: it is about none, or does not fit the others), and
 * makes lives, segments, ranges and older of the script, which are empty.
 *   MR_EFORMAT  segments or blocks overlap
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_torch_walk_back(struct mr_torch_script *script,
	uint32_t *lives, const struct mr_recording *recording, struct mr_error *err);

#endif
