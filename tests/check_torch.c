/* SPDX-License-Identifier: MIT */

/* The torch allocator: its sizes, and random programs against a slow model. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/torch.h"
#include "failing.h"
#include "kit.h"
#include "torchtrial.h"

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

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
	struct mr_torch_settings settings = trial_plain;

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
	struct mr_torch_settings settings = trial_plain;

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
	ck_assert_uint_eq(mr_torch_segment_size(&trial_plain, 512), 2 * MIB);
	ck_assert_uint_eq(mr_torch_segment_size(&trial_plain, MIB), 2 * MIB);
	ck_assert_uint_eq(mr_torch_segment_size(&trial_plain, MIB + 512), 20 * MIB);
	ck_assert_uint_eq(mr_torch_segment_size(&trial_plain, 10 * MIB - 512), 20 * MIB);
	ck_assert_uint_eq(mr_torch_segment_size(&trial_plain, 10 * MIB), 10 * MIB);
	ck_assert_uint_eq(mr_torch_segment_size(&trial_plain, 10 * MIB + 512), 12 * MIB);
}
END_TEST

/* --- random programs, against the slow model */

static uint64_t
draw(void *context, uint64_t end)
{
	return next_random(context) % end;
}

static void
give_up(const char *text)
{
	ck_abort_msg("%s", text);
}

/*
 * The model says first what it asks the device for, so that the hooks of the
 * other can compare at once.
 */
START_TEST(random_programs)
{
	uint64_t random = (uint64_t)_i * 1000 + 17;
	struct trial trial = {
		.draw = draw, .fail = give_up, .context = &random, .number = _i};

	trial_begin(&trial);
	for (trial.step = 0; trial.step < 2000; trial.step++)
		trial_step(&trial);
	trial_end(&trial);
}
END_TEST

/* --- addresses */

START_TEST(invented_addresses)
{
	struct mr_torch_settings settings = trial_plain;
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

	ck_assert(!mr_torch_new(&torch, &trial_plain, &hooks, NULL));
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

/* What the device gives next. */
struct given {
	uint64_t addr, bytes;
};

static bool
given_place(void *context, uint64_t *addr, uint64_t *bytes)
{
	const struct given *given = context;

	*addr = given->addr;
	*bytes = given->bytes;
	return true;
}

/* A range may be smaller than asked for, if the request fits; others are not taken. */
START_TEST(odd_ranges)
{
	static const struct {
		struct given given;
		uint64_t requested, mapped;
		bool taken;
	} rows[] = {
		{{100 * MIB, 70 * MIB}, 25 * MIB, 40 * MIB, true},
		{{200 * MIB, 30 * MIB}, 25 * MIB, 30 * MIB, true},
		{{300 * MIB, 20 * MIB}, 25 * MIB, 40 * MIB, false},
		{{400 * MIB, 0}, 25 * MIB, 40 * MIB, false},
		{{UINT64_MAX - 30 * MIB, 40 * MIB}, 25 * MIB, 40 * MIB, false},
		{{220 * MIB, 30 * MIB}, 25 * MIB, 40 * MIB, false}, /* in the second */
		{{90 * MIB, 30 * MIB}, 25 * MIB, 40 * MIB, false},
	};
	struct mr_torch_settings settings = trial_plain;
	struct mr_torch *torch;
	struct given given;
	struct mr_torch_hooks hooks = {&given, NULL, given_place};
	uint64_t reserved = 0;
	uint32_t block, count;

	settings.expandable = 1;
	settings.range = 80 * MIB;
	ck_assert(!mr_torch_new(&torch, &settings, &hooks, NULL));
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mr_torch_queue queue = {.stream = i};

		given = rows[i].given;
		ck_assert(
			!mr_torch_malloc(torch, &block, rows[i].requested, queue, NULL));
		ck_assert_int_eq(mr_torch_blocks(torch, &count)[block].addr == given.addr,
			rows[i].taken);
		reserved += rows[i].mapped;
		ck_assert_uint_eq(mr_torch_stats(torch)->reserved, reserved);
		ck_assert(!mr_torch_check(torch, NULL));
	}
	mr_torch_free_all(torch);
}
END_TEST

