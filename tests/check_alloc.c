/* SPDX-License-Identifier: MIT */

/*
 * The caching allocator, with real memory, against rules worked out by hand
 * and against the oracle: every counter after every call, blocks that do not
 * overlap, and a system that runs out of memory.
 */

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "memreplay/cache.h"
#include "oracle.h"
#include "rules.h"
#include "sanitized.h"
#include "suite.h"
#include "walk.h"

#define ROUNDS    (SANITIZED ? 3 : 20) /* of each row, each with a seed of its own */
#define EVENTS    1500                 /* of each round */
#define MAX_LIVE  60                   /* of any row */
#define MAX_GRANT 20000

/* A system that remembers what it gave, and fails on demand. */
struct grant {
	void *memory;
	size_t bytes;
};

struct device {
	struct mr_device api;
	size_t align; /* the least that may be asked for */
	bool fail;    /* the next reserve() fails */
	size_t failures;
	size_t count;
	struct grant grants[MAX_GRANT];
};

static void *
device_reserve(void *context, size_t bytes, size_t align)
{
	struct device *device = context;
	struct grant *grant = &device->grants[device->count];

	if (device->fail) {
		device->failures++;
		return NULL;
	}
	ck_assert_uint_ge(align, device->align);
	ck_assert_uint_eq(align & (align - 1), 0);
	ck_assert_uint_lt(device->count, MAX_GRANT);
	if (posix_memalign(&grant->memory, align, bytes))
		return NULL;
	grant->bytes = bytes;
	device->count++;
	return grant->memory;
}

static void
device_release(void *context, void *memory, size_t bytes)
{
	struct device *device = context;
	size_t at = 0;

	while (at < device->count && device->grants[at].memory != memory)
		at++;
	ck_assert_msg(at < device->count, "released what was never reserved");
	ck_assert_uint_eq(device->grants[at].bytes, bytes);
	free(memory);
	device->grants[at] = device->grants[--device->count];
}

static struct device *
new_device(size_t align)
{
	struct device *device = calloc(1, sizeof(*device));

	ck_assert_ptr_nonnull(device);
	device->api = (struct mr_device){device_reserve, device_release, device};
	device->align = align;
	return device;
}

static struct mr_cache *
new_cache(const struct mr_policy *policy, size_t align, struct device *device)
{
	struct mr_cache_options options = {.struct_size = sizeof(options),
		.policy = *policy,
		.alignment = align,
		.device = device ? &device->api : NULL};
	struct mr_cache *cache;
	struct mr_error err;

	ck_assert_msg(mr_cache_new(&cache, &options, &err) == MR_OK, "%s", err.text);
	return cache;
}

static const struct row {
	const char *name;
	const char *policy; /* see rules_policy() */
	size_t align;
	bool own_device;
	struct walk_options walk;
} rows[] = {
	{"defaults", "mlx-cpu", 0, true, {1000, 1 << 16, MR_UNLIMITED, 40}},
	{"few blocks, low limits", "mlx-cpu cache_limit=20000 memory_limit=50000", 64,
		true, {2000, 9000, 40000, 8}},
	{"tiny sizes, many equal", "mlx-cpu cache_limit=200 memory_limit=100", 16, true,
		{3000, 20, 400, 30}},
	{"C library", "mlx-cpu cache_limit=60000", 0, false,
		{4000, 20000, MR_UNLIMITED, 20}},
	{"C library, pages", "mlx-cpu cache_limit=60000", 4096, false,
		{5000, 20000, MR_UNLIMITED, 20}},
	{"small pages, wide window",
		"mlx-cpu cache_limit=65536 memory_limit=65536 page=64 window_factor=5 "
		"window_pages=7",
		32, true, {6000, 4000, 1 << 17, 40}},
	{"plain malloc", "none memory_limit=100000", 0, true,
		{7000, 20000, MR_UNLIMITED, 20}},
	{"size classes, evict", "mlx-cpu round=1/8 on_full=evict cache_limit=60000", 0,
		true, {8000, 20000, 100000, 20}},
	{"powers of two, cleared often", "mlx-cpu round=pow2 clear_every=9", 64, true,
		{9000, 20000, 100000, 20}},
	{"few blocks allowed", "mlx-cpu max_blocks=12 cache_limit=60000", 0, true,
		{10000, 9000, 100000, 20}},
	{"metal", "mlx-metal", 0, true, {11000, 1 << 16, MR_UNLIMITED, 40}},
	{"metal, little memory, few blocks",
		"mlx-metal max_blocks=15 working_set=200000 cache_limit=100000 page=256",
		0, true, {12000, 20000, 200000, 20}},
	{"cuda", "mlx-cuda", 16, false, {13000, 1 << 16, MR_UNLIMITED, 40}},
	{"cuda, little memory",
		"mlx-cuda memory=100000 cache_limit=50000 page=512 on_full=evict", 0,
		true, {14000, 9000, 100000, 30}},
};

