/* SPDX-License-Identifier: MIT */
#include "memreplay/cache.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/core.h"
#include "base/clock.h"
#include "base/error.h"

/*
 * What stands before each block:
 *
 *   |<- prefix: the alignment, at least sizeof(struct tag) ->|<- capacity ->|
 *   |  unused                                  | struct tag  |  the block   |
 *                                                            ^ what users see
 */
struct tag {
	union {
		uint32_t block;    /* the block's number in the core */
		struct tag *leave; /* in a list of blocks on their way out */
	};
	uint64_t bytes; /* on its way out: what to give to the device */
};

struct mr_cache {
	pthread_mutex_t lock; /* over the core, leaving and contention */
	bool watched;         /* waiting for the lock is counted */
	struct mr_cache_contention contention;
	struct mr_core core;
	struct tag *leaving; /* evicted under the lock, released after it */
	struct mr_device device;
	size_t prefix;
};

/* Only who finds the lock taken pays for being counted. */
static void
lock_watched(struct mr_cache *cache)
{
	uint64_t start;

	if (!pthread_mutex_trylock(&cache->lock))
		return;
	start = mr_clock_ns();
	pthread_mutex_lock(&cache->lock);
	cache->contention.waits++;
	cache->contention.waited_ns += mr_clock_ns() - start;
}

static inline void
lock(struct mr_cache *cache)
{
	if (cache->watched)
		lock_watched(cache);
	else
		pthread_mutex_lock(&cache->lock);
}

static inline void
unlock(struct mr_cache *cache)
{
	pthread_mutex_unlock(&cache->lock);
}

static void *
c_library_reserve(void *context, size_t bytes, size_t align)
{
	void *memory;

	(void)context;
	if (align <= _Alignof(max_align_t))
		return malloc(bytes);
	return posix_memalign(&memory, align, bytes) ? NULL : memory;
}

static void
c_library_release(void *context, void *memory, size_t bytes)
{
	(void)context;
	(void)bytes;
	free(memory);
}

static const struct mr_device c_library = {c_library_reserve, c_library_release, NULL};

static struct tag *
tag_of(const void *memory)
{
	return (struct tag *)(uintptr_t)memory - 1;
}

/* Called by the core, under the lock. */
static void
leave(void *context, struct mr_block *block, uint64_t capacity)
{
	struct mr_cache *cache = context;
	struct tag *tag = tag_of(block->memory);

	tag->bytes = capacity + cache->prefix;
	tag->leave = cache->leaving;
	cache->leaving = tag;
}

static struct tag *
take_leaving(struct mr_cache *cache)
{
	struct tag *list = cache->leaving;

	cache->leaving = NULL;
	return list;
}

static void
release(struct mr_cache *cache, struct tag *tag)
{
	void *memory = (char *)(tag + 1) - cache->prefix;

	cache->device.release(cache->device.context, memory, (size_t)tag->bytes);
}

/* Without the lock: the system may take its time. */
static void
release_all(struct mr_cache *cache, struct tag *list)
{
	while (list) {
		struct tag *next = list->leave;

		release(cache, list);
		list = next;
	}
}

static size_t
alignment_of(const struct mr_cache_options *options)
{
	return options->alignment ? options->alignment : 16;
}

/* First of all: of another size, they may end before what would be read. */
static enum mr_status
check_options(const struct mr_cache_options *options, struct mr_error *err)
{
	size_t alignment;

	if (options->struct_size != sizeof(*options))
		return mr_fail(err, MR_EINVAL, "mr_cache_options of unknown size %zu",
			options->struct_size);
	alignment = alignment_of(options);
	if (alignment < 16 || alignment > 4096 || (alignment & (alignment - 1)))
		return mr_fail(err, MR_EINVAL,
			"alignment %zu: expected a power of two from 16 to 4096",
			alignment);
	return MR_OK;
}

