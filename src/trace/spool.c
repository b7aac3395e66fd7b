/* SPDX-License-Identifier: MIT */
#include "trace/spool.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/error.h"

#define FIRST_SPACE 1024

/* A sorted run being read: [at, end) of the records that are in memory. */
struct run {
	struct mr_spool_record *records;
	size_t at, end;
	off_t offset;  /* in the file, of what follows them */
	uint64_t left; /* records in the file from there on */
};

struct mr_spool {
	struct mr_spool_record *records; /* not yet in the file */
	size_t count, space;
	size_t run_length;
	uint64_t order;
	FILE *file; /* NULL: all is in records */
	struct run *runs;
	size_t run_count, run_space;
	size_t *heap; /* of runs that have records, the least first */
	size_t heap_count;
	size_t at; /* without a file: in records */
};

enum mr_status
mr_spool_new(struct mr_spool **out, size_t run, struct mr_error *err)
{
	struct mr_spool *spool = calloc(1, sizeof(*spool));

	*out = NULL;
	if (!spool)
		return mr_fail_memory(err);
	spool->run_length = run;
	*out = spool;
	return MR_OK;
}

void
mr_spool_free(struct mr_spool *spool)
{
	if (!spool)
		return;
	for (size_t i = 0; i < spool->run_count; i++)
		free(spool->runs[i].records);
	if (spool->file)
		fclose(spool->file);
	free(spool->runs);
	free(spool->heap);
	free(spool->records);
	free(spool);
}

static int
compare(const void *a, const void *b)
{
	const struct mr_spool_record *left = a, *right = b;

	if (left->time_ns != right->time_ns)
		return left->time_ns < right->time_ns ? -1 : 1;
	return left->order < right->order ? -1 : left->order > right->order;
}

static enum mr_status
fail_file(struct mr_error *err)
{
	return mr_fail_errno(err, errno, "cannot use a temporary file");
}

/* Moves the records in memory to the file as a run. */
static enum mr_status
write_run(struct mr_spool *spool, struct mr_error *err)
{
	size_t space = spool->run_space ? spool->run_space * 2 : 16;
	struct run *larger;

	if (spool->run_count == spool->run_space) {
		larger = realloc(spool->runs, space * sizeof(*larger));
		if (!larger)
			return mr_fail_memory(err);
		spool->runs = larger;
		spool->run_space = space;
	}
	if (!spool->file && !(spool->file = tmpfile()))
		return fail_file(err);
	qsort(spool->records, spool->count, sizeof(*spool->records), compare);
	if (fwrite(spool->records, sizeof(*spool->records), spool->count, spool->file) !=
		spool->count)
		return fail_file(err);
	spool->runs[spool->run_count++] = (struct run){.left = spool->count};
	spool->count = 0;
	return MR_OK;
}

/* Makes room for one more record in memory, which there may be. */
static enum mr_status
grow(struct mr_spool *spool, struct mr_error *err)
{
	size_t space = spool->space ? spool->space * 2 : FIRST_SPACE;
	struct mr_spool_record *larger;

	if (space > spool->run_length)
		space = spool->run_length;
	larger = realloc(spool->records, space * sizeof(*larger));
	if (!larger)
		return mr_fail_memory(err);
	spool->records = larger;
	spool->space = space;
	return MR_OK;
}

enum mr_status
mr_spool_put(struct mr_spool *spool, const struct mr_spool_record *record,
	struct mr_error *err)
{
	enum mr_status st = MR_OK;

	if (spool->count == spool->run_length)
		st = write_run(spool, err);
	else if (spool->count == spool->space)
		st = grow(spool, err);
	if (st)
		return st;
	spool->records[spool->count] = *record;
	spool->records[spool->count++].order = spool->order++;
	return MR_OK;
}

/* Brings more of a run into memory, if there is more. */
static enum mr_status
load(struct mr_spool *spool, struct run *run, struct mr_error *err)
{
	size_t count = run->left < MR_SPOOL_CHUNK ? (size_t)run->left : MR_SPOOL_CHUNK;
	size_t length = count * sizeof(*run->records), done = 0;
	ssize_t got;

	if (!run->records)
		run->records = malloc(MR_SPOOL_CHUNK * sizeof(*run->records));
	if (!run->records)
		return mr_fail_memory(err);
	while (done < length) {
		do
			got = pread(fileno(spool->file), (char *)run->records + done,
				length - done, run->offset + (off_t)done);
		while (got < 0 && errno == EINTR);
		if (!got)
			errno = EIO; /* what was written is gone */
		if (got <= 0)
			return fail_file(err);
		done += (size_t)got;
	}
	run->offset += (off_t)length;
	run->left -= count;
	run->at = 0;
	run->end = count;
	return MR_OK;
}

static bool
less(const struct mr_spool *spool, size_t a, size_t b)
{
	const struct run *left = &spool->runs[a], *right = &spool->runs[b];

	return compare(&left->records[left->at], &right->records[right->at]) < 0;
}

/* Lets a place of the heap sink below those that are less. */
static void
sink(struct mr_spool *spool, size_t at)
{
	size_t *heap = spool->heap, child, run = heap[at];

	while ((child = 2 * at + 1) < spool->heap_count) {
		if (child + 1 < spool->heap_count &&
			less(spool, heap[child + 1], heap[child]))
			child++;
		if (!less(spool, heap[child], run))
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = run;
}

static enum mr_status
rewind_runs(struct mr_spool *spool, struct mr_error *err)
{
	uint64_t left = spool->order, from = 0;
	enum mr_status st = MR_OK;

	if (!spool->heap)
		spool->heap = malloc(spool->run_count * sizeof(*spool->heap));
	if (!spool->heap)
		return mr_fail_memory(err);
	spool->heap_count = 0;
	for (size_t i = 0; i < spool->run_count && !st; i++) {
		struct run *run = &spool->runs[i];

		run->left = left < spool->run_length ? left : spool->run_length;
		run->offset = (off_t)(from * sizeof(*run->records));
		from += run->left;
		left -= run->left;
		st = load(spool, run, err);
		spool->heap[spool->heap_count++] = i;
	}
	for (size_t i = spool->heap_count / 2; i-- > 0 && !st;)
		sink(spool, i);
	return st;
}

enum mr_status
mr_spool_rewind(struct mr_spool *spool, struct mr_error *err)
{
	enum mr_status st;

	spool->at = 0;
	if (!spool->file) {
		if (spool->count)
			qsort(spool->records, spool->count, sizeof(*spool->records),
				compare);
		return MR_OK;
	}
	if (spool->count && (st = write_run(spool, err)))
		return st;
	if (fflush(spool->file))
		return fail_file(err);
	return rewind_runs(spool, err);
}

enum mr_status
mr_spool_next(
	struct mr_spool *spool, struct mr_spool_record *record, struct mr_error *err)
{
	struct run *run;
	enum mr_status st;

	if (!spool->file) {
		if (spool->at == spool->count)
			return MR_END;
		*record = spool->records[spool->at++];
		return MR_OK;
	}
	if (!spool->heap_count)
		return MR_END;
	run = &spool->runs[spool->heap[0]];
	*record = run->records[run->at++];
	if (run->at == run->end && run->left) {
		st = load(spool, run, err);
		if (st)
			return st;
	}
	if (run->at == run->end)
		spool->heap[0] = spool->heap[--spool->heap_count];
	if (spool->heap_count)
		sink(spool, 0);
	return MR_OK;
}
