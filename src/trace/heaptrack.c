/* SPDX-License-Identifier: MIT */

/*
 * The data of heaptrack, a record a line, numbers hexadecimal without 0x:
 *
 *	v VERSION [FORMAT]   FORMAT is 0 if it is not there
 *	+ SIZE TRACE POINTER a malloc
 *	- POINTER            its free
 *	c MS                 the time from here on
 *	A                    heaptrack was attached to a running program
 *
 * Interpreted data have no pointers but, from format 1 on, a table of pairs of
 * size and trace, and mallocs and frees name one of its rows, from 0:
 *
 *	a SIZE TRACE         the next row
 *	+ ROW
 *	- ROW
 *
 * Which of a row's blocks is freed is not told; the last one is taken.
 */

#include <inttypes.h>
#include <stdlib.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/import.h"
#include "trace/lines.h"

#define FORMAT_MAX 3
#define NONE       UINT32_MAX

/* A row of the table, and its live blocks. */
struct row {
	uint64_t size;
	uint32_t last; /* the block allocated last, in `blocks`; NONE: none */
};

/* A live block of a row, or a free place. */
struct block {
	uint64_t id;
	uint32_t next; /* the one allocated before, or the next free place */
};

struct heaptrack {
	struct mr_lines lines;
	struct row *rows;
	size_t row_count;
	size_t row_space;
	struct block *blocks;
	uint32_t block_count;
	uint32_t block_space;
	uint32_t free_block; /* the first free place, or NONE */
};

static bool
take_number(struct mr_line *line, uint64_t *number)
{
	return mr_line_blanks(line) && mr_line_hex(line, number);
}

static enum mr_status
add_row(struct heaptrack *heap, uint64_t size, struct mr_error *err)
{
	size_t space = heap->row_space ? 2 * heap->row_space : 256;
	struct row *rows;

	if (heap->row_count == heap->row_space) {
		rows = realloc(heap->rows, space * sizeof(*rows));
		if (!rows)
			return mr_fail_memory(err);
		heap->rows = rows;
		heap->row_space = space;
	}
	heap->rows[heap->row_count++] = (struct row){size, NONE};
	return MR_OK;
}

static enum mr_status
take_place(struct heaptrack *heap, uint32_t *place, struct mr_error *err)
{
	uint32_t space = heap->block_space ? 2 * heap->block_space : 256;
	struct block *blocks;

	if (heap->free_block != NONE) {
		*place = heap->free_block;
		heap->free_block = heap->blocks[*place].next;
		return MR_OK;
	}
	if (heap->block_count == heap->block_space) {
		blocks = space > heap->block_space
			? realloc(heap->blocks, space * sizeof(*blocks))
			: NULL;
		if (!blocks)
			return mr_fail_memory(err);
		heap->blocks = blocks;
		heap->block_space = space;
	}
	*place = heap->block_count++;
	return MR_OK;
}

static enum mr_status
malloc_of_row(struct heaptrack *heap, struct row *row, struct mr_error *err)
{
	uint32_t place = NONE;
	enum mr_status st = take_place(heap, &place, err);

	if (st)
		return st;
	heap->blocks[place].next = row->last;
	row->last = place;
	return mr_import_new_id(
		&heap->lines.import, &heap->blocks[place].id, row->size, err);
}

static enum mr_status
free_of_row(struct heaptrack *heap, struct row *row, struct mr_error *err)
{
	struct mr_import *import = &heap->lines.import;
	uint32_t place = row->last;

	if (place == NONE) {
		import->facts[MR_FACT_UNKNOWN_FREES]++;
		return MR_OK;
	}
	row->last = heap->blocks[place].next;
	heap->blocks[place].next = heap->free_block;
	heap->free_block = place;
	import->facts[MR_FACT_PAIRED_FREES]++;
	return mr_import_free_id(import, heap->blocks[place].id, err);
}

static enum mr_status
check_version(struct mr_line *line, struct mr_error *err)
{
	uint64_t version, format = 0;

	if (!take_number(line, &version) ||
		(!mr_line_done(line) && !take_number(line, &format)))
		return mr_fail(err, MR_EFORMAT, "expected \"v VERSION FORMAT\"");
	if (format > FORMAT_MAX)
		return mr_fail(err, MR_EFORMAT,
			"heaptrack's format %" PRIu64
			" is newer than this program reads (%d)",
			format, FORMAT_MAX);
	return MR_OK;
}

static enum mr_status
bad_record(const struct mr_line *line, const char *expected, struct mr_error *err)
{
	char text[MR_QUOTE_SIZE];

	return mr_fail(err, MR_EFORMAT, "expected \"%s\", found \"%s\"", expected,
		mr_text_quote(text, line->at, (size_t)(line->end - line->at)));
}

