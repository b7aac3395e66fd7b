/* SPDX-License-Identifier: MIT */
#include "report/finding.h"

#include <string.h>

#include "report/screen.h"

#define WIDTH  80
#define INDENT 5

/* A paragraph from column INDENT on. Control characters never reach a terminal. */
static void
print_wrapped(const char *text, FILE *out)
{
	size_t column = INDENT;

	while (*text) {
		size_t word = strcspn(text, " ");

		if (column > INDENT && column + 1 + word > WIDTH) {
			fprintf(out, "\n%*s", INDENT, "");
			column = INDENT;
		} else if (column > INDENT) {
			putc(' ', out);
			column++;
		}
		column += (size_t)mr_print_safe(text, word, out);
		text += word;
		text += *text == ' ';
	}
	putc('\n', out);
}

void
mr_findings_print(const struct mr_finding *findings, size_t count, FILE *out)
{
	fputs("\nfindings\n", out);
	if (!count)
		fputs("  none: no change that was tried gains anything\n", out);
	for (size_t i = 0; i < count; i++) {
		fprintf(out, "  %zu. ", i + 1);
		print_wrapped(findings[i].text, out);
		fprintf(out, "%*s", INDENT, "");
		print_wrapped(findings[i].advice, out);
	}
}

static void
add_finding(struct mr_doc *doc, const struct mr_finding *finding)
{
	const struct mr_result *a = &finding->before, *b = &finding->after;

	mr_doc_text(doc, "kind", mr_finding_name(finding->kind));
	mr_doc_text(doc, "text", finding->text);
	mr_doc_text(doc, "advice", finding->advice);
	mr_doc_text(doc, "call", finding->call);
	mr_doc_count(doc, "hits", a->hits);
	mr_doc_count(doc, "hits_then", b->hits);
	mr_doc_ratio(doc, "hit_rate", a->hits, a->mallocs);
	mr_doc_ratio(doc, "hit_rate_then", b->hits, b->mallocs);
	mr_doc_ratio(doc, "byte_hit_rate", a->hit_bytes, a->requested_bytes);
	mr_doc_ratio(doc, "byte_hit_rate_then", b->hit_bytes, b->requested_bytes);
	mr_doc_bytes(doc, "peak_cached_bytes", a->peak_cached_bytes);
	mr_doc_bytes(doc, "peak_cached_bytes_then", b->peak_cached_bytes);
	mr_doc_bytes(doc, "peak_total_bytes", a->peak_total_bytes);
	mr_doc_bytes(doc, "peak_total_bytes_then", b->peak_total_bytes);
}

void
mr_doc_add_findings(struct mr_doc *doc, const struct mr_finding *findings, size_t count)
{
	mr_doc_begin(doc, "findings", 14);
	for (size_t i = 0; i < count; i++)
		add_finding(doc, &findings[i]);
}
