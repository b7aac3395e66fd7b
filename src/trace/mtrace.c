/* SPDX-License-Identifier: MIT */

/*
 * What the mtrace() of the GNU C library writes to the file MALLOC_TRACE:
 *
 *	= Start
 *	@ CALLER + POINTER SIZE      malloc, calloc, memalign
 *	@ CALLER - POINTER           free
 *	@ CALLER < POINTER           realloc, what was
 *	@ CALLER > POINTER SIZE      realloc, what is
 *	@ CALLER ! POINTER SIZE      realloc that failed
 *	= End
 *
 * Numbers are hexadecimal with 0x. The caller names a file and may hold blanks,
 * so a line is read from its end.
 */

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/import.h"
#include "trace/lines.h"

#define START "= Start"

/* Takes the last word off a line, with the blanks before it. */
static bool
take_last(struct mr_line *line, struct mr_line *word)
{
	const char *begin = line->end;

	while (begin > line->at && begin[-1] != ' ')
		begin--;
	*word = (struct mr_line){begin, line->end};
	while (begin > line->at && begin[-1] == ' ')
		begin--;
	line->end = begin;
	return word->end > word->at;
}

static bool
take_last_number(struct mr_line *line, uint64_t *number)
{
	struct mr_line word;

	return take_last(line, &word) && mr_line_number(&word, number) &&
		mr_line_done(&word);
}

/* A line, taken apart. */
struct record {
	char op;
	uint64_t pointer;
	uint64_t size;
};

/* The last word if it is one of these ops. */
static bool
take_op(struct mr_line *line, char *op, const char *ops)
{
	struct mr_line word;

	if (!take_last(line, &word) || word.end - word.at != 1 || !strchr(ops, *word.at))
		return false;
	*op = *word.at;
	return true;
}

static bool
take_record(struct mr_line *line, struct record *record)
{
	struct mr_line rest = *line;
	uint64_t number;

	if (!take_last_number(&rest, &number))
		return false;
	*line = rest;
	record->pointer = number;
	if (take_op(&rest, &record->op, "-<"))
		return true;
	record->size = number;
	return take_last_number(line, &record->pointer) &&
		take_op(line, &record->op, "+>!");
}

static enum mr_status
parse(struct mr_source *source, struct mr_line *line, struct mr_error *err)
{
	struct mr_import *import = source->import;
	struct mr_line rest = *line;
	char text[MR_QUOTE_SIZE];
	struct record record;

	if (mr_line_done(line) || mr_line_text(&rest, "= "))
		return MR_OK;
	if (!take_record(&rest, &record))
		return mr_fail(err, MR_EFORMAT,
			"expected \"@ CALLER OP POINTER [SIZE]\" as mtrace() writes it, "
			"found \"%s\"",
			mr_text_quote(text, line->at, (size_t)(line->end - line->at)));
	if (record.op == '!' || !record.pointer)
		return MR_OK;
	if (record.op == '-' || record.op == '<')
		return mr_import_free(import, record.pointer, err);
	return mr_import_malloc(import, record.pointer, record.size, err);
}

static bool
probe(const unsigned char *data, size_t length)
{
	struct mr_line line = {(const char *)data, (const char *)data + length};

	return mr_line_text(&line, START) || mr_line_text(&line, "@ ");
}

static enum mr_status
open_mtrace(struct mr_source *source, struct mr_error *err)
{
	return mr_lines_open(source, sizeof(struct mr_lines), "mtrace", "malloc", err);
}

static enum mr_status
fill_mtrace(struct mr_source *source, struct mr_error *err)
{
	return mr_lines_fill(source, parse, err);
}

const struct mr_reading mr_mtrace_reading = {
	.probe = probe,
	.open = open_mtrace,
	.fill = fill_mtrace,
	.close = mr_lines_close,
};
