/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_TORCHVERIFY_H
#define MR_SIM_TORCHVERIFY_H

/*
 * A recording against the rules: starting from the state walked back, does the
 * policy put every block at the recorded address, ask the device for the same
 * segments in the same order, and end in the same state?
 */

#include "sim/torchscript.h"

/* The first thing that is not as recorded. */
struct mr_torch_difference {
	uint64_t event;    /* 1 is the first; 0: the state after the last */
	const char *field; /* "address", "segment_alloc"..., "state"; static */
	uint64_t at;       /* address, where field does not say it */
	uint64_t recorded; /* MR_UNLIMITED: nothing was */
	uint64_t given;    /* MR_UNLIMITED: nothing is */
};

struct mr_torch_verdict {
	uint64_t events;
	uint64_t allocs, alloc_differences;   /* addresses */
	uint64_t devices, device_differences; /* segment_alloc, _free, _map, _unmap */
	uint64_t ooms, oom_differences;
	uint64_t blocks, block_differences; /* of the final state */
	uint64_t retries;                   /* carried out */
	bool differs;
	struct mr_torch_difference first;
	uint64_t memory; /* of the device that was assumed */
};

/*
 * Verifies a recording of which script was made, under settings. Where memory
 * ran out in the recording and settings do not say how large the device is, it
 * is taken to be as large as the most that was reserved.
 *   MR_EFORMAT  segments overlap
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_torch_verify(struct mr_torch_verdict *out,
	const struct mr_recording *recording, const struct mr_torch_script *script,
	const struct mr_torch_settings *settings, struct mr_error *err);

#endif
