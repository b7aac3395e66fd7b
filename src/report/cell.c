/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "report/doc.h"

static double
quotient(const struct mr_cell *cell)
{
	if (cell->kind != MR_CELL_NUMBER)
		return cell->real;
	return cell->divisor ? (double)cell->number / (double)cell->divisor : 0;
}

/* 15 digits, or 17 where the number would not read back the same. */
static const char *
print_real(char text[MR_CELL_SIZE], double real)
{
	double back;

	snprintf(text, MR_CELL_SIZE, "%.15g", real);
	back = strtod(text, NULL);
	if (back < real || back > real)
		snprintf(text, MR_CELL_SIZE, "%.17g", real);
	return text;
}

const char *
mr_cell_raw(char text[MR_CELL_SIZE], const struct mr_cell *cell)
{
	switch (cell->kind) {
	case MR_CELL_TEXT:
	case MR_CELL_NONE:
		return NULL;
	case MR_CELL_FLAG:
		return strcpy(text, cell->number ? "true" : "false");
	case MR_CELL_REAL:
	case MR_CELL_CHANGE:
		return print_real(text, cell->real);
	case MR_CELL_NUMBER:
		break;
	}
	if (cell->unit == MR_UNIT_RATIO)
		return print_real(text, quotient(cell));
	if (cell->unit == MR_UNIT_BYTES && cell->number == MR_UNLIMITED)
		return NULL;
	snprintf(text, MR_CELL_SIZE, "%" PRIu64, cell->number);
	return text;
}

static const char *
print_percent(char text[MR_CELL_SIZE], double ratio)
{
	snprintf(text, MR_CELL_SIZE, "%.2f %%", ratio * 100);
	/* Nobody should read 100 % where a miss remains. */
	if (ratio < 1 && !strcmp(text, "100.00 %"))
		strcpy(text, "99.99 %");
	return text;
}

static const char *
print_number(char text[MR_CELL_SIZE], const struct mr_cell *cell)
{
	bool real = cell->kind == MR_CELL_REAL;

	switch (cell->unit) {
	case MR_UNIT_COUNT:
		if (!real)
			return mr_count_print(text, cell->number);
		snprintf(text, MR_CELL_SIZE, "%.2f", cell->real);
		return text;
	case MR_UNIT_BYTES:
		return mr_size_print(text, real ? (uint64_t)cell->real : cell->number);
	case MR_UNIT_NS:
		return mr_time_print(text, real ? cell->real : (double)cell->number);
	case MR_UNIT_RATIO:
		return print_percent(text, quotient(cell));
	}
	return text;
}

/* As the same amount without a sign, but counts stay whole. */
static const char *
print_change(char text[MR_CELL_SIZE], const struct mr_cell *cell)
{
	struct mr_cell amount = {MR_CELL_REAL, cell->unit, .real = fabs(cell->real)};
	char unsigned_text[MR_CELL_SIZE];

	if (cell->unit == MR_UNIT_COUNT) {
		amount.kind = MR_CELL_NUMBER;
		amount.number = (uint64_t)amount.real;
	}
	if (cell->unit == MR_UNIT_RATIO)
		snprintf(unsigned_text, sizeof(unsigned_text), "%.2f %%",
			amount.real * 100);
	else
		print_number(unsigned_text, &amount);
	snprintf(text, MR_CELL_SIZE, "%s%.*s",
		cell->real > 0           ? "+"
			: cell->real < 0 ? "-"
					 : "",
		MR_CELL_SIZE - 2, unsigned_text);
	return text;
}

const char *
mr_cell_human(char text[MR_CELL_SIZE], const struct mr_cell *cell)
{
	switch (cell->kind) {
	case MR_CELL_TEXT:
	case MR_CELL_NONE:
		return strcpy(text, "-");
	case MR_CELL_FLAG:
		return strcpy(text, cell->number ? "yes" : "no");
	case MR_CELL_CHANGE:
		return print_change(text, cell);
	case MR_CELL_NUMBER:
	case MR_CELL_REAL:
		break;
	}
	return print_number(text, cell);
}
