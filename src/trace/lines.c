/* SPDX-License-Identifier: MIT */
#include "trace/lines.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum mr_status
mr_line_peek(struct mr_input *input, const char **text, size_t *length, bool *last,
	struct mr_error *err)
{
	const unsigned char *data = NULL, *newline = NULL;
	size_t have = 0, seen = 0;
	enum mr_status st;

	do {
		st = mr_input_peek(input, seen + 1, &data, &have, err);
		if (st)
			return st;
		if (have <= seen)
			break;
		newline = memchr(data + seen, '\n', have - seen);
		seen = have;
		*length = newline ? (size_t)(newline - data) : have;
		if (*length > MR_LINE_MAX)
			return mr_fail(err, MR_EFORMAT, "the line is longer than 1 MiB");
	} while (!newline);
	*text = (const char *)data;
	*last = !newline;
	return seen ? MR_OK : MR_END;
}

static bool
is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/*
 * Parses the next line; MR_EFORMAT is not final when reading leniently. A last
 * line that has no newline and no sense is where a writer was killed.
 */
static enum mr_status
next_line(struct mr_source *source, uint64_t *number, mr_line_parse *parse,
	struct mr_error *err)
{
	const char *text = NULL;
	struct mr_line line;
	size_t length = 0;
	enum mr_status st;
	bool last = false;

	++*number;
	st = mr_line_peek(source->input, &text, &length, &last, err);
	if (!st) {
		line.at = text;
		line.end = text + length;
		while (line.end > line.at && is_blank(line.end[-1]))
			line.end--;
		source->where = *number;
		st = parse(source, &line, err);
		mr_input_skip(source->input, length + !last);
		if (st == MR_EFORMAT && last && source->import->last_id) {
			source->cut = true;
			return MR_END;
		}
	}
	if (st == MR_EFORMAT && err && err->place == MR_PLACE_NONE) {
		err->place = MR_PLACE_LINE;
		err->where = *number;
	}
	return st;
}

enum mr_status
mr_lines_open(struct mr_source *source, size_t size, const char *name, const char *traced,
	struct mr_error *err)
{
	struct mr_lines *lines = calloc(1, size);
	enum mr_status st;

	if (!lines)
		return mr_fail_memory(err);
	source->state = lines;
	source->place = MR_PLACE_LINE;
	st = mr_import_init(source, &lines->import, name, err);
	return st ? st : mr_import_header(source, traced, NULL, err);
}

void
mr_lines_close(struct mr_source *source)
{
	struct mr_lines *lines = source->state;

	if (lines)
		mr_import_fini(&lines->import);
	free(lines);
}

enum mr_status
mr_lines_fill(struct mr_source *source, mr_line_parse *parse, struct mr_error *err)
{
	struct mr_lines *lines = source->state;
	struct mr_import *import = source->import;
	enum mr_status st = MR_OK;
	uint64_t position;

	while (!st && !import->count) {
		position = mr_input_position(source->input);
		st = next_line(source, &lines->number, parse, err);
		if (st != MR_EFORMAT || !source->lenient)
			continue;
		if (mr_input_truncated(source->input)) {
			source->cut = true;
			st = MR_END;
		} else if (mr_input_position(source->input) != position) {
			source->skipped_lines++;
			import->facts[MR_FACT_SKIPPED_LINES]++;
			err->status = MR_OK;
			err->place = MR_PLACE_NONE;
			st = MR_OK;
		}
	}
	if (!st)
		mr_import_hand_over(source);
	return st;
}

bool
mr_line_text(struct mr_line *line, const char *text)
{
	size_t length = strlen(text);

	if ((size_t)(line->end - line->at) < length ||
		memcmp(line->at, text, length) != 0)
		return false;
	line->at += length;
	return true;
}

bool
mr_line_blanks(struct mr_line *line)
{
	const char *begin = line->at;

	while (line->at < line->end && is_blank(*line->at))
		line->at++;
	return line->at > begin;
}

static unsigned
digit(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned)(c - '0');
	if (c >= 'a' && c <= 'f')
		return (unsigned)(c - 'a') + 10;
	if (c >= 'A' && c <= 'F')
		return (unsigned)(c - 'A') + 10;
	return 16;
}

static bool
digits(struct mr_line *line, unsigned base, uint64_t *number)
{
	const char *at = line->at;
	uint64_t value = 0;

	for (; at < line->end && digit(*at) < base; at++)
		if (__builtin_mul_overflow(value, base, &value) ||
			__builtin_add_overflow(value, digit(*at), &value))
			return false;
	if (at == line->at)
		return false;
	line->at = at;
	*number = value;
	return true;
}

bool
mr_line_decimal(struct mr_line *line, uint64_t *number)
{
	return digits(line, 10, number);
}

bool
mr_line_hex(struct mr_line *line, uint64_t *number)
{
	return digits(line, 16, number);
}

bool
mr_line_number(struct mr_line *line, uint64_t *number)
{
	struct mr_line rest = *line;

	if (!mr_line_text(&rest, "0x"))
		return digits(line, 10, number);
	if (!digits(&rest, 16, number))
		return false;
	*line = rest;
	return true;
}

bool
mr_line_word(struct mr_line *line, struct mr_line *word, char stop)
{
	word->at = line->at;
	while (line->at < line->end && !is_blank(*line->at) && *line->at != stop)
		line->at++;
	word->end = line->at;
	return word->end > word->at;
}

bool
mr_line_done(const struct mr_line *line)
{
	return line->at == line->end;
}

bool
mr_line_is(const struct mr_line *line, const char *text)
{
	struct mr_line rest = *line;

	return mr_line_text(&rest, text) && mr_line_done(&rest);
}
