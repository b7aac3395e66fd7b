/* SPDX-License-Identifier: MIT */
#include <check.h>
#include <stdlib.h>

#include "base/histogram.h"
#include "base/median.h"
#include "suite.h"

/* Percentiles of the values 1 to last, step 1, each once. */
static const struct {
	const char *name;
	uint64_t last;
	uint32_t per_mille;
	uint64_t want; /* the exact percentile */
} ranges[] = {
	{"median of 1 to 9", 9, 500, 5},
	{"median of 1 to 10 is the lower one", 10, 500, 5},
	{"nothing asked for is the least", 10, 0, 1},
	{"all is the largest", 100000, 1000, 100000},
	{"p90 of 1 to 100 is exact", 100, 900, 90},
	{"p99 of 1 to 128 is exact", 128, 990, 127},
	{"p50 of 1 to 100,000", 100000, 500, 50000},
	{"p99 of 1 to 100,000", 100000, 990, 99000},
	{"p99.9 of 1 to 100,000", 100000, 999, 99900},
};

START_TEST(percentile_of_a_range)
{
	struct mr_histogram *histogram = calloc(1, sizeof(*histogram));
	uint64_t found;

	ck_assert_ptr_nonnull(histogram);
	for (uint64_t value = 1; value <= ranges[_i].last; value++)
		mr_histogram_add(histogram, value);
	found = mr_histogram_percentile(histogram, ranges[_i].per_mille);
	ck_assert_msg(found >= ranges[_i].want &&
			found <= ranges[_i].want + ranges[_i].want / 64,
		"%s: found %llu, want %llu", ranges[_i].name, (unsigned long long)found,
		(unsigned long long)ranges[_i].want);
	free(histogram);
}
END_TEST

/* Every bucket is as narrow as promised, and buckets follow each other. */
START_TEST(buckets_are_narrow_and_in_order)
{
	struct mr_histogram *one = calloc(1, sizeof(*one));
	uint32_t before = 0;

	ck_assert_ptr_nonnull(one);
	for (uint64_t value = 1; value < UINT64_MAX / 2; value += value / 100 + 1) {
		uint32_t bucket = mr_histogram_bucket(value);
		uint64_t top;

		ck_assert_uint_ge(bucket, before);
		ck_assert_uint_lt(bucket, MR_HISTOGRAM_BUCKETS);
		before = bucket;
		/* the top of the bucket, not cut to the largest value */
		mr_histogram_add(one, value);
		mr_histogram_add(one, UINT64_MAX);
		top = mr_histogram_percentile(one, 500);
		ck_assert_uint_ge(top, value);
		ck_assert_uint_le(top - value, value / 64);
		ck_assert_uint_eq(mr_histogram_bucket(top), bucket);
		one->buckets[bucket] = 0;
		one->buckets[MR_HISTOGRAM_BUCKETS - 1] = 0;
		one->count = 0;
	}
	ck_assert_uint_eq(mr_histogram_bucket(UINT64_MAX), MR_HISTOGRAM_BUCKETS - 1);
	free(one);
}
END_TEST

START_TEST(empty_is_zero)
{
	struct mr_histogram *empty = calloc(1, sizeof(*empty));

	ck_assert_ptr_nonnull(empty);
	ck_assert_uint_eq(mr_histogram_percentile(empty, 500), 0);
	ck_assert_uint_eq(mr_histogram_percentile(empty, 1000), 0);
	ck_assert_double_eq(mr_histogram_mean(empty), 0);
	free(empty);
}
END_TEST

START_TEST(merge_equals_adding_all_to_one)
{
	struct mr_histogram *parts = calloc(3, sizeof(*parts));
	uint64_t value = 1;

	ck_assert_ptr_nonnull(parts);
	for (int i = 0; i < 10000; i++) {
		value = value * UINT64_C(6364136223846793005) + 1442695040888963407u;
		mr_histogram_add(&parts[i % 2], value >> (i % 64));
		mr_histogram_add(&parts[2], value >> (i % 64));
	}
	mr_histogram_merge(&parts[0], &parts[1]);
	ck_assert_mem_eq(&parts[0], &parts[2], sizeof(parts[0]));
	free(parts);
}
END_TEST

START_TEST(mean_and_max_are_exact)
{
	struct mr_histogram *histogram = calloc(1, sizeof(*histogram));

	ck_assert_ptr_nonnull(histogram);
	mr_histogram_add(histogram, 1000001);
	mr_histogram_add(histogram, 1000004);
	ck_assert_double_eq(mr_histogram_mean(histogram), 1000002.5);
	ck_assert_uint_eq(histogram->max, 1000004);
	ck_assert_uint_eq(mr_histogram_percentile(histogram, 1000), 1000004);
	free(histogram);
}
END_TEST

START_TEST(median_of_odd_and_even_numbers)
{
	double odd[] = {9, 1, 5}, even[] = {8, 100, 2, 4}, one[] = {7};

	ck_assert_double_eq(mr_median(odd, 3), 5);
	ck_assert_double_eq(mr_median(even, 4), 6);
	ck_assert_double_eq(mr_median(one, 1), 7);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("histogram");
	TCase *tests = tcase_create("histogram");

	tcase_add_loop_test(tests, percentile_of_a_range, 0,
		(int)(sizeof(ranges) / sizeof(ranges[0])));
	tcase_add_test(tests, buckets_are_narrow_and_in_order);
	tcase_add_test(tests, empty_is_zero);
	tcase_add_test(tests, merge_equals_adding_all_to_one);
	tcase_add_test(tests, mean_and_max_are_exact);
	tcase_add_test(tests, median_of_odd_and_even_numbers);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
