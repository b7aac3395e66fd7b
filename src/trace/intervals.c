/* SPDX-License-Identifier: MIT */

/*
 * When blocks live, a line for each, in any order. Either minimalloc's CSV with
 * a header that names the columns:
 *
 *	id,lower,upper,size      [lower, upper)
 *	id,start,end,size        end is the last moment
 *	id,begin,end,size        the same
 *
 * buffer and buffer_id are id; columns may stand in any order, and alignment,
 * gaps and offset beside them. Or lines of three numbers: when allocated, when
 * freed, size. What is freed at a moment is freed before what is allocated then.
 *
 * All lines are read before the first event: memory grows with the lines.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/import.h"
#include "trace/lines.h"

#define COLUMNS_MAX 16
#define EVENTS_MAX  1024 /* handed over at once */

enum column { ID, LOWER, UPPER, LAST, SIZE, ALIGN, GAPS, OFFSET, UNKNOWN };

static const struct {
	const char *name;
	enum column column;
} names[] = {
	{"id", ID},
	{"buffer", ID},
	{"buffer_id", ID},
	{"lower", LOWER},
	{"start", LOWER},
	{"begin", LOWER},
	{"upper", UPPER},
	{"end", LAST},
	{"size", SIZE},
	{"alignment", ALIGN},
	{"gaps", GAPS},
	{"offset", OFFSET},
};

struct interval {
	uint64_t lower;
	uint64_t upper;
	uint64_t size;
	uint64_t order; /* of its line, then its id */
	uint32_t align; /* 0: none */
};

struct intervals {
	struct mr_lines lines;
	enum column columns[COLUMNS_MAX];
	size_t column_count; /* 0: blanks, not commas, between three numbers */
	bool begun;          /* the first line has been read */
	bool loaded;

	struct interval *all;
	size_t count;
	size_t space;
	size_t at; /* the next to be allocated */

	/* a heap of live ones, the first to be freed at its top */
	struct interval *live;
	size_t live_count;
};

/* --- reading lines */

/* What stands before the next comma or the end, which is passed over. */
static bool
take_field(struct mr_line *line, struct mr_line *field)
{
	const char *comma;

	if (!line->at)
		return false;
	comma = memchr(line->at, ',', (size_t)(line->end - line->at));
	*field = (struct mr_line){line->at, comma ? comma : line->end};
	line->at = comma ? comma + 1 : NULL;
	return true;
}

static enum column
column_of(const struct mr_line *field)
{
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (mr_line_is(field, names[i].name))
			return names[i].column;
	return UNKNOWN;
}

/* Whether the line names columns, each once and all that are needed. */
static bool
take_columns(struct mr_line *line, enum column columns[COLUMNS_MAX], size_t *count)
{
	unsigned seen = 0, column;
	struct mr_line field;

	*count = 0;
	while (take_field(line, &field)) {
		column = column_of(&field);
		if (column == UNKNOWN || seen >> column & 1 || *count == COLUMNS_MAX)
			return false;
		seen |= 1u << column;
		columns[(*count)++] = column;
	}
	return seen >> LOWER & 1 && seen >> SIZE & 1 &&
		(seen >> UPPER & 1) + (seen >> LAST & 1) == 1;
}

/* Gaps are "3-5 9-12@0:4". */
static uint64_t
count_gaps(struct mr_line *field)
{
	struct mr_line word;
	uint64_t count = 0;

	mr_line_blanks(field);
	while (mr_line_word(field, &word, '\0')) {
		count++;
		mr_line_blanks(field);
	}
	return count;
}

static bool
take_value(struct intervals *state, struct interval *interval, enum column column,
	struct mr_line *field)
{
	uint64_t number;

	if (column == GAPS)
		state->lines.import.facts[MR_FACT_GAPS] += count_gaps(field);
	if (column == GAPS || column == ID || column == OFFSET)
		return true;
	if (!mr_line_decimal(field, &number) || !mr_line_done(field))
		return false;
	if (column == LOWER)
		interval->lower = number;
	else if (column == SIZE)
		interval->size = number;
	else if (column != ALIGN)
		interval->upper = number + (column == LAST);
	else if (number > 1 && number <= UINT32_MAX && !(number & (number - 1)))
		interval->align = (uint32_t)number;
	return column != LAST || number < UINT64_MAX;
}

static bool
take_row(struct intervals *state, struct mr_line *line, struct interval *interval)
{
	struct mr_line field;

	for (size_t i = 0; i < state->column_count; i++)
		if (!take_field(line, &field) ||
			!take_value(state, interval, state->columns[i], &field))
			return false;
	return !line->at;
}

static bool
take_numbers(struct mr_line *line, struct interval *interval)
{
	mr_line_blanks(line);
	return mr_line_decimal(line, &interval->lower) && mr_line_blanks(line) &&
		mr_line_decimal(line, &interval->upper) && mr_line_blanks(line) &&
		mr_line_decimal(line, &interval->size) && mr_line_done(line);
}

static enum mr_status
add_interval(
	struct intervals *state, const struct interval *interval, struct mr_error *err)
{
	size_t space = state->space ? 2 * state->space : 256;
	struct interval *all;

	if (state->count == state->space) {
		all = realloc(state->all, space * sizeof(*all));
		if (!all)
			return mr_fail_memory(err);
		state->all = all;
		state->space = space;
	}
	state->all[state->count] = *interval;
	state->all[state->count].order = state->count;
	state->count++;
	return MR_OK;
}

