/* SPDX-License-Identifier: MIT */

/*
 * One caching allocator under several threads: blocks change hands, limits
 * change, counters are read all the while, and at the end they add up. Also
 * run under ThreadSanitizer, and for SOAK_SECONDS if the environment says so.
 */

#include <check.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memreplay/cache.h"
#include "rules.h"
#include "suite.h"

#define WORKERS      8
#define STEPS        8000 /* of each worker */
#define CHANGES      2000 /* of the thread that changes limits */
#define EXCHANGE     64   /* blocks that lie where any thread may take them */
#define MAX_REQUEST  3000
#define MAX_CAPACITY UINT64_C(4096) /* of a block: a request may have been rounded up */
#define MAX_LIMIT    60000

static const struct row {
	const char *policy;
	size_t fail_every; /* so often has the system no memory; 0: never */
	bool loose;        /* the cache may be above its limit for a time */
	bool refuses;      /* mallocs may get no block by the policy's will */
} rows[] = {
	{"mlx-cpu", 0, false, false},
	{"mlx-cpu", 7, false, false},
	{"mlx-cpu on_full=evict round=1/8 clear_every=500", 0, false, false},
	{"mlx-cpu max_blocks=60", 5, false, true},
	{"mlx-metal working_set=60000 max_blocks=70 page=512", 0, true, true},
	{"mlx-cuda memory=60000 on_full=evict", 7, true, true},
};
#define ROWS ((int)(sizeof(rows) / sizeof(rows[0])))

/* A system that counts what it gave, and fails now and then if told to. */
struct device {
	atomic_size_t calls;
	atomic_size_t out; /* given and not yet returned */
	size_t fail_every; /* 0: never */
};

struct shared {
	const struct row *row;
	struct mr_cache *cache;
	struct device device;
	_Atomic(unsigned char *) exchange[EXCHANGE];
};

