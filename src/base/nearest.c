/* SPDX-License-Identifier: MIT */
#include "base/nearest.h"

#include <stdint.h>
#include <string.h>

#define MAX_LENGTH 48 /* longer names are never near anything */

static size_t
smaller(size_t a, size_t b)
{
	return a < b ? a : b;
}

/* Edits between two texts; a swap of neighbours counts as one. */
static size_t
distance(const char *a, const char *b)
{
	size_t rows[3][MAX_LENGTH + 1];
	size_t *before = rows[0], *last = rows[1], *row = rows[2];
	size_t a_length = strlen(a), b_length = strlen(b);

	if (a_length > MAX_LENGTH || b_length > MAX_LENGTH)
		return SIZE_MAX;
	for (size_t j = 0; j <= b_length; j++)
		last[j] = before[j] = j;
	for (size_t i = 1; i <= a_length; i++) {
		size_t *oldest = before;

		row[0] = i;
		for (size_t j = 1; j <= b_length; j++) {
			row[j] = last[j - 1] + (a[i - 1] != b[j - 1]);
			row[j] = smaller(row[j], smaller(last[j], row[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
				a[i - 2] == b[j - 1])
				row[j] = smaller(row[j], before[j - 2] + 1);
		}
		before = last;
		last = row;
		row = oldest;
	}
	return last[b_length];
}

void
mr_nearest_offer(struct mr_nearest *nearest, const char *name)
{
	size_t allowed = strlen(nearest->text) / 3 + 1;
	size_t edits = distance(nearest->text, name);

	if (edits > allowed || edits >= strlen(name))
		return;
	if (nearest->name && edits >= nearest->edits)
		return;
	nearest->name = name;
	nearest->edits = edits;
}
