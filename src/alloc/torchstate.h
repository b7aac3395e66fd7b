/* SPDX-License-Identifier: MIT */
#ifndef MR_ALLOC_TORCHSTATE_H
#define MR_ALLOC_TORCHSTATE_H

/*
 * What the parts of the torch allocator share: its state, and the moves that
 * more than one of them makes. Not for others.
 */

#include "alloc/torch.h"
#include "alloc/torchfree.h"

/* The blocks of one pool and stream: no other stream ever gets them. */
struct mr_torch_lane {
	uint64_t stream;
	uint32_t pool;
	struct mr_free_set free;     /* mapped, by (size, address) */
	struct mr_free_set unmapped; /* by (0, address) */
};

struct mr_torch_pool {
	uint64_t id[2];
	bool small;
	uint64_t calls; /* searches, counted while garbage is collected */
	uint32_t count, space;
	uint32_t *lanes; /* by stream */
};

struct mr_torch {
	struct mr_torch_settings settings;
	struct mr_torch_hooks hooks;
	uint64_t limit;            /* of the process, MR_UNLIMITED: none */
	uint64_t low, high;        /* all segments so far lie between these */
	struct mr_free_set claims; /* segments and ranges, by (address, end) */
	struct mr_torch_stats stats;
	struct mr_torch_oom oom;
	struct mr_torch_block *blocks;
	uint32_t block_count, block_space, spare; /* spares are chained by next */
	struct mr_torch_lane *lanes;
	uint32_t lane_count, lane_space;
	struct mr_torch_pool *pools; /* 2 a pool id: large, small */
	uint32_t pool_count, pool_space;
	uint64_t waiting; /* blocks that wait for a stream */
	bool rising;      /* reserved has risen to a new peak in this request */
	bool failed;      /* the host has no memory */
};

static inline struct mr_torch_lane *
mr_torch_lane_of(struct mr_torch *torch, const struct mr_torch_block *block)
{
	return &torch->lanes[block->lane];
}

static inline bool
mr_torch_is_split(const struct mr_torch_block *block)
{
	return block->prev != MR_TORCH_NONE || block->next != MR_TORCH_NONE;
}

/* A new entry; MR_TORCH_NONE, and failed, if the host has no memory. */
uint32_t mr_torch_block_new(struct mr_torch *torch);
void mr_torch_block_drop(struct mr_torch *torch, uint32_t block);

/* Into, and out of, the set that its state calls for. */
void mr_torch_insert(struct mr_torch *torch, uint32_t block);
void mr_torch_remove(struct mr_torch *torch, uint32_t block);

/*
 * Parts a block that is in no set: it keeps the first `size` bytes, what is
 * above becomes a block of the same state. Returns that; MR_TORCH_NONE: memory.
 */
uint32_t mr_torch_split(struct mr_torch *torch, uint32_t block, uint64_t size);

/* Joins a block that is in no set with its free neighbours of the same kind. */
void mr_torch_merge(struct mr_torch *torch, uint32_t block);

/* Completes a block: it is free. */
void mr_torch_complete(struct mr_torch *torch, uint32_t block);

/* The lane of a request, made if need be; MR_TORCH_NONE: memory. */
uint32_t mr_torch_lane(struct mr_torch *torch, struct mr_torch_queue queue, bool small);

/*
 * Chooses an address for `bytes` of new segment or address space, and claims it. The
 * device may give less, but at least `least`. False: there is no room, or no memory.
 */
bool mr_torch_place(
	struct mr_torch *torch, uint64_t *addr, uint64_t *bytes, uint64_t least);
/* False: something lies there already, or there is no memory. */
bool mr_torch_claim(struct mr_torch *torch, uint64_t addr, uint64_t bytes);
void mr_torch_unclaim(struct mr_torch *torch, uint64_t addr, uint64_t bytes);

void mr_torch_tell(struct mr_torch *torch, enum mr_torch_action action, uint64_t addr,
	uint64_t bytes);
void mr_torch_reserve(struct mr_torch *torch, uint64_t bytes);

/* torchmap.c: where the claimed range that addr lies in begins. */
uint64_t mr_torch_range_of(const struct mr_torch *torch, uint64_t addr);

/* torchmap.c: a block of at least `size` bytes, in no set, or MR_TORCH_NONE. */
uint32_t mr_torch_expand(struct mr_torch *torch, uint32_t lane, uint64_t size);
void mr_torch_unmap(struct mr_torch *torch, uint32_t block);

/* torchrelease.c */
void mr_torch_release_segment(struct mr_torch *torch, uint32_t block);
bool mr_torch_release_available(struct mr_torch *torch, uint32_t lane, uint64_t size);
void mr_torch_release_cached(struct mr_torch *torch);
void mr_torch_collect(struct mr_torch *torch);

#endif
