/* SPDX-License-Identifier: MIT */
/*
 * A malloc, preloaded below the recorder, that hands what one thread frees to
 * the next one that asks, while the first is still in free(): the hardest case
 * for a recorder that wants to know who came first. Only blocks of 64 bytes.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>

#define HANDED 64
#define PLACES 2

extern void *__libc_malloc(size_t);
extern void __libc_free(void *);

static _Alignas(16) char blocks[PLACES][HANDED];
static _Atomic int taken[PLACES];

void *
malloc(size_t size)
{
	if (size != HANDED)
		return __libc_malloc(size);
	for (size_t i = 0;; i = (i + 1) % PLACES) {
		if (!atomic_exchange(&taken[i], 1))
			return blocks[i];
		sched_yield();
	}
}

void
free(void *block)
{
	for (size_t i = 0; i < PLACES; i++) {
		if (block != blocks[i])
			continue;
		atomic_store(&taken[i], 0);
		sched_yield();
		return;
	}
	__libc_free(block);
}
