/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "report/doc.h"

#define GAP       2 /* blanks between columns */
#define SHARE     "_share"
#define BAR_MOST  24
#define BAR_LEAST 6

/* A section's title: the last part of its name, in words. */
static void
print_title(FILE *out, const char *name)
{
	const char *dot = strrchr(name, '.');

	for (const char *at = dot ? dot + 1 : name; *at; at++)
		putc(*at == '_' ? ' ' : *at, out);
	putc('\n', out);
}

/* Columns that text takes on a terminal, if every character takes one. */
static int
width_of(const char *text)
{
	size_t left = strlen(text);
	int width = 0;

	for (; left; width++) {
		size_t step = mr_text_sequence(text, left);

		step = step ? step : 1;
		text += step;
		left -= step;
	}
	return width;
}

static const char *
human(char text[MR_CELL_SIZE], const struct mr_cell *cell)
{
	return cell->kind == MR_CELL_TEXT ? cell->text : mr_cell_human(text, cell);
}

static int
wider(int a, int b)
{
	return a > b ? a : b;
}

/* Control characters of names never reach the terminal. */
static void
print_text(FILE *out, const char *text, int width, bool right)
{
	int blanks = width - width_of(text);

	if (right && blanks > 0)
		fprintf(out, "%*s", blanks, "");
	mr_print_safe(text, strlen(text), out);
	if (!right && blanks > 0)
		fprintf(out, "%*s", blanks, "");
}

/* The exact figure behind a rounded size. */
static void
print_exact(FILE *out, const struct mr_cell *cell)
{
	char text[MR_TEXT_SIZE];

	if (cell->kind == MR_CELL_NUMBER && cell->unit == MR_UNIT_BYTES &&
		cell->number >= 1024 && cell->number != MR_UNLIMITED)
		fprintf(out, "%*s%14s B", GAP, "", mr_count_print(text, cell->number));
}

static void
print_facts(const struct mr_doc_section *section, int key_width, FILE *out)
{
	char text[MR_CELL_SIZE];
	bool right = true;
	int width = 10;

	for (size_t i = 0; i < section->count; i++) {
		const struct mr_cell *cell = &section->items[i].cell;

		if (cell->kind == MR_CELL_TEXT)
			right = false;
		else
			width = wider(width, width_of(human(text, cell)));
	}
	for (size_t i = 0; i < section->count; i++) {
		const struct mr_cell *cell = &section->items[i].cell;

		fprintf(out, "%*s", GAP, "");
		print_text(out, section->items[i].key, key_width + GAP, false);
		print_text(out, human(text, cell), right ? width : 0, right);
		if (right)
			print_exact(out, cell);
		putc('\n', out);
	}
}

static int
column_width(const struct mr_doc_section *section, size_t column)
{
	int width = width_of(section->items[column].key);
	char text[MR_CELL_SIZE];

	for (size_t i = column; i < section->count; i += section->columns)
		width = wider(width, width_of(human(text, &section->items[i].cell)));
	return width;
}

/* A column whose cells are parts of a whole, and are drawn as bars. */
static bool
is_share(const struct mr_doc_section *section, size_t column)
{
	const struct mr_item *item = &section->items[column];
	const char *end = strstr(item->key, SHARE);

	return item->cell.unit == MR_UNIT_RATIO && end && !end[strlen(SHARE)];
}

/* How wide a bar can be; 0: they do not fit, or there are none. */
static int
bar_width(const struct mr_doc_section *section, const int *widths,
	const struct mr_screen *screen)
{
	int room = screen->width - 1, bars = 0;

	for (size_t column = 0; column < section->columns; column++) {
		room -= GAP + widths[column];
		bars += is_share(section, column);
	}
	room = bars ? room / bars - GAP : 0;
	return room < BAR_LEAST ? 0 : room < BAR_MOST ? room : BAR_MOST;
}

/* row 0 is the heading. */
static void
print_bars(const struct mr_doc_section *section, size_t row, int width,
	const struct mr_screen *screen, FILE *out)
{
	int blanks = GAP;

	for (size_t column = 0; width && column < section->columns; column++) {
		const struct mr_item *item = &section->items[column];
		double part;

		if (!is_share(section, column))
			continue;
		fprintf(out, "%*s", blanks, "");
		blanks = GAP;
		if (!row) {
			int length = (int)(strlen(item->key) - strlen(SHARE));

			fprintf(out, "%.*s", length, item->key);
			blanks += width - length;
			continue;
		}
		item += (row - 1) * section->columns;
		part = item->cell.divisor
			? (double)item->cell.number / (double)item->cell.divisor
			: 0;
		blanks += width - mr_bar(screen, part, width, MR_INK_PLAIN, out);
	}
}

/* widths: room for those of the columns, which are found once. */
static void
print_rows(const struct mr_doc_section *section, int *widths,
	const struct mr_screen *screen, FILE *out)
{
	char text[MR_CELL_SIZE];
	int bar;

	if (!section->count) {
		fputs("  none\n", out);
		return;
	}
	for (size_t column = 0; column < section->columns; column++)
		widths[column] = column_width(section, column);
	bar = bar_width(section, widths, screen);
	for (size_t row = 0; row <= section->count / section->columns; row++) {
		for (size_t column = 0; column < section->columns; column++) {
			const struct mr_item *item = &section->items[column];
			bool right = item->cell.kind != MR_CELL_TEXT;

			if (row)
				item += (row - 1) * section->columns;
			fprintf(out, "%*s", GAP, "");
			print_text(out, row ? human(text, &item->cell) : item->key,
				right || column + 1 < section->columns ? widths[column]
								       : 0,
				right);
		}
		print_bars(section, row, bar, screen, out);
		putc('\n', out);
	}
}

enum mr_status
mr_doc_print_table(const struct mr_doc *doc, const struct mr_screen *screen, FILE *out,
	struct mr_error *err)
{
	size_t columns = 0;
	int key_width = 0;
	int *widths;

	for (size_t i = 0; i < doc->count; i++) {
		const struct mr_doc_section *section = &doc->sections[i];

		columns = section->columns > columns ? section->columns : columns;
		for (size_t j = 0; !section->columns && j < section->count; j++)
			key_width = wider(key_width, width_of(section->items[j].key));
	}
	widths = malloc((columns + 1) * sizeof(*widths));
	if (!widths)
		return mr_fail_memory(err);
	for (size_t i = 0; i < doc->count; i++) {
		if (i)
			putc('\n', out);
		print_title(out, doc->sections[i].name);
		if (doc->sections[i].columns)
			print_rows(&doc->sections[i], widths, screen, out);
		else
			print_facts(&doc->sections[i], key_width, out);
	}
	free(widths);
	return MR_OK;
}
