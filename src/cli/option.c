/* SPDX-License-Identifier: MIT */
#include "cli/option.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"
#include "base/units.h"

#define MAX_ROWS 48 /* of one command */

/* What getopt_long() answers for a row given by its long name. */
#define LONG_VALUE 256

/* A command's rows as one list, with getopt's two tables made from it. */
struct parser {
	size_t count;
	const struct mr_option *rows[MAX_ROWS];
	char *members[MAX_ROWS];
	struct option long_table[MAX_ROWS + 2];
	char letters[3 + 2 * MAX_ROWS];
};

static bool
is_choice(int *index, const struct mr_option *row, const char *text)
{
	const char *name;

	for (int i = 0; (name = row->choices((size_t)i)); i++) {
		if (!strcmp(name, text)) {
			*index = i;
			return true;
		}
	}
	return false;
}

static enum mr_status
set_choice(
	int *index, const struct mr_option *row, const char *text, struct mr_error *err)
{
	char list[200] = "";
	const char *name;
	size_t length = 0;

	if (is_choice(index, row, text))
		return MR_OK;
	for (size_t i = 0; (name = row->choices(i)) && length < sizeof(list); i++)
		length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%s",
			i ? ", " : "", name);
	return mr_fail(
		err, MR_EINVAL, "--%s: \"%s\" is not one of %s", row->name, text, list);
}

static void
print_number(char text[MR_TEXT_SIZE], enum mr_option_kind kind, uint64_t value)
{
	if (kind == MR_OPTION_SIZE)
		mr_size_print(text, value);
	else
		snprintf(text, MR_TEXT_SIZE, "%" PRIu64, value);
}

static enum mr_status
set_number(struct mr_number *number, const struct mr_option *row, const char *text,
	struct mr_error *err)
{
	char low[MR_TEXT_SIZE], high[MR_TEXT_SIZE];
	struct mr_error why;
	enum mr_status status = row->kind == MR_OPTION_SIZE
		? mr_size_parse(&number->value, text, &why)
		: mr_count_parse(&number->value, text, &why);

	if (status)
		return mr_fail(err, status, "--%s: %s", row->name, why.text);
	if (!row->max || (number->value >= row->min && number->value <= row->max))
		return MR_OK;
	print_number(low, row->kind, row->min);
	print_number(high, row->kind, row->max);
	return mr_fail(err, MR_EINVAL, "--%s: \"%s\" is out of range: expected %s to %s",
		row->name, text, low, high);
}

static enum mr_status
add_text(struct mr_texts *texts, const struct mr_option *row, const char *text,
	struct mr_error *err)
{
	if (texts->count == MR_TEXTS_MAX)
		return mr_fail(err, MR_EINVAL, "--%s: given more than %d times",
			row->name, MR_TEXTS_MAX);
	texts->items[texts->count++] = text;
	return MR_OK;
}

static enum mr_status
set_value(
	char *member, const struct mr_option *row, const char *text, struct mr_error *err)
{
	switch (row->kind) {
	case MR_OPTION_FLAG:
		*(bool *)(void *)member = true;
		return MR_OK;
	case MR_OPTION_SIZE:
	case MR_OPTION_COUNT:
		return set_number((struct mr_number *)(void *)member, row, text, err);
	case MR_OPTION_TEXT:
		*(const char **)(void *)member = text;
		return MR_OK;
	case MR_OPTION_CHOICE:
		return set_choice((int *)(void *)member, row, text, err);
	case MR_OPTION_LIST:
		return add_text((struct mr_texts *)(void *)member, row, text, err);
	}
	return MR_OK;
}

/* The value of an option that neither the user nor a default has set. */
static void
clear_value(char *member, const struct mr_option *row)
{
	switch (row->kind) {
	case MR_OPTION_FLAG:
		*(bool *)(void *)member = false;
		break;
	case MR_OPTION_SIZE:
	case MR_OPTION_COUNT:
		*(struct mr_number *)(void *)member = (struct mr_number){0};
		break;
	case MR_OPTION_TEXT:
		*(const char **)(void *)member = NULL;
		break;
	case MR_OPTION_CHOICE:
		*(int *)(void *)member = -1;
		break;
	case MR_OPTION_LIST:
		((struct mr_texts *)(void *)member)->count = 0;
		break;
	}
}

static void
add_row(struct parser *parser, const struct mr_option *row, char *member)
{
	size_t index = parser->count++;
	int takes = row->kind == MR_OPTION_FLAG ? no_argument : required_argument;
	char letter[3] = {row->letter, takes == no_argument ? '\0' : ':', '\0'};

	parser->rows[index] = row;
	parser->members[index] = member;
	parser->long_table[index] =
		(struct option){row->name, takes, NULL, LONG_VALUE + (int)index};
	if (row->letter)
		strcat(parser->letters, letter);
}

