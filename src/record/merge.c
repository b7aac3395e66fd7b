/* SPDX-License-Identifier: MIT */
#include "record/merge.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"

#define WINDOW_RECORDS 512

/* A chunk being read. */
struct cursor {
	uint64_t offset; /* in the file, of what follows the window */
	uint64_t left;   /* records behind the window */
	size_t at, count;
	uint32_t tid;
	struct mr_moment next; /* the event that the cursor stands on */
	struct mr_raw window[WINDOW_RECORDS];
};

struct chunk {
	uint64_t first_seq;
	uint64_t offset;
};

struct mr_merge {
	int fd;
	struct mr_spool_head head;
	struct mr_instant last_instant;
	struct chunk *chunks; /* by first_seq */
	size_t chunk_count;
	size_t chunks_opened;
	struct cursor **heap; /* by next.seq, the smallest at 0 */
	size_t heap_count;
};

/* Reads up to size bytes; what lies behind the end of the file is zeros. */
static enum mr_status
read_at(int fd, void *out, size_t size, uint64_t offset, struct mr_error *err)
{
	char *to = out;
	ssize_t got;

	while (size > 0) {
		got = pread(fd, to, size, (off_t)offset);
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return mr_fail_errno(err, errno, "cannot read the spool");
		if (got == 0) {
			memset(to, 0, size);
			return MR_OK;
		}
		to += got;
		offset += (uint64_t)got;
		size -= (size_t)got;
	}
	return MR_OK;
}

static enum mr_status
fill_window(struct mr_merge *merge, struct cursor *cursor, struct mr_error *err)
{
	size_t count =
		cursor->left < WINDOW_RECORDS ? (size_t)cursor->left : WINDOW_RECORDS;
	size_t bytes = count * sizeof(cursor->window[0]);
	enum mr_status st;

	st = read_at(merge->fd, cursor->window, bytes, cursor->offset, err);
	cursor->offset += bytes;
	cursor->left -= count;
	cursor->count = count;
	cursor->at = 0;
	return st;
}

/* Stores the next record, NULL at the end of the chunk, without passing it. */
static enum mr_status
peek(struct mr_merge *merge, struct cursor *cursor, const struct mr_raw **out,
	struct mr_error *err)
{
	enum mr_status st;

	if (cursor->at == cursor->count && cursor->left) {
		st = fill_window(merge, cursor, err);
		if (st)
			return st;
	}
	*out = cursor->at < cursor->count ? &cursor->window[cursor->at] : NULL;
	return MR_OK;
}

/* Passes over the next record if it is of this kind, giving it; else NULL. */
static enum mr_status
follower(struct mr_merge *merge, struct cursor *cursor, enum mr_raw_op op,
	const struct mr_raw **out, struct mr_error *err)
{
	enum mr_status st = peek(merge, cursor, out, err);

	if (!st && *out && MR_RAW_OP((*out)->word) == op)
		cursor->at++;
	else
		*out = NULL;
	return st;
}

static enum mr_status
read_name(struct mr_merge *merge, struct cursor *cursor, struct mr_error *err)
{
	struct mr_moment *next = &cursor->next;
	size_t length = next->size < MR_MARK_MAX ? (size_t)next->size : MR_MARK_MAX;
	const struct mr_raw *text;
	enum mr_status st;
	size_t part;

	memset(next->name, 0, sizeof(next->name));
	for (size_t i = 0; i < length; i += MR_RAW_TEXT_BYTES) {
		st = follower(merge, cursor, MR_RAW_TEXT, &text, err);
		if (st || !text)
			return st;
		part = length - i < MR_RAW_TEXT_BYTES ? length - i : MR_RAW_TEXT_BYTES;
		memcpy(next->name + i, text, part);
	}
	return MR_OK;
}

/* Reads what belongs to the event that the cursor has just reached. */
static enum mr_status
read_rest(struct mr_merge *merge, struct cursor *cursor, struct mr_error *err)
{
	struct mr_moment *next = &cursor->next;
	const struct mr_raw *more;
	enum mr_status st;

	if (next->op == MR_RAW_MARK)
		return read_name(merge, cursor, err);
	if (next->op != MR_RAW_MLX_COUNTERS &&
		!(next->op == MR_RAW_MLX_MALLOC && next->log2 & MR_RAW_CAP))
		return MR_OK;
	st = follower(merge, cursor, MR_RAW_MORE, &more, err);
	next->more = !st && more ? more->value : 0;
	return st;
}