/* A block in the caller's hands: full of its mark. */
struct held {
	unsigned char *memory;
	size_t capacity;
	unsigned char mark;
};

/* One random trace under way. */
struct run {
	const struct row *row;
	struct device *device; /* NULL: the C library */
	bool may_starve;       /* mallocs may find a system without memory */
	struct mr_cache *cache;
	struct oracle *oracle;
	struct walk *walk;
	struct held held[MAX_LIVE];
};

static void
expect_same(struct run *run)
{
	struct mr_result want = *oracle_result(run->oracle);
	uint64_t event = want.events;
	struct mr_result got;
	struct mr_error err;
	const char *differs;

	want.events = want.mallocs + want.frees;
	mr_cache_result(run->cache, &got);
	/* numbers of events: the allocator does not see them all */
	ck_assert_int_eq(!got.first_failed_malloc, !want.first_failed_malloc);
	got.first_failed_malloc = want.first_failed_malloc;
	ck_assert_uint_eq(mr_cache_refused(run->cache), want.failed_mallocs);
	differs = oracle_difference(&got, &want);
	ck_assert_msg(!differs, "%s, event %" PRIu64 ": %s differs", run->row->name,
		event, differs);
	ck_assert_msg(mr_cache_check(run->cache, &err) == MR_OK,
		"%s, event %" PRIu64 ": %s", run->row->name, event, err.text);
	ck_assert_uint_eq(mr_cache_active(run->cache), want.active_bytes);
	ck_assert_uint_eq(mr_cache_cached(run->cache), want.cached_bytes);
	ck_assert_uint_eq(mr_cache_peak(run->cache), want.peak_since_reset_bytes);
	if (run->device)
		ck_assert_uint_eq(
			run->device->count, want.live_blocks + want.cached_blocks);
}

/* A malloc on a system without memory: a hit as ever, or nothing at all. */
static void *
alloc_starved(struct run *run, size_t size)
{
	struct mr_result before, after;
	size_t failures = run->device->failures;
	void *memory;

	mr_cache_result(run->cache, &before);
	run->device->fail = true;
	memory = mr_cache_alloc(run->cache, size);
	run->device->fail = false;
	mr_cache_result(run->cache, &after);
	if (memory) {
		ck_assert_uint_eq(after.hits, before.hits + 1);
		ck_assert_uint_eq(run->device->failures, failures);
		return memory;
	}
	ck_assert_uint_eq(run->device->failures, failures + 1);
	ck_assert_ptr_null(oracle_difference(&before, &after));
	expect_same(run);
	return NULL;
}

static void
step_malloc(struct run *run, const struct mr_event *event)
{
	struct held *held = &run->held[event->slot];
	size_t align = run->row->align ? run->row->align : 16;
	struct oracle_outcome want;

	held->memory = NULL;
	held->capacity = 0;
	if (run->may_starve && walk_below(run->walk, 10) == 0)
		held->memory = alloc_starved(run, (size_t)event->size);
	if (!held->memory)
		held->memory = mr_cache_alloc(run->cache, (size_t)event->size);
	want = oracle_step(run->oracle, event);
	ck_assert_int_eq(!held->memory, want.none);
	if (want.none)
		return;
	ck_assert_uint_eq((uintptr_t)held->memory % align, 0);
	held->capacity = mr_cache_capacity(run->cache, held->memory);
	ck_assert_uint_eq(held->capacity, want.capacity);
	held->mark = (unsigned char)(event->id % 251);
	memset(held->memory, held->mark, held->capacity);
}

static void
step_free(struct run *run, const struct mr_event *event)
{
	struct held *held = &run->held[event->slot];

	for (size_t i = 0; i < held->capacity; i++)
		if (held->memory[i] != held->mark)
			ck_abort_msg(
				"%s: byte %zu of a live block of %zu was overwritten",
				run->row->name, i, held->capacity);
	mr_cache_dealloc(run->cache, held->memory);
	held->memory = NULL;
	oracle_step(run->oracle, event);
}

static void
step(struct run *run, const struct mr_event *event)
{
	uint64_t old;

	switch ((enum mr_op)event->op) {
	case MR_OP_MALLOC:
		step_malloc(run, event);
		return;
	case MR_OP_FREE:
		step_free(run, event);
		return;
	case MR_OP_SET_CACHE_LIMIT:
		old = oracle_result(run->oracle)->cache_limit;
		ck_assert_uint_eq(mr_cache_set_limit(run->cache, event->bytes), old);
		break;
	case MR_OP_SET_MEMORY_LIMIT:
		old = oracle_result(run->oracle)->memory_limit;
		ck_assert_uint_eq(
			mr_cache_set_memory_limit(run->cache, event->bytes), old);
		break;
	case MR_OP_CLEAR_CACHE:
		mr_cache_clear(run->cache);
		break;
	case MR_OP_RESET_PEAK:
		mr_cache_reset_peak(run->cache);
		break;
	case MR_OP_MARK:
	case MR_OP_COUNTERS:
		break;
	}
	oracle_step(run->oracle, event);
}

