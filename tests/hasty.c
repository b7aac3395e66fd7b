/* SPDX-License-Identifier: MIT */
/*
 * A clock, preloaded, that is another second ahead at each look, so that what a
 * program does when work takes long is seen at once.
 */
#include <stdatomic.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static atomic_int looks;

int
clock_gettime(clockid_t id, struct timespec *out)
{
	int failed = (int)syscall(SYS_clock_gettime, id, out);

	if (!failed && id == CLOCK_MONOTONIC)
		out->tv_sec += atomic_fetch_add(&looks, 1);
	return failed;
}
