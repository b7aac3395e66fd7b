/* SPDX-License-Identifier: MIT */

/* The torch allocator: its sizes, and random programs against a slow model. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/torch.h"
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
