/* SPDX-License-Identifier: MIT */
/* Sizes, counts and times as people write them. */
#include <check.h>
#include <string.h>

#include "base/units.h"
#include "suite.h"

static const struct {
	const char *text;
	uint64_t bytes;
} sizes[] = {
	{"0", 0},
	{"1", 1},
	{"4096", 4096},
	{"4096B", 4096},
	{"1K", 1024},
	{"1k", 1024},
	{"1KB", 1024},
	{"1KiB", 1024},
	{"1kib", 1024},
	{"32M", 33554432},
	{"32MiB", 33554432},
	{"1.5G", 1610612736},
	{"0.5K", 512},
	{"1.3M", 1363148},
	{"0.000000001G", 1},
	{"2T", UINT64_C(2199023255552)},
	{"1P", UINT64_C(1) << 50},
	{"15E", UINT64_C(15) << 60},
	{"15.999999999E", UINT64_C(18446744072556630111)},
	{"18446744073709551615", UINT64_MAX},
	{"unlimited", MR_UNLIMITED},
	{"007", 7},
};

static const char *const not_sizes[] = {"", " 1", "1 ", "-1", "+1", "1.K", ".5K", "1.5",
	"1.5B", "1X", "1KK", "1Ki", "1iB", "0x10", "1e3", "16E", "18446744073709551616",
	"99999999999999999999", "1.0000000001K", "Unlimited", "infinite", "K"};

START_TEST(sizes_are_read)
{
	struct mr_error err = {.text = ""};
	uint64_t bytes = 77;

	ck_assert_msg(!mr_size_parse(&bytes, sizes[_i].text, &err), "\"%s\": %s",
		sizes[_i].text, err.text);
	ck_assert_msg(bytes == sizes[_i].bytes, "\"%s\" is read as %llu", sizes[_i].text,
		(unsigned long long)bytes);
}
END_TEST

START_TEST(other_text_is_refused)
{
	struct mr_error err = {.text = ""};
	uint64_t bytes;

	ck_assert_msg(mr_size_parse(&bytes, not_sizes[_i], &err) == MR_EINVAL,
		"\"%s\" is taken for a size", not_sizes[_i]);
	ck_assert_msg(strstr(err.text, not_sizes[_i]), "\"%s\" is not named in \"%s\"",
		not_sizes[_i], err.text);
	ck_assert_int_eq(mr_size_parse(&bytes, not_sizes[_i], NULL), MR_EINVAL);
}
END_TEST

START_TEST(counts_are_read)
{
	uint64_t count;

	ck_assert_int_eq(mr_count_parse(&count, "0", NULL), MR_OK);
	ck_assert_uint_eq(count, 0);
	ck_assert_int_eq(mr_count_parse(&count, "18446744073709551615", NULL), MR_OK);
	ck_assert_uint_eq(count, UINT64_MAX);
	ck_assert_int_eq(mr_count_parse(&count, "18446744073709551616", NULL), MR_EINVAL);
	ck_assert_int_eq(mr_count_parse(&count, "", NULL), MR_EINVAL);
	ck_assert_int_eq(mr_count_parse(&count, "-1", NULL), MR_EINVAL);
	ck_assert_int_eq(mr_count_parse(&count, "1K", NULL), MR_EINVAL);
	ck_assert_int_eq(mr_count_parse(&count, "1 ", NULL), MR_EINVAL);
}
END_TEST

static const struct {
	uint64_t bytes;
	const char *text;
} prints[] = {
	{0, "0 B"},
	{1023, "1023 B"},
	{1024, "1 KiB"},
	{1025, "1.001 KiB"},
	{15 * 1024 + 512, "15.50 KiB"},
	{10 * 1024 - 1, "9.999 KiB"},
	{10 * 1024 * 1024 - 1, "10.00 MiB"},
	{100 * 1024 * 1024 - 1, "100.0 MiB"},
	{1023 * 1024, "1023 KiB"},
	{1023 * 1024 + 972, "1023.9 KiB"},
	{1023 * 1024 + 973, "1.000 MiB"},
	{1024 * 1024 - 1, "1.000 MiB"},
	{1024 * 1024, "1 MiB"},
	{33554432, "32 MiB"},
	{35180000, "33.55 MiB"},
	{UINT64_C(1) << 60, "1 EiB"},
	{(UINT64_C(1) << 60) - 1, "1.000 EiB"},
	{UINT64_MAX - 1, "16.00 EiB"},
	{MR_UNLIMITED, "unlimited"},
};

START_TEST(sizes_are_printed)
{
	char text[MR_TEXT_SIZE];

	ck_assert_str_eq(mr_size_print(text, prints[_i].bytes), prints[_i].text);
}
END_TEST

START_TEST(exact_sizes_are_read_back)
{
	char text[MR_TEXT_SIZE];
	uint64_t bytes;

	for (unsigned shift = 0; shift < 64; shift++) {
		char *blank = strchr(mr_size_print(text, UINT64_C(1) << shift), ' ');

		ck_assert_ptr_nonnull(blank);
		memmove(blank, blank + 1, strlen(blank));
		ck_assert_int_eq(mr_size_parse(&bytes, text, NULL), MR_OK);
		ck_assert_uint_eq(bytes, UINT64_C(1) << shift);
	}
}
END_TEST

START_TEST(counts_and_times_are_printed)
{
	char text[MR_TEXT_SIZE];

	ck_assert_str_eq(mr_count_print(text, 0), "0");
	ck_assert_str_eq(mr_count_print(text, 999), "999");
	ck_assert_str_eq(mr_count_print(text, 1000), "1,000");
	ck_assert_str_eq(mr_count_print(text, 1234567), "1,234,567");
	ck_assert_str_eq(mr_count_print(text, UINT64_MAX), "18,446,744,073,709,551,615");
	ck_assert_str_eq(mr_time_print(text, 0), "0.00 ns");
	ck_assert_str_eq(mr_time_print(text, 12.34), "12.3 ns");
	ck_assert_str_eq(mr_time_print(text, 4560), "4.56 us");
	ck_assert_str_eq(mr_time_print(text, 789e6), "789 ms");
	ck_assert_str_eq(mr_time_print(text, 9.01e9), "9.01 s");
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("units");
	TCase *tcase = tcase_create("units");

	tcase_add_loop_test(tcase, sizes_are_read, 0, sizeof(sizes) / sizeof(sizes[0]));
	tcase_add_loop_test(tcase, other_text_is_refused, 0,
		sizeof(not_sizes) / sizeof(not_sizes[0]));
	tcase_add_test(tcase, counts_are_read);
	tcase_add_loop_test(
		tcase, sizes_are_printed, 0, sizeof(prints) / sizeof(prints[0]));
	tcase_add_test(tcase, exact_sizes_are_read_back);
	tcase_add_test(tcase, counts_and_times_are_printed);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
