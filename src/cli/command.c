/* SPDX-License-Identifier: MIT */
#include "cli/command.h"

#include <ctype.h>
#include <getopt.h>
#include <string.h>

#define WIDTH  80
#define INDENT 30 /* where the help of an option starts */

char **
mr_command_parse(
	const struct mr_command *self, void *values, int argc, char **argv, int *status)
{
	struct mr_error err;
	enum mr_status parsed = mr_options_parse(values, self->options, argc, argv, &err);

	*status = MR_EXIT_DONE;
	if (parsed == MR_END) {
		mr_command_help(self, stdout);
		return NULL;
	}
	if (parsed) {
		*status = mr_say_refusal(self->name, &err);
		return NULL;
	}
	if (argc - optind < self->min_operands)
		*status = mr_say_usage(self->name, "%s: too few operands: expected %s",
			self->name, self->operands);
	else if (argc - optind > self->max_operands)
		*status = mr_say_usage(self->name, "%s: \"%s\" is one operand too many",
			self->name, argv[optind + self->max_operands]);
	else
		return argv + optind;
	return NULL;
}

/* Prints one paragraph, starting at column, later lines at indent. */
static void
print_wrapped(FILE *out, const char *text, size_t length, int column, int indent)
{
	const char *end = text + length;

	while (text < end) {
		int word = 0;

		while (text + word < end && text[word] != ' ' && text[word] != '\n')
			word++;
		if (column > indent && column + 1 + word > WIDTH - 1) {
			fprintf(out, "\n%*s", indent, "");
			column = indent;
		} else if (column > indent) {
			putc(' ', out);
			column++;
		}
		fwrite(text, 1, (size_t)word, out);
		column += word;
		text += word;
		while (text < end && isspace((unsigned char)*text))
			text++;
	}
	putc('\n', out);
}

/* A paragraph that starts with a space is printed as it is. */
static void
print_paragraphs(FILE *out, const char *text)
{
	while (*text) {
		const char *end = strstr(text, "\n\n");
		size_t length = end ? (size_t)(end - text) : strlen(text);

		putc('\n', out);
		if (*text == ' ')
			fprintf(out, "%.*s\n", (int)length, text);
		else
			print_wrapped(out, text, length, 0, 0);
		text += length + (end ? 2 : 0);
	}
}

/* The help of an option with its choices and default. */
static void
explain(char *text, size_t size, const struct mr_option *row)
{
	size_t length = (size_t)snprintf(text, size, "%s", row->help);
	const char *name;

	if (row->choices) {
		for (size_t i = 0; (name = row->choices(i)) && length < size; i++)
			length += (size_t)snprintf(text + length, size - length, "%s%s",
				!i                            ? ": "
					: row->choices(i + 1) ? ", "
							      : " or ",
				name);
	}
	if (row->default_text && length < size)
		snprintf(text + length, size - length, " (default: %s)",
			row->default_text);
}

static void
print_option(FILE *out, const struct mr_option *row)
{
	char text[1024];
	int column;

	if (row->letter)
		column = fprintf(out, "  -%c, --%s", row->letter, row->name);
	else
		column = fprintf(out, "      --%s", row->name);
	if (row->metavar)
		column += fprintf(out, "=%s", row->metavar);
	if (column > INDENT - 2) {
		putc('\n', out);
		column = 0;
	}
	fprintf(out, "%*s", INDENT - column, "");
	explain(text, sizeof(text), row);
	print_wrapped(out, text, strlen(text), INDENT, INDENT);
}

void
mr_command_help(const struct mr_command *self, FILE *out)
{
	static const struct mr_option help = {
		.name = "help", .letter = 'h', .help = "print this help and exit"};
	const char *last = NULL;

	fprintf(out, "Usage: memreplay %s [OPTION]... %s\n", self->name, self->operands);
	fprintf(out, "%c%s.\n", toupper((unsigned char)self->summary[0]),
		self->summary + 1);
	print_paragraphs(out, self->description);
	for (const struct mr_option_use *use = self->options; use->group; use++) {
		if (!last || strcmp(last, use->group->title))
			fprintf(out, "\n%s:\n", use->group->title);
		last = use->group->title;
		for (size_t i = 0; i < use->group->count; i++)
			print_option(out, &use->group->rows[i]);
	}
	fputs("\nOther options:\n", out);
	print_option(out, &help);
}
