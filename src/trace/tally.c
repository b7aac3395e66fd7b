/* SPDX-License-Identifier: MIT */
#include "trace/tally.h"

#include <stdlib.h>

#include "base/error.h"

/* The row of key, or the free one where it belongs; there always is one. */
static struct mr_tally_row *
find(struct mr_tally_row *rows, size_t space, uint64_t key)
{
	size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32);

	for (;; at++) {
		struct mr_tally_row *row = &rows[at & (space - 1)];

		if (!row->used || row->key == key)
			return row;
	}
}

static enum mr_status
grow(struct mr_tally *tally, struct mr_error *err)
{
	size_t space = tally->space ? 2 * tally->space : 64;
	struct mr_tally_row *rows = calloc(space, sizeof(*rows));

	if (!rows)
		return mr_fail_memory(err);
	for (size_t i = 0; i < tally->space; i++)
		if (tally->rows[i].used)
			*find(rows, space, tally->rows[i].key) = tally->rows[i];
	free(tally->rows);
	tally->rows = rows;
	tally->space = space;
	return MR_OK;
}

enum mr_status
mr_tally_add(struct mr_tally *tally, uint64_t key, uint64_t first, uint64_t second,
	struct mr_error *err)
{
	struct mr_tally_row *row;
	enum mr_status st;

	if (2 * tally->count >= tally->space && (st = grow(tally, err)))
		return st;
	row = find(tally->rows, tally->space, key);
	if (!row->used) {
		if (tally->count == tally->max) {
			tally->lost++;
			return MR_OK;
		}
		tally->count++;
		row->used = true;
		row->key = key;
	}
	row->first += first;
	row->second += second;
	return MR_OK;
}

struct mr_tally_row *
mr_tally_sorted(const struct mr_tally *tally, int (*compare)(const void *, const void *))
{
	struct mr_tally_row *copy;
	size_t count = 0;

	if (!tally->count)
		return NULL;
	copy = calloc(tally->count, sizeof(*copy));
	if (!copy)
		return NULL;
	for (size_t i = 0; i < tally->space; i++)
		if (tally->rows[i].used)
			copy[count++] = tally->rows[i];
	qsort(copy, count, sizeof(*copy), compare);
	return copy;
}

void
mr_tally_fini(struct mr_tally *tally)
{
	free(tally->rows);
	*tally = (struct mr_tally){0};
}
