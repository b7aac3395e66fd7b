/* SPDX-License-Identifier: MIT */

/* The torch allocator: its sizes, and random programs against a slow model. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/torch.h"
#include "kit.h"
#include "torchmodel.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

static const struct mr_torch_settings plain = {
	.memory = MR_UNLIMITED,
	.max_split_size = MR_UNLIMITED,
	.max_non_split_rounding = 20 * MIB,
	.large_segment = 20 * MIB,
};

/* --- sizes */

static const struct {
	const char *name;
	uint64_t divisions;
	uint64_t requested, rounded;
} roundings[] = {
	{"a byte", 0, 1, 512},
	{"exactly a block", 0, 512, 512},
	{"a byte more", 0, 513, 1024},
	{"no division is as none", 1, 1500, 1536},
	{"too small to divide", 4, 2048, 2048},
	{"a quarter of 2 KiB", 4, 2049, 2560},
	{"a power of two stays", 4, 64 * MIB, 64 * MIB},
	{"a quarter of 64 MiB", 4, 64 * MIB + 1, 80 * MIB},
	{"the next power of two", 4, 127 * MIB, 128 * MIB},
	{"halves", 2, 65 * MIB, 96 * MIB},
};

START_TEST(rounding)
{
	struct mr_torch_settings settings = plain;

	for (int i = 0; i < 16; i++)
		settings.roundup[i] = roundings[_i].divisions;
	ck_assert_msg(mr_torch_round(&settings, roundings[_i].requested) ==
			roundings[_i].rounded,
		"%s: %llu", roundings[_i].name,
		(unsigned long long)mr_torch_round(&settings, roundings[_i].requested));
}
END_TEST

/* Which entry of the table a size uses: log2 in MiB, kept within 0 to 15. */
START_TEST(rounding_entries)
{
	struct mr_torch_settings settings = plain;

	settings.roundup[0] = 2;
	settings.roundup[1] = 4;
	settings.roundup[15] = 8;
	ck_assert_uint_eq(mr_torch_round(&settings, MIB / 4 + 1), 384 * KIB);
	ck_assert_uint_eq(mr_torch_round(&settings, 2 * MIB - 1), 2 * MIB);
	ck_assert_uint_eq(mr_torch_round(&settings, 2 * MIB + 1), 2560 * KIB);
	ck_assert_uint_eq(mr_torch_round(&settings, 4 * MIB + 1), 4 * MIB + 512);
	ck_assert_uint_eq(mr_torch_round(&settings, (UINT64_C(1) << 40) + 1),
		9 * (UINT64_C(1) << 37));
}
END_TEST

START_TEST(segment_sizes)
{
	ck_assert_uint_eq(mr_torch_segment_size(&plain, 512), 2 * MIB);
	ck_assert_uint_eq(mr_torch_segment_size(&plain, MIB), 2 * MIB);
	ck_assert_uint_eq(mr_torch_segment_size(&plain, MIB + 512), 20 * MIB);
	ck_assert_uint_eq(mr_torch_segment_size(&plain, 10 * MIB - 512), 20 * MIB);
	ck_assert_uint_eq(mr_torch_segment_size(&plain, 10 * MIB), 10 * MIB);
	ck_assert_uint_eq(mr_torch_segment_size(&plain, 10 * MIB + 512), 12 * MIB);
}
END_TEST

/* --- random programs, against the slow model */

/* The same addresses for both, in no order, with room for any range. */
struct places {
	uint64_t made;
	uint64_t salt;
};

static uint64_t
next_place(void *context)
{
	struct places *places = context;

	/* an odd factor permutes the numbers below 2^14 */
	return (((places->made++ * 2 + 1) * (places->salt * 2 + 1)) %
			       (UINT64_C(1) << 14) +
		       1)
		<< 46;
}

struct live {
	uint64_t addr;
	uint32_t block, serial;
	bool waiting;
};

