/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "report/doc.h"

void
mr_csv_text(FILE *out, const char *text)
{
	if (!strpbrk(text, ",\"\r\n")) {
		fputs(text, out);
		return;
	}
	putc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			putc('"', out);
		putc(*text, out);
	}
	putc('"', out);
}

void
mr_csv_cell(FILE *out, const struct mr_cell *cell)
{
	char text[MR_CELL_SIZE];

	if (cell->kind == MR_CELL_TEXT)
		mr_csv_text(out, cell->text);
	else if (mr_cell_raw(text, cell))
		fputs(text, out);
}

/* Whether keys of the section stand alone: "result" and all within it. */
static bool
is_plain(const struct mr_doc_section *section)
{
	return !strncmp(section->name, "result", strcspn(section->name, "."));
}

/* Whether an earlier plain section has a column of this name. */
static bool
is_repeated(const struct mr_doc *doc, size_t section, const char *key)
{
	if (!is_plain(&doc->sections[section]))
		return false;
	for (size_t i = 0; i < section; i++)
		for (size_t j = 0; j < doc->sections[i].count; j++)
			if (is_plain(&doc->sections[i]) &&
				!strcmp(doc->sections[i].items[j].key, key))
				return true;
	return false;
}

static void
print_line(const struct mr_doc *doc, FILE *out, bool heading)
{
	const char *comma = "";

	for (size_t i = 0; i < doc->count; i++) {
		const struct mr_doc_section *section = &doc->sections[i];

		for (size_t j = 0; j < section->count; j++) {
			const struct mr_item *item = &section->items[j];

			if (is_repeated(doc, i, item->key))
				continue;
			fputs(comma, out);
			comma = ",";
			if (!heading)
				mr_csv_cell(out, &item->cell);
			else if (is_plain(section))
				fputs(item->key, out);
			else
				fprintf(out, "%s.%s", section->name, item->key);
		}
	}
	putc('\n', out);
}

/* One line for each cell, with the row's number where there are rows. */
static void
print_long(const struct mr_doc *doc, FILE *out)
{
	fputs("section,row,key,value\n", out);
	for (size_t i = 0; i < doc->count; i++) {
		const struct mr_doc_section *section = &doc->sections[i];

		for (size_t j = 0; j < section->count; j++) {
			fprintf(out, "%s,", section->name);
			if (section->columns)
				fprintf(out, "%zu", j / section->columns);
			putc(',', out);
			mr_csv_text(out, section->items[j].key);
			putc(',', out);
			mr_csv_cell(out, &section->items[j].cell);
			putc('\n', out);
		}
	}
}

void
mr_doc_print_csv(const struct mr_doc *doc, FILE *out)
{
	for (size_t i = 0; i < doc->count; i++) {
		if (doc->sections[i].columns) {
			print_long(doc, out);
			return;
		}
	}
	print_line(doc, out, true);
	print_line(doc, out, false);
}
