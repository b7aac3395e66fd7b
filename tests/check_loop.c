/* SPDX-License-Identifier: MIT */
/* The loop that replays: what it asks of an allocator, and what it writes. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "replay/loop.h"
#include "suite.h"

#define PAGE 4096
#define ROOM (4 * PAGE)

/* An allocator that hands out one buffer and remembers what it was asked. */
struct witness {
	unsigned char bytes[ROOM];
	uint64_t takes, gives, controls;
	uint64_t fails_at; /* the take that gets NULL, from 1; 0: none */
	size_t size;
	uint32_t align_log2;
	void *given;
	uint8_t control_op;
};

static void *
take(void *context, size_t size, uint32_t align_log2)
{
	struct witness *witness = context;

	witness->takes++;
	witness->size = size;
	witness->align_log2 = align_log2;
	return witness->takes == witness->fails_at ? NULL : witness->bytes;
}

static void
give(void *context, void *block)
{
	struct witness *witness = context;

	witness->gives++;
	witness->given = block;
}

static void
control(void *context, const struct mr_operation *operation)
{
	struct witness *witness = context;

	witness->controls++;
	witness->control_op = operation->op;
}

static uint64_t
run(struct witness *witness, const struct mr_operation *operations, uint64_t count,
	enum mr_touch touch)
{
	struct mr_allocator allocator = {take, NULL, give, control, witness};
	void *blocks[4] = {NULL};
	struct mr_loop loop = {.operations = operations,
		.count = count,
		.blocks = blocks,
		.touch = touch,
		.page = PAGE};

	return mr_loop_run(&loop, &allocator);
}

static const struct {
	enum mr_touch touch;
	uint64_t size;
	uint64_t written; /* bytes, all in all */
	size_t at[4];     /* that are among them */
} touches[] = {
	{MR_TOUCH_NONE, ROOM, 0, {0}},
	{MR_TOUCH_PAGE, 0, 0, {0}},
	{MR_TOUCH_PAGE, 1, 1, {0}},
	{MR_TOUCH_PAGE, 2, 2, {0, 1}},
	/* the last byte may be in a page that no step has come to */
	{MR_TOUCH_PAGE, PAGE, 2, {0, PAGE - 1}},
	{MR_TOUCH_PAGE, PAGE + 1, 2, {0, PAGE}},
	{MR_TOUCH_PAGE, 2 * PAGE + 7, 4, {0, PAGE, 2 * PAGE, 2 * PAGE + 6}},
	{MR_TOUCH_FULL, 0, 0, {0}},
	{MR_TOUCH_FULL, PAGE + 3, PAGE + 3, {0, 1, PAGE, PAGE + 2}},
};

START_TEST(touches_the_requested_size)
{
	const struct mr_operation operation = {
		.op = MR_OP_MALLOC, .size = touches[_i].size};
	struct witness *witness = calloc(1, sizeof(*witness));
	uint64_t written = 0;

	ck_assert_ptr_nonnull(witness);
	ck_assert_uint_eq(run(witness, &operation, 1, touches[_i].touch), 1);
	for (size_t i = 0; i < ROOM; i++)
		written += witness->bytes[i] != 0;
	ck_assert_uint_eq(written, touches[_i].written);
	for (size_t i = 0; i < 4 && written; i++)
		ck_assert_uint_eq(witness->bytes[touches[_i].at[i]], 1);
	free(witness);
}
END_TEST

