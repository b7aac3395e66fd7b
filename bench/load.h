/* SPDX-License-Identifier: MIT */
#ifndef MR_BENCH_LOAD_H
#define MR_BENCH_LOAD_H

/* What the benchmarks share: traces in memory, a clock, medians. */

#include <stddef.h>
#include <stdint.h>

#include "memreplay/trace.h"

struct mr_load {
	char *name; /* as mr_bench_name() gives it */
	struct mr_event *events;
	size_t count;
};

/* Reads a trace without its marks; says why and exits where that fails. */
void mr_load(struct mr_load *load, const char *path);

/* The name of a file without folder and suffix; the caller's. */
char *mr_bench_name(const char *path);

/* Nanoseconds on a clock that only goes forward. */
double mr_bench_now(void);

/* The median of count values, which are put in order. */
double mr_bench_median(double *values, size_t count);

#endif
