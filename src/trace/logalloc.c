/* SPDX-License-Identifier: MIT */

/*
 * What Firefox writes under MALLOC_LOG, a call a line:
 *
 *	PID TID malloc(32)=0x7f90495120e0
 *	PID TID free(0x7f90495120e0)
 *
 * Sizes and alignments are decimal. Munged logs have #1, #2, ... for pointers,
 * old ones no TID. The log of several processes is read as that of the first.
 */

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/import.h"
#include "trace/lines.h"

#define ARGUMENTS_MAX 2

struct logalloc {
	struct mr_lines lines;
	bool any;
	uint64_t pid; /* of the first line */
};

enum call { ALLOCATE, ALIGNED, CALLOC, REALLOC, FREE, NOTHING };

static const struct {
	const char *name;
	enum call call;
	size_t arguments;
} calls[] = {
	{"malloc", ALLOCATE, 1},
	{"valloc", ALLOCATE, 1},
	{"calloc", CALLOC, 2},
	{"realloc", REALLOC, 2},
	{"posix_memalign", ALIGNED, 2},
	{"memalign", ALIGNED, 2},
	{"aligned_alloc", ALIGNED, 2},
	{"free", FREE, 1},
	{"jemalloc_stats", NOTHING, 0},
};
#define CALLS (sizeof(calls) / sizeof(calls[0]))

/* A line, taken apart. */
struct record {
	uint64_t pid;
	uint64_t tid;
	bool has_tid;
	enum call call;
	uint64_t arguments[ARGUMENTS_MAX];
	uint64_t result; /* 0: none */
};

/* A number, or a pointer that was munged. */
static bool
take_argument(struct mr_line *line, uint64_t *value)
{
	*value = 0;
	if (mr_line_text(line, "(nil)"))
		return true;
	return mr_line_text(line, "#") ? mr_line_decimal(line, value)
				       : mr_line_number(line, value);
}

static bool
take_arguments(struct mr_line *line, struct record *record, size_t count)
{
	if (!mr_line_text(line, "("))
		return false;
	if (record->call == FREE && mr_line_text(line, ")"))
		return true;
	for (size_t i = 0; i < count; i++) {
		if (i && !mr_line_text(line, ","))
			return false;
		mr_line_blanks(line);
		if (!take_argument(line, &record->arguments[i]))
			return false;
	}
	if (!mr_line_text(line, ")"))
		return false;
	return !mr_line_text(line, "=") || take_argument(line, &record->result);
}

static bool
take_record(struct mr_line *line, struct record *record)
{
	struct mr_line name;

	*record = (struct record){0};
	if (!mr_line_decimal(line, &record->pid) || !mr_line_blanks(line))
		return false;
	record->has_tid = mr_line_decimal(line, &record->tid);
	if (record->has_tid && !mr_line_blanks(line))
		return false;
	if (!mr_line_word(line, &name, '('))
		return false;
	for (size_t i = 0; i < CALLS; i++) {
		if (!mr_line_is(&name, calls[i].name))
			continue;
		record->call = calls[i].call;
		return take_arguments(line, record, calls[i].arguments) &&
			mr_line_done(line);
	}
	return false;
}

/* realloc(p, 0) frees; one that failed leaves the block. */
static enum mr_status
import_realloc(
	struct mr_import *import, const struct record *record, struct mr_error *err)
{
	uint64_t old = record->arguments[0], size = record->arguments[1];
	enum mr_status st = MR_OK;

	if (old && (record->result || !size))
		st = mr_import_free(import, old, err);
	return st || !record->result
		? st
		: mr_import_malloc(import, record->result, size, err);
}

static enum mr_status
import_aligned(
	struct mr_import *import, const struct record *record, struct mr_error *err)
{
	uint64_t align = record->arguments[0];
	enum mr_status st;

	if (align && align <= UINT32_MAX && !(align & (align - 1))) {
		import->next.align = (uint32_t)align;
		import->next.has |= MR_HAS_ALIGN;
	}
	st = mr_import_malloc(import, record->result, record->arguments[1], err);
	import->next.has &= (uint8_t)~MR_HAS_ALIGN;
	return st;
}

static enum mr_status
import_call(struct mr_import *import, const struct record *record, struct mr_error *err)
{
	const uint64_t *arguments = record->arguments;
	uint64_t size = arguments[0];

	switch (record->call) {
	case CALLOC:
		if (__builtin_mul_overflow(arguments[0], arguments[1], &size))
			return mr_fail(
				err, MR_EFORMAT, "the size of calloc is above 2^64");
		break;
	case REALLOC:
		return import_realloc(import, record, err);
	case FREE:
		return arguments[0] ? mr_import_free(import, arguments[0], err) : MR_OK;
	case ALIGNED:
		return record->result ? import_aligned(import, record, err) : MR_OK;
	case ALLOCATE:
	case NOTHING:
		break;
	}
	return record->result ? mr_import_malloc(import, record->result, size, err)
			      : MR_OK;
}

static enum mr_status
parse(struct mr_source *source, struct mr_line *line, struct mr_error *err)
{
	struct logalloc *log = source->state;
	struct mr_import *import = source->import;
	struct mr_line rest = *line;
	char text[MR_QUOTE_SIZE];
	struct record record;

	if (mr_line_done(line))
		return MR_OK;
	if (!take_record(&rest, &record))
		return mr_fail(err, MR_EFORMAT,
			"expected \"PID TID CALL(ARGUMENTS)=RESULT\" as Firefox logs it, "
			"found \"%s\"",
			mr_text_quote(text, line->at, (size_t)(line->end - line->at)));
	if (record.tid > UINT32_MAX)
		return mr_fail(err, MR_EFORMAT, "the thread's number has over 32 bits");
	if (!log->any)
		log->pid = record.pid;
	log->any = true;
	if (record.pid != log->pid) {
		import->facts[MR_FACT_OTHER_CALLS]++;
		return MR_OK;
	}
	import->next.tid = (uint32_t)record.tid;
	import->next.has = record.has_tid ? MR_HAS_TID : 0;
	return import_call(import, &record, err);
}

/* The first line tells, up to the bracket behind the call. */
static bool
probe(const unsigned char *data, size_t length)
{
	struct mr_line line = {(const char *)data, (const char *)data + length}, name;
	uint64_t number;

	if (!mr_line_decimal(&line, &number) || !mr_line_text(&line, " "))
		return false;
	if (mr_line_decimal(&line, &number) && !mr_line_text(&line, " "))
		return false;
	if (!mr_line_word(&line, &name, '(') || !mr_line_text(&line, "("))
		return false;
	for (size_t i = 0; i < CALLS; i++)
		if (mr_line_is(&name, calls[i].name))
			return true;
	return false;
}

static enum mr_status
open_logalloc(struct mr_source *source, struct mr_error *err)
{
	return mr_lines_open(source, sizeof(struct logalloc), "logalloc", "malloc", err);
}

static enum mr_status
fill_logalloc(struct mr_source *source, struct mr_error *err)
{
	return mr_lines_fill(source, parse, err);
}

const struct mr_reading mr_logalloc_reading = {
	.probe = probe,
	.open = open_logalloc,
	.fill = fill_logalloc,
	.close = mr_lines_close,
};
