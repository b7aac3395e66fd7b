/* SPDX-License-Identifier: MIT */
#include "cli/message.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static _Thread_local FILE *own_sink;

void
mr_say_to(FILE *sink)
{
	own_sink = sink;
}

/* What the next byte is printed as; control characters also as UTF-8 (C2 80-9F). */
static size_t
print_safe(const unsigned char *text, FILE *out)
{
	if (text[0] == 0xc2 && text[1] >= 0x80 && text[1] <= 0x9f) {
		fprintf(out, "\\u%04x", text[1]);
		return 2;
	}
	if (*text == '\n')
		fputs("\\n", out);
	else if (*text == '\t')
		fputs("\\t", out);
	else if (*text < ' ' || *text == 0x7f)
		fprintf(out, "\\x%02x", *text);
	else
		putc(*text, out);
	return 1;
}

MR_PRINTF(1, 0)
static void
say(const char *format, va_list args)
{
	FILE *out = own_sink ? own_sink : stderr;
	char *line = NULL;

	fputs("memreplay: ", out);
	if (vasprintf(&line, format, args) < 0) {
		fputs("out of memory\n", out);
		return;
	}
	for (const unsigned char *at = (const unsigned char *)line; *at;)
		at += print_safe(at, out);
	putc('\n', out);
	free(line);
}

void
mr_say(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
}

const char *
mr_path_name(const char *path)
{
	return strcmp(path, "-") ? path : "standard input";
}

int
mr_say_error(const char *path, const struct mr_error *err)
{
	const char *name = path ? mr_path_name(path) : "";

	switch (err->place) {
	case MR_PLACE_NONE:
		mr_say("%s%s%s", name, path ? ": " : "", err->text);
		break;
	case MR_PLACE_LINE:
		mr_say("%s:%" PRIu64 ": %s", name, err->where, err->text);
		break;
	case MR_PLACE_BYTE:
		mr_say("%s: byte %" PRIu64 ": %s", name, err->where, err->text);
		break;
	case MR_PLACE_EVENT:
		mr_say("%s: event %" PRIu64 ": %s", name, err->where, err->text);
		break;
	}
	return err->status == MR_EINVAL ? MR_EXIT_USAGE : MR_EXIT_FAILED;
}

int
mr_say_usage(const char *command, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	say(format, args);
	va_end(args);
	fprintf(stderr, "Try 'memreplay %s%s--help'.\n", command ? command : "",
		command ? " " : "");
	return MR_EXIT_USAGE;
}

int
mr_say_refusal(const char *command, const struct mr_error *err)
{
	if (err->status != MR_ENOMEM && err->status != MR_EIO)
		return mr_say_usage(command, "%s: %s", command, err->text);
	mr_say("%s: %s", command, err->text);
	return MR_EXIT_FAILED;
}

void
mr_print_quoted(FILE *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_./=:,+@%-";

	if (*text && strspn(text, plain) == strlen(text)) {
		fputs(text, out);
		return;
	}
	putc('\'', out);
	for (; *text; text++)
		if (*text == '\'')
			fputs("'\\''", out);
		else
			putc(*text, out);
	putc('\'', out);
}
