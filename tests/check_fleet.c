/* SPDX-License-Identifier: MIT */
/* Work is parted, dealt and taken in, without a process more; packets keep bounds. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fleet/fleet.h"
#include "suite.h"

/* --- packets */

static const uint64_t numbers[] = {
	0, 1, 0x7f, 0x80, 0x3fff, 0x4000, UINT32_MAX, UINT64_MAX >> 1, UINT64_MAX};
#define NUMBERS (sizeof(numbers) / sizeof(numbers[0]))

static void
fill(struct mr_packet *packet)
{
	for (size_t i = 0; i < NUMBERS; i++)
		mr_packet_put(packet, numbers[i]);
	mr_packet_put_text(packet, "", 0);
	mr_packet_put_text(packet, "a\0b", 3);
}

START_TEST(packets_give_back_what_was_put)
{
	struct mr_packet packet = {0}, inner;
	size_t length;

	fill(&packet);
	for (size_t i = 0; i < NUMBERS; i++)
		ck_assert_uint_eq(mr_packet_get(&packet), numbers[i]);
	ck_assert_str_eq(mr_packet_get_text(&packet, &length), "");
	ck_assert_uint_eq(length, 0);
	ck_assert(!mr_packet_is_done(&packet));
	inner = mr_packet_get_packet(&packet);
	ck_assert_uint_eq(inner.length, 3);
	ck_assert_mem_eq(inner.data, "a\0b", 4);
	ck_assert_uint_eq(mr_packet_get(&inner), 'a');
	ck_assert(mr_packet_is_done(&packet));
	ck_assert_uint_eq(mr_packet_get(&packet), 0);
	ck_assert(packet.bad);
	mr_packet_fini(&packet);
}
END_TEST

/* Wherever it ends, reading stays within it and says that something is missing. */
START_TEST(packets_that_are_cut_are_bad)
{
	struct mr_packet whole = {0};

	fill(&whole);
	for (size_t length = 0; length < whole.length; length++) {
		unsigned char *data = malloc(length + 1);
		struct mr_packet cut = {.data = data, .length = length};

		ck_assert_ptr_nonnull(data);
		memcpy(data, whole.data, length);
		for (size_t i = 0; i < NUMBERS; i++)
			mr_packet_get(&cut);
		mr_packet_get_text(&cut, NULL);
		mr_packet_get_text(&cut, NULL);
		ck_assert_msg(cut.bad, "cut to %zu bytes", length);
		free(data);
	}
	mr_packet_fini(&whole);
}
END_TEST

static const struct {
	const char *name;
	unsigned char bytes[12];
	size_t length;
} bad_texts[] = {
	{"longer than the packet", {9, 'a', 0}, 3},
	{"no room for its NUL", {1, 'a'}, 2},
	{"no NUL", {1, 'a', 'b'}, 3},
	{"a length of 65 bits", {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2},
		10},
	{"a length that overflows",
		{0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1, 0}, 11},
};

START_TEST(bad_texts_are_refused)
{
	struct mr_packet packet = {.length = bad_texts[_i].length};
	unsigned char bytes[12];

	memcpy(bytes, bad_texts[_i].bytes, sizeof(bytes));
	packet.data = bytes;
	ck_assert_str_eq(mr_packet_get_text(&packet, NULL), "");
	ck_assert_msg(packet.bad, "%s", bad_texts[_i].name);
}
END_TEST

/* --- plans: sources x rows x units of a row, each of weight `source + 1` */

static const struct {
	const char *name;
	size_t sources, rows, groups, width;
	const char *done; /* a digit for each unit; NULL: none */
	size_t workers;
	const char *parcels; /* first+count of each, in the order of dealing */
} plans[] = {
	{"one process reads each source once", 2, 2, 3, 16, NULL, 1, "0+6 6+6 "},
	{"heavy ones first", 3, 1, 1, 16, NULL, 2, "2+1 1+1 0+1 "},
	{"of many sources the heavy ones are parted", 9, 2, 1, 16, NULL, 2,
		"8+2 16+1 17+1 6+2 14+1 15+1 12+1 13+1 4+2 10+1 11+1 2+2 0+2 "},
	{"few are, down to parts of rows", 1, 2, 4, 16, NULL, 2,
		"0+1 1+1 2+1 3+1 4+1 5+1 6+1 7+1 "},
	{"one is, into as many as there are workers for", 1, 2, 8, 16, NULL, 2,
		"0+2 2+2 4+2 6+2 8+2 10+2 12+2 14+2 "},
	{"what is done is left out", 1, 3, 2, 16, "001000", 1, "0+2 3+1 4+2 "},
	{"and part of a row stays alone", 1, 3, 2, 16, "010000", 1, "0+1 2+4 "},
	{"all of it", 1, 1, 2, 16, "11", 1, ""},
	{"not too many limits at once", 1, 4, 1, MR_PARCEL_WIDTH / 2, NULL, 1,
		"0+2 2+2 "},
	{"unless they belong together", 1, 2, 1, MR_PARCEL_WIDTH * 2, NULL, 1,
		"0+1 1+1 "},
};

