/* SPDX-License-Identifier: MIT */

/*
 * One caching allocator under several threads: blocks change hands, limits
 * change, counters are read all the while, and at the end they add up. Also
 * run under ThreadSanitizer.
 */

#include <check.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "memreplay/cache.h"
#include "suite.h"

#define WORKERS     4
#define STEPS       20000 /* of each worker */
#define CHANGES     2000  /* of the thread that changes limits */
#define EXCHANGE    64    /* blocks that lie where any thread may take them */
#define MAX_REQUEST 3000

/* A system that counts what it gave, and fails now and then if told to. */
struct device {
	atomic_size_t calls;
	atomic_size_t out; /* given and not yet returned */
	size_t fail_every; /* 0: never */
};

struct shared {
	struct mr_cache *cache;
	struct device device;
	_Atomic(unsigned char *) exchange[EXCHANGE];
};

/* What one worker did; the sum must be what the allocator says. */
struct worker {
	struct shared *shared;
	uint64_t state;
	uint64_t mallocs, failures, requested, zeros;
	bool damaged; /* a block did not hold what was written into it */
};

static void *
device_reserve(void *context, size_t bytes, size_t align)
{
	struct device *device = context;
	size_t call = atomic_fetch_add(&device->calls, 1);
	void *memory;

	if (device->fail_every && call % device->fail_every == 0)
		return NULL;
	if (posix_memalign(&memory, align, bytes))
		return NULL;
	atomic_fetch_add(&device->out, 1);
	return memory;
}

static void
device_release(void *context, void *memory, size_t bytes)
{
	struct device *device = context;

	(void)bytes;
	free(memory);
	atomic_fetch_sub(&device->out, 1);
}

static uint64_t
draw(uint64_t *state, uint64_t bound)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (*state >> 33) % bound;
}

/* Fills a block so that whoever gets it can tell if it was touched. */
static void
fill(struct worker *worker, unsigned char *block)
{
	size_t capacity = mr_cache_capacity(worker->shared->cache, block);

	memset(block, (int)(capacity % 253 + 1), capacity);
}

static void
give_back(struct worker *worker, unsigned char *block)
{
	size_t capacity;

	if (!block)
		return;
	capacity = mr_cache_capacity(worker->shared->cache, block);
	for (size_t i = 0; i < capacity; i++)
		if (block[i] != capacity % 253 + 1)
			worker->damaged = true;
	mr_cache_dealloc(worker->shared->cache, block);
}

static void *
work(void *argument)
{
	static const size_t sizes[] = {0, 1, 64, 64, 100, 512, 513, 1024, 2000};
	struct worker *worker = argument;

	for (int i = 0; i < STEPS; i++) {
		size_t pick = draw(&worker->state, 12);
		size_t size = pick < 9 ? sizes[pick] : draw(&worker->state, MAX_REQUEST);
		unsigned char *block = mr_cache_alloc(worker->shared->cache, size);

		if (!block) {
			worker->failures++;
			continue;
		}
		worker->mallocs++;
		worker->requested += size;
		worker->zeros += size == 0;
		fill(worker, block);
		pick = draw(&worker->state, EXCHANGE);
		give_back(
			worker, atomic_exchange(&worker->shared->exchange[pick], block));
	}
	return NULL;
}

/* Whether what was read at one moment fits together. */
static bool
consistent(const struct mr_result *r)
{
	return r->hits + r->misses == r->mallocs &&
		r->live_blocks == r->mallocs - r->frees &&
		r->events == r->mallocs + r->frees && r->cached_bytes <= r->cache_limit &&
		r->active_bytes <= r->peak_active_bytes &&
		r->cached_bytes <= r->peak_cached_bytes && r->events_over_limit == 0 &&
		(r->live_blocks > 0 || r->active_bytes == 0);
}

struct changer {
	struct mr_cache *cache;
	uint64_t changes;
	bool inconsistent;
};