struct trial {
	struct mr_torch *torch;
	struct model model;
	struct places places, model_places;
	struct live live[512];
	size_t count;
	size_t events; /* of the model's, seen from the torch allocator */
	uint64_t random;
	uint64_t retries;
	bool out; /* memory ran out */
	int number, step;
};

static void
asked(void *context, enum mr_torch_action action, uint64_t addr, uint64_t bytes)
{
	static const char whats[] = {
		[MR_TORCH_SEGMENT_ALLOC] = 'a',
		[MR_TORCH_SEGMENT_FREE] = 'f',
		[MR_TORCH_SEGMENT_MAP] = 'm',
		[MR_TORCH_SEGMENT_UNMAP] = 'u',
	};
	struct trial *trial = context;
	const struct model_event *want = &trial->model.events[trial->events];

	REQUIRE(trial->events < trial->model.event_count, "trial %d, step %d: %c more",
		trial->number, trial->step, whats[action]);
	REQUIRE(want->what == whats[action] && want->addr == addr && want->bytes == bytes,
		"trial %d, step %d: %c 0x%llx %llu, the model says %c 0x%llx %llu",
		trial->number, trial->step, whats[action], (unsigned long long)addr,
		(unsigned long long)bytes, want->what, (unsigned long long)want->addr,
		(unsigned long long)want->bytes);
	trial->events++;
}

static bool
place(void *context, uint64_t *addr, uint64_t *bytes)
{
	struct trial *trial = context;

	(void)bytes;
	*addr = next_place(&trial->places);
	return true;
}

static uint64_t
below(struct trial *trial, uint64_t end)
{
	return next_random(&trial->random) % end;
}

/* Sizes about all the borders there are. */
static uint64_t
some_size(struct trial *trial)
{
	static const uint64_t about[] = {512, 4 * KIB, 300 * KIB, MIB, 2 * MIB, 5 * MIB,
		10 * MIB, 20 * MIB, 33 * MIB, 64 * MIB, 100 * MIB};
	uint64_t size = about[below(trial, sizeof(about) / sizeof(about[0]))];

	switch (below(trial, 3)) {
	case 0:
		return size;
	case 1:
		return size + 1 + below(trial, 4096);
	default:
		return 1 + below(trial, 2 * size);
	}
}

static struct mr_torch_settings
some_settings(struct trial *trial)
{
	static const uint64_t splits[] = {20 * MIB, 24 * MIB, 64 * MIB};
	struct mr_torch_settings settings = plain;

	if (below(trial, 4))
		settings.memory = (200 + below(trial, 2000)) * MIB;
	if (settings.memory != MR_UNLIMITED && below(trial, 2)) {
		settings.fraction = MR_TORCH_SHARE / 10 * (3 + below(trial, 8));
		if (below(trial, 2))
			settings.gc_threshold =
				MR_TORCH_SHARE / 10 * (1 + below(trial, 9));
		settings.oom_at_cap = !below(trial, 4);
	}
	if (!below(trial, 3))
		settings.max_split_size = splits[below(trial, 3)];
	if (!below(trial, 3))
		settings.max_non_split_rounding = (5 + below(trial, 30)) * MIB;
	if (!below(trial, 3))
		settings.expandable = 1;
	if (!below(trial, 3))
		settings.range = (20 + below(trial, 200)) * MIB;
	if (!below(trial, 4))
		settings.large_segment = (12 + 2 * below(trial, 10)) * MIB;
	if (!below(trial, 3))
		for (int i = 0; i < 16; i++)
			settings.roundup[i] = UINT64_C(1) << below(trial, 5);
	if (!below(trial, 5))
		settings.extra = 32;
	if (!below(trial, 4))
		settings.align = 16 * KIB;
	return settings;
}

