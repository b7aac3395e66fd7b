/* SPDX-License-Identifier: MIT */
/* Numbers of 128 bits: at their borders, by hand; all over, against the compiler's. */
#include <check.h>

#include "base/wide.h"
#include "suite.h"

#define TOP (UINT64_C(1) << 63)

static void
must_be(struct mr_wide got, int64_t high, uint64_t low)
{
	ck_assert_int_eq(got.high, high);
	ck_assert_uint_eq(got.low, low);
}

START_TEST(sums_carry)
{
	struct mr_wide sum = mr_wide_plus(mr_wide(UINT64_MAX), mr_wide(1));

	must_be(sum, 1, 0);
	must_be(mr_wide_minus(sum, mr_wide(1)), 0, UINT64_MAX);
	must_be(mr_wide_minus(mr_wide(2), mr_wide(3)), -1, UINT64_MAX);
}
END_TEST

START_TEST(order_is_that_of_numbers)
{
	struct mr_wide below = mr_wide_minus(mr_wide(0), mr_wide(1));
	struct mr_wide above = mr_wide_plus(mr_wide(UINT64_MAX), mr_wide(1));

	ck_assert_int_lt(mr_wide_compare(below, mr_wide(0)), 0);
	ck_assert_int_gt(mr_wide_compare(above, mr_wide(UINT64_MAX)), 0);
	ck_assert_int_eq(mr_wide_compare(above, above), 0);
	must_be(mr_wide_larger(below, mr_wide(7)), 0, 7);
	must_be(mr_wide_larger(mr_wide(7), below), 0, 7);
}
END_TEST

START_TEST(products_fit_or_are_refused)
{
	struct mr_wide out;

	ck_assert(mr_wide_times(&out, mr_wide(UINT64_MAX), TOP));
	must_be(out, INT64_MAX, TOP);
	ck_assert(!mr_wide_times(&out, mr_wide(UINT64_MAX), UINT64_MAX));
	ck_assert(!mr_wide_times(&out, mr_wide_plus(mr_wide(TOP), mr_wide(TOP)), TOP));
	ck_assert(mr_wide_times(&out, mr_wide_minus(mr_wide(3), mr_wide(5)), TOP));
	must_be(out, -1, 0);
	ck_assert(!mr_wide_times(
		&out, (struct mr_wide){.high = INT64_MAX}, UINT64_C(1) << 40));
}
END_TEST

START_TEST(quotients_are_rounded_down)
{
	ck_assert_uint_eq(mr_wide_over(mr_wide(7), 2), 3);
	ck_assert_uint_eq(mr_wide_over((struct mr_wide){5, 1}, 2), TOP + 2);
	ck_assert_uint_eq(
		mr_wide_over((struct mr_wide){0, INT64_MAX}, UINT64_MAX), TOP - 1);
	ck_assert(mr_wide_real((struct mr_wide){0, 1}) == 0x1p64);
}
END_TEST

#ifdef __SIZEOF_INT128__

__extension__ typedef __int128 number;
__extension__ typedef unsigned __int128 positive;

static number
number_of(struct mr_wide a)
{
	return (number)((positive)(uint64_t)a.high << 64 | a.low);
}

/* Any number of any length, down to none. */
static uint64_t
any(uint64_t *random)
{
	*random = *random * UINT64_C(6364136223846793005) + 1442695040888963407;
	return (*random ^ *random >> 29) >> (*random >> 58);
}

START_TEST(all_is_as_the_compiler_has_it)
{
	uint64_t random = 1;

	for (int i = 0; i < 20000; i++) {
		struct mr_wide a = {any(&random), (int64_t)any(&random)};
		struct mr_wide b = {any(&random), (int64_t)any(&random)}, product;
		uint64_t n = any(&random) | 1;
		number x = number_of(a), y = number_of(b), want;
		bool fits = !__builtin_mul_overflow(x, n, &want);

		ck_assert(number_of(mr_wide_plus(a, b)) ==
			(number)((positive)x + (positive)y));
		ck_assert(number_of(mr_wide_minus(a, b)) ==
			(number)((positive)x - (positive)y));
		ck_assert_int_eq(mr_wide_compare(a, b), (x > y) - (x < y));
		ck_assert_int_eq(mr_wide_times(&product, a, n), fits);
		ck_assert(!fits || number_of(product) == want);
		if (x >= 0 && x / n <= UINT64_MAX)
			ck_assert(mr_wide_over(a, n) == (uint64_t)(x / n));
	}
}
END_TEST

#endif

int
main(void)
{
	Suite *suite = suite_create("wide");
	TCase *tcase = tcase_create("wide");

	tcase_add_test(tcase, sums_carry);
	tcase_add_test(tcase, order_is_that_of_numbers);
	tcase_add_test(tcase, products_fit_or_are_refused);
	tcase_add_test(tcase, quotients_are_rounded_down);
#ifdef __SIZEOF_INT128__
	tcase_add_test(tcase, all_is_as_the_compiler_has_it);
#endif
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