/* Moves to the chunk's next event. MR_END: it has none. */
static enum mr_status
advance(struct mr_merge *merge, struct cursor *cursor, struct mr_error *err)
{
	struct mr_moment *next = &cursor->next;
	const struct mr_raw *raw;
	enum mr_status st;
	uint64_t word;

	for (;;) {
		st = peek(merge, cursor, &raw, err);
		if (st)
			return st;
		if (!raw)
			return MR_END;
		cursor->at++;
		word = raw->word;
		if (MR_RAW_OP(word) == MR_RAW_THREAD)
			cursor->tid = (uint32_t)raw->value;
		if (word && MR_RAW_IS_EVENT(MR_RAW_OP(word)))
			break;
	}
	next->op = MR_RAW_OP(word);
	next->log2 = MR_RAW_LOG2(word);
	next->size = MR_RAW_SIZE(word);
	next->tid = cursor->tid;
	next->seq = raw->seq;
	next->ticks = raw->ticks;
	next->value = raw->value;
	return read_rest(merge, cursor, err);
}

/* Puts the cursor at `at` where it belongs among those below it. */
static void
sift_down(struct mr_merge *merge, size_t at)
{
	struct cursor **heap = merge->heap;
	struct cursor *moving = heap[at];
	size_t child;

	while ((child = 2 * at + 1) < merge->heap_count) {
		if (child + 1 < merge->heap_count &&
			heap[child + 1]->next.seq < heap[child]->next.seq)
			child++;
		if (heap[child]->next.seq >= moving->next.seq)
			break;
		heap[at] = heap[child];
		at = child;
	}
	heap[at] = moving;
}

static void
push(struct mr_merge *merge, struct cursor *cursor)
{
	struct cursor **heap = merge->heap;
	size_t at = merge->heap_count++, parent;

	while (at && heap[parent = (at - 1) / 2]->next.seq > cursor->next.seq) {
		heap[at] = heap[parent];
		at = parent;
	}
	heap[at] = cursor;
}

static struct cursor
cursor_at(uint64_t chunk_offset)
{
	struct cursor cursor = {
		.offset = chunk_offset + sizeof(struct mr_chunk),
		.left = MR_CHUNK_RECORDS,
	};

	return cursor;
}

/* Opens the next chunk in the order of first events. */
static enum mr_status
open_next_chunk(struct mr_merge *merge, struct mr_error *err)
{
	struct cursor *cursor = malloc(sizeof(*cursor));
	struct cursor **heap;
	enum mr_status st;

	heap = realloc(merge->heap, (merge->heap_count + 1) * sizeof(*heap));
	if (heap)
		merge->heap = heap;
	if (!cursor || !heap) {
		free(cursor);
		return mr_fail_memory(err);
	}
	*cursor = cursor_at(merge->chunks[merge->chunks_opened++].offset);
	st = advance(merge, cursor, err);
	if (st) {
		free(cursor);
		return st == MR_END ? MR_OK : st;
	}
	push(merge, cursor);
	return MR_OK;
}

/* Opens every chunk that may hold the next event. */
static enum mr_status
open_chunks(struct mr_merge *merge, struct mr_error *err)
{
	enum mr_status st = MR_OK;

	while (!st && merge->chunks_opened < merge->chunk_count &&
		(!merge->heap_count ||
			merge->chunks[merge->chunks_opened].first_seq <
				merge->heap[0]->next.seq))
		st = open_next_chunk(merge, err);
	return st;
}

/* Moves the first cursor on; one at its end leaves. */
static enum mr_status
pass_first(struct mr_merge *merge, struct mr_error *err)
{
	struct cursor *cursor = merge->heap[0];
	uint64_t seq = cursor->next.seq;
	enum mr_status st = advance(merge, cursor, err);

	if (st == MR_END) {
		free(cursor);
		merge->heap[0] = merge->heap[--merge->heap_count];
	} else if (st) {
		return st;
	} else if (cursor->next.seq <= seq) {
		return mr_fail(err, MR_EFORMAT,
			"the spool is damaged: event %" PRIu64 " stands behind %" PRIu64,
			cursor->next.seq, seq);
	}
	if (merge->heap_count)
		sift_down(merge, 0);
	return MR_OK;
}

