/* SPDX-License-Identifier: MIT */
/* A program that brings its own malloc, which no preloaded one can replace. */
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

static _Alignas(64) char heap[1 << 20];
static size_t used;

void *
malloc(size_t size)
{
	size_t start = (used + 15) / 16 * 16;

	if (size > sizeof(heap) - start)
		return NULL;
	used = start + size;
	return heap + start;
}

void
free(void *block)
{
	(void)block;
}

void *
calloc(size_t count, size_t size)
{
	return malloc(count * size); /* never used before: zeros */
}

void *
realloc(void *block, size_t size)
{
	void *moved = malloc(size);
	size_t room = block ? (size_t)(heap + sizeof(heap) - (char *)block) : 0;

	if (moved && block)
		memmove(moved, block, size < room ? size : room);
	return moved;
}

int
main(void)
{
	for (size_t i = 0; i < 1000; i++) {
		char *volatile block = malloc(i);

		free(block);
	}
	return 0;
}
