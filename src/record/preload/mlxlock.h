/* SPDX-License-Identifier: MIT */
#ifndef MR_PRELOAD_MLXLOCK_H
#define MR_PRELOAD_MLXLOCK_H

/*
 * The lock that makes one event of a call to MLX's allocator and of what came
 * of it. Part of the preloaded object.
 *
 * It must not keep out those for whom its holder waits. MLX's calls that change
 * the cache limit or clear the cache wait for its streams, whose threads call
 * the allocator. Where such a call cannot be made to wait before it is entered
 * (see mlx.c), it holds the lock and says so. Meanwhile a free is put off: the
 * thread goes on, and the holder frees the buffer when its call has returned. A
 * malloc cannot be put off. One of a thread of MLX's own goes past, if the cached
 * memory shows that the call has not taken effect, and so comes before it.
 * Nobody waits for other threads, as far as can be known; they wait, and go past
 * only when they have waited in vain for long.
 */

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

#define MR_MLX_PUT_OFF 16384

/* All zeros is a lock that nobody holds. */
struct mr_mlx_lock {
	pthread_mutex_t mutex; /* of what follows; held for moments only */
	pthread_cond_t moved;
	bool held;
	bool waits;    /* the holder is in a call that waits for streams */
	bool passing;  /* and somebody is going past */
	size_t cached; /* while the holder waits: as it was before its call */
	size_t put_off_count;
	void *put_off[MR_MLX_PUT_OFF]; /* buffers, in the order of their frees */
};

enum mr_mlx_entry {
	MR_MLX_NESTED, /* the thread is inside already: nothing to record */
	MR_MLX_ENTERED,
	MR_MLX_PASSED,
	MR_MLX_LEFT /* a free that was put off: nothing to do */
};

/* For a call that nobody waits for. */
enum mr_mlx_entry mr_mlx_enter(void);

/* For a malloc. get_cached: MLX's cached memory now. */
enum mr_mlx_entry mr_mlx_enter_to_malloc(size_t (*get_cached)(void));

/* For a free of the buffer, not null. */
enum mr_mlx_entry mr_mlx_enter_to_free(void *buffer, size_t (*get_cached)(void));

/* Leaves; made for __attribute__((cleanup)), as exceptions may pass through. */
void mr_mlx_leave(const enum mr_mlx_entry *entry);

bool mr_mlx_is_inside(void);

/* Around a call that may wait for streams, by a thread that has entered. */
void mr_mlx_begin_wait(size_t cached);
void mr_mlx_end_wait(void);

/* Notes the cached memory that a thread has left that went past. */
void mr_mlx_set_cached(size_t cached);

/* After the wait: the place-th buffer whose free was put off; NULL: no more. */
void *mr_mlx_put_off(size_t place);

#endif
