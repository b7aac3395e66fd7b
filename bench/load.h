/* SPDX-License-Identifier: MIT */
#ifndef MR_BENCH_LOAD_H
#define MR_BENCH_LOAD_H

/* What the benchmarks share: traces in memory, a clock, medians. */

#include <stddef.h>
#include <stdint.h>

#include "memreplay/trace.h"

struct mr_load {
	const char *name; /* of the file, without folder and suffix */
	struct mr_event *events;
	size_t count;
	uint32_t slots;
};

/* Reads a whole trace; says why and exits where that fails. */
void mr_load(struct mr_load *load, const char *path);
void mr_load_free(struct mr_load *load);

/* Nanoseconds on a clock that only goes forward. */
double mr_bench_now(void);

/* The median of count values, which are put in order. */
double mr_bench_median(double *values, size_t count);

#endif