/* What one worker did; the sum must be what the allocator says. */
struct worker {
	struct shared *shared;
	uint64_t state;
	uint64_t mallocs, failures, requested, zeros;
	bool damaged;      /* a block did not hold what was written into it */
	bool inconsistent; /* counters of one moment did not fit together */
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

static size_t
draw(uint64_t *state, size_t bound)
{
	*state = *state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (size_t)((*state >> 33) % bound);
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

/*
 * Whether what was read at one moment fits together. A loose cache takes a last
 * block while it is below its limit, and comes down from a limit that was
 * lowered with the next malloc only.
 */
static bool
consistent(const struct row *row, const struct mr_result *r)
{
	uint64_t most = row->loose ? MAX_LIMIT + MAX_CAPACITY : r->cache_limit;

	return r->hits + r->misses == r->mallocs &&
		r->live_blocks == r->mallocs - r->frees &&
		r->events == r->mallocs + r->frees && r->cached_bytes <= most &&
		r->peak_cached_bytes <= MAX_LIMIT + (row->loose ? MAX_CAPACITY : 0) &&
		r->active_bytes <= r->peak_active_bytes &&
		r->cached_bytes <= r->peak_cached_bytes &&
		(row->loose || r->events_over_limit == 0) &&
		(r->live_blocks > 0 || r->active_bytes == 0);
}

static void
look(const struct shared *shared, bool *inconsistent)
{
	struct mr_result result;

	mr_cache_result(shared->cache, &result);
	if (!consistent(shared->row, &result))
		*inconsistent = true;
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

		if (i % 50 == 0)
			look(worker->shared, &worker->inconsistent);
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

struct changer {
	struct shared *shared;
	uint64_t seed;
	uint64_t changes;
	bool inconsistent;
};

static void *
change(void *argument)
{
	struct changer *changer = argument;
	struct mr_cache *cache = changer->shared->cache;
	uint64_t state = changer->seed;

	for (int i = 0; i < CHANGES; i++) {
		uint64_t kind = draw(&state, 8);

		if (kind < 4) {
			mr_cache_set_limit(cache, draw(&state, MAX_LIMIT));
			changer->changes++;
		} else if (kind == 4) {
			mr_cache_clear(cache);
		} else if (kind == 5) {
			mr_cache_reset_peak(cache);
		} else {
			mr_cache_set_memory_limit(cache, draw(&state, MAX_LIMIT));
		}
		look(changer->shared, &changer->inconsistent);
		if (mr_cache_check(cache, NULL))
			changer->inconsistent = true;
		(void)mr_cache_active(cache);
		(void)mr_cache_cached(cache);
		(void)mr_cache_peak(cache);
	}
	return NULL;
}

static struct mr_cache *
new_cache(const struct row *row, struct device *device, bool watched)
{
	struct mr_device api = {device_reserve, device_release, device};
	struct mr_cache_options options = {
		.struct_size = sizeof(options), .device = &api, .watch_lock = watched};
	struct mr_cache *cache;

	options.policy = rules_policy(row->policy);
	options.policy.cache_limit = 30000;
	ck_assert_int_eq(mr_cache_new(&cache, &options, NULL), MR_OK);
	return cache;
}

/* Runs all threads to their end and frees what lies about. */
static void
run_threads(struct shared *shared, struct worker workers[WORKERS],
	struct changer *changer, uint64_t seed)
{
	pthread_t threads[WORKERS + 1];

	for (size_t i = 0; i < WORKERS; i++) {
		workers[i] = (struct worker){.shared = shared, .state = seed + i};
		ck_assert_int_eq(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
	}
	*changer = (struct changer){.shared = shared, .seed = seed};
	ck_assert_int_eq(pthread_create(&threads[WORKERS], NULL, change, changer), 0);
	for (size_t i = 0; i <= WORKERS; i++)
		ck_assert_int_eq(pthread_join(threads[i], NULL), 0);
	for (size_t i = 0; i < EXCHANGE; i++)
		give_back(&workers[0], shared->exchange[i]);
}

static void
run_round(const struct row *row, uint64_t seed)
{
	struct shared shared = {.row = row, .device = {.fail_every = row->fail_every}};
	struct worker workers[WORKERS], sum = {0};
	struct mr_cache_contention contention;
	struct changer changer;
	struct mr_result r;

	shared.cache = new_cache(row, &shared.device, row->fail_every);
	run_threads(&shared, workers, &changer, seed);
	for (size_t i = 0; i < WORKERS; i++) {
		sum.mallocs += workers[i].mallocs;
		sum.failures += workers[i].failures;
		sum.requested += workers[i].requested;
		sum.zeros += workers[i].zeros;
		ck_assert_msg(!workers[i].damaged, "a live block was overwritten");
		ck_assert_msg(!workers[i].inconsistent, "a limit was not held");
	}
	ck_assert_msg(!changer.inconsistent, "counters read at one moment disagree");
	ck_assert_uint_eq(sum.mallocs + sum.failures, WORKERS * STEPS);
	if (!row->refuses)
		ck_assert_uint_eq(sum.failures > 0, row->fail_every > 0);
	mr_cache_result(shared.cache, &r);
	ck_assert(consistent(row, &r));
	ck_assert_uint_eq(r.mallocs, sum.mallocs);
	ck_assert_uint_eq(r.frees, sum.mallocs);
	ck_assert_uint_eq(r.requested_bytes, sum.requested);
	ck_assert_uint_eq(r.active_bytes, 0);
	ck_assert_uint_eq(r.live_blocks, 0);
	ck_assert_uint_eq(r.limit_changes, changer.changes);
	ck_assert_uint_gt(r.hits, 0);
	ck_assert_uint_le(r.failed_mallocs, sum.failures);
	/* each block that came from the system went back there once, or is cached */
	ck_assert_uint_eq(r.misses,
		r.rejected_frees + sum.zeros + r.evicted_blocks + r.cached_blocks);
	ck_assert_uint_eq(r.evicted_blocks,
		r.evictions_by_limit + r.evictions_for_room + r.evictions_by_pressure +
			r.cleared_blocks);
	ck_assert_uint_eq(shared.device.out, r.cached_blocks);
	ck_assert_int_eq(mr_cache_check(shared.cache, NULL), MR_OK);
	mr_cache_contention(shared.cache, &contention);
	ck_assert(contention.waits ? row->fail_every > 0 : !contention.waited_ns);
	mr_cache_free(shared.cache);
	ck_assert_uint_eq(shared.device.out, 0);
}

/* One round, or as many as fit in this row's share of the time given. */
START_TEST(limits_are_held)
{
	const char *text = getenv("SOAK_SECONDS");
	time_t share = text ? (time_t)(strtoul(text, NULL, 10) / ROWS) : 0;
	time_t start = time(NULL);
	uint64_t rounds = 0;

	do
		run_round(&rows[_i], 1 + 1000 * rounds++);
	while (time(NULL) - start < share);
	if (share)
		fprintf(stderr, "%s: %" PRIu64 " rounds\n", rows[_i].policy, rounds);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("threads");
	TCase *tcase = tcase_create("threads");

	tcase_set_timeout(tcase, 0);
	tcase_add_loop_test(tcase, limits_are_held, 0, ROWS);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
