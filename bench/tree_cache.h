/* SPDX-License-Identifier: MIT */
#ifndef MR_BENCH_TREE_CACHE_H
#define MR_BENCH_TREE_CACHE_H

/*
 * The yardstick: the rules of mlx-cpu written the straightforward way, with a
 * balanced tree of the C++ library that holds one allocated node for each
 * cached block, a linked list by age, and a lock.
 */

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

struct tree_cache;

struct tree_cache *tree_cache_new(uint64_t limit);
void tree_cache_free(struct tree_cache *cache);
void *tree_cache_alloc(struct tree_cache *cache, size_t size);
void tree_cache_dealloc(struct tree_cache *cache, void *block);

#ifdef __cplusplus
}
#endif
#endif