static enum mr_status
parse(struct mr_source *source, struct mr_line *line, struct mr_error *err)
{
	struct intervals *state = source->state;
	struct interval interval = {0};
	struct mr_line rest = *line;
	char text[MR_QUOTE_SIZE];

	if (mr_line_done(line))
		return MR_OK;
	if (!state->begun) {
		state->begun = true;
		if (take_columns(&rest, state->columns, &state->column_count))
			return MR_OK;
		state->column_count = 0;
		rest = *line;
	}
	if (state->column_count ? !take_row(state, &rest, &interval)
				: !take_numbers(&rest, &interval))
		return mr_fail(err, MR_EFORMAT, "expected %s, found \"%s\"",
			state->column_count ? "the columns of the first line"
					    : "\"ALLOCATED FREED SIZE\"",
			mr_text_quote(text, line->at, (size_t)(line->end - line->at)));
	if (interval.upper < interval.lower)
		return mr_fail(err, MR_EFORMAT,
			"freed at %" PRIu64 ", before it is allocated at %" PRIu64,
			interval.upper, interval.lower);
	if (interval.size > INT64_MAX)
		return mr_fail(err, MR_EFORMAT, "size %" PRIu64 " is above 2^63 - 1",
			interval.size);
	return add_interval(state, &interval, err);
}

/* --- making events */

static int
by_lower(const void *a, const void *b)
{
	const struct interval *left = a, *right = b;

	if (left->lower != right->lower)
		return left->lower < right->lower ? -1 : 1;
	return left->order < right->order ? -1 : left->order > right->order;
}

/* Freed first; among equals what was allocated first. */
static bool
is_before(const struct interval *a, const struct interval *b)
{
	return a->upper != b->upper ? a->upper < b->upper : a->order < b->order;
}

static void
push_live(struct intervals *state, struct interval interval)
{
	struct interval *live = state->live;
	size_t at = state->live_count++;

	for (; at && is_before(&interval, &live[(at - 1) / 2]); at = (at - 1) / 2)
		live[at] = live[(at - 1) / 2];
	live[at] = interval;
}

static struct interval
pop_live(struct intervals *state)
{
	struct interval *live = state->live, top = live[0];
	struct interval moved = live[--state->live_count];
	size_t at = 0, child;

	while ((child = 2 * at + 1) < state->live_count) {
		child += child + 1 < state->live_count &&
			is_before(&live[child + 1], &live[child]);
		if (!is_before(&live[child], &moved))
			break;
		live[at] = live[child];
		at = child;
	}
	live[at] = moved;
	return top;
}

static enum mr_status
put_malloc(struct intervals *state, struct interval interval, struct mr_error *err)
{
	struct mr_import *import = &state->lines.import;
	enum mr_status st;

	import->next.align = interval.align;
	import->next.has = interval.align ? MR_HAS_ALIGN : 0;
	st = mr_import_new_id(import, &interval.order, interval.size, err);
	if (!st)
		push_live(state, interval);
	return st;
}

/* The next event: a free if one is due, or else the next malloc. MR_END: none. */
static enum mr_status
put_next(struct intervals *state, struct mr_error *err)
{
	const struct interval *next = &state->all[state->at];
	bool more = state->at < state->count;
	struct interval freed;

	if (state->live_count && (!more || state->live[0].upper <= next->lower)) {
		freed = pop_live(state);
		return mr_import_free_id(&state->lines.import, freed.order, err);
	}
	if (!more)
		return MR_END;
	state->at++;
	return put_malloc(state, *next, err);
}

/* Reads all lines and puts them into order. */
static enum mr_status
load(struct mr_source *source, struct mr_error *err)
{
	struct intervals *state = source->state;
	enum mr_status st = mr_lines_fill(source, parse, err);

	if (st != MR_END)
		return st;
	if (!state->count)
		return MR_END;
	qsort(state->all, state->count, sizeof(*state->all), by_lower);
	state->live = malloc(state->count * sizeof(*state->live));
	state->loaded = state->live;
	return state->live ? MR_OK : mr_fail_memory(err);
}

static enum mr_status
fill_intervals(struct mr_source *source, struct mr_error *err)
{
	struct intervals *state = source->state;
	struct mr_import *import = source->import;
	enum mr_status st = state->loaded ? MR_OK : load(source, err);

	while (!st && import->count < EVENTS_MAX)
		st = put_next(state, err);
	if (st == MR_END && import->count)
		st = MR_OK;
	source->step = 2 * state->at - state->live_count;
	source->steps = 2 * state->count;
	if (!st)
		mr_import_hand_over(source);
	return st;
}

static bool
probe(const unsigned char *data, size_t length)
{
	struct mr_line line = {(const char *)data, (const char *)data + length};
	const char *newline = memchr(data, '\n', length);
	enum column columns[COLUMNS_MAX];
	struct interval interval;
	struct mr_line rest;
	size_t count;

	if (newline)
		line.end = newline;
	while (line.end > line.at && (line.end[-1] == '\r' || line.end[-1] == ' '))
		line.end--;
	rest = line;
	return take_columns(&line, columns, &count) || take_numbers(&rest, &interval);
}

static enum mr_status
open_intervals(struct mr_source *source, struct mr_error *err)
{
	return mr_lines_open(
		source, sizeof(struct intervals), "intervals", "intervals", err);
}

static void
close_intervals(struct mr_source *source)
{
	struct intervals *state = source->state;

	if (state) {
		free(state->all);
		free(state->live);
	}
	mr_lines_close(source);
}

const struct mr_reading mr_intervals_reading = {
	.probe = probe,
	.open = open_intervals,
	.fill = fill_intervals,
	.close = close_intervals,
};
