/* SPDX-License-Identifier: MIT */
/* Traces that are cut, damaged, hostile or come in pieces. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit.h"
#include "suite.h"
#include "trace/block.h"

#define EVENTS 600 /* in three blocks, see small_trace() */

/* Where the blocks of a trace end in its file, and the events up to there. */
struct ends {
	size_t at[16];
	size_t events[16];
	size_t count;
};

static uint32_t
number_at(const unsigned char *bytes)
{
	return (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
		(uint32_t)bytes[3] << 24;
}

/* Of a file without gzip; the last is that of the end mark. */
static struct ends
find_ends(const struct blob *file)
{
	struct ends ends = {.count = 0};
	size_t at = 16 + number_at(file->data + 8), events = 0;

	while (at < file->length) {
		events += number_at(file->data + at + 8);
		at += 16 + number_at(file->data + at + 4);
		ends.at[ends.count] = at;
		ends.events[ends.count++] = events;
	}
	ck_assert_uint_eq(at, file->length);
	return ends;
}

/*
 * Where the gzip members of the same file end, less its eight last bytes, which
 * hold no data. Members begin with ten bytes that stand nowhere else.
 */
static struct ends
find_members(const struct blob *file, const struct ends *plain)
{
	struct ends ends = *plain;
	size_t found = 0;

	for (size_t at = 10; at < file->length; at++) {
		if (file->length - at >= 10 &&
			memcmp(file->data + at, file->data, 10) != 0)
			continue;
		if (file->length - at < 10)
			at = file->length;
		if (found) /* the first is the header */
			ends.at[found - 1] = at - 8;
		found++;
	}
	ck_assert_uint_eq(found, plain->count + 1);
	return ends;
}

/* So many threads that each block runs out of shapes after 256 events. */
static struct blob
small_trace(const char *suffix)
{
	struct mr_event events[EVENTS];
	const char *path = temp_path(suffix);
	struct blob file;

	make_events(events, EVENTS, UINT32_MAX, 1);
	for (uint32_t i = 0; i < EVENTS; i++) {
		events[i].has |= MR_HAS_TID;
		events[i].tid = i;
	}
	write_trace(path, TEST_HEADER, events, EVENTS);
	/* the binary format is always written gzipped */
	file = strcmp(suffix, ".mrt") ? load_file(path) : load_plain(path);
	ck_assert_ptr_nonnull(file.data);
	unlink(path);
	return file;
}

/* The events that whole blocks hold when the file is cut to length. */
static size_t
whole_events(const struct ends *ends, size_t length)
{
	size_t events = 0;

	for (size_t i = 0; i < ends->count; i++)
		if (ends->at[i] <= length)
			events = ends->events[i];
	return events;
}

static void
assert_cut_is_read(const struct blob *file, const struct ends *ends, size_t length,
	size_t slack, const char *path)
{
	struct trace trace;

	if (truncate(path, (off_t)length))
		ck_abort_msg("truncate: %s", strerror(errno));
	trace = read_trace(path);
	ck_assert_msg(trace.count >= whole_events(ends, length) &&
			trace.count <= whole_events(ends, length + slack),
		"cut to %zu: %zu events, not %zu", length, trace.count,
		whole_events(ends, length));
	if (trace.count) {
		ck_assert_msg(
			trace.status == MR_END, "cut to %zu: %s", length, trace.err.text);
		ck_assert(trace.summary.cut == !*trace.trailer);
		if (length + slack + 8 < file->length)
			ck_assert(trace.summary.cut);
	} else {
		ck_assert_int_eq(trace.status, MR_EFORMAT);
	}
	free_trace(&trace);
}

/* A file cut at any place yields all of its whole blocks and nothing else. */
START_TEST(cut_anywhere)
{
	bool gzip = _i;
	struct blob plain = small_trace(".mrt");
	struct blob file = gzip ? small_trace(".mrt.gz") : plain;
	struct ends ends = find_ends(&plain);
	/* deflate may have given all bytes out before its own last ones came */
	size_t slack = gzip ? 4 : 0;
	const char *path = temp_path(".cut");

	if (gzip)
		ends = find_members(&file, &ends);
	ck_assert_uint_eq(ends.count, 4); /* three blocks and the end mark */
	save_file(path, file.data, file.length);
	for (size_t length = file.length - 1; length > 0; length--)
		assert_cut_is_read(&file, &ends, length, slack, path);
	unlink(path);
	free(plain.data);
	if (gzip)
		free(file.data);
}
END_TEST

static const char *const suffixes[] = {".mrt", ".mrt.gz", ".jsonl", ".jsonl.gz"};

/* A flipped bit never crashes; in the binary format it is always found. */
START_TEST(flipped_bits)
{
	struct blob file = small_trace(suffixes[_i]);
	const char *path = temp_path(".flip");
	uint64_t random = 5;

	for (size_t at = 0; at < file.length; at++) {
		unsigned char bit = (unsigned char)(1u << next_random(&random) % 8);
		struct trace trace;

		file.data[at] ^= bit;
		save_file(path, file.data, file.length);
		file.data[at] ^= bit;
		trace = read_trace(path);
		if (_i == 0)
			ck_assert_msg(trace.status == MR_EFORMAT ||
					(trace.status == MR_END && trace.summary.cut),
				"bit %u of byte %zu passes unseen", bit, at);
		free_trace(&trace);
		if (_i) /* each reading takes time */
			at += _i == 1 ? 2 : 16;
	}
	unlink(path);
	free(file.data);
}
END_TEST

/* Decodes a payload of exactly so many bytes; what matters is that it ends. */
static size_t
decode_all(const unsigned char *data, size_t length, uint32_t count)
{
	struct mr_block_decoder decoder;
	struct mr_event events[64];
	size_t total = 0, got;
	unsigned char *exact = malloc(length ? length : 1);

	REQUIRE(exact, "no memory");
	memcpy(exact, data, length);
	if (!mr_block_open(&decoder, exact, length, count, NULL))
		while (!mr_block_next(&decoder, events, 64, &got, NULL) && got)
			total += got;
	free(exact);
	return total;
}

/* Payloads whose CRC would be right, but made by somebody hostile. */
START_TEST(hostile_payloads)
{
	struct blob file = small_trace(".mrt");
	struct ends ends = find_ends(&file);
	size_t begin = 16 + number_at(file.data + 8) + 16;
	size_t length = ends.at[0] - begin;
	unsigned char *payload = file.data + begin;
	uint32_t count = (uint32_t)ends.events[0];
	unsigned char *copy = malloc(length);
	uint64_t random = 11;

	ck_assert_ptr_nonnull(copy);
	ck_assert_uint_eq(decode_all(payload, length, count), count);
	for (size_t cut = 0; cut < length; cut++)
		ck_assert_uint_le(decode_all(payload, cut, count), count);
	for (int turn = 0; turn < 20000; turn++) {
		memcpy(copy, payload, length);
		for (uint64_t n = 1 + next_random(&random) % 8; n; n--)
			copy[next_random(&random) % length] =
				(unsigned char)next_random(&random);
		REQUIRE(decode_all(copy, length, count) <= count, "turn %d", turn);
	}
	free(copy);
	free(file.data);
}
END_TEST

/* Writes the file into a pipe, piece by piece, in a child. */
static void
feed_pipe(const struct blob *file, size_t piece)
{
	int ends[2];
	pid_t child;

	ck_assert_int_eq(pipe(ends), 0);
	child = fork();
	ck_assert_int_ge(child, 0);
	if (child == 0) {
		close(ends[0]);
		for (size_t at = 0; at < file->length; at += piece) {
			size_t rest = file->length - at;

			if (write(ends[1], file->data + at, rest < piece ? rest : piece) <
				0)
				_exit(1);
		}
		_exit(0);
	}
	close(ends[1]);
	ck_assert_int_eq(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	close(ends[0]);
}

START_TEST(standard_input_in_pieces)
{
	static const size_t pieces[] = {1, 7, 4096};
	struct blob file = small_trace(suffixes[_i / 3]);
	const char *path = temp_path(suffixes[_i / 3]);
	struct trace whole, trace;
	int status;

	save_file(path, file.data, file.length);
	whole = read_trace(path);
	ck_assert_uint_eq(whole.count, EVENTS);
	feed_pipe(&file, pieces[_i % 3]);
	trace = read_trace("-");
	ck_assert_msg(trace.status == MR_END, "%s", trace.err.text);
	assert_same_events(
		whole.events, whole.count, trace.events, trace.count, suffixes[_i / 3]);
	wait(&status);
	free_trace(&whole);
	free_trace(&trace);
	free(file.data);
	unlink(path);
}
END_TEST

/* A line, a header or an event that never ends is refused, not gathered. */
START_TEST(endless_elements)
{
	static const char *const heads[] = {TEST_HEADER "\n{\"op\":\"mark\",\"name\":\"",
		"{\"format\":\"",
		"{\"format\":\"alloc-trace\",\"version\":1,\"events\":[{\"op\":\""};
	const size_t length = (size_t)8 * 1024 * 1024;
	const char *path = temp_path(".endless");
	char *text = malloc(length);
	struct trace trace;

	ck_assert_ptr_nonnull(text);
	memset(text, 'x', length);
	memcpy(text, heads[_i], strlen(heads[_i]));
	save_file(path, text, length);
	trace = read_trace(path);
	ck_assert_int_eq(trace.status, MR_EFORMAT);
	ck_assert_msg(strstr(trace.err.text, "longer than 1 MiB"), "%s", trace.err.text);
	free_trace(&trace);
	free(text);
	unlink(path);
}
END_TEST

START_TEST(unreadable_files)
{
	static const char *const paths[] = {"no/such/file", "."};
	static const char *const texts[] = {
		"cannot open: No such file or directory", "cannot read: Is a directory"};
	struct trace trace = read_trace(paths[_i]);

	ck_assert_int_eq(trace.status, MR_EIO);
	ck_assert_str_eq(trace.err.text, texts[_i]);
	ck_assert_int_eq(trace.err.place, MR_PLACE_NONE);
}
END_TEST

static const struct {
	const char *suffix;
	const char *from; /* its format; NULL: found out */
	const char *content;
	size_t length;
	enum mr_status status; /* MR_END: a good one */
	const char *text;
} small_files[] = {
#define CONTENT(text) text, sizeof(text) - 1
	{".txt", "android", CONTENT("12: malloc 0x1 x\n"), MR_EFORMAT, "found \"12:"},
	{".txt", "android", CONTENT("12: malloc 0x1 16 x\n"), MR_EFORMAT, "found \"12:"},
	{".txt", "android", CONTENT("12: malloc 0x1 16 5 x\n"), MR_EFORMAT,
		"found \"12:"},
	{".txt", "heaptrack", CONTENT("v x\n"), MR_EFORMAT,
		"expected \"v VERSION FORMAT\""},
	{".log", "logalloc", CONTENT("1 1 malloc 5\n"), MR_EFORMAT, "malloc 5"},
	{".log", "logalloc", CONTENT("1 1 calloc(1)=0x1\n"), MR_EFORMAT, "calloc(1)"},
	{".log", "logalloc", CONTENT("1 1 malloc(32)=0x10\n1 1 free(0x10)\n"), MR_END,
		""},
	{".pickle", NULL, CONTENT("\x80\x02\x8a\x08\0\0\0\0\0\0\0\x80."), MR_EFORMAT,
		"a number is below -2^60"},
	{".pickle", NULL, CONTENT("\x80\x02]q\0q\0."), MR_EFORMAT,
		"a snapshot of 0 segments"},
	{".json", NULL, CONTENT("{\"events\":[] x}"), MR_EFORMAT,
		"expected \",\" or \"}\" behind the events"},
	{".mrt", "json", CONTENT("{\"events\":["), MR_EFORMAT,
		"the file ends inside the events"},
#undef CONTENT
};

START_TEST(small_files_are_told)
{
	const char *path = temp_path(small_files[_i].suffix);
	struct mr_reader_options options = {.from = small_files[_i].from};
	struct trace trace;

	save_file(path, small_files[_i].content, small_files[_i].length);
	trace = read_trace_as(path, &options);
	ck_assert_msg(trace.status == small_files[_i].status &&
			strstr(trace.err.text, small_files[_i].text),
		"%d: %s", trace.status, trace.err.text);
	free_trace(&trace);
	unlink(path);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("damage");
	TCase *tcase = tcase_create("damage");

	tcase_set_timeout(tcase, 600); /* for valgrind */
	tcase_add_loop_test(tcase, cut_anywhere, 0, 2);
	tcase_add_loop_test(tcase, flipped_bits, 0, 4);
	tcase_add_test(tcase, hostile_payloads);
	tcase_add_loop_test(tcase, standard_input_in_pieces, 0, 12);
	tcase_add_loop_test(tcase, endless_elements, 0, 3);
	tcase_add_loop_test(tcase, unreadable_files, 0, 2);
	tcase_add_loop_test(tcase, small_files_are_told, 0,
		sizeof(small_files) / sizeof(small_files[0]));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