enum mr_status
mr_merge_next(struct mr_merge *merge, struct mr_moment *moment, struct mr_error *err)
{
	enum mr_status st = open_chunks(merge, err);

	if (st)
		return st;
	if (!merge->heap_count || merge->heap[0]->next.seq >= merge->head.stop_seq)
		return MR_END;
	*moment = merge->heap[0]->next;
	return pass_first(merge, err);
}

/* Notes a chunk, if it holds an event. */
static enum mr_status
find_chunk(struct mr_merge *merge, uint64_t offset, struct mr_error *err)
{
	struct cursor cursor = cursor_at(offset);
	struct mr_chunk start;
	enum mr_status st = read_at(merge->fd, &start, sizeof(start), offset, err);

	if (st)
		return st;
	if (start.start.ns > merge->last_instant.ns)
		merge->last_instant = start.start;
	st = advance(merge, &cursor, err);
	if (st)
		return st == MR_END ? MR_OK : st;
	merge->chunks[merge->chunk_count++] =
		(struct chunk){.first_seq = cursor.next.seq, .offset = offset};
	return MR_OK;
}

static int
compare_chunks(const void *left, const void *right)
{
	const struct chunk *a = left, *b = right;

	return (a->first_seq > b->first_seq) - (a->first_seq < b->first_seq);
}

static enum mr_status
find_chunks(struct mr_merge *merge, uint64_t file_size, struct mr_error *err)
{
	uint64_t count =
		(file_size - MR_SPOOL_HEAD + MR_SPOOL_CHUNK - 1) / MR_SPOOL_CHUNK;
	enum mr_status st = MR_OK;

	merge->chunks = calloc((size_t)count + 1, sizeof(*merge->chunks));
	if (!merge->chunks)
		return mr_fail_memory(err);
	for (uint64_t i = 0; !st && i < count; i++)
		st = find_chunk(merge, MR_SPOOL_HEAD + i * MR_SPOOL_CHUNK, err);
	if (!st)
		qsort(merge->chunks, merge->chunk_count, sizeof(*merge->chunks),
			compare_chunks);
	return st;
}

static enum mr_status
read_spool(struct mr_merge *merge, const char *path, struct mr_error *err)
{
	struct mr_spool_head *head = &merge->head;
	struct stat status;
	enum mr_status st;

	merge->fd = open(path, O_RDONLY | O_CLOEXEC);
	if (merge->fd < 0 || fstat(merge->fd, &status))
		return mr_fail_errno(err, errno, "cannot open the spool");
	st = read_at(merge->fd, head, sizeof(*head), 0, err);
	if (st)
		return st;
	if (memcmp(head->magic, MR_SPOOL_MAGIC, sizeof(head->magic)) != 0 ||
		status.st_size < MR_SPOOL_HEAD)
		return mr_fail(err, MR_EFORMAT, "this is not a recorder's spool");
	if (head->version != MR_SPOOL_VERSION || head->chunk_bytes != MR_SPOOL_CHUNK)
		return mr_fail(err, MR_EFORMAT,
			"the spool is of version %" PRIu32 ", expected %d", head->version,
			MR_SPOOL_VERSION);
	merge->last_instant = head->end;
	return find_chunks(merge, (uint64_t)status.st_size, err);
}

enum mr_status
mr_merge_open(struct mr_merge **out, const char *path, struct mr_error *err)
{
	struct mr_merge *merge = calloc(1, sizeof(*merge));
	enum mr_status st;

	*out = NULL;
	if (!merge)
		return mr_fail_memory(err);
	merge->fd = -1;
	st = read_spool(merge, path, err);
	if (st)
		mr_merge_close(merge);
	else
		*out = merge;
	return st;
}

const struct mr_spool_head *
mr_merge_head(const struct mr_merge *merge)
{
	return &merge->head;
}

struct mr_instant
mr_merge_last_instant(const struct mr_merge *merge)
{
	return merge->last_instant;
}

void
mr_merge_close(struct mr_merge *merge)
{
	if (!merge)
		return;
	for (size_t i = 0; i < merge->heap_count; i++)
		free(merge->heap[i]);
	free(merge->heap);
	free(merge->chunks);
	if (merge->fd >= 0)
		close(merge->fd);
	free(merge);
}
