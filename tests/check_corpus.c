/* SPDX-License-Identifier: MIT */
/* The files of tests/corpus give the answers in the table of its README. */
#include <check.h>
#include <dirent.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "kit.h"
#include "suite.h"

#define ROWS_MAX 512

struct row {
	char name[64];
	char answer[256];
};

static struct row rows[ROWS_MAX];
static size_t row_count;

static const char *
corpus_path(const char *name)
{
	return source_path("tests/corpus", name);
}

/* The rows "| name | what | answer |" of the README. */
static void
load_table(void)
{
	FILE *file = fopen(corpus_path("README.md"), "r");
	char line[1024];

	ck_assert_ptr_nonnull(file);
	row_count = 0;
	while (fgets(line, sizeof(line), file)) {
		struct row *row = &rows[row_count];

		ck_assert_uint_lt(row_count, ROWS_MAX);
		if (sscanf(line, "| %63s | %*[^|] | %255[^|\n]", row->name,
			    row->answer) != 2 ||
			!strchr(row->name, '-') || row->name[0] == '-')
			continue;
		row->answer[strlen(row->answer) - 1] = '\0'; /* the blank before | */
		row_count++;
	}
	fclose(file);
}

/* Without libzstd its files are all refused alike. */
static bool
is_readable(struct row *row)
{
#ifndef HAVE_ZSTD
	if (strstr(row->name, ".zst")) {
		strcpy(row->answer,
			"it is packed with zstd, and this memreplay was built without "
			"libzstd (Debian: libzstd-dev); zstd -dc unpacks it");
		return false;
	}
#endif
	return !strncmp(row->name, "good-", 5);
}

static void
print_answer(char *text, size_t size, const struct trace *trace)
{
	static const char *const places[] = {[MR_PLACE_LINE] = "line ",
		[MR_PLACE_BYTE] = "byte ",
		[MR_PLACE_EVENT] = "event "};

	if (trace->status == MR_END)
		snprintf(text, size, "%zu events%s", trace->count,
			trace->summary.cut ? ", cut" : "");
	else if (trace->err.place == MR_PLACE_NONE)
		snprintf(text, size, "%s", trace->err.text);
	else
		snprintf(text, size, "%s%" PRIu64 ": %s", places[trace->err.place],
			trace->err.where, trace->err.text);
}

START_TEST(files_give_their_answers)
{
	load_table();
	ck_assert_uint_gt(row_count, 100);
	for (size_t i = 0; i < row_count; i++) {
		struct trace trace = read_trace(corpus_path(rows[i].name));
		bool readable = is_readable(&rows[i]);
		char answer[512];

		print_answer(answer, sizeof(answer), &trace);
		ck_assert_msg(!strcmp(answer, rows[i].answer), "%s: \"%s\", not \"%s\"",
			rows[i].name, answer, rows[i].answer);
		ck_assert_msg((trace.status == MR_END) == readable, "%s: status %d",
			rows[i].name, (int)trace.status);
		free_trace(&trace);
	}
}
END_TEST

START_TEST(table_is_complete)
{
	DIR *folder = opendir(corpus_path("."));
	const struct dirent *entry;
	size_t good = 0, bad = 0;

	load_table();
	ck_assert_ptr_nonnull(folder);
	while ((entry = readdir(folder))) {
		size_t i = 0;

		if (entry->d_name[0] == '.' || !strcmp(entry->d_name, "README.md"))
			continue;
		while (i < row_count && strcmp(rows[i].name, entry->d_name) != 0)
			i++;
		ck_assert_msg(i < row_count, "%s is not in the table", entry->d_name);
		good += !strncmp(entry->d_name, "good-", 5);
		bad += !strncmp(entry->d_name, "bad-", 4);
	}
	closedir(folder);
	ck_assert_uint_eq(good + bad, row_count);
	ck_assert_uint_gt(bad, good);
}
END_TEST