static struct mr_plan
make_plan(size_t sources, size_t rows, size_t groups, size_t width)
{
	struct mr_plan plan = {.count = sources * rows * groups};

	plan.units = calloc(plan.count, sizeof(*plan.units));
	ck_assert_ptr_nonnull(plan.units);
	for (size_t i = 0; i < plan.count; i++) {
		plan.units[i].source = i / (rows * groups);
		plan.units[i].row = i / groups % rows;
		plan.units[i].width = width;
		plan.units[i].weight = plan.units[i].source + 1;
	}
	return plan;
}

START_TEST(plans_part_the_work)
{
	struct mr_plan plan = make_plan(
		plans[_i].sources, plans[_i].rows, plans[_i].groups, plans[_i].width);
	const struct mr_parcel *parcel;
	char text[256] = "";
	struct mr_error err;

	for (size_t i = 0; plans[_i].done && i < plan.count; i++)
		plan.units[i].done = plans[_i].done[i] == '1';
	ck_assert(!mr_plan_make(&plan, plans[_i].workers, &err));
	while ((parcel = mr_plan_deal(&plan, true)))
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%zu+%zu ",
			parcel->first, parcel->count);
	ck_assert_msg(!strcmp(text, plans[_i].parcels), "%s: %s", plans[_i].name, text);
	mr_plan_fini(&plan);
}
END_TEST

START_TEST(what_can_be_read_once_stays_here_and_whole)
{
	struct mr_plan plan = make_plan(1, 3, 2, MR_PARCEL_WIDTH);
	const struct mr_parcel *parcel;
	struct mr_error err;

	for (size_t i = 0; i < plan.count; i++)
		plan.units[i].once = true;
	ck_assert(!mr_plan_make(&plan, 4, &err));
	ck_assert_ptr_null(mr_plan_deal(&plan, false));
	parcel = mr_plan_deal(&plan, true);
	ck_assert_ptr_nonnull(parcel);
	ck_assert_uint_eq(parcel->count, 6);
	ck_assert_ptr_null(mr_plan_deal(&plan, true));
	mr_plan_fini(&plan);
}
END_TEST

/* --- a fleet of one: source 1 of 3 fails */

struct story {
	char text[256];
};

static void
tell(struct story *story, const char *what, size_t number)
{
	size_t length = strlen(story->text);

	snprintf(story->text + length, sizeof(story->text) - length, "%s %zu, ", what,
		number);
}

static void
describe(void *context, const struct mr_parcel *parcel, struct mr_packet *out)
{
	(void)context;
	mr_packet_put(out, parcel->first);
	mr_packet_put(out, parcel->count);
}

static void
work(void *context, struct mr_errand *errand)
{
	size_t first = (size_t)mr_packet_get(&errand->brief);
	size_t count = (size_t)mr_packet_get(&errand->brief);

	(void)context;
	ck_assert(mr_packet_is_done(&errand->brief));
	if (first == 2) {
		errand->status = 7;
		mr_packet_put_text(&errand->results, "broken", 6);
	}
	for (size_t i = first; i < first + count && !errand->status; i++) {
		struct mr_packet own = {0};

		mr_packet_put(&own, i * 10);
		mr_packet_put_text(&errand->results, own.data, own.length);
		mr_packet_fini(&own);
	}
}

static bool
take(void *context, size_t unit, struct mr_packet *result)
{
	ck_assert_uint_eq(mr_packet_get(result), unit * 10);
	tell(context, "took", unit);
	return mr_packet_is_done(result);
}

static void
leave_out(void *context, size_t source, int status, const char *why)
{
	ck_assert_int_eq(status, 7);
	ck_assert_str_eq(why, "broken");
	tell(context, "failed", source);
}

static const struct {
	bool fail_fast;
	const char *text;
} fleets[] = {
	{false, "took 0, took 1, failed 1, took 4, took 5, "},
	{true, "took 0, took 1, failed 1, "},
};

START_TEST(a_fleet_goes_on_unless_told_otherwise)
{
	struct mr_plan plan = make_plan(3, 2, 1, 16);
	struct story story = {.text = ""};
	struct mr_error err;
	struct mr_fleet fleet = {.fail_fast = fleets[_i].fail_fast,
		.describe = describe,
		.work = work,
		.take = take,
		.fail = leave_out,
		.context = &story};

	ck_assert(!mr_plan_make(&plan, 1, &err));
	ck_assert(!mr_fleet_lead(&fleet, &plan, &err));
	ck_assert_str_eq(story.text, fleets[_i].text);
	ck_assert(fleet.stopped == fleets[_i].fail_fast);
	mr_plan_fini(&plan);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("fleet");
	TCase *tcase = tcase_create("fleet");

	tcase_add_test(tcase, packets_give_back_what_was_put);
	tcase_add_test(tcase, packets_that_are_cut_are_bad);
	tcase_add_loop_test(tcase, bad_texts_are_refused, 0,
		sizeof(bad_texts) / sizeof(bad_texts[0]));
	tcase_add_loop_test(
		tcase, plans_part_the_work, 0, sizeof(plans) / sizeof(plans[0]));
	tcase_add_test(tcase, what_can_be_read_once_stays_here_and_whole);
	tcase_add_loop_test(tcase, a_fleet_goes_on_unless_told_otherwise, 0,
		sizeof(fleets) / sizeof(fleets[0]));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
