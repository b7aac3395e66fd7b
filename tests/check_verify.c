/* SPDX-License-Identifier: MIT */
/* Each recorded figure, made wrong alone, is found and named. */
#include <check.h>

#include "memreplay/verify.h"
#include "suite.h"

#define CAP_HIT (MR_HAS_CAP | MR_HAS_HIT)

/*
 * A block of 100 is cached and reused for 90, the counters tell of it, and the
 * peak before the reset is higher than the one after.
 */
static const struct mr_event good[] = {
	{.op = MR_OP_MALLOC, .has = CAP_HIT, .id = 1, .size = 100, .cap = 100},
	{.op = MR_OP_FREE, .id = 1},
	{.op = MR_OP_COUNTERS, .active = 0, .cached = 100, .peak = 100},
	{.op = MR_OP_MALLOC,
		.has = CAP_HIT,
		.hit = true,
		.id = 2,
		.size = 90,
		.cap = 100},
	{.op = MR_OP_MALLOC, .slot = 2, .id = 3, .size = 5000},
	{.op = MR_OP_FREE, .slot = 2, .id = 3},
	{.op = MR_OP_RESET_PEAK},
	{.op = MR_OP_MALLOC, .slot = 1, .has = MR_HAS_CAP, .id = 4, .size = 5, .cap = 5},
	{.op = MR_OP_COUNTERS, .active = 105, .cached = 5000, .peak = 105},
	{.op = MR_OP_SET_CACHE_LIMIT, .bytes = 0},
	{.op = MR_OP_FREE, .id = 2},
	{.op = MR_OP_COUNTERS, .active = 5, .cached = 0, .peak = 105},
};
#define COUNT (sizeof(good) / sizeof(good[0]))

static struct mr_verdict
judge(const struct mr_event *events)
{
	struct mr_verifier *verifier;
	struct mr_verdict verdict;
	struct mr_policy policy;

	ck_assert_int_eq(mr_policy_init(&policy, "mlx-cpu", NULL), MR_OK);
	ck_assert_int_eq(mr_verifier_new(&verifier, &policy, NULL), MR_OK);
	for (size_t i = 0; i < COUNT; i++)
		ck_assert_int_eq(mr_verifier_step(verifier, &events[i], NULL), MR_OK);
	mr_verifier_verdict(verifier, &verdict);
	mr_verifier_free(verifier);
	return verdict;
}

START_TEST(what_agrees_has_no_difference)
{
	struct mr_verdict verdict = judge(good);

	ck_assert(!verdict.differs);
	ck_assert_uint_eq(verdict.events, COUNT);
	ck_assert_uint_eq(verdict.caps_checked, 3);
	ck_assert_uint_eq(verdict.hits_checked, 2);
	ck_assert_uint_eq(verdict.counters_checked, 3);
	ck_assert_uint_eq(verdict.cap_differences, 0);
	ck_assert_uint_eq(verdict.hit_differences, 0);
	ck_assert_uint_eq(verdict.counters_differences, 0);
}
END_TEST

static const struct {
	size_t event; /* 0 is the first */
	size_t offset;
	uint64_t recorded, given;
	const char *field;
} wrong[] = {
	{0, offsetof(struct mr_event, cap), 101, 100, "cap"},
	{3, offsetof(struct mr_event, cap), 90, 100, "cap"},
	{7, offsetof(struct mr_event, cap), 6, 5, "cap"},
	{2, offsetof(struct mr_event, active), 1, 0, "active"},
	{2, offsetof(struct mr_event, cached), 99, 100, "cached"},
	{8, offsetof(struct mr_event, peak), 100, 105, "peak"},
	{11, offsetof(struct mr_event, cached), 100, 0, "cached"},
};

START_TEST(one_wrong_figure_is_named)
{
	struct mr_event events[COUNT];
	struct mr_verdict verdict;

	for (size_t i = 0; i < COUNT; i++)
		events[i] = good[i];
	*(uint64_t *)(void *)((char *)&events[wrong[_i].event] + wrong[_i].offset) =
		wrong[_i].recorded;
	verdict = judge(events);
	ck_assert(verdict.differs);
	ck_assert_uint_eq(verdict.first.event, wrong[_i].event + 1);
	ck_assert_str_eq(verdict.first.field, wrong[_i].field);
	ck_assert_uint_eq(verdict.first.recorded, wrong[_i].recorded);
	ck_assert_uint_eq(verdict.first.given, wrong[_i].given);
	ck_assert_uint_eq(verdict.cap_differences + verdict.counters_differences, 1);
}
END_TEST

START_TEST(a_wrong_hit_comes_before_a_later_difference)
{
	struct mr_event events[COUNT];
	struct mr_verdict verdict;

	for (size_t i = 0; i < COUNT; i++)
		events[i] = good[i];
	events[3].hit = false;
	events[8].active = events[8].peak = 1;
	verdict = judge(events);
	ck_assert_uint_eq(verdict.first.event, 4);
	ck_assert_str_eq(verdict.first.field, "hit");
	ck_assert_uint_eq(verdict.hit_differences, 1);
	ck_assert_uint_eq(verdict.counters_differences, 1);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("verify");
	TCase *tcase = tcase_create("verify");

	tcase_add_test(tcase, what_agrees_has_no_difference);
	tcase_add_loop_test(
		tcase, one_wrong_figure_is_named, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(tcase, a_wrong_hit_comes_before_a_later_difference);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