/* Where there are no addresses left the device refuses. */
START_TEST(no_addresses)
{
	static const struct mr_torch_segment ends[] = {
		{.addr = 4096, .size = 2 * MIB},
		{.addr = UINT64_MAX - 6 * MIB, .size = 2 * MIB},
	};
	struct mr_torch_settings settings = trial_plain;
	struct mr_torch *torch;
	uint32_t block;

	settings.expandable = (uint64_t)_i;
	settings.range = UINT64_C(1) << 62;
	ck_assert(!mr_torch_new(&torch, &settings, NULL, NULL));
	for (int i = 0; i < 2; i++)
		ck_assert(!mr_torch_seed(torch, &block, &ends[i], NULL));
	for (int i = 0; i < 2; i++) {
		ck_assert(!mr_torch_malloc(torch, &block, 30 * MIB,
			(struct mr_torch_queue){.stream = 1}, NULL));
		ck_assert_uint_eq(block, MR_TORCH_NONE);
		ck_assert_uint_eq(mr_torch_stats(torch)->ooms, (uint64_t)i + 1);
		ck_assert(!mr_torch_check(torch, NULL));
	}
	mr_torch_free_all(torch);
}
END_TEST

/* --- what is there before */

#define RUN(at, bytes, from, end)                                                        \
	{                                                                                \
		.addr = (at)*MIB, .size = (bytes)*MIB, .expandable = true,               \
		.range_addr = (from)*MIB, .range_end = (end)*MIB                         \
	}
#define PLAIN(at, bytes)                                                                 \
	{                                                                                \
		.addr = (at)*MIB, .size = (bytes)*MIB                                    \
	}

/* Runs with holes before and between them, and two ranges of the same stream. */
static const struct mr_torch_segment there[] = {
	RUN(120, 20, 100, 200),
	RUN(160, 20, 100, 200),
	PLAIN(200, 10),
	PLAIN(210, 44),
	RUN(300, 40, 300, 400),
};
#define THERE (sizeof(there) / sizeof(there[0]))

static struct mr_torch *
seeded(uint64_t expandable, uint32_t blocks[THERE])
{
	struct mr_torch_settings settings = trial_plain;
	struct mr_torch *torch;

	settings.expandable = expandable;
	ck_assert(!mr_torch_new(&torch, &settings, NULL, NULL));
	for (size_t i = 0; i < THERE; i++)
		ck_assert(!mr_torch_seed(torch, &blocks[i], &there[i], NULL));
	mr_torch_seeded(torch);
	ck_assert(!mr_torch_check(torch, NULL));
	ck_assert_uint_eq(mr_torch_stats(torch)->peak_reserved, 134 * MIB);
	ck_assert_uint_eq(mr_torch_stats(torch)->peak_segments, 2);
	return torch;
}

/* Asks for MiB on the first stream; the address in MiB. */
static uint64_t
ask(struct mr_torch *torch, uint64_t bytes)
{
	struct mr_torch_queue queue = {0};
	uint32_t block, count;

	ck_assert(!mr_torch_malloc(torch, &block, bytes * MIB, queue, NULL));
	ck_assert_uint_ne(block, MR_TORCH_NONE);
	ck_assert(!mr_torch_check(torch, NULL));
	return mr_torch_blocks(torch, &count)[block].addr / MIB;
}

/* What is free is used, and runs grow into the holes beside them. */
START_TEST(seeded_runs)
{
	uint32_t blocks[THERE];
	struct mr_torch *torch = seeded(1, blocks);

	ck_assert_uint_eq(ask(torch, 20), 120);
	ck_assert_uint_eq(ask(torch, 10), 200);
	ck_assert_uint_eq(ask(torch, 44), 210);
	ck_assert_uint_eq(ask(torch, 35), 300);
	ck_assert_uint_eq(mr_torch_stats(torch)->maps, 0);
	ck_assert_uint_eq(ask(torch, 40), 140); /* the second and before it */
	ck_assert_uint_eq(mr_torch_stats(torch)->maps, 1);
	ck_assert_uint_eq(mr_torch_stats(torch)->reserved, 154 * MIB);
	ck_assert_uint_eq(ask(torch, 20), 100);
	ck_assert_uint_eq(ask(torch, 20), 180);
	ck_assert_uint_eq(ask(torch, 65), 335); /* all of the second range */
	mr_torch_free_all(torch);
}
END_TEST

