/* SPDX-License-Identifier: MIT */
#ifndef MR_ALLOC_TORCH_H
#define MR_ALLOC_TORCH_H

/*
 * The rules of PyTorch's CUDA caching allocator, on paper: segments asked of
 * the device, split into blocks that have addresses and streams, merged again
 * when they are freed. docs/pytorch.md tells the rules in prose.
 *
 *   reserved  = bytes of segments, or mapped in expandable ones
 *   active    = bytes of blocks that the program or a stream still uses
 *   allocated = active without blocks that only wait for another stream
 *   free      = reserved - active: kept for reuse
 *
 * Blocks are numbers, valid until they are freed. No memory is touched. Use an
 * allocator from one thread at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/policy.h"

#define MR_TORCH_NONE UINT32_MAX /* no block */

#define MR_TORCH_MIN_BLOCK   512u
#define MR_TORCH_SMALL       (UINT64_C(1) << 20) /* largest of the small pool */
#define MR_TORCH_SMALL_SEG   (UINT64_C(2) << 20)
#define MR_TORCH_MIN_LARGE   (UINT64_C(10) << 20) /* from here: a segment of its own */
#define MR_TORCH_ROUND       (UINT64_C(2) << 20)
#define MR_TORCH_ALIGN_FROM  (UINT64_C(2) << 20) /* torch_npu: blocks it aligns */
#define MR_TORCH_DEVICE_NONE MR_UNLIMITED

/* What the allocator asks of the device. */
enum mr_torch_action {
	MR_TORCH_SEGMENT_ALLOC,
	MR_TORCH_SEGMENT_FREE,
	MR_TORCH_SEGMENT_MAP,
	MR_TORCH_SEGMENT_UNMAP
};

/* Which pool a request is served from. */
struct mr_torch_queue {
	uint64_t stream;
	uint64_t pool[2]; /* id of a private pool; 0 0: the default ones */
};

struct mr_torch_hooks {
	void *context;
	/* Says what the device is asked for, as it happens. NULL: nobody asks. */
	void (*device)(void *context, enum mr_torch_action action, uint64_t addr,
		uint64_t bytes);
	/*
	 * Where the device puts a new segment or range, of which only a range may
	 * be made smaller; false or NULL, or too small for the request: an address
	 * is invented.
	 */
	bool (*place)(void *context, uint64_t *addr, uint64_t *bytes);
};

enum mr_torch_state {
	MR_TORCH_FREE,
	MR_TORCH_ACTIVE,
	MR_TORCH_WAITING,
	MR_TORCH_UNMAPPED
};

/* A block: bytes side by side in one segment or range. */
struct mr_torch_block {
	uint64_t addr;
	uint64_t size;      /* multiple of 512 */
	uint64_t requested; /* bytes asked for; what was there before if it is free */
	uint64_t born;      /* searches of its pool when it was freed */
	uint32_t prev;      /* neighbours in the same segment, or MR_TORCH_NONE */
	uint32_t next;
	uint32_t lane;
	uint32_t serial; /* of the request that it serves */
	uint8_t state;   /* enum mr_torch_state */
	bool expandable;
	bool used; /* the entry holds a block */
};

/* Counters so far; the names are those of the metrics. */
struct mr_torch_stats {
	uint64_t reserved, allocated, active, requested;
	uint64_t peak_reserved, peak_allocated, peak_active, peak_requested;
	uint64_t allocated_at_peak; /* when reserved last rose to its peak */
	uint64_t active_at_peak;
	uint64_t requested_at_peak;
	uint64_t segments, peak_segments; /* expandable ranges do not count */
	uint64_t segment_allocs, segment_frees, maps, unmaps;
	uint64_t released_bytes;
	uint64_t mallocs, frees, hits;
	uint64_t hit_bytes, requested_sum;
	uint64_t live_blocks;
	uint64_t retries; /* of the device after everything cached was released */
	uint64_t ooms;
	uint64_t collections; /* of garbage that freed something */
};

/* The request that could not be served. */
struct mr_torch_oom {
	uint64_t requested;
	uint64_t size;    /* rounded */
	uint64_t segment; /* what the device was asked for */
	uint64_t stream;
	uint64_t device_free;
	uint64_t reserved;
	uint64_t allocated;
};

