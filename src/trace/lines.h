/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_LINES_H
#define MR_TRACE_LINES_H

/*
 * Text line by line, in place, and taking a line apart from the left.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/format.h"
#include "trace/import.h"
#include "trace/input.h"

#define MR_LINE_MAX ((size_t)1024 * 1024) /* bytes, without the newline */

/* What is left of a line. */
struct mr_line {
	const char *at;
	const char *end;
};

/*
 * Shows the next line of the input, without its newline, which *last says
 * whether it lacks; to be passed over with mr_input_skip().
 *   MR_END      there are no more bytes
 *   MR_EFORMAT  it is longer than MR_LINE_MAX; err has no place
 *   MR_EIO, MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_line_peek(struct mr_input *input, const char **text,
	size_t *length, bool *last, struct mr_error *err);

/* What the state of a format made of lines begins with. */
struct mr_lines {
	struct mr_import import;
	uint64_t number; /* of the last line read */
};

/*
 * An open for such formats: makes source->state, `size` zeroed bytes that begin
 * with a struct mr_lines, and the header; name is the format's, traced the
 * header's source. MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_lines_open(struct mr_source *source, size_t size,
	const char *name, const char *traced, struct mr_error *err);

/*
 * A fill for them: takes lines, with no blanks at their end, to `parse` until
 * source->import has events, then hands them over. A line for which parse
 * returns MR_EFORMAT, without a place, is the error, or is skipped and counted
 * when reading leniently. parse may return MR_END where the format ends by
 * itself.
 */
typedef enum mr_status mr_line_parse(
	struct mr_source *source, struct mr_line *line, struct mr_error *err);
MR_MUST_CHECK enum mr_status mr_lines_fill(
	struct mr_source *source, mr_line_parse *parse, struct mr_error *err);

/* A close for them. */
void mr_lines_close(struct mr_source *source);

/*
 * Each of these takes something off the front of a line and returns whether it
 * was there; if not, the line stays as it is.
 */
bool mr_line_text(struct mr_line *line, const char *text);
bool mr_line_blanks(struct mr_line *line);                    /* one or more */
bool mr_line_decimal(struct mr_line *line, uint64_t *number); /* no sign */
bool mr_line_hex(struct mr_line *line, uint64_t *number);     /* no 0x */
bool mr_line_number(struct mr_line *line, uint64_t *number);  /* 0x: hexadecimal */
/* What stands before the next blank, `stop` or the end; not empty. */
bool mr_line_word(struct mr_line *line, struct mr_line *word, char stop);

/* Whether all of it has been taken. */
bool mr_line_done(const struct mr_line *line);

/* Whether what is left is exactly text. */
bool mr_line_is(const struct mr_line *line, const char *text);

#endif