static enum mr_status
set_up(struct mr_cache *cache, const struct mr_cache_options *options,
	struct mr_error *err)
{
	_Static_assert(sizeof(struct tag) <= 16, "the least prefix must hold a tag");
	cache->prefix = alignment_of(options);
	cache->watched = options->watch_lock;
	cache->device = options->device ? *options->device : c_library;
	cache->core.evict = leave;
	cache->core.context = cache;
	return pthread_mutex_init(&cache->lock, NULL) ? mr_fail_memory(err) : MR_OK;
}

enum mr_status
mr_cache_new(struct mr_cache **out, const struct mr_cache_options *options,
	struct mr_error *err)
{
	struct mr_cache_options defaults = {.struct_size = sizeof(defaults)};
	struct mr_cache *cache = calloc(1, sizeof(*cache));
	enum mr_status st;

	*out = NULL;
	if (!cache)
		return mr_fail_memory(err);
	st = options ? MR_OK : mr_policy_init(&defaults.policy, "mlx-cpu", err);
	options = options ? options : &defaults;
	if (st || (st = check_options(options, err)) ||
		(st = mr_core_init(&cache->core, &options->policy, err)) ||
		(st = set_up(cache, options, err))) {
		mr_core_fini(&cache->core);
		free(cache);
		return st;
	}
	*out = cache;
	return MR_OK;
}

void
mr_cache_free(struct mr_cache *cache)
{
	if (!cache)
		return;
	mr_cache_clear(cache);
	pthread_mutex_destroy(&cache->lock);
	mr_core_fini(&cache->core);
	free(cache);
}

/* A miss: the block's number is set aside while the system is asked for memory. */
static void *
alloc_new(struct mr_cache *cache, size_t size, uint32_t block, size_t capacity)
{
	char *memory = NULL;
	struct tag *list;
	size_t bytes;

	if (!__builtin_add_overflow(capacity, cache->prefix, &bytes))
		memory = cache->device.reserve(
			cache->device.context, bytes, cache->prefix);
	/* before the lock: the first write to a page takes the kernel a while */
	if (memory) {
		memory += cache->prefix;
		tag_of(memory)->block = block;
	}
	lock(cache);
	if (memory) {
		cache->core.blocks[block].memory = memory;
		if (cache->core.plain)
			mr_core_commit(&cache->core, block, size, true);
		else
			mr_core_commit(&cache->core, block, size, false);
	} else {
		mr_core_cancel(&cache->core, block);
	}
	list = take_leaving(cache);
	unlock(cache);
	release_all(cache, list);
	return memory;
}

/*
 * Under the lock: sets a new block's number aside, and says what it must hold: SIZE_MAX,
 * which nobody gets, if it is rounded up to more.
 */
static bool
prepare(struct mr_cache *cache, size_t size, uint32_t *block, size_t *capacity)
{
	uint64_t rounded;

	if (mr_core_prepare(&cache->core, size, block, NULL) || *block == MR_NONE)
		return false;
	rounded = mr_core_capacity(&cache->core, *block);
	*capacity = rounded < SIZE_MAX ? (size_t)rounded : SIZE_MAX;
	return true;
}

/* The same under a policy that is not plain: it may evict, and refuse. */
static void *
alloc_other(struct mr_cache *cache, size_t size)
{
	void *memory = NULL;
	struct tag *list;
	size_t capacity;
	uint32_t block;
	bool prepared = false;

	lock(cache);
	cache->core.events++;
	block = mr_core_reuse(&cache->core, size, false);
	if (block != MR_NONE)
		memory = cache->core.blocks[block].memory;
	else
		prepared = prepare(cache, size, &block, &capacity);
	list = take_leaving(cache);
	unlock(cache);
	/* First, so that there is memory for what is asked for now. */
	release_all(cache, list);
	return prepared ? alloc_new(cache, size, block, capacity) : memory;
}

void *
mr_cache_alloc(struct mr_cache *cache, size_t size)
{
	void *memory;
	size_t capacity;
	uint32_t block;
	bool prepared;

	if (size > PTRDIFF_MAX)
		return NULL;
	if (!cache->core.plain)
		return alloc_other(cache, size);
	lock(cache);
	block = mr_core_reuse(&cache->core, size, true);
	if (block != MR_NONE) {
		memory = cache->core.blocks[block].memory;
		unlock(cache);
		return memory;
	}
	prepared = prepare(cache, size, &block, &capacity);
	unlock(cache);
	return prepared ? alloc_new(cache, size, block, capacity) : NULL;
}

