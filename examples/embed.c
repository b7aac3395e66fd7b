/* SPDX-License-Identifier: MIT */

/*
 * Embeds the caching allocator in a program: a training loop in miniature
 * whose buffers are reused from the second step on, and a cache limit that is
 * lowered at the end. Exits with 0 if the allocator did what it promises.
 *
 *   cc embed.c $(pkg-config --cflags --libs memreplay)
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include <memreplay/cache.h>

#define STEPS  5
#define LAYERS 3

/* One step: a buffer a layer, freed in reverse order. False: out of memory. */
static bool
train_step(struct mr_cache *cache)
{
	static const size_t sizes[LAYERS] = {1 << 20, 300000, 70000};
	void *buffers[LAYERS] = {NULL};
	bool done = true;

	for (int i = 0; i < LAYERS; i++) {
		buffers[i] = mr_cache_alloc(cache, sizes[i]);
		if (buffers[i])
			memset(buffers[i], 0, sizes[i]);
		else
			done = false;
	}
	for (int i = LAYERS - 1; i >= 0; i--)
		mr_cache_dealloc(cache, buffers[i]);
	return done;
}

static bool
train(struct mr_cache *cache)
{
	struct mr_result result;

	for (int i = 0; i < STEPS; i++)
		if (!train_step(cache))
			return false;
	mr_cache_result(cache, &result);
	printf("%" PRIu64 " mallocs, %" PRIu64 " served from the cache\n", result.mallocs,
		result.hits);
	if (result.hits != (STEPS - 1) * LAYERS)
		return false;

	mr_cache_set_limit(cache, 1 << 20);
	mr_cache_result(cache, &result);
	printf("after lowering the cache limit: %" PRIu64 " bytes cached, %" PRIu64
	       " blocks evicted\n",
		result.cached_bytes, result.evicted_blocks);
	return result.cached_bytes <= 1 << 20 && result.active_bytes == 0;
}

int
main(void)
{
	struct mr_cache_options options = {
		.struct_size = sizeof(options), .alignment = 64};
	struct mr_error err;
	struct mr_cache *cache = NULL;
	bool done = false;

	if (mr_policy_init(&options.policy, "mlx-cpu", &err) ||
		mr_cache_new(&cache, &options, &err)) {
		fprintf(stderr, "embed: %s\n", err.text);
		return 1;
	}
	done = train(cache);
	mr_cache_free(cache);
	return done ? 0 : 1;
}
