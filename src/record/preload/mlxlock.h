/* SPDX-License-Identifier: MIT */
#ifndef MR_PRELOAD_MLXLOCK_H
#define MR_PRELOAD_MLXLOCK_H

/*
 * The lock that makes one event of a call to MLX's allocator and of what came
 * of it. Part of the preloaded object.
 *
 * It must not be held while MLX waits for its streams, whose threads call the
 * allocator, too. Where a libmlx bound to itself leaves no other way, a call
 * that changes limits holds it nevertheless, and says so. Then a thread that
 * has waited in vain passes it by: whoever the call waits for comes before it.
 * That is so until the call takes effect, which shows in the cached memory.
 */

#include <stddef.h>

enum mr_mlx_entry {
	MR_MLX_NESTED, /* the thread is inside already: nothing to record */
	MR_MLX_LOCKED,
	MR_MLX_PASSED
};

/* Enters, one thread at a time. get_cached: MLX's cached memory now. */
enum mr_mlx_entry mr_mlx_enter(size_t (*get_cached)(void));

/* Leaves; made for __attribute__((cleanup)), as exceptions may pass through. */
void mr_mlx_leave(const enum mr_mlx_entry *entry);

/* Around a call that may wait for other threads, by a thread that is inside. */
void mr_mlx_begin_wait(size_t cached);
void mr_mlx_end_wait(void);

/* Notes the cached memory after an event. */
void mr_mlx_set_cached(size_t cached);

#endif
