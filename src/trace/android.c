/* SPDX-License-Identifier: MIT */

/*
 * The text that Android's memory_replay reads and its malloc_debug records:
 *
 *	TID: malloc POINTER SIZE [START END]
 *	TID: calloc POINTER COUNT SIZE [START END]
 *	TID: memalign POINTER ALIGN SIZE [START END]
 *	TID: realloc NEW OLD SIZE [START END]
 *	TID: free POINTER [START END]
 *	TID: thread_done 0x0 [END]
 *
 * Pointers are hexadecimal with 0x, other numbers decimal, times in ns.
 */

#include "base/error.h"
#include "base/text.h"
#include "trace/import.h"
#include "trace/lines.h"

enum call { MALLOC, CALLOC, MEMALIGN, REALLOC, FREE, THREAD_DONE, CALL_COUNT };

static const struct {
	const char *name;
	size_t numbers; /* behind it, times aside */
} calls[CALL_COUNT] = {
	[MALLOC] = {"malloc", 2},
	[CALLOC] = {"calloc", 3},
	[MEMALIGN] = {"memalign", 3},
	[REALLOC] = {"realloc", 3},
	[FREE] = {"free", 1},
	[THREAD_DONE] = {"thread_done", 1},
};

/* A line, taken apart. */
struct record {
	enum call call;
	uint64_t tid;
	uint64_t numbers[3];
	uint64_t start_ns;
	bool timed;
};

static bool
take_call(struct mr_line *line, enum call *call)
{
	struct mr_line word;

	if (!mr_line_word(line, &word, '\0'))
		return false;
	for (*call = 0; *call < CALL_COUNT; ++*call)
		if (mr_line_is(&word, calls[*call].name))
			return true;
	return false;
}

static bool
take_record(struct mr_line *line, struct record *record)
{
	uint64_t end_ns;

	if (!mr_line_decimal(line, &record->tid) || !mr_line_text(line, ":") ||
		!mr_line_blanks(line) || !take_call(line, &record->call))
		return false;
	for (size_t i = 0; i < calls[record->call].numbers; i++)
		if (!mr_line_blanks(line) || !mr_line_number(line, &record->numbers[i]))
			return false;
	record->timed = mr_line_blanks(line);
	if (record->timed && !mr_line_number(line, &record->start_ns))
		return false;
	if (mr_line_blanks(line) && !mr_line_number(line, &end_ns))
		return false;
	return mr_line_done(line);
}

/* Queues what the call did. A pointer of 0 is a call that failed. */
static enum mr_status
import_call(struct mr_import *import, const struct record *record, struct mr_error *err)
{
	const uint64_t *n = record->numbers;
	uint64_t size = n[calls[record->call].numbers - 1];
	enum mr_status st = MR_OK;

	if (record->call == THREAD_DONE)
		return MR_OK;
	if (record->call == FREE)
		return n[0] ? mr_import_free(import, n[0], err) : MR_OK;
	if (record->call == CALLOC && __builtin_mul_overflow(n[1], n[2], &size))
		return mr_fail(err, MR_EFORMAT, "the size of calloc is above 2^64");
	if (record->call == REALLOC && n[1] && (n[0] || !n[2]))
		st = mr_import_free(import, n[1], err);
	import->next.has &= (uint8_t)~MR_HAS_ALIGN;
	if (record->call == MEMALIGN && n[1] && n[1] <= UINT32_MAX &&
		!(n[1] & (n[1] - 1))) {
		import->next.align = (uint32_t)n[1];
		import->next.has |= MR_HAS_ALIGN;
	}
	return st || !n[0] ? st : mr_import_malloc(import, n[0], size, err);
}

static enum mr_status
parse(struct mr_source *source, struct mr_line *line, struct mr_error *err)
{
	struct mr_import *import = source->import;
	struct mr_line rest = *line;
	char text[MR_QUOTE_SIZE];
	struct record record;

	if (mr_line_done(line))
		return MR_OK;
	if (!take_record(&rest, &record))
		return mr_fail(err, MR_EFORMAT,
			"expected \"TID: CALL POINTER...\" as memory_replay has it, "
			"found \"%s\"",
			mr_text_quote(text, line->at, (size_t)(line->end - line->at)));
	if (record.tid > UINT32_MAX)
		return mr_fail(err, MR_EFORMAT, "the thread's number has over 32 bits");
	import->next.tid = (uint32_t)record.tid;
	import->next.has |= MR_HAS_TID;
	if (record.timed)
		mr_import_time(import, record.start_ns);
	return import_call(import, &record, err);
}

/* The first line tells, up to its first pointer. */
static bool
probe(const unsigned char *data, size_t length)
{
	struct mr_line line = {(const char *)data, (const char *)data + length};
	uint64_t number;
	enum call call;

	return mr_line_decimal(&line, &number) && mr_line_text(&line, ": ") &&
		take_call(&line, &call) && mr_line_text(&line, " 0x");
}

static enum mr_status
open_android(struct mr_source *source, struct mr_error *err)
{
	return mr_lines_open(source, sizeof(struct mr_lines), "android", "android", err);
}

static enum mr_status
fill_android(struct mr_source *source, struct mr_error *err)
{
	return mr_lines_fill(source, parse, err);
}

const struct mr_reading mr_android_reading = {
	.probe = probe,
	.open = open_android,
	.fill = fill_android,
	.close = mr_lines_close,
};
