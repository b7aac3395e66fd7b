/* SPDX-License-Identifier: MIT */
#include "replay/backend.h"

#include <stdlib.h>

#include "memreplay/cache.h"

/*
 * The caching allocator aligns all blocks alike, as the one it models does;
 * what the trace recorded is for mallocs.
 */
static void *
cache_take(void *context, size_t size, uint32_t align_log2)
{
	struct mr_backend *backend = context;

	(void)align_log2;
	return mr_cache_alloc(backend->cache, size);
}

/*
 * Each refusal that the allocator has counted stands for one malloc that got no
 * block. Of several threads one may take another's, if there was no memory for
 * that one: then the other finds none, and a malloc has failed either way.
 */
static bool
cache_refused(void *context)
{
	struct mr_backend *backend = context;
	size_t known = atomic_load(&backend->refused);

	while (known < mr_cache_refused(backend->cache))
		if (atomic_compare_exchange_weak(&backend->refused, &known, known + 1))
			return true;
	return false;
}

static void
cache_give(void *context, void *block)
{
	struct mr_backend *backend = context;

	mr_cache_dealloc(backend->cache, block);
}

static void
cache_control(void *context, const struct mr_operation *operation)
{
	struct mr_backend *backend = context;

	switch ((enum mr_op)operation->op) {
	case MR_OP_SET_CACHE_LIMIT:
		if (backend->keep_limits)
			mr_cache_set_limit(backend->cache, operation->size);
		break;
	case MR_OP_SET_MEMORY_LIMIT:
		mr_cache_set_memory_limit(backend->cache, operation->size);
		break;
	case MR_OP_CLEAR_CACHE:
		mr_cache_clear(backend->cache);
		break;
	case MR_OP_RESET_PEAK:
		mr_cache_reset_peak(backend->cache);
		break;
	case MR_OP_MALLOC:
	case MR_OP_FREE:
	case MR_OP_MARK:
	case MR_OP_COUNTERS:
		break;
	}
}

/* malloc aligns to 16 bytes of its own; only more has to be asked for. */
#define MALLOC_ALIGN_LOG2 4

static void *
plain_take(void *context, size_t size, uint32_t align_log2)
{
	void *block;

	(void)context;
	if (align_log2 <= MALLOC_ALIGN_LOG2)
		return malloc(size);
	return posix_memalign(&block, (size_t)1 << align_log2, size) ? NULL : block;
}

static void
plain_give(void *context, void *block)
{
	(void)context;
	free(block);
}

static void
plain_control(void *context, const struct mr_operation *operation)
{
	(void)context;
	(void)operation;
}

enum mr_status
mr_backend_init(
	struct mr_backend *backend, const struct mr_order *order, struct mr_error *err)
{
	const struct mr_cache_options options = {.struct_size = sizeof(options),
		.policy = order->policy,
		.watch_lock = order->on_threads};

	*backend = (struct mr_backend){.keep_limits = order->keep_limits};
	if (order->kind == MR_ORDER_CACHING) {
		backend->allocator = (struct mr_allocator){
			cache_take, cache_refused, cache_give, cache_control, backend};
		return mr_cache_new(&backend->cache, &options, err);
	}
	backend->allocator = (struct mr_allocator){
		plain_take, NULL, plain_give, plain_control, backend};
	return MR_OK;
}

void
mr_backend_fini(struct mr_backend *backend)
{
	mr_cache_free(backend->cache);
}