/* While segments do not expand, the runs that are there are passed over. */
START_TEST(runs_passed_over)
{
	uint32_t blocks[THERE];
	struct mr_torch *torch = seeded(0, blocks);

	ck_assert_uint_eq(ask(torch, 20), 210);
	ck_assert_uint_eq(ask(torch, 24), 230);
	ck_assert_uint_eq(mr_torch_stats(torch)->segment_allocs, 0);
	ck_assert_uint_ge(
		ask(torch, 11), 400); /* the runs are all that is large enough */
	ck_assert_uint_eq(mr_torch_stats(torch)->segment_allocs, 1);
	mr_torch_free_all(torch);
}
END_TEST

START_TEST(overlapping_seeds)
{
	static const struct mr_torch_segment more[] = {
		PLAIN(195, 10),
		PLAIN(209, 1),
		PLAIN(250, 60),
		PLAIN(500, 0),
		RUN(290, 20, 290, 500), /* with a plain one and a range */
		RUN(180, 40, 100, 200), /* beyond the end of its range */
		RUN(0, 1, UINT64_MAX / MIB, UINT64_MAX / MIB),
	};
	uint32_t blocks[THERE], block;
	struct mr_torch *torch = seeded(1, blocks);
	struct mr_error err;

	for (size_t i = 0; i < sizeof(more) / sizeof(more[0]); i++) {
		ck_assert_int_eq(mr_torch_seed(torch, &block, &more[i], &err), MR_EINVAL);
		ck_assert_ptr_nonnull(strstr(err.text, "overlaps another"));
		ck_assert(!mr_torch_check(torch, NULL));
	}
	mr_torch_free_all(torch);
}
END_TEST

START_TEST(seeded_blocks)
{
	static const struct mr_torch_part wrong[] = {{119 * MIB, MIB, 1},
		{139 * MIB, 2 * MIB, 1}, {140 * MIB, MIB, 1}, {130 * MIB, 0, 0},
		{125 * MIB, UINT64_MAX, 1}, {125 * MIB, 20 * MIB, 1}};
	static const struct mr_torch_part right = {125 * MIB, 5 * MIB, 77};
	uint32_t blocks[THERE], block, rest, count;
	struct mr_torch *torch = seeded(1, blocks);
	struct mr_error err;

	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		ck_assert_int_eq(mr_torch_seed_block(torch, &block, &rest, blocks[0],
					 &wrong[i], &err),
			MR_EINVAL);
		ck_assert_ptr_nonnull(strstr(err.text, "overlaps another"));
		ck_assert(!mr_torch_check(torch, NULL));
	}
	ck_assert(!mr_torch_seed_block(torch, &block, &rest, blocks[0], &right, &err));
	ck_assert_uint_eq(mr_torch_blocks(torch, &count)[block].addr, right.addr);
	ck_assert_uint_eq(mr_torch_blocks(torch, &count)[rest].addr, 130 * MIB);
	ck_assert_uint_eq(mr_torch_stats(torch)->requested, 77);
	ck_assert(!mr_torch_check(torch, NULL));
	ck_assert_uint_eq(ask(torch, 5), 120);
	mr_torch_free_all(torch);
}
END_TEST

/* --- memory of the host */

/* Asks for bytes; *block is the number. */
static enum mr_status
get(struct mr_torch *torch, uint32_t *block, uint64_t bytes, struct mr_error *err)
{
	return mr_torch_malloc(torch, block, bytes, (struct mr_torch_queue){0}, err);
}

static enum mr_status
give_back(struct mr_torch *torch, uint32_t block, struct mr_error *err)
{
	mr_torch_free_request(torch, block);
	return mr_torch_free_complete(torch, block, err);
}

