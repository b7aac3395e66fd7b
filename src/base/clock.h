/* SPDX-License-Identifier: MIT */
#ifndef MR_CLOCK_H
#define MR_CLOCK_H

/* Clocks in ns; a header of its own, that what is preloaded can use it, too. */

#include <stdint.h>
#include <time.h>

static inline uint64_t
mr_clock_read(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/* The time that passes, from no beginning in particular. */
static inline uint64_t
mr_clock_ns(void)
{
	return mr_clock_read(CLOCK_MONOTONIC);
}

#endif
