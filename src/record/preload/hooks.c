/* SPDX-License-Identifier: MIT */
/*
 * The functions that stand before the C library's: each calls the real one and
 * records what came of it, a free before the call and a malloc after it.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/preload/asks.h"
#include "record/preload/lane.h"
#include "record/preload/mlx.h"
#include "record/preload/real.h"
#include "record/preload/wake.h"

/* The real functions are there, or the call must be served without them. */
static inline bool
ready(void)
{
	return MR_LIKELY(mr_real.malloc != NULL) || mr_real_find();
}

/* Whether events are to be recorded; wakes the process up, or counts. */
static __attribute__((noinline)) bool
listening_slowly(void)
{
	if (atomic_load(&mr_state.mode) == MR_MODE_ASLEEP)
		mr_wake();
	switch (atomic_load(&mr_state.malloc_mode)) {
	case MR_MODE_ON:
		return true;
	case MR_MODE_COUNT:
		mr_count_event();
		return false;
	default:
		return false;
	}
}

static inline bool
listening(void)
{
	return MR_LIKELY(atomic_load_explicit(&mr_state.malloc_mode,
				 memory_order_relaxed) == MR_MODE_ON) ||
		listening_slowly();
}

static uint64_t
malloc_word(size_t size, size_t align)
{
	unsigned log2 = align ? (unsigned)__builtin_ctzl(align) : 0;

	return MR_RAW_WORD(MR_RAW_MALLOC, log2, size);
}

/* After a malloc: returns its result. */
static inline void *
got(void *block, size_t size, size_t align)
{
	if (MR_UNLIKELY(!block)) {
		if (atomic_load(&mr_state.malloc_mode) == MR_MODE_ON)
			atomic_fetch_add(&mr_process.head->failed, 1);
		return NULL;
	}
	if (MR_UNLIKELY(size < mr_state.min_size) || !listening())
		return block;
	mr_note((uint64_t)(uintptr_t)block, malloc_word(size, align));
	return block;
}

/* A block this small was never recorded, whatever was asked for. */
static inline bool
too_small(void *block)
{
	return MR_UNLIKELY(mr_state.min_size > 0) && mr_real.usable_size &&
		mr_real.usable_size(block) < mr_state.min_size;
}

MR_EXPORT void *
malloc(size_t size)
{
	if (!ready())
		return mr_early_alloc(size, 0);
	return got(mr_real.malloc(size), size, 0);
}

MR_EXPORT void *
calloc(size_t count, size_t size)
{
	void *block;
	size_t bytes;

	if (!ready())
		return __builtin_mul_overflow(count, size, &bytes)
			? NULL
			: mr_early_alloc(bytes, 0);
	block = mr_real.calloc(count, size);
	return got(block, count * size, 0);
}

MR_EXPORT void
free(void *block)
{
	if (!block || mr_early_has(block) || !ready())
		return;
	if (listening() && !too_small(block))
		mr_note((uint64_t)(uintptr_t)block, MR_RAW_WORD(MR_RAW_FREE, 0, 0));
	mr_real.free(block);
}

static void *
move_early(void *block, size_t size)
{
	size_t room = mr_early_room(block);
	void *moved = malloc(size);

	if (moved)
		memcpy(moved, block, size < room ? size : room);
	return moved;
}

/*
 * The free takes its place before the call, for another thread may be given
 * the address before the call returns; if the call fails, there was no free.
 */
static void *
realloc_recorded(struct mr_lane *lane, void *block, size_t size)
{
	bool old = !too_small(block);
	struct mr_raw *freed = NULL;
	void *moved;

	if (old)
		freed = mr_put(
			lane, (uint64_t)(uintptr_t)block, MR_RAW_WORD(MR_RAW_FREE, 0, 0));
	moved = mr_real.realloc(block, size);
	if (!moved && size) {
		atomic_fetch_add(&mr_process.head->failed, 1);
		if (freed)
			atomic_store_explicit(&freed->word,
				MR_RAW_WORD(MR_RAW_VOID, 0, 0), memory_order_release);
	} else if (moved && size >= mr_state.min_size) {
		mr_put(lane, (uint64_t)(uintptr_t)moved, malloc_word(size, 0));
	}
	return moved;
}