static void *
change(void *argument)
{
	struct changer *changer = argument;
	struct mr_result result;
	uint64_t state = 5;

	for (int i = 0; i < CHANGES; i++) {
		uint64_t kind = draw(&state, 8);

		if (kind < 4) {
			mr_cache_set_limit(changer->cache, draw(&state, 60000));
			changer->changes++;
		} else if (kind == 4) {
			mr_cache_clear(changer->cache);
		} else if (kind == 5) {
			mr_cache_reset_peak(changer->cache);
		} else {
			mr_cache_set_memory_limit(changer->cache, draw(&state, 60000));
		}
		mr_cache_result(changer->cache, &result);
		if (!consistent(&result) || mr_cache_check(changer->cache, NULL))
			changer->inconsistent = true;
		(void)mr_cache_active(changer->cache);
		(void)mr_cache_cached(changer->cache);
		(void)mr_cache_peak(changer->cache);
	}
	return NULL;
}

static struct mr_cache *
new_cache(struct device *device)
{
	struct mr_device api = {device_reserve, device_release, device};
	struct mr_cache_options options = {
		.struct_size = sizeof(options), .device = &api};
	struct mr_cache *cache;

	ck_assert_int_eq(mr_policy_init(&options.policy, "mlx-cpu", NULL), MR_OK);
	options.policy.cache_limit = 30000;
	ck_assert_int_eq(mr_cache_new(&cache, &options, NULL), MR_OK);
	return cache;
}

/* Runs all threads to their end and frees what lies about. */
static void
run_threads(
	struct shared *shared, struct worker workers[WORKERS], struct changer *changer)
{
	pthread_t threads[WORKERS + 1];

	for (size_t i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){.shared = shared, .state = i + 1};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	*changer = (struct changer){.cache = shared->cache};
	ck_assert_int_eq(pthread_create(&threads[WORKERS], NULL, change, changer), 0);
	for (size_t i = 0; i <= WORKERS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	for (size_t i = 0; i < EXCHANGE; i++)
		give_back(&workers[0], shared->exchange[i]);
}

static const size_t fail_every[] = {0, 7};

START_TEST(counters_add_up)
{
	struct shared shared = {.device = {.fail_every = fail_every[_i]}};
	struct worker workers[WORKERS], sum = {0};
	struct changer changer;
	struct mr_result r;

	shared.cache = new_cache(&shared.device);
	run_threads(&shared, workers, &changer);
	for (size_t i = 0; i < WORKERS; i++) {
		sum.mallocs += workers[i].mallocs;
		sum.failures += workers[i].failures;
		sum.requested += workers[i].requested;
		sum.zeros += workers[i].zeros;
		ck_assert_msg(!workers[i].damaged, "a live block was overwritten");
	}
	ck_assert_msg(!changer.inconsistent, "counters read at one moment disagree");
	ck_assert_uint_eq(sum.mallocs + sum.failures, WORKERS * STEPS);
	ck_assert_uint_eq(sum.failures > 0, fail_every[_i] > 0);
	mr_cache_result(shared.cache, &r);
	ck_assert(consistent(&r));
	ck_assert_uint_eq(r.mallocs, sum.mallocs);
	ck_assert_uint_eq(r.frees, sum.mallocs);
	ck_assert_uint_eq(r.requested_bytes, sum.requested);
	ck_assert_uint_eq(r.active_bytes, 0);
	ck_assert_uint_eq(r.live_blocks, 0);
	ck_assert_uint_eq(r.limit_changes, changer.changes);
	ck_assert_uint_gt(r.hits, 0);
	/* each block that came from the system went back there once, or is cached */
	ck_assert_uint_eq(r.misses,
		r.rejected_frees + sum.zeros + r.evicted_blocks + r.cached_blocks);
	ck_assert_uint_eq(shared.device.out, r.cached_blocks);
	ck_assert_int_eq(mr_cache_check(shared.cache, NULL), MR_OK);
	mr_cache_free(shared.cache);
	ck_assert_uint_eq(shared.device.out, 0);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("threads");
	TCase *tcase = tcase_create("threads");

	tcase_set_timeout(tcase, 0);
	tcase_add_loop_test(tcase, counters_add_up, 0, 2);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
