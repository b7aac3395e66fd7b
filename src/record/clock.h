/* SPDX-License-Identifier: MIT */
#ifndef MR_RECORD_CLOCK_H
#define MR_RECORD_CLOCK_H

/*
 * The cheapest clock there is: the processor's own counter where it runs at
 * one rate for all cores, otherwise the kernel's nanoseconds.
 */

#include <stdint.h>
#include <time.h>

#include "base/clock.h"
#include "record/spool.h"

#if defined(__x86_64__)
#include <cpuid.h>
#include <x86intrin.h>
#define MR_HAS_TSC 1
#else
#define MR_HAS_TSC 0
#endif

/* Whether the processor's counter is fit for it: "invariant TSC". */
static inline int
mr_clock_has_tsc(void)
{
#if MR_HAS_TSC
	const unsigned leaf = 0x80000007u, invariant = 1u << 8;
	unsigned eax, ebx, ecx, edx;

	return __get_cpuid(leaf, &eax, &ebx, &ecx, &edx) && (edx & invariant);
#else
	return 0;
#endif
}

static inline uint64_t
mr_clock_ticks(int has_tsc)
{
#if MR_HAS_TSC
	if (has_tsc)
		return __rdtsc();
#endif
	(void)has_tsc;
	return mr_clock_ns();
}

static inline struct mr_instant
mr_clock_instant(int has_tsc)
{
	struct mr_instant now = {.ns = mr_clock_ns()};

	now.ticks = has_tsc ? mr_clock_ticks(has_tsc) : now.ns;
	return now;
}

#endif
