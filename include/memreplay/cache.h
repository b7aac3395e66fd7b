/* SPDX-License-Identifier: MIT */
#ifndef MEMREPLAY_CACHE_H
#define MEMREPLAY_CACHE_H

/*
 * A caching allocator for real memory: freed blocks are kept, up to a limit,
 * and handed out again to requests of about their size. The rules are those of
 * struct mr_policy; the reference is MLX's allocator for CPU-only builds.
 *
 * At every moment active + cached is the sum of the capacities of the blocks
 * obtained from the system and not yet returned to it, and cached never
 * exceeds the cache limit, save under mlx-metal and mlx-cuda. What the
 * allocator needs for itself (one header a block, and tables) is not counted,
 * as in MLX.
 *
 * Every function below may be called from any thread at any time, save
 * mr_cache_new() and mr_cache_free(). After fork() the child may use an allocator
 * only if no other thread was using it: the lock may be taken there for ever.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "memreplay/policy.h"
#include "memreplay/result.h"

#ifdef __cplusplus
extern "C" {
#endif

struct mr_cache;

/*
 * Where blocks come from and go to; NULL in the options means malloc() and
 * free() of the C library. Called without the allocator's lock, from whichever
 * threads use the allocator.
 */
struct mr_device {
	/* Returns bytes bytes aligned to align (a power of two), or NULL. */
	void *(*reserve)(void *context, size_t bytes, size_t align);
	/* Takes back what reserve returned; bytes is what was asked for then. */
	void (*release)(void *context, void *memory, size_t bytes);
	void *context;
};

struct mr_cache_options {
	size_t struct_size;      /* sizeof(struct mr_cache_options) */
	struct mr_policy policy; /* from mr_policy_init() */
	size_t alignment;        /* of every block: 16 to 4096, a power of two; 0: 16 */
	const struct mr_device *device; /* copied; NULL: the C library */
	bool watch_lock; /* count waits for the lock: see mr_cache_contention() */
};

/*
 * Makes an allocator. options may be NULL: mlx-cpu with a limit of 32 MiB. On
 * success *out is the caller's, to be given to mr_cache_free().
 *   MR_EINVAL  an alignment or struct_size that does not exist, or a policy that
 *              is PyTorch's or has a value that its knob has not
 *   MR_ENOMEM
 */
MR_API MR_MUST_CHECK enum mr_status mr_cache_new(struct mr_cache **out,
	const struct mr_cache_options *options, struct mr_error *err);

/*
 * Returns every cached block to the system and frees the allocator; NULL is
 * fine. Blocks still live stay valid memory, but nobody can free them any more.
 */
MR_API void mr_cache_free(struct mr_cache *cache);

/*
 * Hands out a block of at least size bytes. size may be 0: the block is then a
 * unique address of capacity 0, never served from the cache nor kept in it.
 * NULL, and every counter as before (save for what was released to get memory),
 * if the system has no memory or size is above PTRDIFF_MAX. NULL also where the
 * policy gives no block: for size 0 under mlx-metal and mlx-cuda, which counts as
 * nothing, and beyond max_blocks, which counts as a failed malloc. Contents are
 * undefined.
 */
MR_API void *mr_cache_alloc(struct mr_cache *cache, size_t size);

/*
 * Gives a block back; NULL is fine and does nothing. Freeing a block twice or
 * one from elsewhere is not detected.
 */
MR_API void mr_cache_dealloc(struct mr_cache *cache, void *block);

/*
 * The capacity of a live block: at least what was asked for, and constant for
 * as long as the block exists. 0 for NULL.
 */
MR_API size_t mr_cache_capacity(struct mr_cache *cache, const void *block);

/*
 * Sets the cache limit in bytes, evicting if need be (mlx-metal and mlx-cuda: at
 * the next alloc); returns the old one.
 */
MR_API uint64_t mr_cache_set_limit(struct mr_cache *cache, uint64_t limit);

/*
 * Sets the memory limit in bytes; returns the old one. mlx-cpu watches it only;
 * mlx-metal and mlx-cuda release cached blocks for it.
 */
MR_API uint64_t mr_cache_set_memory_limit(struct mr_cache *cache, uint64_t limit);

/* Returns every cached block to the system. */
MR_API void mr_cache_clear(struct mr_cache *cache);

/* Sets peak memory to 0 (as MLX does), not to the active memory. */
MR_API void mr_cache_reset_peak(struct mr_cache *cache);

/* Bytes now: in live blocks, in cached blocks, and highest active since reset. */
MR_API uint64_t mr_cache_active(struct mr_cache *cache);
MR_API uint64_t mr_cache_cached(struct mr_cache *cache);
MR_API uint64_t mr_cache_peak(struct mr_cache *cache);

/* How many mallocs the policy has refused so far. */
MR_API uint64_t mr_cache_refused(struct mr_cache *cache);

/*
 * All counters at one moment. `events` is mallocs + frees; first_failed_malloc
 * counts the calls of mr_cache_alloc() and mr_cache_dealloc().
 */
MR_API void mr_cache_result(struct mr_cache *cache, struct mr_result *out);

struct mr_cache_contention {
	uint64_t waits;     /* calls that found the lock taken by another thread */
	uint64_t waited_ns; /* what they waited, all in all */
};

/* What threads have waited for each other; zeros without watch_lock. */
MR_API void mr_cache_contention(struct mr_cache *cache, struct mr_cache_contention *out);

/*
 * Proves the allocator's invariants by walking all it has; for tests.
 *   MR_EINVAL  one is broken: a bug of ours, or memory overwritten by the caller
 */
MR_API MR_MUST_CHECK enum mr_status mr_cache_check(
	struct mr_cache *cache, struct mr_error *err);

#ifdef __cplusplus
}
#endif
#endif
