/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_DOC_H
#define MR_REPORT_DOC_H

/*
 * Results as a document: named sections of facts or of rows, filled in once
 * and printed as tables for people, as JSON or as CSV.
 *
 * Keys and section names are the caller's and outlive the document; texts are
 * copied. A document that ran out of memory says so when it is printed, so
 * that filling it in needs no checks.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "memreplay/base.h"
#include "memreplay/policy.h"
#include "report/screen.h"

enum mr_cell_kind {
	MR_CELL_NUMBER, /* number in unit; a ratio is number / divisor */
	MR_CELL_REAL,   /* real in unit: means, and times below 1 ns */
	MR_CELL_CHANGE, /* real in unit, with its sign */
	MR_CELL_TEXT,
	MR_CELL_FLAG, /* number is 0 or 1 */
	MR_CELL_NONE  /* there is no such figure: null in JSON */
};

struct mr_cell {
	enum mr_cell_kind kind;
	enum mr_unit unit;
	uint64_t number; /* bytes that are MR_UNLIMITED: no limit, null in JSON */
	uint64_t divisor;
	double real;
	char *text;
};

struct mr_item {
	const char *key;
	struct mr_cell cell;
};

/* A struct of zeros is an empty document. */
struct mr_doc {
	size_t count;
	struct mr_doc_section *sections;
	bool failed; /* memory ran out */
};

struct mr_doc_section {
	const char *name;
	size_t columns; /* 0: facts; otherwise items come in rows of so many */
	size_t count;
	size_t space;
	struct mr_item *items;
};

/*
 * Begins a section of facts, or of rows of columns cells; cells added later go
 * there. A name is a path in JSON: "outer.inner" is within the object "outer",
 * and "outer.0" is the first element of the array "outer".
 * Facts of "result" and what is within it are called by their keys alone in
 * CSV, others "section.key".
 */
void mr_doc_begin(struct mr_doc *doc, const char *name, size_t columns);

void mr_doc_count(struct mr_doc *doc, const char *key, uint64_t count);
void mr_doc_bytes(struct mr_doc *doc, const char *key, uint64_t bytes);
void mr_doc_ns(struct mr_doc *doc, const char *key, uint64_t ns);
void mr_doc_ratio(struct mr_doc *doc, const char *key, uint64_t number, uint64_t divisor);
void mr_doc_real(struct mr_doc *doc, const char *key, enum mr_unit unit, double real);
void mr_doc_change(struct mr_doc *doc, const char *key, enum mr_unit unit, double change);
void mr_doc_text(struct mr_doc *doc, const char *key, const char *text);
void mr_doc_flag(struct mr_doc *doc, const char *key, bool flag);
void mr_doc_none(struct mr_doc *doc, const char *key);

enum mr_output_format { MR_OUTPUT_TABLE, MR_OUTPUT_JSON, MR_OUTPUT_CSV };

/*
 * Prints the document. CSV is one line of all facts under their names, or,
 * where a section has rows, one line "section,row,key,value" for each cell.
 * Tables on a terminal (screen; NULL: a file) have bars beside their shares.
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_doc_print(const struct mr_doc *doc,
	enum mr_output_format format, const struct mr_screen *screen, FILE *out,
	struct mr_error *err);

void mr_doc_fini(struct mr_doc *doc);

/* The three forms that mr_doc_print() chooses from. */
MR_MUST_CHECK enum mr_status mr_doc_print_json(
	const struct mr_doc *doc, FILE *out, struct mr_error *err);
MR_MUST_CHECK enum mr_status mr_doc_print_table(const struct mr_doc *doc,
	const struct mr_screen *screen, FILE *out, struct mr_error *err);
void mr_doc_print_csv(const struct mr_doc *doc, FILE *out);

/*
 * The fields that all CSV is made of: a text, quoted as RFC 4180 has it where
 * it must be, and any cell.
 */
void mr_csv_text(FILE *out, const char *text);
void mr_csv_cell(FILE *out, const struct mr_cell *cell);

#define MR_CELL_SIZE 40 /* what the printers below need at most */

/*
 * Prints a cell as a program reads it: raw bytes, ns, counts, and ratios with
 * the digits to read back equal. Returns text; NULL for a text or no number.
 */
const char *mr_cell_raw(char text[MR_CELL_SIZE], const struct mr_cell *cell);

/* Prints a cell that is not a text for people. Returns text. */
const char *mr_cell_human(char text[MR_CELL_SIZE], const struct mr_cell *cell);

#endif
