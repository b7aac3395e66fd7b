/* SPDX-License-Identifier: MIT */
#ifndef MEMREPLAY_POLICY_H
#define MEMREPLAY_POLICY_H

/*
 * Policies: the rules of a caching allocator, and the knobs that vary them.
 *
 * A policy is plain data: initialise one by name, then set knobs by name and
 * text, or assign its members. Every knob is one row of one table; parsing,
 * help and reports all derive from the row. What takes a policy refuses one with
 * a value outside of a knob's row: MR_EINVAL.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"

#ifdef __cplusplus
extern "C" {
#endif

enum mr_policy_kind {
	MR_POLICY_MLX_CPU,    /* MLX's allocator of builds without a GPU */
	MR_POLICY_NONE,       /* plain malloc: nothing is ever cached */
	MR_POLICY_MLX_METAL,  /* MLX's allocator for Apple's GPUs */
	MR_POLICY_MLX_CUDA,   /* MLX's allocator for CUDA */
	MR_POLICY_TORCH_CUDA, /* PyTorch's allocator for CUDA */
	MR_POLICY_TORCH_NPU   /* torch_npu's port of it */
};

/* Size classes: the steps that an octave is divided into. */
enum mr_round {
	MR_ROUND_NONE = 0,
	MR_ROUND_POW2 = 1,
	MR_ROUND_QUARTER = 4,
	MR_ROUND_EIGHTH = 8,
	MR_ROUND_SIXTEENTH = 16
};

/* What becomes of a freed block that the cache has no room for. */
enum mr_on_full {
	MR_ON_FULL_REJECT, /* it goes to the system */
	MR_ON_FULL_EVICT   /* the least recently cached blocks make room */
};

/* A limit that follows from other knobs: see mr_policy_resolve(). */
#define MR_DERIVED (MR_UNLIMITED - 1)

/*
 * What PYTORCH_CUDA_ALLOC_CONF can say, and what else the rules of torch-cuda
 * depend on. Shares are in billionths.
 */
struct mr_torch_settings {
	uint64_t memory; /* bytes of the device: mr_policy_resolve() takes the policy's */
	uint64_t fraction;               /* share of it for this process; 0: no cap */
	uint64_t max_split_size;         /* bytes; larger blocks are not split */
	uint64_t max_non_split_rounding; /* bytes that such a block may be too large */
	uint64_t large_segment;          /* bytes of a segment for 1 to 10 MiB */
	uint64_t gc_threshold;           /* share of the cap; 0: no collection */
	uint64_t expandable;             /* 1: segments grow; 0: they do not */
	uint64_t oom_at_cap;  /* 1: over the cap nothing is released, memory is out */
	uint64_t extra;       /* torch_npu: bytes added to each request */
	uint64_t align;       /* torch_npu: large blocks start at multiples; 0: any */
	uint64_t descending;  /* 1: invented addresses fall; 0: they rise */
	uint64_t roundup[16]; /* divisions of a power of two, from 1 MiB up; 0: none */
	/* bytes of address space that expandable segments grow in, for each pool and
	 * stream; 0: 9/8 of memory, or 1 TiB where that has no end */
	uint64_t range;
};
#define MR_TORCH_SHARE UINT64_C(1000000000) /* all of it, in billionths */

/*
 * The rules of mlx-cpu (MLX, no_gpu back end, commit f831bdfc and later):
 *
 *   malloc(n)  takes the smallest cached capacity c >= n, among equal ones the
 *              one cached earliest, if c < min(window_factor * n,
 *              n + window_pages * page): a hit. So n = 0 never hits. Otherwise
 *              a block of capacity n comes from the system: a miss.
 *   free(b)    caches b if its capacity c > 0 and cached + c <= cache_limit.
 *              Otherwise it goes to the system; if c > 0 that is a rejected
 *              free. Nothing is evicted to make room.
 *   release(x) gives cached blocks back to the system: everything if
 *              x >= 0.9 * cached, otherwise the least recently cached ones
 *              until at least x bytes are gone.
 *   lowering the limit below cached releases cached - limit bytes.
 *
 * mlx-metal and mlx-cuda find blocks in the same way, and differ in this:
 *
 *   malloc(0)  gets no block; neither it nor its free is counted.
 *   malloc(n)  is rounded up first. Metal: above a page to whole pages. CUDA: up
 *              to 8 bytes to 8, below a page to a power of two, else to pages.
 *   a miss     needs active + cached + n bytes. Metal: if that is at least
 *              min(0.95 * working_set, memory_limit), or if there are max_blocks
 *              blocks, the difference is released; it wraps around where the need
 *              is the smaller, and then everything goes, as in MLX. CUDA: what
 *              the need is above memory_limit is released.
 *   after every malloc that gets a block, cached - cache_limit is released if
 *              that is above 0. Setting the limit releases nothing by itself.
 *   free(b)    caches b if cached < cache_limit before it, so that the cache may
 *              be above its limit by one block until the next malloc.
 *
 * The knobs that change the rules, under any policy but none:
 *
 *   round      n is rounded up to a size class once the policy has rounded it:
 *              with k steps an octave, for 2^e <= n < 2^(e+1) to a multiple of
 *              2^e / k (of 1 where that is less). What is looked up, compared
 *              with the window and asked of the system is this size. Requested
 *              bytes stay those of the program.
 *   on_full    evict: a freed block that would be rejected, but not by an empty
 *              cache, is cached after the least recently cached blocks have gone,
 *              one by one, until it is not rejected any more.
 *   clear_every  the cache is cleared after every so many mallocs (that got a
 *              block), when the last of them is done.
 *   max_blocks a miss while so many blocks are live or cached: unless it is Metal,
 *              the least recently cached block is evicted first. If there are
 *              still as many the malloc fails: it gets no block, is counted in
 *              failed_mallocs alone, and its free is ignored.
 */
