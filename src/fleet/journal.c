/* SPDX-License-Identifier: MIT */
#include "fleet/journal.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"
#include "base/little.h"

#define NAME        "memreplay journal "
#define HEAD        NAME "1\n"
#define HEAD_LENGTH (sizeof(HEAD) - 1)
#define RECORD_HEAD 8
#define RECORD_MOST (UINT32_C(1) << 31)

struct record {
	const char *key;
	struct mr_packet result;
};

struct mr_journal {
	int fd;
	struct mr_packet text;  /* the file as it was opened */
	struct record *records; /* by key */
	size_t count;
};

/* Reads the whole file. */
static enum mr_status
load(struct mr_journal *journal, struct mr_error *err)
{
	struct mr_packet *text = &journal->text;
	struct stat about;
	ssize_t got = 1;

	if (fstat(journal->fd, &about))
		return mr_fail_errno(err, errno, "cannot read");
	if (!S_ISREG(about.st_mode))
		return mr_fail(err, MR_EIO, "is not a regular file");
	text->space = (size_t)about.st_size + 1;
	text->data = malloc(text->space);
	if (!text->data)
		return mr_fail_memory(err);
	while (text->length < (size_t)about.st_size && got) {
		got = read(journal->fd, text->data + text->length,
			(size_t)about.st_size - text->length);
		if (got < 0 && errno != EINTR)
			return mr_fail_errno(err, errno, "cannot read");
		text->length += got > 0 ? (size_t)got : 0;
	}
	return MR_OK;
}

/* Looks at the first line; one that was cut in writing is none. */
static enum mr_status
check_head(struct mr_journal *journal, struct mr_error *err)
{
	struct mr_packet *text = &journal->text;
	size_t length = text->length < HEAD_LENGTH ? text->length : HEAD_LENGTH;

	if (!memcmp(text->data, HEAD, length)) {
		text->at = length == HEAD_LENGTH ? length : 0;
		return MR_OK;
	}
	if (length == HEAD_LENGTH && !memcmp(text->data, NAME, sizeof(NAME) - 1))
		return mr_fail(
			err, MR_EFORMAT, "is a journal of another version of memreplay");
	return mr_fail(err, MR_EFORMAT, "is not a journal of memreplay");
}

/* The record at text->at, which moves behind it; false: it is wrong. */
static bool
next_record(struct mr_packet *text, struct record *out)
{
	size_t left = text->length - text->at;
	const unsigned char *at = text->data + text->at;
	struct mr_packet body = {.data = text->data + text->at + RECORD_HEAD};

	if (left < RECORD_HEAD || mr_little_get(at) > left - RECORD_HEAD)
		return false;
	body.length = mr_little_get(at);
	if (mr_little_get(at + 4) != crc32(0, body.data, (uInt)body.length))
		return false;
	out->key = mr_packet_get_text(&body, NULL);
	out->result = mr_packet_get_packet(&body);
	text->at += RECORD_HEAD + body.length;
	return mr_packet_is_done(&body);
}

static int
by_key(const void *a, const void *b)
{
	return strcmp(((const struct record *)a)->key, ((const struct record *)b)->key);
}

static enum mr_status
index_records(struct mr_journal *journal, size_t *good, struct mr_error *err)
{
	struct mr_packet *text = &journal->text;
	size_t space = 0;
	struct record record;

	for (*good = text->at; next_record(text, &record); *good = text->at) {
		if (journal->count == space) {
			struct record *records;

			space = space * 2 + 64;
			records = realloc(journal->records, space * sizeof(*records));
			if (!records)
				return mr_fail_memory(err);
			journal->records = records;
		}
		journal->records[journal->count++] = record;
	}
	if (journal->count)
		qsort(journal->records, journal->count, sizeof(record), by_key);
	return MR_OK;
}

static enum mr_status
append(struct mr_journal *journal, const void *data, size_t length, struct mr_error *err)
{
	const char *at = data;

	while (length) {
		ssize_t done = write(journal->fd, at, length);

		if (done < 0 && errno == EINTR)
			continue;
		if (done < 0)
			return mr_fail_errno(err, errno, "cannot write");
		at += done;
		length -= (size_t)done;
	}
	return MR_OK;
}

static enum mr_status
start(struct mr_journal *journal, uint64_t *lost, struct mr_error *err)
{
	size_t good = 0;
	enum mr_status st;

	if (flock(journal->fd, LOCK_EX | LOCK_NB))
		return errno == EWOULDBLOCK
			? mr_fail(err, MR_EIO, "another run is using it")
			: mr_fail_errno(err, errno, "cannot be locked");
	if ((st = load(journal, err)) || (st = check_head(journal, err)) ||
		(st = index_records(journal, &good, err)))
		return st;
	*lost = journal->text.length - good;
	if (*lost && ftruncate(journal->fd, (off_t)good))
		return mr_fail_errno(err, errno, "cannot write");
	return good ? MR_OK : append(journal, HEAD, HEAD_LENGTH, err);
}

enum mr_status
mr_journal_open(
	struct mr_journal **out, const char *path, uint64_t *lost, struct mr_error *err)
{
	struct mr_journal *journal = calloc(1, sizeof(*journal));
	enum mr_status st;

	*out = NULL;
	if (!journal)
		return mr_fail_memory(err);
	journal->fd = open(path, O_RDWR | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
	st = journal->fd < 0 ? mr_fail_errno(err, errno, "cannot open")
			     : start(journal, lost, err);
	if (st)
		mr_journal_close(journal);
	else
		*out = journal;
	return st;
}

bool
mr_journal_find(
	const struct mr_journal *journal, const char *key, struct mr_packet *result)
{
	const struct record sought = {.key = key}, *found = NULL;

	if (journal->count)
		found = bsearch(&sought, journal->records, journal->count, sizeof(sought),
			by_key);
	if (found)
		*result = found->result;
	return found;
}

enum mr_status
mr_journal_add(struct mr_journal *journal, const char *key,
	const struct mr_packet *result, struct mr_error *err)
{
	struct mr_packet record = {0};
	enum mr_status st;

	for (int i = 0; i < RECORD_HEAD; i++)
		mr_packet_put(&record, 0);
	mr_packet_put_string(&record, key);
	mr_packet_put_text(&record, result->data, result->length);
	if (record.bad || record.length > RECORD_MOST) {
		st = mr_fail_memory(err);
	} else {
		size_t length = record.length - RECORD_HEAD;

		mr_little_put(record.data, (uint32_t)length);
		mr_little_put(record.data + 4,
			(uint32_t)crc32(0, record.data + RECORD_HEAD, (uInt)length));
		st = append(journal, record.data, record.length, err);
	}
	mr_packet_fini(&record);
	return st;
}

void
mr_journal_close(struct mr_journal *journal)
{
	if (!journal)
		return;
	if (journal->fd >= 0)
		close(journal->fd);
	mr_packet_fini(&journal->text);
	free(journal->records);
	free(journal);
}