struct mr_torch;

/*
 * Makes an empty allocator. hooks (NULL: none) are copied. On success *out is
 * the caller's, for mr_torch_free_all().
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_torch_new(struct mr_torch **out,
	const struct mr_torch_settings *settings, const struct mr_torch_hooks *hooks,
	struct mr_error *err);

void mr_torch_free_all(struct mr_torch *torch);

/* The size that a request becomes: what it takes of a block. */
uint64_t mr_torch_round(const struct mr_torch_settings *settings, uint64_t requested);

/* The segment that a rounded size asks of the device. */
uint64_t mr_torch_segment_size(
	const struct mr_torch_settings *settings, uint64_t rounded);

/* The address space that the expandable segments of a pool and stream grow in. */
uint64_t mr_torch_range(const struct mr_torch_settings *settings);

/*
 * Serves a request of requested > 0 bytes. *block is MR_TORCH_NONE where memory
 * ran out: a result, told by mr_torch_last_oom().
 *   MR_ENOMEM  the host's; the allocator can then only be freed
 */
MR_MUST_CHECK enum mr_status mr_torch_malloc(struct mr_torch *torch, uint32_t *block,
	uint64_t requested, struct mr_torch_queue queue, struct mr_error *err);

/* The program gives a block back: it is no longer allocated, and waits. */
void mr_torch_free_request(struct mr_torch *torch, uint32_t block);

/* No stream uses a waiting block any more: it can be used again. */
MR_MUST_CHECK enum mr_status mr_torch_free_complete(
	struct mr_torch *torch, uint32_t block, struct mr_error *err);

/*
 * Whether the block that served request `serial` and was given back still
 * waits. It does not where memory was short: the allocator then waits for all
 * streams, and the number may by now be another block's.
 */
bool mr_torch_waits(const struct mr_torch *torch, uint32_t block, uint32_t serial);

/* empty_cache(): waits for all streams, gives back all that can be. */
MR_MUST_CHECK enum mr_status mr_torch_release_all(
	struct mr_torch *torch, struct mr_error *err);

/* A run of memory that is there when a simulation begins. */
struct mr_torch_segment {
	uint64_t addr;
	uint64_t size; /* bytes; an expandable one: of its mapped run */
	struct mr_torch_queue queue;
	bool small;
	bool expandable;
	/* of an expandable one: the lowest address of its range, and its end */
	uint64_t range_addr, range_end;
};

/*
 * Adds a segment that is one free block. Segments of one expandable range come
 * one after the other, lowest first. MR_EINVAL: they overlap. MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_torch_seed(struct mr_torch *torch, uint32_t *block,
	const struct mr_torch_segment *segment, struct mr_error *err);

/* Bytes in use within a segment that is there when a simulation begins. */
struct mr_torch_part {
	uint64_t addr;
	uint64_t size;
	uint64_t requested;
};

/*
 * Takes a part out of the free block that holds it; *block is what lies there
 * and is active, *rest (MR_TORCH_NONE: nothing) the free block above it.
 *   MR_EINVAL  it does not lie within the free block
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_torch_seed_block(struct mr_torch *torch, uint32_t *block,
	uint32_t *rest, uint32_t free_block, const struct mr_torch_part *part,
	struct mr_error *err);

/* Ends seeding: peaks begin here. */
void mr_torch_seeded(struct mr_torch *torch);

const struct mr_torch_stats *mr_torch_stats(const struct mr_torch *torch);
const struct mr_torch_oom *mr_torch_last_oom(const struct mr_torch *torch);

/* Blocks by number, count of them, some not `used`. The allocator's. */
const struct mr_torch_block *mr_torch_blocks(
	const struct mr_torch *torch, uint32_t *count);

/* The pool and stream that a block belongs to. */
struct mr_torch_queue mr_torch_queue_of(
	const struct mr_torch *torch, const struct mr_torch_block *block, bool *small);

/* Proves the invariants; MR_EINVAL if one is broken. Slow. */
MR_MUST_CHECK enum mr_status mr_torch_check(
	const struct mr_torch *torch, struct mr_error *err);

#endif
