/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_HTML_H
#define MR_REPORT_HTML_H

/* Pieces of an HTML page. Everything foreign goes through mr_html_text(). */

#include "report/picture.h"

/*
 * Prints foreign text as text of HTML or an attribute in double quotes: markup is
 * escaped, control characters become U+FFFD, and what is longer than most
 * characters (0: any length) is cut.
 */
void mr_html_text(FILE *out, const char *text, size_t most);

/* Prints a cell for people, with the exact value beside it for the curious. */
void mr_html_cell(FILE *out, const struct mr_cell *cell);

/* Prints a section of rows as a table, a heading for each column. */
void mr_html_rows(FILE *out, const struct mr_doc_section *section);

/*
 * Prints sections of facts with the same keys side by side: a row for each key, a
 * column for each section, under the names given.
 */
void mr_html_beside(FILE *out, const struct mr_doc_section *sections, size_t count,
	const char *const *names, const char *corner);

/*
 * Prints an SVG of gnuplot's as a part of the page, without what belongs to a file
 * of its own, and over it a place to point at for each row of numbers (NULL:
 * none), which shows the row. label says what the picture is.
 */
void mr_html_svg(FILE *out, const char *svg, const struct mr_plot *plot,
	const struct mr_numbers *numbers, const char *label);

#endif
