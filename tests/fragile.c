/* SPDX-License-Identifier: MIT */
/*
 * A malloc to be preloaded which fails in a way that the size asked for names,
 * for tests of what the parent of such a child says.
 */
#include <signal.h>
#include <stddef.h>
#include <stdlib.h>
#include <unistd.h>

#include "fragile.h"

void *__libc_malloc(size_t size);

__attribute__((visibility("default"))) void *
malloc(size_t size)
{
	switch (size) {
	case FRAGILE_NULL:
		return NULL;
	case FRAGILE_KILL:
		kill(getpid(), SIGKILL);
		break;
	case FRAGILE_CRASH:
		abort();
	case FRAGILE_EXIT:
		_exit(7);
	case FRAGILE_HANG:
		for (;;)
			pause();
	}
	return __libc_malloc(size);
}