/* A miss that finds no memory has released nothing, and so left no trace. */
static bool
may_starve(const struct mr_policy *policy)
{
	return policy->kind == MR_POLICY_NONE ||
		(policy->kind == MR_POLICY_MLX_CPU && !policy->max_blocks);
}

static void
run_round(const struct row *row, uint64_t round)
{
	struct walk_options options = row->walk;
	size_t align = row->align ? row->align : 16;
	struct mr_policy policy = rules_policy(row->policy);
	struct run run = {.row = row};
	struct mr_event event;

	ck_assert_uint_le(options.max_live, MAX_LIVE);
	options.seed += round;
	run.device = row->own_device ? new_device(align) : NULL;
	run.may_starve = run.device && may_starve(&policy);
	run.cache = new_cache(&policy, row->align, run.device);
	run.oracle = oracle_new(&policy, true);
	run.walk = walk_new(&options, &policy);
	for (int i = 0; i < EVENTS; i++) {
		walk_next(run.walk, run.oracle, &event);
		step(&run, &event);
		expect_same(&run);
	}
	while (walk_drain(run.walk, &event)) {
		step(&run, &event);
		expect_same(&run);
	}
	mr_cache_free(run.cache);
	if (run.device)
		ck_assert_uint_eq(run.device->count, 0);
	free(run.device);
	walk_free(run.walk);
	oracle_free(run.oracle);
}

START_TEST(equals_oracle)
{
	for (uint64_t round = 0; round < ROUNDS; round++)
		run_round(&rows[_i], round);
}
END_TEST

START_TEST(follows_rules)
{
	const struct rule *rule = &rules[_i];
	const struct row row = {.name = rule->name};
	const char *script = rule->script;
	struct run run = {.row = &row};
	struct mr_policy policy = rules_policy(rule->policy);
	struct rule_step want;
	uint64_t mallocs = 0;

	policy.cache_limit = rule->cache_limit;
	run.cache = new_cache(&policy, 0, NULL);
	run.oracle = oracle_new(&policy, true);
	while (rule_next(&script, &mallocs, &want)) {
		uint64_t hits = oracle_result(run.oracle)->hits;

		step(&run, &want.event);
		hits = oracle_result(run.oracle)->hits - hits;
		if (want.event.op == MR_OP_MALLOC)
			ck_assert_msg(
				run.held[want.event.slot].capacity == want.capacity &&
					!run.held[want.event.slot].memory == want.none &&
					hits == want.hit,
				"%s: at \"%s\"", rule->name, want.word);
		ck_assert_msg(!want.is_counters ||
				(mr_cache_active(run.cache) == want.event.active &&
					mr_cache_cached(run.cache) == want.event.cached &&
					mr_cache_peak(run.cache) == want.event.peak),
			"%s: at \"%s\"", rule->name, want.word);
		expect_same(&run);
	}
	for (size_t i = 0; i < MAX_LIVE; i++)
		mr_cache_dealloc(run.cache, run.held[i].memory);
	oracle_free(run.oracle);
	mr_cache_free(run.cache);
}
END_TEST

START_TEST(refuses_options)
{
	static const size_t bad_alignments[] = {1, 8, 24, 48, 100, 8192, SIZE_MAX};
	struct mr_cache_options options = {.struct_size = sizeof(options)};
	struct mr_cache *cache = NULL;
	struct mr_error err;

	ck_assert_int_eq(mr_policy_init(&options.policy, "mlx-cpu", NULL), MR_OK);
	for (size_t i = 0; i < sizeof(bad_alignments) / sizeof(bad_alignments[0]); i++) {
		options.alignment = bad_alignments[i];
		ck_assert_int_eq(mr_cache_new(&cache, &options, &err), MR_EINVAL);
		ck_assert_int_eq(err.status, MR_EINVAL);
		ck_assert_int_ne(err.text[0], '\0');
	}
	options.alignment = 64;
	options.struct_size = 0;
	ck_assert_int_eq(mr_cache_new(&cache, &options, &err), MR_EINVAL);
	options.struct_size = sizeof(options) + 8;
	ck_assert_int_eq(mr_cache_new(&cache, &options, NULL), MR_EINVAL);
}
END_TEST

