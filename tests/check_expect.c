/* SPDX-License-Identifier: MIT */
/* Expectations: what is read, what holds, what is refused. */
#include <check.h>
#include <string.h>

#include "report/expect.h"
#include "suite.h"

#define BIG UINT64_C(18446744073709551614)

static const struct {
	const char *text;
	uint64_t found, divisor;
	bool holds;
	const char *shown;
} cases[] = {
	{"hits>=10", 10, 1, true, "10"},
	{"hits>10", 10, 1, false, "10"},
	{"hits<=10", 11, 1, false, "11"},
	{"hits<10", 9, 1, true, "9"},
	{"hits==10", 10, 1, true, "10"},
	{"hits!=10", 10, 1, false, "10"},
	{"  result.hits  ==  1234567 ", 1234567, 1, true, "1,234,567"},
	{"hits==18446744073709551614", BIG, 1, true, "18,446,744,073,709,551,614"},
	{"hits<18446744073709551614", BIG, 1, false, "18,446,744,073,709,551,614"},
	{"peak_cached_bytes<=32MiB", 33554432, 1, true, "33554432 (32 MiB)"},
	{"limit_enforcement.peak_cached_bytes<=32M", 33554433, 1, false,
		"33554433 (32.00 MiB)"},
	{"result.limit_enforcement.cache_limit==unlimited", MR_UNLIMITED, 1, true,
		"unlimited"},
	{"hit_rate>=0.95", 95, 100, true, "0.95 (95.00 %)"},
	{"hit_rate>=95%", 95, 100, true, "0.95 (95.00 %)"},
	{"hit_rate>0.95", 95, 100, false, "0.95 (95.00 %)"},
	{"hit_rate==99.5%", 995, 1000, true, "0.995 (99.50 %)"},
	{"hit_rate<=0", 0, 0, true, "0 (0.00 %)"},
	{"hit_rate==1", 7, 7, true, "1 (100.00 %)"},
	{"hit_rate>=1", 6999999, 7000000, false, "0.99999985714285711 (99.99 %)"},
	/* as doubles these two are equal */
	{"hit_rate<0.5", (BIG - 2) / 2, BIG, true, "0.5 (50.00 %)"},
};

static enum mr_status
parse(struct mr_expect *expect, const char *text, struct mr_error *err)
{
	size_t count;
	const struct mr_metric *metrics = mr_metrics(&count);

	return mr_expect_parse(
		expect, text, metrics, count, MR_SECTION_RESULT | MR_SECTION_LIMITS, err);
}

START_TEST(expectations_hold_or_not)
{
	struct mr_expect expect;
	struct mr_error err = {.text = ""};
	char shown[MR_FOUND_SIZE];

	ck_assert_msg(parse(&expect, cases[_i].text, &err) == MR_OK, "%s: %s",
		cases[_i].text, err.text);
	ck_assert_msg(mr_expect_holds(&expect, cases[_i].found, cases[_i].divisor,
			      shown) == cases[_i].holds,
		"%s", cases[_i].text);
	ck_assert_str_eq(shown, cases[_i].shown);
}
END_TEST

static const struct {
	const char *text, *want;
} wrong[] = {
	{"", "is not \"METRIC OP VALUE\""},
	{"hits", "is not \"METRIC OP VALUE\""},
	{"hits>=", "is not \"METRIC OP VALUE\""},
	{">=3", "is not \"METRIC OP VALUE\""},
	{"hits=3", "is not \"METRIC OP VALUE\""},
	{"hits!3", "is not \"METRIC OP VALUE\""},
	{"hist>=3", "there is no metric \"hist\"; did you mean hits?"},
	{"result.hist>=3", "there is no metric \"result.hist\"; did you mean hits?"},
	{"zebra>=3", "there is no metric \"zebra\""},
	{"hits>=3.5", "3.5"},
	{"hits>=-1", "-1"},
	{"hits>=3M", "3M"},
	{"hits>==3", "=3"},
	{"hit_rate>=a", "\"a\" is not a ratio"},
	{"hit_rate>=0.9.5", "\"0.9.5\" is not a ratio"},
	{"hit_rate>=.", "\".\" is not a ratio"},
	{"hit_rate>=95%%", "\"95%%\" is not a ratio"},
	{"hit_rate>=0.0000000000000000001", "is not a ratio"},
	{"hit_rate>=99999999999999999999", "is not a ratio"},
	{"peak_cached_bytes<=3X", "is not a size"},
};

START_TEST(malformed_ones_are_refused)
{
	struct mr_expect expect;
	struct mr_error err = {.text = ""};

	ck_assert_msg(parse(&expect, wrong[_i].text, &err) == MR_EINVAL, "accepted: %s",
		wrong[_i].text);
	ck_assert_msg(
		strstr(err.text, wrong[_i].want), "%s: %s", wrong[_i].text, err.text);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("expect");
	TCase *tcase = tcase_create("expect");

	tcase_add_loop_test(
		tcase, expectations_hold_or_not, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_loop_test(
		tcase, malformed_ones_are_refused, 0, sizeof(wrong) / sizeof(wrong[0]));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
