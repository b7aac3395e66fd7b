/* SPDX-License-Identifier: MIT */
#include "report/doc.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

void
mr_doc_begin(struct mr_doc *doc, const char *name, size_t columns)
{
	struct mr_doc_section *sections;

	if (doc->failed)
		return;
	sections = realloc(doc->sections, (doc->count + 1) * sizeof(*sections));
	if (!sections) {
		doc->failed = true;
		return;
	}
	doc->sections = sections;
	sections[doc->count++] =
		(struct mr_doc_section){.name = name, .columns = columns};
}

static void
add(struct mr_doc *doc, const char *key, struct mr_cell cell)
{
	struct mr_doc_section *section;

	if (doc->failed)
		return;
	section = &doc->sections[doc->count - 1];
	if (section->count == section->space) {
		size_t space = section->space * 2 + 16;
		struct mr_item *items = realloc(section->items, space * sizeof(*items));

		if (!items) {
			doc->failed = true;
			return;
		}
		section->items = items;
		section->space = space;
	}
	section->items[section->count++] = (struct mr_item){key, cell};
}

static void
add_number(struct mr_doc *doc, const char *key, enum mr_unit unit, uint64_t number)
{
	add(doc, key, (struct mr_cell){MR_CELL_NUMBER, unit, .number = number});
}

void
mr_doc_count(struct mr_doc *doc, const char *key, uint64_t count)
{
	add_number(doc, key, MR_UNIT_COUNT, count);
}

void
mr_doc_bytes(struct mr_doc *doc, const char *key, uint64_t bytes)
{
	add_number(doc, key, MR_UNIT_BYTES, bytes);
}

void
mr_doc_ns(struct mr_doc *doc, const char *key, uint64_t ns)
{
	add_number(doc, key, MR_UNIT_NS, ns);
}

void
mr_doc_ratio(struct mr_doc *doc, const char *key, uint64_t number, uint64_t divisor)
{
	add(doc, key,
		(struct mr_cell){MR_CELL_NUMBER, MR_UNIT_RATIO, .number = number,
			.divisor = divisor});
}

void
mr_doc_real(struct mr_doc *doc, const char *key, enum mr_unit unit, double real)
{
	add(doc, key, (struct mr_cell){MR_CELL_REAL, unit, .real = real});
}

void
mr_doc_change(struct mr_doc *doc, const char *key, enum mr_unit unit, double change)
{
	add(doc, key, (struct mr_cell){MR_CELL_CHANGE, unit, .real = change});
}

void
mr_doc_text(struct mr_doc *doc, const char *key, const char *text)
{
	char *copy = strdup(text);

	if (!copy)
		doc->failed = true;
	add(doc, key, (struct mr_cell){.kind = MR_CELL_TEXT, .text = copy});
	if (doc->failed)
		free(copy);
}

void
mr_doc_flag(struct mr_doc *doc, const char *key, bool flag)
{
	add(doc, key, (struct mr_cell){.kind = MR_CELL_FLAG, .number = flag});
}

void
mr_doc_none(struct mr_doc *doc, const char *key)
{
	add(doc, key, (struct mr_cell){.kind = MR_CELL_NONE});
}

void
mr_doc_fini(struct mr_doc *doc)
{
	for (size_t i = 0; i < doc->count; i++) {
		for (size_t j = 0; j < doc->sections[i].count; j++)
			free(doc->sections[i].items[j].cell.text);
		free(doc->sections[i].items);
	}
	free(doc->sections);
	*doc = (struct mr_doc){0};
}

enum mr_status
mr_doc_print(const struct mr_doc *doc, enum mr_output_format format,
	const struct mr_screen *screen, FILE *out, struct mr_error *err)
{
	static const struct mr_screen file = {0};

	if (doc->failed)
		return mr_fail_memory(err);
	switch (format) {
	case MR_OUTPUT_TABLE:
		return mr_doc_print_table(doc, screen ? screen : &file, out, err);
	case MR_OUTPUT_JSON:
		return mr_doc_print_json(doc, out, err);
	case MR_OUTPUT_CSV:
		mr_doc_print_csv(doc, out);
		break;
	}
	return MR_OK;
}