static enum mr_status
set_up(struct parser *parser, void *values, const struct mr_option_use *uses,
	struct mr_error *err)
{
	strcpy(parser->letters, ":h");
	for (; uses->group; uses++) {
		for (size_t i = 0; i < uses->group->count; i++) {
			const struct mr_option *row = &uses->group->rows[i];
			char *member = (char *)values + uses->offset + row->offset;

			if (parser->count == MAX_ROWS)
				return mr_fail(err, MR_EINVAL, "too many options");
			add_row(parser, row, member);
			clear_value(member, row);
			if (row->default_text &&
				set_value(member, row, row->default_text, err))
				return MR_EINVAL;
		}
	}
	parser->long_table[parser->count] =
		(struct option){"help", no_argument, NULL, 'h'};
	return MR_OK;
}

/* The row that getopt's answer stands for, or NULL. */
static const struct mr_option *
row_of(const struct parser *parser, int answer, size_t *index)
{
	for (*index = 0; *index < parser->count; ++*index) {
		const struct mr_option *row = parser->rows[*index];

		if (answer == LONG_VALUE + (int)*index ||
			(row->letter && answer == row->letter))
			return row;
	}
	return NULL;
}

static enum mr_status
unknown_name(const struct parser *parser, const char *given, struct mr_error *err)
{
	int length = (int)strcspn(given, "=");
	char typed[48];
	struct mr_nearest nearest = {.text = typed};
	size_t matches = 0;

	snprintf(typed, sizeof(typed), "%.*s", length, given);
	for (size_t i = 0; i < parser->count; i++) {
		matches += !strncmp(parser->rows[i]->name, given, (size_t)length);
		mr_nearest_offer(&nearest, parser->rows[i]->name);
	}
	if (matches > 1)
		return mr_fail(err, MR_EINVAL, "option --%s is ambiguous", typed);
	if (!nearest.name)
		return mr_fail(err, MR_EINVAL, "there is no option --%s", typed);
	return mr_fail(err, MR_EINVAL, "there is no option --%s; did you mean --%s?",
		typed, nearest.name);
}

static enum mr_status
refuse(const struct parser *parser, int answer, char **argv, struct mr_error *err)
{
	size_t index;
	const struct mr_option *row = row_of(parser, optopt, &index);

	if (answer == ':')
		return mr_fail(err, MR_EINVAL, "--%s needs a value: %s", row->name,
			row->metavar);
	if (row || (optopt == 'h' && !strncmp(argv[optind - 1], "--", 2)))
		return mr_fail(
			err, MR_EINVAL, "--%s takes no value", row ? row->name : "help");
	if (optopt)
		return mr_fail(err, MR_EINVAL, "there is no option -%c", optopt);
	return unknown_name(parser, argv[optind - 1] + 2, err);
}

enum mr_status
mr_options_parse(void *values, const struct mr_option_use *uses, int argc, char **argv,
	struct mr_error *err)
{
	struct parser parser = {0};
	const struct mr_option *row;
	enum mr_status status;
	size_t index;
	int answer;

	if ((status = set_up(&parser, values, uses, err)))
		return status;
	optind = 0; /* makes getopt start anew, in the GNU library */
	opterr = 0;
	while ((answer = getopt_long(
			argc, argv, parser.letters, parser.long_table, NULL)) != -1) {
		if (answer == 'h')
			return MR_END;
		row = row_of(&parser, answer, &index);
		if (!row)
			return refuse(&parser, answer, argv, err);
		if ((status = set_value(parser.members[index], row, optarg, err)))
			return status;
		if (row->kind == MR_OPTION_SIZE || row->kind == MR_OPTION_COUNT)
			((struct mr_number *)(void *)parser.members[index])->given = true;
	}
	return MR_OK;
}

/* Whether a value is another than the default. */
static bool
is_given(const char *member, const struct mr_option *row)
{
	const char *text = NULL;

	switch (row->kind) {
	case MR_OPTION_FLAG:
		return *(const bool *)(const void *)member;
	case MR_OPTION_SIZE:
	case MR_OPTION_COUNT:
		return ((const struct mr_number *)(const void *)member)->given;
	case MR_OPTION_LIST:
		return ((const struct mr_texts *)(const void *)member)->count > 0;
	case MR_OPTION_CHOICE:
		text = row->choices((size_t) * (const int *)(const void *)member);
		break;
	case MR_OPTION_TEXT:
		text = *(const char *const *)(const void *)member;
		break;
	}
	return text && !(row->default_text && !strcmp(text, row->default_text));
}

const struct mr_option *
mr_options_of_cache(const void *values, const struct mr_option_use *uses)
{
	for (; uses->group; uses++) {
		for (size_t i = 0; i < uses->group->count; i++) {
			const struct mr_option *row = &uses->group->rows[i];

			if (row->of_cache &&
				is_given(
					(const char *)values + uses->offset + row->offset,
					row))
				return row;
		}
	}
	return NULL;
}