/* The row that a record names, or NULL. */
static struct row *
find_row(struct heaptrack *heap, uint64_t number, struct mr_error *err)
{
	if (number < heap->row_count)
		return &heap->rows[number];
	mr_fail(err, MR_EFORMAT, "there is no row %" PRIx64 ", the table has %zx", number,
		heap->row_count);
	return NULL;
}

static enum mr_status
parse_malloc(struct heaptrack *heap, const struct mr_line *line, struct mr_error *err)
{
	struct mr_line rest = *line;
	uint64_t numbers[3];
	size_t count = 0;
	struct row *row;

	mr_line_text(&rest, "+");
	while (count < 3 && take_number(&rest, &numbers[count]))
		count++;
	if (!mr_line_done(&rest) || (count != 1 && count != 3))
		return bad_record(line, "+ SIZE TRACE POINTER\" or \"+ ROW", err);
	if (count == 3)
		return mr_import_malloc(&heap->lines.import, numbers[2], numbers[0], err);
	row = find_row(heap, numbers[0], err);
	return row ? malloc_of_row(heap, row, err) : MR_EFORMAT;
}

static enum mr_status
parse_free(struct heaptrack *heap, const struct mr_line *line, struct mr_error *err)
{
	struct mr_line rest = *line;
	uint64_t number;
	struct row *row;

	mr_line_text(&rest, "-");
	if (!take_number(&rest, &number) || !mr_line_done(&rest))
		return bad_record(line, "- POINTER\" or \"- ROW", err);
	if (!heap->row_count)
		return number ? mr_import_free(&heap->lines.import, number, err) : MR_OK;
	row = find_row(heap, number, err);
	return row ? free_of_row(heap, row, err) : MR_EFORMAT;
}

static enum mr_status
parse_row(struct heaptrack *heap, const struct mr_line *line, struct mr_error *err)
{
	struct mr_line rest = *line;
	uint64_t size, trace;

	mr_line_text(&rest, "a");
	if (!take_number(&rest, &size) || !take_number(&rest, &trace) ||
		!mr_line_done(&rest))
		return bad_record(line, "a SIZE TRACE", err);
	return add_row(heap, size, err);
}

static enum mr_status
parse_time(struct heaptrack *heap, const struct mr_line *line, struct mr_error *err)
{
	struct mr_line rest = *line;
	uint64_t ms, ns;

	mr_line_text(&rest, "c");
	if (!take_number(&rest, &ms) || !mr_line_done(&rest) ||
		__builtin_mul_overflow(ms, UINT64_C(1000000), &ns))
		return bad_record(line, "c MS", err);
	mr_import_time(&heap->lines.import, ns);
	return MR_OK;
}

/* Of the other records, none is about blocks. */
static enum mr_status
parse(struct mr_source *source, struct mr_line *line, struct mr_error *err)
{
	struct heaptrack *heap = source->state;

	switch (mr_line_done(line) ? '#' : *line->at) {
	case '+':
		return parse_malloc(heap, line, err);
	case '-':
		return parse_free(heap, line, err);
	case 'a':
		return parse_row(heap, line, err);
	case 'c':
		return parse_time(heap, line, err);
	case 'v':
		mr_line_text(line, "v");
		return check_version(line, err);
	case 'A':
		source->import->facts[MR_FACT_LOST_EVENTS] = 1;
		return MR_OK;
	default:
		return MR_OK;
	}
}

/* "v 10400 3", and nothing else on the line */
static bool
probe(const unsigned char *data, size_t length)
{
	struct mr_line line = {(const char *)data, (const char *)data + length};
	uint64_t version, format;

	if (!mr_line_text(&line, "v ") || !mr_line_hex(&line, &version) ||
		version < 0x10000)
		return false;
	if (mr_line_text(&line, " ") && !mr_line_hex(&line, &format))
		return false;
	mr_line_blanks(&line);
	return mr_line_text(&line, "\n") || mr_line_done(&line);
}

static enum mr_status
open_heaptrack(struct mr_source *source, struct mr_error *err)
{
	enum mr_status st = mr_lines_open(
		source, sizeof(struct heaptrack), "heaptrack", "malloc", err);
	struct heaptrack *heap = source->state;

	if (!st)
		heap->free_block = NONE;
	return st;
}

static enum mr_status
fill_heaptrack(struct mr_source *source, struct mr_error *err)
{
	return mr_lines_fill(source, parse, err);
}

static void
close_heaptrack(struct mr_source *source)
{
	struct heaptrack *heap = source->state;

	if (heap) {
		free(heap->rows);
		free(heap->blocks);
	}
	mr_lines_close(source);
}

const struct mr_reading mr_heaptrack_reading = {
	.probe = probe,
	.open = open_heaptrack,
	.fill = fill_heaptrack,
	.close = close_heaptrack,
};
