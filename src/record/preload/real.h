/* SPDX-License-Identifier: MIT */
#ifndef MR_PRELOAD_REAL_H
#define MR_PRELOAD_REAL_H

/*
 * The allocator that would be used without the recorder. Part of the preloaded
 * object.
 */

#include <stdbool.h>
#include <stddef.h>

struct mr_real {
	void *(*malloc)(size_t);
	void (*free)(void *);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
	void *(*memalign)(size_t, size_t);
	void *(*valloc)(size_t);
	void *(*pvalloc)(size_t);
	size_t (*usable_size)(void *);
};

extern struct mr_real mr_real;

/* Looks the functions up; false: that is going on right now. */
bool mr_real_find(void);

/*
 * Serves what is asked for while the real allocator is being looked up: dlsym()
 * may allocate. NULL when the little there is has been used up.
 */
void *mr_early_alloc(size_t size, size_t align);

/* Such blocks are never given back. */
bool mr_early_has(const void *block);

/* Bytes that can be read of such a block: its own and maybe those after it. */
size_t mr_early_room(const void *block);

#endif
