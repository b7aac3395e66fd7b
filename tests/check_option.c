/* SPDX-License-Identifier: MIT */
/* The program's option tables: values, defaults and every way to go wrong. */
#include <check.h>
#include <getopt.h>
#include <stdlib.h>
#include <string.h>

#include "cli/option.h"
#include "suite.h"

struct values {
	bool flag;
	struct mr_number size;
	struct mr_number count;
	const char *text;
	int choice;
	struct mr_texts list;
};

static const char *
colour(size_t index)
{
	static const char *const names[] = {"red", "green", NULL};

	return names[index];
}

#define AT(member) .offset = offsetof(struct values, member)

static const struct mr_option rows[] = {
	{MR_OPTION_FLAG, 'f', "flag", .help = "f", AT(flag)},
	{MR_OPTION_SIZE, 's', "size", "SIZE", "32M", .help = "s", AT(size)},
	{MR_OPTION_COUNT, 0, "count", "N", .min = 2, .max = 9, .help = "c", AT(count)},
	{MR_OPTION_TEXT, 0, "text", "TEXT", .help = "t", AT(text)},
	{MR_OPTION_CHOICE, 0, "choice", "COLOUR", .choices = colour, .help = "o",
		AT(choice)},
	{MR_OPTION_LIST, 'l', "list", "TEXT", .help = "l", AT(list)},
};
static const struct mr_option_group group = {"Options", rows, 6};
static const struct mr_option_use uses[] = {{&group, 0}, {0}};

/* Parses the words of line after a command's name; operands go to argv[optind]. */
static enum mr_status
parse(struct values *values, char *line, char **argv, struct mr_error *err)
{
	int argc = 1;

	for (char *word = strtok(line, " "); word; word = strtok(NULL, " "))
		argv[argc++] = word;
	argv[argc] = NULL;
	return mr_options_parse(values, uses, argc, argv, err);
}

START_TEST(defaults_hold_where_nothing_is_given)
{
	char command[] = "x", *argv[] = {command, NULL};
	struct values values;
	struct mr_error err;

	ck_assert_int_eq(mr_options_parse(&values, uses, 1, argv, &err), MR_OK);
	ck_assert(!values.flag);
	ck_assert_uint_eq(values.size.value, 32 << 20);
	ck_assert(!values.size.given);
	ck_assert_uint_eq(values.count.value, 0);
	ck_assert(!values.count.given);
	ck_assert_ptr_null(values.text);
	ck_assert_int_eq(values.choice, -1);
	ck_assert_uint_eq(values.list.count, 0);
}
END_TEST

START_TEST(values_land_in_the_struct)
{
	char command[] = "x", *argv[20] = {command};
	char line[] = "one -f --size=1K two --count 9 --text= --choice green -l a "
		      "--list=b -- --flag";
	struct values values;
	struct mr_error err;

	ck_assert_int_eq(parse(&values, line, argv, &err), MR_OK);
	ck_assert(values.flag);
	ck_assert_uint_eq(values.size.value, 1024);
	ck_assert(values.size.given);
	ck_assert_uint_eq(values.count.value, 9);
	ck_assert_str_eq(values.text, "");
	ck_assert_int_eq(values.choice, 1);
	ck_assert_uint_eq(values.list.count, 2);
	ck_assert_str_eq(values.list.items[0], "a");
	ck_assert_str_eq(values.list.items[1], "b");
	ck_assert_str_eq(argv[optind], "one");
	ck_assert_str_eq(argv[optind + 1], "two");
	ck_assert_str_eq(argv[optind + 2], "--flag");
	ck_assert_ptr_null(argv[optind + 3]);
}
END_TEST

static const struct {
	const char *name, *line, *want;
} wrong[] = {
	{"bad size", "--size=1X", "--size: \"1X\" is not a size"},
	{"below the range", "--count=1", "\"1\" is out of range: expected 2 to 9"},
	{"above the range", "--count=10", "\"10\" is out of range: expected 2 to 9"},
	{"not a number", "--count=z", "--count: "},
	{"not a choice", "--choice=blue", "\"blue\" is not one of red, green"},
	{"no value, long", "--size", "--size needs a value: SIZE"},
	{"no value, letter", "-s", "--size needs a value: SIZE"},
	{"value for a flag", "--flag=1", "--flag takes no value"},
	{"value for help", "--help=1", "--help takes no value"},
	{"unknown, near", "--coutn=3", "no option --coutn; did you mean --count?"},
	{"unknown, far", "--zebra", "there is no option --zebra"},
	{"unknown letter", "-z", "there is no option -z"},
	{"ambiguous", "--c=3", "option --c is ambiguous"},
};

START_TEST(wrong_use_is_told)
{
	char command[] = "x", line[80], *argv[8] = {command};
	struct values values;
	struct mr_error err;

	strcpy(line, wrong[_i].line);
	ck_assert_msg(parse(&values, line, argv, &err) == MR_EINVAL, "%s: accepted",
		wrong[_i].name);
	ck_assert_msg(
		strstr(err.text, wrong[_i].want), "%s: \"%s\"", wrong[_i].name, err.text);
}
END_TEST

START_TEST(a_list_is_bounded)
{
	char command[] = "x", given[] = "-la", *argv[MR_TEXTS_MAX + 3] = {command};
	struct values values;
	struct mr_error err;

	for (int i = 1; i <= MR_TEXTS_MAX + 1; i++)
		argv[i] = given;
	ck_assert_int_eq(
		mr_options_parse(&values, uses, MR_TEXTS_MAX + 1, argv, &err), MR_OK);
	ck_assert_uint_eq(values.list.count, MR_TEXTS_MAX);
	ck_assert_int_eq(
		mr_options_parse(&values, uses, MR_TEXTS_MAX + 2, argv, &err), MR_EINVAL);
}
END_TEST

START_TEST(help_ends_parsing)
{
	char command[] = "x", line[] = "-f --help --zebra", *argv[8] = {command};
	struct values values;
	struct mr_error err;

	ck_assert_int_eq(parse(&values, line, argv, &err), MR_END);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("option");
	TCase *cases = tcase_create("option");

	tcase_add_test(cases, defaults_hold_where_nothing_is_given);
	tcase_add_test(cases, values_land_in_the_struct);
	tcase_add_loop_test(
		cases, wrong_use_is_told, 0, sizeof(wrong) / sizeof(wrong[0]));
	tcase_add_test(cases, a_list_is_bounded);
	tcase_add_test(cases, help_ends_parsing);
	suite_add_tcase(suite, cases);
	return run_suite(suite);
}