static void
do_malloc(struct trial *trial)
{
	uint64_t size = some_size(trial), stream = below(trial, 3) * 7;
	uint64_t pool = !below(trial, 10);
	struct mr_torch_queue queue = {stream, {0, pool}};
	struct live *live = &trial->live[trial->count];
	uint32_t count;

	live->addr = model_malloc(&trial->model, size, stream, pool);
	ck_assert(!mr_torch_malloc(trial->torch, &live->block, size, queue, NULL));
	live->waiting = false;
	if (live->block == MR_TORCH_NONE) {
		REQUIRE(!live->addr, "trial %d, step %d: only the model has memory",
			trial->number, trial->step);
		trial->out = true;
		return;
	}
	live->serial = mr_torch_blocks(trial->torch, &count)[live->block].serial;
	REQUIRE(mr_torch_blocks(trial->torch, &count)[live->block].addr == live->addr,
		"trial %d, step %d: %llu bytes at 0x%llx, the model says 0x%llx",
		trial->number, trial->step, (unsigned long long)size,
		(unsigned long long)mr_torch_blocks(trial->torch, &count)[live->block]
			.addr,
		(unsigned long long)live->addr);
	trial->count++;
}

static void
do_free(struct trial *trial)
{
	struct live *live = &trial->live[below(trial, trial->count)];

	if (!live->waiting) {
		model_free(&trial->model, live->addr);
		mr_torch_free_request(trial->torch, live->block);
		live->waiting = true;
		if (below(trial, 4) == 0)
			return;
	}
	ck_assert(mr_torch_waits(trial->torch, live->block, live->serial));
	ck_assert(model_done(&trial->model, live->addr));
	ck_assert(!mr_torch_free_complete(trial->torch, live->block, NULL));
	*live = trial->live[--trial->count];
}

/* Whoever waited waits no more: all streams were waited for. */
static void
drop_waiting(struct trial *trial)
{
	for (size_t i = 0; i < trial->count;) {
		struct live *live = &trial->live[i];

		if (!live->waiting) {
			i++;
			continue;
		}
		REQUIRE(!mr_torch_waits(trial->torch, live->block, live->serial),
			"trial %d, step %d: a block still waits", trial->number,
			trial->step);
		*live = trial->live[--trial->count];
	}
}

static void
compare(struct trial *trial)
{
	const struct mr_torch_stats *stats = mr_torch_stats(trial->torch);
	const struct model *model = &trial->model;
	struct mr_error err;

	REQUIRE(trial->events == model->event_count,
		"trial %d, step %d: the model asks the device for more", trial->number,
		trial->step);
	REQUIRE(stats->reserved == model->reserved &&
			stats->allocated == model->allocated &&
			stats->active == model->active &&
			stats->requested == model->requested &&
			stats->retries == model->retries && stats->ooms == model->ooms,
		"trial %d, step %d: the counters differ", trial->number, trial->step);
	REQUIRE(trial->step % 16 || !mr_torch_check(trial->torch, &err),
		"trial %d, step %d: %s", trial->number, trial->step, err.text);
}

static void
do_step(struct trial *trial)
{
	uint64_t what = below(trial, 200);

	trial->events = trial->model.event_count = 0;
	if (what == 0) {
		model_empty(&trial->model);
		ck_assert(!mr_torch_release_all(trial->torch, NULL));
		drop_waiting(trial);
	} else if (trial->count < 300 && (what < 104 || !trial->count)) {
		do_malloc(trial);
	} else {
		do_free(trial);
	}
	if (trial->model.retries != trial->retries)
		drop_waiting(trial);
	trial->retries = trial->model.retries;
	compare(trial);
}

/*
 * The model says first what it asks the device for, so that the hooks of the
 * other can compare at once.
 */
START_TEST(random_programs)
{
	struct trial trial = {.number = _i, .random = (uint64_t)_i * 1000 + 17};
	struct mr_torch_hooks hooks = {&trial, asked, place};
	struct mr_torch_settings settings = some_settings(&trial);

	trial.places.salt = trial.model_places.salt = below(&trial, 5000);
	model_init(&trial.model, &settings, next_place, &trial.model_places);
	ck_assert(!mr_torch_new(&trial.torch, &settings, &hooks, NULL));
	for (trial.step = 0; trial.step < 2000; trial.step++)
		do_step(&trial);
	mr_torch_free_all(trial.torch);
	model_fini(&trial.model);
}
END_TEST

