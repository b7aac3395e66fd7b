/* SPDX-License-Identifier: MIT */
#include "record/preload/real.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>

#define EARLY_BYTES 65536
#define EARLY_ALIGN 4096

struct mr_real mr_real;

static _Alignas(EARLY_ALIGN) char early[EARLY_BYTES];
static _Atomic size_t early_used;
static _Atomic int finding;

/* ISO C has no conversion from an object pointer to a function pointer. */
static void
find(void *function, const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	memcpy(function, &found, sizeof(found));
}

bool
mr_real_find(void)
{
	struct mr_real real;

	if (atomic_exchange(&finding, 1))
		return false;
	find(&real.free, "free");
	find(&real.calloc, "calloc");
	find(&real.realloc, "realloc");
	find(&real.posix_memalign, "posix_memalign");
	find(&real.aligned_alloc, "aligned_alloc");
	find(&real.memalign, "memalign");
	find(&real.valloc, "valloc");
	find(&real.pvalloc, "pvalloc");
	find(&real.usable_size, "malloc_usable_size");
	find(&real.malloc, "malloc");
	mr_real = real;
	return true;
}

void *
mr_early_alloc(size_t size, size_t align)
{
	size_t start, used = atomic_load(&early_used);

	if (size > EARLY_BYTES || align > EARLY_ALIGN)
		return NULL;
	if (align < _Alignof(max_align_t))
		align = _Alignof(max_align_t);
	do {
		start = (used + align - 1) / align * align;
		if (start + size > EARLY_BYTES)
			return NULL;
	} while (!atomic_compare_exchange_weak(&early_used, &used, start + size));
	return early + start;
}

bool
mr_early_has(const void *block)
{
	return (uintptr_t)block - (uintptr_t)early < EARLY_BYTES;
}

size_t
mr_early_room(const void *block)
{
	return EARLY_BYTES - (size_t)((uintptr_t)block - (uintptr_t)early);
}
