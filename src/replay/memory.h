/* SPDX-License-Identifier: MIT */
#ifndef MR_REPLAY_MEMORY_H
#define MR_REPLAY_MEMORY_H

/* How much memory the machine can give, and how much a process has. */

#include <stdint.h>

#include "memreplay/base.h"

/* As mr_memory_available(), with /proc and /sys looked up below root. */
MR_MUST_CHECK enum mr_status mr_memory_available_below(
	uint64_t *out, const char *root, struct mr_error *err);

/* Resident memory of the calling process, now and at its highest, in bytes. */
struct mr_resident {
	uint64_t now;
	uint64_t peak;
};

/*
 * Reads them without calling malloc. MR_EIO: /proc does not say.
 */
MR_MUST_CHECK enum mr_status mr_resident_read(
	struct mr_resident *out, struct mr_error *err);

/* Lets the peak start anew from what is resident now, where the kernel can. */
void mr_resident_reset_peak(void);

#endif