/* --- addresses */

START_TEST(invented_addresses)
{
	struct mr_torch_settings settings = plain;
	struct mr_torch_queue queue = {0};
	struct mr_torch *torch;
	uint64_t last = 0;
	uint32_t block, count;

	settings.descending = (uint64_t)_i;
	ck_assert(!mr_torch_new(&torch, &settings, NULL, NULL));
	for (uint64_t i = 1; i < 200; i++) {
		uint64_t addr;

		ck_assert(!mr_torch_malloc(
			torch, &block, (300 - i) * 1234567, queue, NULL));
		addr = mr_torch_blocks(torch, &count)[block].addr;
		ck_assert(i == 1 || (_i ? addr < last : addr > last));
		last = addr;
	}
	ck_assert(!mr_torch_check(torch, NULL));
	mr_torch_free_all(torch);
}
END_TEST

/* A place that the driver cannot mean, for something is there, is not taken. */
static bool
same_place(void *context, uint64_t *addr, uint64_t *bytes)
{
	(void)bytes;
	*addr = *(uint64_t *)context;
	return true;
}

START_TEST(overlapping_places)
{
	uint64_t addr = 64 * MIB;
	struct mr_torch_hooks hooks = {&addr, NULL, same_place};
	struct mr_torch_queue queue = {0};
	struct mr_torch *torch;
	uint32_t block[3], count;
	const struct mr_torch_block *blocks;

	ck_assert(!mr_torch_new(&torch, &plain, &hooks, NULL));
	for (int i = 0; i < 3; i++) {
		ck_assert(!mr_torch_malloc(torch, &block[i], 30 * MIB, queue, NULL));
		addr -= 10 * MIB;
	}
	blocks = mr_torch_blocks(torch, &count);
	ck_assert_uint_eq(blocks[block[0]].addr, 64 * MIB);
	ck_assert_uint_ge(blocks[block[1]].addr, 94 * MIB);
	ck_assert_uint_ge(blocks[block[2]].addr, 94 * MIB);
	ck_assert(!mr_torch_check(torch, NULL));
	mr_torch_free_all(torch);
}
END_TEST

/* What no device has is out of memory, even where the device has no end. */
START_TEST(sizes_without_end)
{
	static const uint64_t sizes[] = {
		INT64_MAX, (UINT64_C(1) << 50) + 1, UINT64_C(1) << 62};
	struct mr_torch_settings settings = plain;
	struct mr_torch_queue queue = {0};
	struct mr_torch *torch;
	uint32_t block;

	settings.expandable = (uint64_t)_i & 1;
	for (int i = 0; i < 16; i++)
		settings.roundup[i] = _i & 2 ? 4 : 0;
	ck_assert(!mr_torch_new(&torch, &settings, NULL, NULL));
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		ck_assert(!mr_torch_malloc(torch, &block, sizes[i], queue, NULL));
		ck_assert_uint_eq(block, MR_TORCH_NONE);
	}
	ck_assert(!mr_torch_malloc(torch, &block, 1, queue, NULL));
	ck_assert_uint_ne(block, MR_TORCH_NONE);
	ck_assert(!mr_torch_check(torch, NULL));
	mr_torch_free_all(torch);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("torch");
	TCase *sizes = tcase_create("sizes"), *random = tcase_create("random"),
	      *addresses = tcase_create("addresses");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(
		sizes, rounding, 0, (int)(sizeof(roundings) / sizeof(roundings[0])));
	tcase_add_test(sizes, rounding_entries);
	tcase_add_test(sizes, segment_sizes);
	suite_add_tcase(suite, sizes);
	tcase_add_loop_test(random, random_programs, 0, 120);
	tcase_set_timeout(random, 60);
	suite_add_tcase(suite, random);
	tcase_add_loop_test(addresses, invented_addresses, 0, 2);
	tcase_add_test(addresses, overlapping_places);
	tcase_add_loop_test(addresses, sizes_without_end, 0, 4);
	suite_add_tcase(suite, addresses);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