/* Under a policy that is not plain: a free may evict other blocks. */
static bool
free_other(struct mr_cache *cache, uint32_t block)
{
	struct tag *list;
	bool cached;

	cache->core.events++;
	cached = mr_core_free(&cache->core, block, false);
	list = take_leaving(cache);
	unlock(cache);
	release_all(cache, list);
	return cached;
}

void
mr_cache_dealloc(struct mr_cache *cache, void *memory)
{
	struct tag *tag;
	uint64_t capacity;
	uint32_t block;
	bool cached;

	if (!memory)
		return;
	tag = tag_of(memory);
	block = tag->block; /* before the lock: memory long untouched is slow to read */
	lock(cache);
	capacity = mr_core_capacity(&cache->core, block);
	if (cache->core.plain) {
		cached = mr_core_free(&cache->core, block, true);
		unlock(cache);
	} else {
		cached = free_other(cache, block);
	}
	if (!cached) {
		tag->bytes = capacity + cache->prefix;
		release(cache, tag);
	}
}

size_t
mr_cache_capacity(struct mr_cache *cache, const void *memory)
{
	uint64_t capacity;

	if (!memory)
		return 0;
	lock(cache);
	capacity = mr_core_capacity(&cache->core, tag_of(memory)->block);
	unlock(cache);
	return (size_t)capacity;
}

uint64_t
mr_cache_set_limit(struct mr_cache *cache, uint64_t limit)
{
	struct tag *list;
	uint64_t old;

	lock(cache);
	old = mr_core_set_limit(&cache->core, limit);
	list = take_leaving(cache);
	unlock(cache);
	release_all(cache, list);
	return old;
}

uint64_t
mr_cache_set_memory_limit(struct mr_cache *cache, uint64_t limit)
{
	uint64_t old;

	lock(cache);
	old = mr_core_set_memory_limit(&cache->core, limit);
	unlock(cache);
	return old;
}

void
mr_cache_clear(struct mr_cache *cache)
{
	struct tag *list;

	lock(cache);
	mr_core_clear(&cache->core);
	list = take_leaving(cache);
	unlock(cache);
	release_all(cache, list);
}

void
mr_cache_reset_peak(struct mr_cache *cache)
{
	lock(cache);
	mr_core_reset_peak(&cache->core);
	unlock(cache);
}

/* One of the core's figures, read under the lock. */
static uint64_t
read_figure(struct mr_cache *cache, const uint64_t *figure)
{
	uint64_t value;

	lock(cache);
	value = *figure;
	unlock(cache);
	return value;
}

uint64_t
mr_cache_active(struct mr_cache *cache)
{
	return read_figure(cache, &cache->core.active);
}

uint64_t
mr_cache_cached(struct mr_cache *cache)
{
	return read_figure(cache, &cache->core.cached);
}

uint64_t
mr_cache_peak(struct mr_cache *cache)
{
	return read_figure(cache, &cache->core.peak);
}

uint64_t
mr_cache_refused(struct mr_cache *cache)
{
	return read_figure(cache, &cache->core.rare.failed_mallocs);
}

void
mr_cache_result(struct mr_cache *cache, struct mr_result *out)
{
	lock(cache);
	mr_core_result(&cache->core, out);
	unlock(cache);
	out->events = out->mallocs + out->frees;
}

void
mr_cache_contention(struct mr_cache *cache, struct mr_cache_contention *out)
{
	lock(cache);
	*out = cache->contention;
	unlock(cache);
}

enum mr_status
mr_cache_check(struct mr_cache *cache, struct mr_error *err)
{
	enum mr_status st;

	lock(cache);
	st = mr_core_check(&cache->core, err);
	unlock(cache);
	return st;
}