struct mr_policy {
	enum mr_policy_kind kind;
	uint64_t cache_limit;  /* bytes; MR_UNLIMITED: no limit */
	uint64_t memory_limit; /* bytes; the GPUs' policies release at it */
	uint64_t page;         /* bytes */
	uint64_t window_factor;
	uint64_t window_pages;
	uint64_t round;                 /* enum mr_round */
	uint64_t on_full;               /* enum mr_on_full */
	uint64_t clear_every;           /* mallocs; 0: never */
	uint64_t max_blocks;            /* live and cached; 0: any number */
	uint64_t working_set;           /* bytes that the GPU recommends; mlx-metal */
	uint64_t memory;                /* bytes of the GPU; all but mlx-cpu and none */
	struct mr_torch_settings torch; /* torch-cuda and torch-npu */
};

/* Whether a policy is PyTorch's: it has segments and streams, not a cache limit. */
MR_API bool mr_policy_is_torch(const struct mr_policy *policy);

/* Fills in the policy called name with its defaults. MR_EINVAL: no such name. */
MR_API MR_MUST_CHECK enum mr_status mr_policy_init(
	struct mr_policy *policy, const char *name, struct mr_error *err);

/* The names that mr_policy_init() knows, *count of them; static storage. */
MR_API const char *const *mr_policy_names(size_t *count);

/* The name of the policy's kind, as mr_policy_init() takes it. Static storage. */
MR_API const char *mr_policy_name(const struct mr_policy *policy);

/*
 * Sets a knob from text as a user types it.
 *   MR_EINVAL  no such knob, or a value out of its range; err names both
 */
MR_API MR_MUST_CHECK enum mr_status mr_policy_set(struct mr_policy *policy,
	const char *knob, const char *value, struct mr_error *err);

/*
 * Gives the limits that are still MR_DERIVED their values. That is how
 * mlx-metal and mlx-cuda start: memory_limit is then min(1.5 * working_set,
 * 0.95 * memory), or 0.95 * memory for CUDA, and cache_limit what memory_limit
 * is. No machine is asked, so that results are the same on all: working_set and
 * memory are unlimited unless they are set. Whatever takes a policy does this
 * with its own copy. The device of torch-cuda and torch-npu gets its memory here.
 */
MR_API void mr_policy_resolve(struct mr_policy *policy);

/* What a number is, for those who print it. */
enum mr_unit {
	MR_UNIT_COUNT,
	MR_UNIT_BYTES,
	MR_UNIT_NS,
	MR_UNIT_RATIO /* 0 to 1 */
};

/* One of the values that a knob can have, and what it is called. */
struct mr_choice {
	const char *name;
	uint64_t value;
};

struct mr_knob {
	const char *name;
	const char *help;         /* one line, no full stop */
	const char *default_text; /* as a user would type it; under mlx-cpu */
	size_t offset;            /* of a uint64_t in struct mr_policy */
	enum mr_unit unit;
	uint64_t min;
	uint64_t max;
	const struct mr_choice *choices; /* up to a NULL name; NULL: a number */
	bool of_torch; /* a knob of torch-cuda and torch-npu; otherwise of the others */
	size_t repeat; /* so many numbers side by side are set; 0: one */
};

/* Whether a policy has a knob. A ratio's number is in billionths. */
MR_API bool mr_knob_applies(const struct mr_knob *knob, const struct mr_policy *policy);

/* Whether a knob that a policy has changes anything under it. */
MR_API bool mr_knob_matters(const struct mr_knob *knob, const struct mr_policy *policy);

/* The table of knobs, *count rows; static storage. */
MR_API const struct mr_knob *mr_knobs(size_t *count);

/* The row called name, or NULL. */
MR_API const struct mr_knob *mr_knob_find(const char *name);

/* The value that a knob has in a policy. */
MR_API uint64_t mr_knob_get(const struct mr_knob *knob, const struct mr_policy *policy);

/* What a knob's value is called; NULL: it is a number. Static storage. */
MR_API const char *mr_knob_choice(const struct mr_knob *knob, uint64_t value);

#ifdef __cplusplus
}
#endif
#endif
