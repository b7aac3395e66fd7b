/* SPDX-License-Identifier: MIT */
/*
 * A program for the recorders of others: 20,000 random calls of malloc, calloc,
 * realloc, posix_memalign and free between mtrace() and muntrace(), at whose end
 * nothing is live. Prints how many blocks it was given and their bytes.
 */
#include <inttypes.h>
#include <mcheck.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#define BLOCKS 500
#define CALLS  20000

static uint64_t mallocs;
static uint64_t bytes;

static void *
given(void *block, size_t size)
{
	if (!block)
		abort();
	mallocs++;
	bytes += size;
	return block;
}

static void *
call(void *old, unsigned choice, size_t size)
{
	void *block;

	if (choice == 0)
		return given(realloc(old, size), size);
	free(old);
	if (choice == 1)
		return given(calloc(size, 3), 3 * size);
	if (choice == 2 && !posix_memalign(&block, 64, size))
		return given(block, size);
	return given(malloc(size), size);
}

int
main(void)
{
	static void *blocks[BLOCKS];
	uint32_t random = 1;

	mtrace();
	for (int i = 0; i < CALLS; i++) {
		size_t at, size;

		random = random * 1103515245 + 12345;
		at = (random >> 8) % BLOCKS;
		size = 1 + (random >> 12) % 5000;
		blocks[at] = call(blocks[at], random >> 30, size);
	}
	for (int i = 0; i < BLOCKS; i++)
		free(blocks[i]);
	muntrace();
	printf("%" PRIu64 " %" PRIu64 "\n", mallocs, bytes);
	return 0;
}
