/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_TORCHPEAK_H
#define MR_SIM_TORCHPEAK_H

/* The course of a run, and where every block lay when most was reserved. */

#include "sim/torchrun.h"

/* A segment, or a mapped run of an expandable one. */
struct mr_torch_map_segment {
	uint64_t addr, size;
	uint64_t live; /* bytes of blocks that are not free */
	uint64_t stream;
	bool small;
	size_t first, count; /* its blocks, lowest first */
};

struct mr_torch_map_block {
	uint64_t addr, size;
	uint64_t requested; /* 0: it is free */
	enum mr_torch_state state;
};

/* The moment of its part of the run when most was reserved, then allocated. */
struct mr_torch_moment {
	uint64_t event; /* in the recording; 0: before the first */
	uint64_t reserved, allocated, requested;
};

#define MR_TORCH_MOMENTS 240

struct mr_torch_peak {
	uint64_t event;              /* whose request made reserved rise to its peak */
	struct mr_torch_stats stats; /* after that request */
	struct mr_torch_map_segment *segments; /* largest first, then by address */
	size_t segment_count;
	struct mr_torch_map_block *blocks;
	size_t block_count;
	size_t moment_count;
	struct mr_torch_moment moments[MR_TORCH_MOMENTS + 1]; /* of equal parts */
};

/*
 * Runs a script twice: to find the peak, and to look at it; memory is taken for
 * the blocks of that moment only. *out is to be given to mr_torch_peak_fini(),
 * whatever is returned. MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_torch_peak(struct mr_torch_peak *out,
	const struct mr_torch_script *script, const struct mr_torch_settings *settings,
	enum mr_torch_start start, struct mr_error *err);

void mr_torch_peak_fini(struct mr_torch_peak *peak);

#endif
