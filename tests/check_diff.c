/* SPDX-License-Identifier: MIT */

/* Differences of two results and expectations on them. */

#include <check.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "report/diff.h"
#include "suite.h"

/* A side with one result. */
static void
make_side(struct mr_side *side, struct mr_side_part *part, const struct mr_result *result)
{
	memset(side, 0, sizeof(*side));
	memset(part, 0, sizeof(*part));
	memset(part->known, true, sizeof(part->known));
	for (size_t i = 0; i < MR_SIDE_METRICS; i++)
		part->ratios[i] = NAN;
	for (size_t i = 0; i < MR_FIGURE_COUNT; i++)
		part->figures[i] = NAN;
	strcpy(part->name, "mlx-cpu");
	part->result = *result;
	side->parts = part;
	side->count = 1;
}

/* The result of A is the same for all. */
static const struct mr_result before = {.mallocs = 3,
	.hits = 1,
	.frees = 1000,
	.peak_cached_bytes = 1000,
	.cache_limit = 4096,
	.requested_bytes = 0};

static const struct row {
	const char *expect;
	struct mr_result after;
	bool holds;
	const char *found;
} rows[] = {
	{"hits>=0", {.hits = 1}, true, "no change"},
	{"hits>=+0", {.hits = 1}, true, "no change"},
	{"hits>0", {.hits = 1}, false, "no change"},
	{"hits>=-1", {.hits = 0}, true, "-1 (-100.00 %)"},
	{"hits>-1", {.hits = 0}, false, "-1 (-100.00 %)"},
	{"hits==+2", {.hits = 3}, true, "+2 (+200.00 %)"},
	{"hits==+200%", {.hits = 3}, true, "+2 (+200.00 %)"},
	{"hits!=+2", {.hits = 3}, false, "+2 (+200.00 %)"},
	{"peak_cached_bytes<=+10%", {.peak_cached_bytes = 1100}, true,
		"+100 B (+10.00 %)"},
	{"peak_cached_bytes<=+10%", {.peak_cached_bytes = 1101}, false,
		"+101 B (+10.10 %)"},
	{"peak_cached_bytes<+10%", {.peak_cached_bytes = 1100}, false,
		"+100 B (+10.00 %)"},
	{"peak_cached_bytes<=-10%", {.peak_cached_bytes = 900}, true,
		"-100 B (-10.00 %)"},
	{"peak_cached_bytes<=-10%", {.peak_cached_bytes = 901}, false, "-99 B (-9.90 %)"},
	{"peak_cached_bytes<=+1K", {.peak_cached_bytes = 2024}, true,
		"+1 KiB (+102.40 %)"},
	{"peak_cached_bytes<=+1K", {.peak_cached_bytes = 2025}, false,
		"+1.001 KiB (+102.50 %)"},
	{"result.limit_enforcement.peak_cached_bytes<=-5%", {.peak_cached_bytes = 900},
		true, "-100 B (-10.00 %)"},
	/* 1/3 to 1/4: exactly -1/12, and -25 % of 1/3 */
	{"hit_rate>=-25%", {.mallocs = 4, .hits = 1}, true, "-8.33 % (-25.00 %)"},
	{"hit_rate>-25%", {.mallocs = 4, .hits = 1}, false, "-8.33 % (-25.00 %)"},
	{"hit_rate>=-0.0833", {.mallocs = 4, .hits = 1}, false, "-8.33 % (-25.00 %)"},
	{"hit_rate>=-0.0834", {.mallocs = 4, .hits = 1}, true, "-8.33 % (-25.00 %)"},
	{"hit_rate==-100%", {.mallocs = 0, .hits = 0}, true, "-33.33 % (-100.00 %)"},
	{"rejected_frees<=+10%", {.rejected_frees = 1}, false, "+1, from 0"},
	{"rejected_frees<=+1", {.rejected_frees = 1}, true, "+1, from 0"},
	{"byte_hit_rate==0", {.requested_bytes = 5}, true, "no change"},
	{"cache_limit<=+1E", {.cache_limit = MR_UNLIMITED}, false,
		"a change to unlimited"},
	{"cache_limit>=+10%", {.cache_limit = MR_UNLIMITED}, true,
		"a change to unlimited"},
	/* one more than a double can tell */
	{"evicted_bytes<=+9007199254740992", {.evicted_bytes = 9007199254740993}, false,
		NULL},
	{"evicted_bytes==+9007199254740993", {.evicted_bytes = 9007199254740993}, true,
		NULL},
	{"wall_ns<=+5%", {0}, false, "no such figure on both sides"},
	{"hits<=+0", {.ooms = 1, .oom_event = 9}, false,
		"figures of unequal parts of the trace"},
	{"ooms<=+1", {.ooms = 1, .oom_event = 9}, true, "+1, from 0"},
	{"oom_event==+9", {.ooms = 1, .oom_event = 9}, true, "+9, from 0"},
};