/* Segments, runs and ranges that are there, and a block in two of the runs. */
static enum mr_status
begin_with(struct mr_torch *torch, int plain, struct mr_error *err)
{
	static const struct mr_torch_part parts[] = {
		{125 * MIB, 5 * MIB, 77}, {302 * MIB, MIB + 512, 78}};
	enum mr_status st = MR_OK;
	uint32_t block = 0, rest, first = 0;

	for (int i = 0; i < plain && !st; i++) {
		struct mr_torch_segment segment = PLAIN(2 * (uint64_t)i, 2);

		segment.queue.pool[1] = 7; /* these stay */
		st = mr_torch_seed(torch, &block, &segment, err);
	}
	for (size_t i = 0; i < THERE && !st; i++)
		st = mr_torch_seed(torch, i ? &block : &first, &there[i], err);
	if (!st)
		st = mr_torch_seed_block(torch, &block, &rest, block, &parts[1], err);
	return st ? st : mr_torch_seed_block(torch, &block, &rest, first, &parts[0], err);
}

/* Many pairs of blocks that wait, and runs that grow and are given back. */
static enum mr_status
use(struct mr_torch *torch, bool aligns, struct mr_error *err)
{
	static const uint64_t whole[] = {10, 10, 20, 44, 12};
	enum mr_status st = MR_OK;
	uint32_t blocks[210], large[3];

	/* what is left is a part of a run, at an odd place */
	for (int i = 0; i < 4 + aligns && !st; i++)
		st = get(torch, &blocks[i], whole[i] * MIB, err);
	if (!st)
		st = mr_torch_release_all(torch, err);
	for (int i = 0; i < 210 && !st; i++)
		st = get(torch, &blocks[i], 512, err);
	for (int i = 0; i < 210 && !st; i++)
		if (i % 3)
			mr_torch_free_request(torch, blocks[i]);
	for (uint64_t i = 0; i < 3 && !st; i++)
		st = get(torch, &large[i], (35 + 10 * i) * MIB + 512, err);
	for (int i = 0; i < 3 && !st; i++)
		st = give_back(torch, large[i], err);
	return st ? st : mr_torch_release_all(torch, err);
}

struct setting {
	int plain;
	uint64_t expandable, align;
};

static enum mr_status
begin_and_use(void *context, struct mr_error *err)
{
	const struct setting *setting = context;
	struct mr_torch_settings settings = trial_plain;
	struct mr_torch *torch;
	enum mr_status st;

	settings.expandable = setting->expandable;
	settings.align = setting->align;
	settings.range = 200 * MIB;
	st = mr_torch_new(&torch, &settings, NULL, err);
	if (!st)
		st = begin_with(torch, setting->plain, err);
	if (!st)
		st = use(torch, setting->align, err);
	if (!st)
		st = mr_torch_check(torch, err);
	mr_torch_free_all(torch);
	return st;
}

/* With other numbers of blocks before it, each new block is one without room. */
START_TEST(without_memory)
{
	for (int plain = 0; plain < 16; plain++)
		for (uint64_t kind = 0; kind < 3; kind++) {
			struct setting setting = {
				plain, kind > 0, kind == 2 ? 16 * KIB : 0};

			ck_assert_int_eq(fail_each(begin_and_use, &setting), MR_OK);
		}
}
END_TEST

/* What no device has is out of memory, even where the device has no end. */
START_TEST(sizes_without_end)
{
	static const uint64_t sizes[] = {
		INT64_MAX, (UINT64_C(1) << 50) + 1, UINT64_C(1) << 62};
	struct mr_torch_settings settings = trial_plain;
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
	      *addresses = tcase_create("addresses"),
	      *there_before = tcase_create("there before"), *host = tcase_create("host");
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
	tcase_add_test(addresses, odd_ranges);
	tcase_add_loop_test(addresses, no_addresses, 0, 2);
	tcase_add_loop_test(addresses, sizes_without_end, 0, 4);
	suite_add_tcase(suite, addresses);
	tcase_add_test(there_before, seeded_runs);
	tcase_add_test(there_before, runs_passed_over);
	tcase_add_test(there_before, overlapping_seeds);
	tcase_add_test(there_before, seeded_blocks);
	suite_add_tcase(suite, there_before);
	tcase_add_test(host, without_memory);
	suite_add_tcase(suite, host);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