START_TEST(defaults)
{
	struct mr_cache *cache;
	struct mr_result result;

	ck_assert_int_eq(mr_cache_new(&cache, NULL, NULL), MR_OK);
	mr_cache_result(cache, &result);
	ck_assert_uint_eq(result.cache_limit, 32 << 20);
	ck_assert_uint_eq(result.memory_limit, MR_UNLIMITED);
	ck_assert_uint_eq(mr_cache_set_limit(cache, 5), 32 << 20);
	ck_assert_uint_eq(mr_cache_set_limit(cache, 6), 5);
	mr_cache_free(cache);
	mr_cache_free(NULL);
}
END_TEST

START_TEST(null_and_zero)
{
	struct device *device = new_device(16);
	struct mr_policy policy;
	struct mr_result before, after;
	struct mr_cache *cache;
	void *a, *b;

	ck_assert_int_eq(mr_policy_init(&policy, "mlx-cpu", NULL), MR_OK);
	cache = new_cache(&policy, 0, device);
	mr_cache_result(cache, &before);
	mr_cache_dealloc(cache, NULL);
	mr_cache_result(cache, &after);
	ck_assert_ptr_null(oracle_difference(&before, &after));
	ck_assert_uint_eq(mr_cache_capacity(cache, NULL), 0);
	a = mr_cache_alloc(cache, 0);
	b = mr_cache_alloc(cache, 0);
	ck_assert_ptr_nonnull(a);
	ck_assert_ptr_nonnull(b);
	ck_assert_ptr_ne(a, b);
	ck_assert_uint_eq(mr_cache_capacity(cache, a), 0);
	mr_cache_dealloc(cache, a);
	mr_cache_dealloc(cache, b);
	ck_assert_uint_eq(mr_cache_cached(cache), 0);
	ck_assert_uint_eq(device->count, 0);
	mr_cache_free(cache);
	free(device);
}
END_TEST

START_TEST(refuses_huge)
{
	static const size_t huge[] = {(size_t)PTRDIFF_MAX + 1, SIZE_MAX - 4096,
		SIZE_MAX - 16, SIZE_MAX - 1, SIZE_MAX, (size_t)PTRDIFF_MAX};
	struct device *device = new_device(16);
	struct mr_result before, after;
	struct mr_policy policy;
	struct mr_cache *cache;
	void *block;

	ck_assert_int_eq(mr_policy_init(&policy, "mlx-cpu", NULL), MR_OK);
	cache = new_cache(&policy, 4096, device);
	block = mr_cache_alloc(cache, 1000);
	ck_assert_ptr_nonnull(block);
	mr_cache_dealloc(cache, block);
	mr_cache_result(cache, &before);
	device->fail = true;
	for (size_t i = 0; i < sizeof(huge) / sizeof(huge[0]); i++) {
		ck_assert_ptr_null(mr_cache_alloc(cache, huge[i]));
		mr_cache_result(cache, &after);
		ck_assert_ptr_null(oracle_difference(&before, &after));
		ck_assert_int_eq(mr_cache_check(cache, NULL), MR_OK);
		/* the system is asked for PTRDIFF_MAX at most */
		ck_assert_uint_eq(
			device->failures <= (huge[i] == (size_t)PTRDIFF_MAX), 1);
	}
	mr_cache_free(cache);
	free(device);
}
END_TEST

/* Live blocks outlast their allocator as plain memory. */
START_TEST(live_blocks_stay)
{
	struct device *device = new_device(16);
	struct mr_policy policy;
	struct mr_cache *cache;
	char *kept, *cached;

	ck_assert_int_eq(mr_policy_init(&policy, "mlx-cpu", NULL), MR_OK);
	cache = new_cache(&policy, 0, device);
	kept = mr_cache_alloc(cache, 100);
	cached = mr_cache_alloc(cache, 200);
	ck_assert_ptr_nonnull(kept);
	mr_cache_dealloc(cache, cached);
	mr_cache_free(cache);
	ck_assert_uint_eq(device->count, 1);
	memset(kept, 1, 100);
	device_release(device, device->grants[0].memory, device->grants[0].bytes);
	free(device);
}
END_TEST

int
main(void)
{
	int rows_count = (int)(sizeof(rows) / sizeof(rows[0]));
	Suite *suite = suite_create("alloc");
	TCase *tcase = tcase_create("alloc");

	tcase_set_timeout(tcase, 0);
	tcase_add_test(tcase, refuses_options);
	tcase_add_test(tcase, defaults);
	tcase_add_test(tcase, null_and_zero);
	tcase_add_test(tcase, refuses_huge);
	tcase_add_test(tcase, live_blocks_stay);
	tcase_add_loop_test(tcase, follows_rules, 0, (int)rules_count);
	tcase_add_loop_test(tcase, equals_oracle, 0, rows_count);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