START_TEST(holds_as_expected)
{
	const struct row *row = &rows[_i];
	struct mr_side a, b;
	struct mr_side_part a_part, b_part;
	struct mr_delta delta;
	struct mr_diff diff;
	struct mr_error err;
	char found[MR_FOUND_SIZE];

	ck_assert_msg(mr_delta_parse(&delta, row->expect, &err) == MR_OK, "%s: %s",
		row->expect, err.text);
	make_side(&a, &a_part, &before);
	make_side(&b, &b_part, &row->after);
	ck_assert_int_eq(mr_diff_make(&diff, &a, &b, NULL), MR_OK);
	ck_assert_msg(mr_delta_holds(&delta, &diff, found) == row->holds, "%s: found %s",
		row->expect, found);
	ck_assert_msg(!row->found || !strcmp(found, row->found),
		"%s: found \"%s\", expected \"%s\"", row->expect, found, row->found);
	mr_diff_fini(&diff);
}
END_TEST

static const char *const malformed[] = {
	"hits",
	"hits>=",
	"hits>=5",
	"hits>=+",
	"hits>=+-5",
	"hits>=+1.5",
	"hits>=+5K",
	"hit_rate>=+x%",
	"hitz>=0",
	"hits=>+5",
	"peak_cached_bytes<=10%",
};

START_TEST(refuses)
{
	struct mr_delta delta;

	ck_assert_msg(mr_delta_parse(&delta, malformed[_i], NULL) == MR_EINVAL, "%s",
		malformed[_i]);
}
END_TEST

/* By relative size, from nothing first, the unchanged not among the changed. */
START_TEST(sorts_changes)
{
	static const char *const order[] = {
		"rejected_frees", "mallocs", "peak_cached_bytes", "frees"};
	struct mr_result after = before;
	struct mr_side_part a_part, b_part;
	struct mr_side a, b;
	struct mr_diff diff;

	after.rejected_frees = 7;
	after.mallocs = 9;
	after.frees = 990;
	after.peak_cached_bytes = 500;
	after.hits = 3; /* the same rate */
	make_side(&a, &a_part, &before);
	make_side(&b, &b_part, &after);
	b_part.known[0] = false;
	ck_assert_int_eq(mr_diff_make(&diff, &a, &b, NULL), MR_OK);
	ck_assert_uint_eq(diff.changed, 5);
	ck_assert_str_eq(diff.changes[0].name, order[0]);
	ck_assert_str_eq(diff.changes[1].name, order[1]);
	ck_assert_str_eq(diff.changes[2].name, "hits");
	ck_assert_str_eq(diff.changes[3].name, order[2]);
	ck_assert_str_eq(diff.changes[4].name, order[3]);
	for (size_t i = 0; i < diff.count; i++)
		ck_assert_str_ne(diff.changes[i].name, "events");
	mr_diff_fini(&diff);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("diff");
	TCase *tcase = tcase_create("diff");

	tcase_add_loop_test(
		tcase, holds_as_expected, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_loop_test(
		tcase, refuses, 0, (int)(sizeof(malformed) / sizeof(malformed[0])));
	tcase_add_test(tcase, sorts_changes);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