START_TEST(asks_what_the_operations_say)
{
	const struct mr_operation operations[] = {
		{.op = MR_OP_MALLOC, .size = 33, .slot = 2, .align_log2 = 7},
		{.op = MR_OP_MARK},
		{.op = MR_OP_FREE, .slot = 2},
		{.op = MR_OP_SET_CACHE_LIMIT, .size = 5},
	};
	struct witness *witness = calloc(1, sizeof(*witness));

	ck_assert_ptr_nonnull(witness);
	ck_assert_uint_eq(run(witness, operations, 4, MR_TOUCH_PAGE), 4);
	ck_assert_uint_eq(witness->takes, 1);
	ck_assert_uint_eq(witness->size, 33);
	ck_assert_uint_eq(witness->align_log2, 7);
	ck_assert_uint_eq(witness->gives, 1);
	ck_assert_ptr_eq(witness->given, witness->bytes);
	ck_assert_uint_eq(witness->controls, 2);
	ck_assert_uint_eq(witness->control_op, MR_OP_SET_CACHE_LIMIT);
	free(witness);
}
END_TEST

/* Without memory it ends at that event; a block of no bytes may be NULL. */
START_TEST(ends_where_memory_does)
{
	const struct mr_operation operations[] = {
		{.op = MR_OP_MALLOC, .size = 1, .slot = 0},
		{.op = MR_OP_MALLOC, .size = (uint64_t)_i, .slot = 1},
		{.op = MR_OP_FREE, .slot = 1},
	};
	struct witness *witness = calloc(1, sizeof(*witness));

	ck_assert_ptr_nonnull(witness);
	witness->fails_at = 2;
	ck_assert_uint_eq(run(witness, operations, 3, MR_TOUCH_FULL), _i ? 1 : 3);
	ck_assert_uint_eq(witness->gives, _i ? 0 : 1);
	free(witness);
}
END_TEST

START_TEST(times_each_call_once)
{
	const struct mr_operation operations[] = {{.op = MR_OP_MALLOC, .size = 1},
		{.op = MR_OP_FREE}, {.op = MR_OP_MALLOC, .size = 1}, {.op = MR_OP_FREE},
		{.op = MR_OP_MALLOC, .size = 1}, {.op = MR_OP_MARK}};
	struct witness *witness = calloc(1, sizeof(*witness));
	struct mr_histogram *times = calloc(2, sizeof(*times));
	struct mr_allocator allocator = {take, NULL, give, control, witness};
	void *blocks[1] = {NULL};
	struct mr_loop loop = {.operations = operations,
		.count = 6,
		.blocks = blocks,
		.page = PAGE,
		.malloc_ns = &times[0],
		.free_ns = &times[1]};

	ck_assert_ptr_nonnull(witness);
	ck_assert_ptr_nonnull(times);
	ck_assert_uint_eq(mr_loop_run(&loop, &allocator), 6);
	ck_assert_uint_eq(times[0].count, 3);
	ck_assert_uint_eq(times[1].count, 2);
	free(times);
	free(witness);
}
END_TEST

START_TEST(calibration_leaves_histograms_empty)
{
	struct mr_histogram *times = calloc(3, sizeof(*times));
	struct mr_loop_cost cost;

	ck_assert_ptr_nonnull(times);
	mr_loop_calibrate(&cost, &times[0], &times[1]);
	ck_assert_mem_eq(&times[0], &times[2], sizeof(times[0]));
	ck_assert_mem_eq(&times[1], &times[2], sizeof(times[0]));
	ck_assert_double_gt(cost.event_ns, 0);
	ck_assert_double_gt(cost.call_mean_ns, 0);
	ck_assert_uint_gt(cost.step_ns, 0);
	mr_loop_calibrate(&cost, NULL, NULL);
	ck_assert_double_gt(cost.event_ns, 0);
	ck_assert_uint_eq(cost.step_ns, 0);
	free(times);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("loop");
	TCase *tests = tcase_create("loop");

	tcase_add_loop_test(tests, touches_the_requested_size, 0,
		(int)(sizeof(touches) / sizeof(touches[0])));
	tcase_add_test(tests, asks_what_the_operations_say);
	tcase_add_loop_test(tests, ends_where_memory_does, 0, 2);
	tcase_add_test(tests, times_each_call_once);
	tcase_add_test(tests, calibration_leaves_histograms_empty);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