/* Events that are said to be the same, in another form. */
static const struct {
	const char *a;
	const char *b;
} pairs[] = {
	{"good-all-fields.jsonl", "good-plain.mrt"},
	{"good-all-fields.jsonl", "good-gzipped.mrt.gz"},
	{"good-minimal.jsonl", "good-one-member.mrt.gz"},
	{"good-minimal.jsonl", "good-two-blocks.mrt.gz"},
	{"good-minimal.jsonl", "good-two-members.jsonl.gz"},
	{"good-minimal.jsonl", "good-document.json"},
	{"good-minimal.jsonl", "good-document-pretty.json"},
	{"good-minimal.jsonl", "good-crlf.jsonl"},
	{"good-heaptrack-events.jsonl", "good-heaptrack.txt.gz"},
	{"good-heaptrack-raw-events.jsonl", "good-heaptrack-raw.txt.gz"},
	{"good-intervals-events.jsonl", "good-intervals.csv"},
	{"good-intervals-begin-end-events.jsonl", "good-intervals-begin-end.csv"},
	{"good-intervals-numbers-events.jsonl", "good-intervals-numbers.log"},
	{"good-intervals-start-end-events.jsonl", "good-intervals-start-end.csv"},
	{"good-logalloc-events.jsonl", "good-logalloc.log"},
	{"good-logalloc-munged-events.jsonl", "good-logalloc-munged.log"},
	{"good-mtrace-events.jsonl", "good-mtrace.mtrace"},
	{"good-rmm-csv-events.jsonl", "good-rmm-csv.csv"},
	{"good-rmm-csv-late-events.jsonl", "good-rmm-csv-late.csv"},
	{"good-rmm-csv-midnight-events.jsonl", "good-rmm-csv-midnight.csv"},
	{"good-rmm-csv-old-events.jsonl", "good-rmm-csv-old.csv"},
};

START_TEST(forms_mean_the_same)
{
	struct trace a = read_trace(corpus_path(pairs[_i].a));
	struct trace b = read_trace(corpus_path(pairs[_i].b));

	ck_assert_int_eq(a.status, MR_END);
	ck_assert_int_eq(b.status, MR_END);
	assert_same_events(a.events, a.count, b.events, b.count, pairs[_i].b);
	free_trace(&a);
	free_trace(&b);
}
END_TEST

/* Lenient or not, bad files end, and good ones stay as they are. */
START_TEST(lenient_reading_ends)
{
	const struct mr_reader_options lenient = {.lenient = true};

	load_table();
	for (size_t i = 0; i < row_count; i++) {
		struct trace strict = read_trace(corpus_path(rows[i].name));
		struct trace trace = read_trace_as(corpus_path(rows[i].name), &lenient);

		ck_assert_uint_ge(trace.count, strict.count);
		if (strict.status == MR_END)
			ck_assert_uint_eq(trace.count, strict.count);
		free_trace(&strict);
		free_trace(&trace);
	}
}
END_TEST

/* What mr_read_progress was called with. */
struct told {
	size_t times;
	uint64_t done, length;
};

static void
hear(void *context, uint64_t done, uint64_t length)
{
	struct told *told = context;

	ck_assert_uint_ge(done, told->done);
	ck_assert_uint_le(done, length);
	*told = (struct told){told->times + 1, done, length};
}

/* While the file is read, and while its events are handed out, to the last. */
START_TEST(progress_comes_to_the_end)
{
	load_table();
	for (size_t i = 0; i < row_count; i++) {
		struct told told = {0};
		const struct mr_reader_options options = {
			.progress = hear, .progress_context = &told};
		const char *path = corpus_path(rows[i].name);
		uint64_t done = 0, length = 0, before = 0;
		struct mr_reader *reader;
		struct mr_event event;

		if (!is_readable(&rows[i]))
			continue;
		ck_assert_int_eq(mr_reader_open(&reader, path, &options, NULL), MR_OK);
		while (!mr_reader_next(reader, &event, NULL)) {
			before = done;
			mr_reader_progress(reader, &done, &length);
			REQUIRE(before <= done && done <= length, "%s", path);
		}
		mr_reader_progress(reader, &done, &length);
		REQUIRE(length && done == length, "%s: %" PRIu64 " of %" PRIu64, path,
			done, length);
		REQUIRE(told.times && told.length && told.done == told.length, "%s",
			path);
		mr_reader_close(reader);
	}
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("corpus");
	TCase *tcase = tcase_create("corpus");

	tcase_add_test(tcase, files_give_their_answers);
	tcase_add_test(tcase, table_is_complete);
	tcase_add_loop_test(
		tcase, forms_mean_the_same, 0, sizeof(pairs) / sizeof(pairs[0]));
	tcase_add_test(tcase, lenient_reading_ends);
	tcase_add_test(tcase, progress_comes_to_the_end);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
