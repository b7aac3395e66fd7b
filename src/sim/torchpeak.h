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

struct mr_torch_range {
	uint64_t least, most;
};

/* A stretch of the run: what there was after its events, and the most in between. */
struct mr_torch_stretch {
	uint64_t from, to; /* events of the recording; 0: before the first */
	struct mr_torch_range reserved, allocated, requested;
	double least_unused, most_unused; /* share of what is reserved, 0 to 1 */
};

#define MR_TORCH_STRETCHES 240

struct mr_torch_peak {
	uint64_t event;              /* whose request made reserved rise to its peak */
	struct mr_torch_stats stats; /* after that request; less may be reserved then */
	struct mr_torch_map_segment *segments; /* most free bytes first, then largest */
	size_t segment_count;
	struct mr_torch_map_block *blocks;
	size_t block_count;
	size_t stretch_count;
	struct mr_torch_stretch
		stretches[MR_TORCH_STRETCHES + 1]; /* the beginning, then equal */
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
