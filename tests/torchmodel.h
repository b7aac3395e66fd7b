/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_TORCHMODEL_H
#define MR_TESTS_TORCHMODEL_H

/*
 * A slow and obvious model of PyTorch's CUDA allocator, to hold the fast one
 * against: one array of blocks in the order of their addresses, linear scans.
 * It is written from the rules alone and shares no code with src/. It aborts if
 * it runs out of memory.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/policy.h"

#define MODEL_NONE SIZE_MAX

struct model_event {
	char what; /* a: segment_alloc, f: segment_free, m: map, u: unmap */
	uint64_t addr;
	uint64_t bytes;
};

struct model_block {
	uint64_t addr, size, requested, stream, pool, born;
	unsigned segment; /* neighbours have the same */
	char state;       /* f: free, a: allocated, w: waiting, u: unmapped */
	bool small;
	bool expandable;
};

struct model {
	struct mr_torch_settings settings;
	uint64_t (*place)(void *context); /* where a new segment or range goes */
	void *context;
	struct model_block *blocks; /* by address */
	size_t count, space;
	unsigned segments;    /* made so far */
	uint64_t calls[2][2]; /* of private pool or not, small or not */
	uint64_t reserved, allocated, active, requested, retries, ooms;
	struct model_event *events; /* since the last call */
	size_t event_count, event_space;
};

void model_init(struct model *model, const struct mr_torch_settings *settings,
	uint64_t (*place)(void *context), void *context);
void model_fini(struct model *model);

/* The address of the block, or 0: memory ran out. pool 0 is the default one. */
uint64_t model_malloc(
	struct model *model, uint64_t requested, uint64_t stream, uint64_t pool);
void model_free(struct model *model, uint64_t addr);
/* Whether the block still waited; otherwise nothing is done. */
bool model_done(struct model *model, uint64_t addr);
void model_empty(struct model *model);

/*
 * The array of blocks: insert returns the place, cut leaves the lower part,
 * merge joins a free or unmapped block with neighbours of its state and returns
 * the place of the whole.
 */
size_t model_insert(struct model *model, struct model_block block);
void model_erase(struct model *model, size_t at);
size_t model_find(const struct model *model, uint64_t addr); /* or MODEL_NONE */
bool model_has_previous(const struct model *model, size_t at);
bool model_has_next(const struct model *model, size_t at);
bool model_is_split(const struct model *model, size_t at);
void model_cut(struct model *model, size_t at, uint64_t size, char state);
size_t model_merge(struct model *model, size_t at);

#endif