MR_EXPORT void *
realloc(void *block, size_t size)
{
	struct mr_lane spare, *lane;

	if (!block || !ready())
		return malloc(size);
	if (mr_early_has(block))
		return move_early(block, size);
	if (!listening())
		return mr_real.realloc(block, size);
	lane = mr_lane_open(&spare, 2);
	if (!lane) {
		mr_count_event();
		return mr_real.realloc(block, size);
	}
	block = realloc_recorded(lane, block, size);
	mr_lane_close(lane);
	return block;
}

MR_EXPORT void *
reallocarray(void *block, size_t count, size_t size)
{
	size_t bytes;

	if (__builtin_mul_overflow(count, size, &bytes)) {
		errno = ENOMEM;
		return NULL;
	}
	return realloc(block, bytes);
}

MR_EXPORT int
posix_memalign(void **out, size_t align, size_t size)
{
	int status;

	if (!ready() || !mr_real.posix_memalign)
		return ENOMEM;
	status = mr_real.posix_memalign(out, align, size);
	if (!status)
		got(*out, size, align);
	return status;
}

MR_EXPORT void *
aligned_alloc(size_t align, size_t size)
{
	if (!ready() || !mr_real.aligned_alloc)
		return mr_early_alloc(size, align);
	return got(mr_real.aligned_alloc(align, size), size, align);
}

MR_EXPORT void *
memalign(size_t align, size_t size)
{
	if (!ready() || !mr_real.memalign)
		return mr_early_alloc(size, align);
	return got(mr_real.memalign(align, size), size, align);
}

MR_EXPORT void *
valloc(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!ready() || !mr_real.valloc)
		return mr_early_alloc(size, page);
	return got(mr_real.valloc(size), size, page);
}

MR_EXPORT void *
pvalloc(size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);

	if (!ready() || !mr_real.pvalloc)
		return mr_early_alloc(size, page);
	return got(mr_real.pvalloc(size), size, page);
}

static void
copy_text(char to[MR_SPOOL_TEXT], const char *from)
{
	strncpy(to, from, MR_SPOOL_TEXT - 1);
	to[MR_SPOOL_TEXT - 1] = '\0';
}

#if __has_attribute(copy)
#define COPY(function) __attribute__((copy(function)))
#else
#define COPY(function)
#endif

/* Its own name, that no definition of malloc elsewhere can take over. */
extern __typeof(malloc) mr_own_malloc __attribute__((alias("malloc"))) COPY(malloc);

/* At the start, and again at the end: what is in C++ may be loaded on the way. */
static void
note_operators(struct mr_spool_head *head)
{
	void *real;

	memcpy(&real, &mr_real.malloc, sizeof(real));
	head->own_operators = mr_asks_for_operators(real);
}

/* Notes whose malloc is called by the program, and whose by the recorder. */
static void
note_allocator(struct mr_spool_head *head)
{
	void *used = dlsym(RTLD_DEFAULT, "malloc");
	void *own, *real;
	void *(*hook)(size_t) = mr_own_malloc;
	Dl_info info;

	memcpy(&own, &hook, sizeof(own));
	memcpy(&real, &mr_real.malloc, sizeof(real));
	if (used && used != own && dladdr(used, &info) && info.dli_fname)
		copy_text(head->own_malloc, info.dli_fname);
	if (real && dladdr(real, &info) && info.dli_fname)
		copy_text(head->allocator, info.dli_fname);
}

static __attribute__((constructor)) void
start(void)
{
	if (!ready())
		return;
	if (atomic_load(&mr_state.mode) == MR_MODE_ASLEEP)
		mr_wake();
	if (atomic_load(&mr_state.mode) != MR_MODE_ON)
		return;
	note_allocator(mr_process.head);
	note_operators(mr_process.head);
	mr_mlx_look();
}

static __attribute__((destructor)) void
stop(void)
{
	int mode = atomic_load(&mr_state.mode);

	if (mode != MR_MODE_ON && mode != MR_MODE_COUNT)
		return;
	note_operators(mr_process.head);
	mr_process.head->end = mr_clock_instant(mr_process.has_tsc);
	mr_process.head->ended = 1;
}
