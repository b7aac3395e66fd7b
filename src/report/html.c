/* SPDX-License-Identifier: MIT */
#include "report/html.h"

#include <string.h>

#include "base/text.h"

#define REPLACEMENT "\ufffd"

static void
print_character(FILE *out, const char *text, size_t length)
{
	if (mr_text_is_control(text, length)) {
		fputs(REPLACEMENT, out);
		return;
	}
	switch (*text) {
	case '&':
		fputs("&amp;", out);
		break;
	case '<':
		fputs("&lt;", out);
		break;
	case '>':
		fputs("&gt;", out);
		break;
	case '"':
		fputs("&quot;", out);
		break;
	case '\'':
		fputs("&#39;", out);
		break;
	default:
		fwrite(text, 1, length, out);
	}
}

void
mr_html_text(FILE *out, const char *text, size_t most)
{
	size_t left = strlen(text);

	for (size_t count = 0; left; count++) {
		size_t step = mr_text_sequence(text, left);

		if (most && count == most) {
			fputs("\u2026", out);
			return;
		}
		if (step)
			print_character(out, text, step);
		else
			fputs(REPLACEMENT, out);
		step = step ? step : 1;
		text += step;
		left -= step;
	}
}

#define NAME_MOST 200

void
mr_html_cell(FILE *out, const struct mr_cell *cell)
{
	char raw[MR_CELL_SIZE], human[MR_CELL_SIZE];

	if (cell->kind == MR_CELL_TEXT) {
		mr_html_text(out, cell->text, NAME_MOST);
		return;
	}
	mr_cell_human(human, cell);
	if (!mr_cell_raw(raw, cell))
		fprintf(out, "<data value=\"null\">%s</data>",
			cell->kind == MR_CELL_NONE ? "\u2013" : human);
	else
		fprintf(out, "<data value=\"%s\" title=\"%s\">%s</data>", raw, raw,
			human);
}

/* A key in words. */
static void
print_key(FILE *out, const char *key)
{
	for (; *key; key++)
		putc(*key == '_' ? ' ' : *key, out);
}

static void
print_cell(FILE *out, const struct mr_item *item)
{
	bool text = item->cell.kind == MR_CELL_TEXT;

	fputs(text ? "<td class=\"t\">" : "<td>", out);
	mr_html_cell(out, &item->cell);
	fputs("</td>", out);
}

void
mr_html_rows(FILE *out, const struct mr_doc_section *section)
{
	fputs("<div class=\"scroll\"><table><thead><tr>", out);
	for (size_t i = 0; i < section->columns && i < section->count; i++) {
		bool text = section->items[i].cell.kind == MR_CELL_TEXT;

		fputs(text ? "<th class=\"t\">" : "<th>", out);
		print_key(out, section->items[i].key);
		fputs("</th>", out);
	}
	fputs("</tr></thead><tbody>\n", out);
	for (size_t i = 0; i < section->count; i++) {
		if (i % section->columns == 0)
			fputs("<tr>", out);
		print_cell(out, &section->items[i]);
		if ((i + 1) % section->columns == 0)
			fputs("</tr>\n", out);
	}
	fputs("</tbody></table></div>\n", out);
}

void
mr_html_beside(FILE *out, const struct mr_doc_section *sections, size_t count,
	const char *const *names, const char *corner)
{
	fprintf(out,
		"<div class=\"scroll\"><table class=\"beside\"><thead><tr>"
		"<th class=\"t\">%s</th>",
		corner);
	for (size_t i = 0; i < count; i++) {
		fputs("<th>", out);
		/* one alone is named above */
		if (count > 1)
			mr_html_text(out, names[i], 60);
		fputs("</th>", out);
	}
	fputs("</tr></thead><tbody>\n", out);
	for (size_t row = 0; row < sections[0].count; row++) {
		fprintf(out, "<tr data-key=\"%s\"><th class=\"t\">",
			sections[0].items[row].key);
		print_key(out, sections[0].items[row].key);
		fputs("</th>", out);
		for (size_t i = 0; i < count; i++)
			print_cell(out, &sections[i].items[row]);
		fputs("</tr>\n", out);
	}
	fputs("</tbody></table></div>\n", out);
}

/* A row of numbers in words: "from event 1, active, least 0 B, ..." */
static void
print_title(FILE *out, const struct mr_doc_section *section, size_t row)
{
	char human[MR_CELL_SIZE];

	fputs("<title>", out);
	for (size_t i = 0; i < section->columns; i++) {
		const struct mr_item *item = &section->items[row * section->columns + i];

		fprintf(out, "%s%s ", i ? "\n" : "", item->key);
		if (item->cell.kind == MR_CELL_TEXT)
			mr_html_text(out, item->cell.text, NAME_MOST);
		else
			fputs(mr_cell_human(human, &item->cell), out);
	}
	fputs("</title>", out);
}

static void
print_spans(FILE *out, const struct mr_plot *plot, const struct mr_numbers *numbers)
{
	double width = plot->width - MR_PLOT_LEFT - MR_PLOT_RIGHT;

	fputs("<g class=\"spans\">\n", out);
	for (size_t i = 0; i < numbers->count; i++) {
		double from = MR_PLOT_LEFT + width * numbers->from[i];
		double to = MR_PLOT_LEFT + width * numbers->to[i];

		if (to <= from)
			continue;
		fprintf(out, "<rect x=\"%.1f\" y=\"%d\" width=\"%.1f\" height=\"%d\">",
			from, plot->top, to - from,
			plot->height - plot->top - MR_PLOT_BOTTOM);
		print_title(out, &numbers->doc.sections[0], i);
		fputs("</rect>\n", out);
	}
	fputs("</g>\n", out);
}

/*
 * Ids would be there more than once on a page, and gnuplot's titles would come
 * before ours; nothing refers to the former as no points are drawn.
 */
static void
print_drawing(FILE *out, const char *at, const char *end)
{
	while (at < end) {
		const char *stop = NULL;

		if (!strncmp(at, " id=\"", 5))
			stop = strchr(at + 5, '"');
		else if (!strncmp(at, "<title>", 7))
			stop = strstr(at, "</title>");
		if (stop) {
			at = stop + (*stop == '"' ? 1 : strlen("</title>"));
			continue;
		}
		putc(*at++, out);
	}
}

void
mr_html_svg(FILE *out, const char *svg, const struct mr_plot *plot,
	const struct mr_numbers *numbers, const char *label)
{
	const char *from = strstr(svg, "</defs>"), *to = strstr(svg, "</svg>");

	fprintf(out,
		"<svg class=\"%s\" viewBox=\"0 0 %d %d\" role=\"img\" "
		"aria-label=\"%s\">\n",
		plot->width > 500 ? "wide" : "narrow", plot->width, plot->height, label);
	if (from && to)
		print_drawing(out, from + strlen("</defs>"), to);
	if (numbers && numbers->doc.count)
		print_spans(out, plot, numbers);
	fputs("</svg>\n", out);
}
