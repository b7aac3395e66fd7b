/* SPDX-License-Identifier: MIT */

/*
 * The caching allocator against the C library's malloc and against a cache on
 * a balanced tree, on the same traces in one run: time per event, lock
 * included, memory not touched. Each trace is replayed several times on one
 * allocator; the passes of the contenders alternate, and the first, in which
 * caches fill, is not counted.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "memreplay/cache.h"
#include "tree_cache.h"

#define PASSES 15

struct contender {
	const char *name;
	void *(*alloc)(void *context, size_t size);
	void (*dealloc)(void *context, void *block);
	void *context;
};

static void *
cache_alloc(void *context, size_t size)
{
	return mr_cache_alloc(context, size);
}

static void
cache_dealloc(void *context, void *block)
{
	mr_cache_dealloc(context, block);
}

static void *
tree_alloc(void *context, size_t size)
{
	return tree_cache_alloc(context, size);
}

static void
tree_dealloc(void *context, void *block)
{
	tree_cache_dealloc(context, block);
}

static void *
plain_alloc(void *context, size_t size)
{
	(void)context;
	return malloc(size);
}

static void
plain_dealloc(void *context, void *block)
{
	(void)context;
	free(block);
}

/* One pass over the trace; ns per malloc or free. Ends with nothing live. */
static double
replay(const struct mr_load *load, const struct contender *c, void **blocks)
{
	double start = mr_bench_now();
	uint64_t calls = 0;

	for (size_t i = 0; i < load->count; i++) {
		const struct mr_event *event = &load->events[i];

		if (event->op == MR_OP_MALLOC) {
			blocks[event->slot] = c->alloc(c->context, event->size);
		} else if (event->op == MR_OP_FREE) {
			c->dealloc(c->context, blocks[event->slot]);
			blocks[event->slot] = NULL;
		} else {
			continue;
		}
		calls++;
	}
	for (uint32_t slot = 0; slot < load->slots; slot++) {
		if (blocks[slot])
			c->dealloc(c->context, blocks[slot]);
		blocks[slot] = NULL;
	}
	return (mr_bench_now() - start) / (double)calls;
}

static struct mr_cache *
new_cache(uint64_t limit)
{
	struct mr_cache_options options = {.struct_size = sizeof(options)};
	struct mr_cache *cache;

	if (mr_policy_init(&options.policy, "mlx-cpu", NULL))
		exit(1);
	options.policy.cache_limit = limit;
	if (mr_cache_new(&cache, &options, NULL))
		exit(1);
	return cache;
}

static void
compare(const struct mr_load *load, uint64_t limit, const char *limit_name)
{
	struct mr_cache *cache = new_cache(limit);
	struct tree_cache *tree = tree_cache_new(limit);
	const struct contender contenders[] = {
		{"memreplay", cache_alloc, cache_dealloc, cache},
		{"tree", tree_alloc, tree_dealloc, tree},
		{"malloc", plain_alloc, plain_dealloc, NULL},
	};
	void **blocks = calloc(load->slots, sizeof(*blocks));
	double ns[3][PASSES], median[3];

	if (!blocks)
		exit(1);
	for (int pass = -1; pass < PASSES; pass++)
		for (int i = 0; i < 3; i++) {
			double once = replay(load, &contenders[i], blocks);

			if (pass >= 0)
				ns[i][pass] = once;
		}
	for (int i = 0; i < 3; i++)
		median[i] = mr_bench_median(ns[i], PASSES);
	printf("%-20s %-10s %9.1f %9.1f %9.1f %10.2f %12.2f\n", load->name, limit_name,
		median[0], median[1], median[2], median[0] / median[1],
		median[0] / median[2]);
	mr_cache_free(cache);
	tree_cache_free(tree);
	free(blocks);
}

int
main(int argc, char **argv)
{
	printf("allocator: ns per malloc or free, lock included, memory not touched;\n"
	       "median of %d passes, ours / theirs as ratios\n\n",
		PASSES);
	printf("%-20s %-10s %9s %9s %9s %10s %12s\n", "trace", "limit", "memreplay",
		"tree", "malloc", "ours/tree", "ours/malloc");
	for (int i = 1; i < argc; i++) {
		struct mr_load load;

		mr_load(&load, argv[i]);
		compare(&load, MR_UNLIMITED, "unlimited");
		compare(&load, UINT64_C(32) << 20, "32 MiB");
		mr_load_free(&load);
	}
	return 0;
}
