/* SPDX-License-Identifier: MIT */
/* What writers refuse and leave behind, and what lenient readers pass over. */
#include <check.h>
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kit.h"
#include "suite.h"

static const struct mr_event clear = {.op = MR_OP_CLEAR_CACHE, .has = MR_HAS_T, .t = 1};

static const struct {
	const char *path;
	const char *format;
	const char *header;
	enum mr_status status;
	const char *text;
} openings[] = {
	{"x.txt", NULL, "{}", MR_EINVAL, "the name does not tell the format"},
	{"x.json", NULL, "{}", MR_EINVAL,
		"the format \"json\" can only be read; can be written: mrt, jsonl"},
	{"x.jsonl", "csv", "{}", MR_EINVAL, "there is no format \"csv\""},
	{"-", NULL, "{}", MR_EINVAL, "the name does not tell the format"},
	{"x.jsonl", NULL, "[]", MR_EINVAL, "the text is not a JSON object"},
	{"x.jsonl", NULL, "{}x", MR_EINVAL, "the text is not a JSON object"},
	{"x.mrt", NULL, "", MR_EINVAL, "the text is not a JSON object"},
	{"no/such/folder/x.mrt", NULL, "{}", MR_EIO, "cannot create: No such file"},
	{".", "mrt", "{}", MR_EIO, "cannot create: Is a directory"},
};

START_TEST(bad_openings_are_refused)
{
	struct mr_error err = {.text = ""};
	struct mr_writer *writer = (struct mr_writer *)&err;

	ck_assert_int_eq(mr_writer_open(&writer, openings[_i].path, openings[_i].format,
				 openings[_i].header, &err),
		openings[_i].status);
	ck_assert_ptr_null(writer);
	ck_assert_msg(strstr(err.text, openings[_i].text), "%s", err.text);
}
END_TEST

static const struct {
	const char *suffix;
	const char *text;
	struct mr_event event;
} refused[] = {
	{".jsonl", "\"size\" is above 2^53",
		{.op = MR_OP_MALLOC, .size = (UINT64_C(1) << 53) + 1}},
	{".jsonl", "\"t\" is above 2^53",
		{.op = MR_OP_CLEAR_CACHE, .has = MR_HAS_T, .t = UINT64_MAX}},
	{".jsonl", "there is no op 8", {.op = 8}},
	{".mrt", "there is no op 200", {.op = 200}},
	{".mrt", "not valid UTF-8", {.op = MR_OP_MARK, .name = "\xff", .name_length = 1}},
	{".jsonl", "not valid UTF-8",
		{.op = MR_OP_MARK, .name = "\xc3", .name_length = 1}},
	{".jsonl", "not valid UTF-8", {.op = MR_OP_MARK, .name = "a", .name_length = 2}},
	{".mrt", "time goes back to 0 ns", {.op = MR_OP_CLEAR_CACHE, .has = MR_HAS_T}},
	{".mrt", "malloc with id 18446744073709551615",
		{.op = MR_OP_MALLOC, .id = UINT64_MAX}},
	{".mrt", "free of id 7, which was never allocated", {.op = MR_OP_FREE, .id = 7}},
	{".mrt", "size 9223372036854775808 is above 2^63 - 1",
		{.op = MR_OP_MALLOC, .size = UINT64_C(1) << 63}},
	{".mrt", "cap 9223372036854775808 is above 2^63 - 1",
		{.op = MR_OP_MALLOC, .has = MR_HAS_CAP, .cap = UINT64_C(1) << 63}},
	{".jsonl", "align 3 is not a power of two",
		{.op = MR_OP_MALLOC, .has = MR_HAS_ALIGN, .align = 3}},
	{".jsonl", "align 0 is not a power of two",
		{.op = MR_OP_MALLOC, .has = MR_HAS_ALIGN}},
	{".mrt", "over 65535 bytes",
		{.op = MR_OP_MARK, .name = "", .name_length = 65536}},
};

static void
assert_nothing_left(const char *path)
{
	char pattern[128];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s*", path);
	ck_assert_msg(glob(pattern, 0, NULL, &found) == GLOB_NOMATCH, "%s is left",
		found.gl_pathv[0]);
}

START_TEST(bad_events_are_refused)
{
	const char *path = temp_path(refused[_i].suffix);
	struct mr_error err = {.text = ""};
	struct mr_writer *writer;

	ck_assert_int_eq(mr_writer_open(&writer, path, NULL, "{}", NULL), MR_OK);
	ck_assert_int_eq(mr_writer_put(writer, &clear, NULL), MR_OK);
	ck_assert_int_eq(mr_writer_put(writer, &refused[_i].event, &err), MR_EFORMAT);
	ck_assert_msg(strstr(err.text, refused[_i].text), "%s", err.text);
	/* from then on all fails the same way, and nothing is left behind */
	ck_assert_int_eq(mr_writer_put(writer, &clear, NULL), MR_EFORMAT);
	memset(&err, 0, sizeof(err));
	ck_assert_int_eq(mr_writer_finish(writer, NULL, &err), MR_EFORMAT);
	ck_assert_msg(strstr(err.text, refused[_i].text), "%s", err.text);
	assert_nothing_left(path);
}
END_TEST

/* The name appears at the end only, and an old file stays until then. */
START_TEST(names_appear_when_files_are_whole)
{
	const char *path = temp_path(".mrt.gz");
	struct mr_writer *writer;
	struct stat about;
	struct blob old;
	mode_t mask = umask(022);

	ck_assert_int_eq(mr_writer_open(&writer, path, NULL, "{}", NULL), MR_OK);
	ck_assert_int_eq(mr_writer_put(writer, &clear, NULL), MR_OK);
	ck_assert(stat(path, &about) && errno == ENOENT);
	ck_assert_int_eq(mr_writer_finish(writer, NULL, NULL), MR_OK);
	ck_assert_int_eq(stat(path, &about), 0);
	ck_assert_uint_eq(about.st_mode & 0777, 0644);
	umask(mask);

	ck_assert_int_eq(mr_writer_open(&writer, path, NULL, "{}", NULL), MR_OK);
	ck_assert_int_eq(mr_writer_put(writer, &clear, NULL), MR_OK);
	mr_writer_abort(writer);
	mr_writer_abort(NULL);
	old = load_file(path);
	ck_assert_uint_eq(old.length, (size_t)about.st_size);
	free(old.data);
	unlink(path);
	assert_nothing_left(path);
}
END_TEST

/* A link stays a link, and what it points to is replaced. */
START_TEST(links_are_followed)
{
	const char *target = temp_path(".target.mrt"), *link = temp_path(".link.mrt");
	struct stat about;

	save_file(target, "old", 3);
	ck_assert_int_eq(symlink(target, link), 0);
	write_trace(link, "{}", &clear, 1);
	ck_assert_int_eq(lstat(link, &about), 0);
	ck_assert(S_ISLNK(about.st_mode));
	ck_assert_int_eq(lstat(target, &about), 0);
	ck_assert(S_ISREG(about.st_mode) && about.st_size > 3);
	unlink(target);
	unlink(link);
}
END_TEST

static void
assert_type(const char *path, mode_t type)
{
	struct stat about;

	ck_assert_int_eq(lstat(path, &about), 0);
	ck_assert_msg((about.st_mode & S_IFMT) == type, "%s: %o", path, about.st_mode);
}

/* A link to a file that there is not yet stays one too, in whichever folder it is. */
START_TEST(dangling_links_are_followed)
{
	char target[PATH_MAX], link[100], here[PATH_MAX - 100];
	const char *folder = temp_path(".folder"), *outer = temp_path(".outer.mrt");

	ck_assert_int_eq(mkdir(folder, 0700), 0);
	ck_assert_ptr_nonnull(getcwd(here, sizeof(here)));
	snprintf(target, sizeof(target), "%s/%s/new.mrt", here, folder);
	snprintf(link, sizeof(link), "%s/link.mrt", folder);
	ck_assert_int_eq(symlink(_i ? "new.mrt" : target, link), 0);
	ck_assert_int_eq(symlink(link, outer), 0);
	write_trace(outer, "{}", &clear, 1);
	assert_type(outer, S_IFLNK);
	assert_type(link, S_IFLNK);
	assert_type(target, S_IFREG);
	unlink(target);
	unlink(link);
	unlink(outer);
	ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

START_TEST(circular_links_are_refused)
{
	const char *link = temp_path(".link.mrt");
	struct mr_error err = {.text = ""};
	struct mr_writer *writer;

	ck_assert_int_eq(symlink(link, link), 0);
	ck_assert_int_eq(mr_writer_open(&writer, link, NULL, "{}", &err), MR_EIO);
	ck_assert_msg(strstr(err.text, "cannot create: Too many"), "%s", err.text);
	assert_type(link, S_IFLNK);
	unlink(link);
}
END_TEST

/* Who may read a file is not changed by writing it anew. */
START_TEST(modes_are_kept)
{
	static const mode_t modes[] = {0600, 0666, 0444};
	const char *path = temp_path(".mrt");
	mode_t mask = umask(022);
	struct stat about;

	save_file(path, "old", 3);
	ck_assert_int_eq(chmod(path, modes[_i]), 0);
	write_trace(path, "{}", &clear, 1);
	umask(mask);
	ck_assert_int_eq(stat(path, &about), 0);
	ck_assert_int_gt(about.st_size, 3);
	ck_assert_uint_eq(about.st_mode & 07777, modes[_i]);
	unlink(path);
}
END_TEST

/* Devices are written in place; a full one is reported, at the end if not before. */
START_TEST(full_disks_are_reported)
{
	static const char *const formats[] = {"jsonl", "mrt"};
	struct mr_error err = {.text = ""};
	struct mr_writer *writer;
	enum mr_status st = MR_OK;
	struct stat about;

	if (stat("/dev/full", &about))
		return;
	ck_assert_int_eq(
		mr_writer_open(&writer, "/dev/full", formats[_i / 2], "{}", NULL),
		formats[_i / 2][0] == 'm' ? MR_EIO : MR_OK);
	if (!writer)
		return; /* the header of the binary form is handed over at once */
	for (int i = 0; !st && i < (_i % 2 ? 100000 : 1); i++)
		st = mr_writer_put(writer, &clear, &err);
	st = mr_writer_finish(writer, NULL, &err);
	ck_assert_int_eq(st, MR_EIO);
	ck_assert_str_eq(err.text, "cannot write: No space left on device");
	ck_assert(!stat("/dev/full", &about) && S_ISCHR(about.st_mode));
}
END_TEST

START_TEST(trailers_must_be_objects)
{
	const char *path = temp_path(".mrt");
	struct mr_writer *writer;

	ck_assert_int_eq(mr_writer_open(&writer, path, NULL, "{}", NULL), MR_OK);
	ck_assert_int_eq(mr_writer_put(writer, &clear, NULL), MR_OK);
	ck_assert_int_eq(mr_writer_finish(writer, "3", NULL), MR_EINVAL);
	assert_nothing_left(path);
}
END_TEST

/* Each thing that can be skipped, counted under its name. */
START_TEST(lenient_readers_count)
{
	static const char text[] =
		TEST_HEADER "\n"
			    "{\"op\":\"malloc\",\"id\":1,\"size\":8,\"t\":5}\n"
			    "junk\n"
			    "{\"op\":\"realloc\",\"id\":1}\n"
			    "{\"op\":\"malloc\",\"id\":2,\"size\":-8}\n"
			    "{\"op\":\"malloc\",\"id\":3,\"size\":8,\"align\":3}\n"
			    "{\"op\":\"malloc\",\"id\":1,\"size\":8}\n"
			    "{\"op\":\"free\",\"id\":9}\n"
			    "{\"op\":\"free\",\"id\":1,\"t\":3}\n"
			    "{\"op\":\"free\",\"id\":1,\"t\":6}\n"
			    "{\"op\":\"clear_cache\"";
	const struct mr_reader_options lenient = {.lenient = true};
	const char *path = temp_path(".jsonl");
	struct trace trace;

	save_file(path, text, strlen(text));
	trace = read_trace_as(path, &lenient);
	ck_assert_int_eq(trace.status, MR_END);
	ck_assert_uint_eq(trace.count, 2);
	ck_assert_uint_eq(trace.summary.skipped_lines, 5);
	ck_assert_uint_eq(trace.summary.skipped_mallocs, 1);
	ck_assert_uint_eq(trace.summary.skipped_frees, 2);
	ck_assert_uint_eq(trace.summary.clamped_times, 1);
	ck_assert_uint_eq(trace.events[1].t, 5);
	free_trace(&trace);
	unlink(path);
}
END_TEST

/* Other programs' writers may not know how long a name may be. */
START_TEST(readers_refuse_long_names)
{
	const char *path = temp_path(".jsonl");
	const size_t most = 65535;
	char *text = malloc(most + 200);
	struct trace trace;
	int head;

	ck_assert_ptr_nonnull(text);
	for (size_t more = 0; more < 2; more++) {
		head = sprintf(text, TEST_HEADER "\n{\"op\":\"mark\",\"name\":\"");
		memset(text + head, 'n', most + more);
		strcpy(text + (size_t)head + most + more, "\"}\n");
		save_file(path, text, strlen(text));
		trace = read_trace(path);
		ck_assert_int_eq(trace.status, more ? MR_EFORMAT : MR_END);
		ck_assert_uint_eq(trace.count, 1 - more);
		if (more)
			ck_assert_str_eq(trace.err.text,
				"the name of a mark has over 65535 bytes");
		free_trace(&trace);
	}
	free(text);
	unlink(path);
}
END_TEST

START_TEST(formats_can_be_named)
{
	const char *path = temp_path(".x");
	struct mr_reader_options options = {.from = "jsonl"};
	struct mr_writer *writer;
	struct trace trace;
	size_t count;

	ck_assert_int_eq(mr_writer_open(&writer, path, "jsonl", "{}", NULL), MR_OK);
	ck_assert_int_eq(mr_writer_put(writer, &clear, NULL), MR_OK);
	ck_assert_int_eq(mr_writer_finish(writer, NULL, NULL), MR_OK);
	trace = read_trace_as(path, &options);
	ck_assert_int_eq(trace.status, MR_END);
	ck_assert_str_eq(trace.summary.format, "jsonl");
	free_trace(&trace);
	options.from = "mrt";
	ck_assert_int_eq(read_trace_as(path, &options).status, MR_EFORMAT);
	options.from = "nothing";
	ck_assert_int_eq(read_trace_as(path, &options).status, MR_EINVAL);
	ck_assert_str_eq(mr_formats(&count)[0].name, "mrt");
	ck_assert_uint_ge(count, 3);
	unlink(path);
}
END_TEST

START_TEST(progress_ends_at_the_length)
{
	const char *path = temp_path(".jsonl.gz");
	struct mr_reader *reader;
	struct mr_event event;
	uint64_t done, length;
	struct stat about;

	write_trace(path, "{}", &clear, 1);
	ck_assert_int_eq(stat(path, &about), 0);
	ck_assert_int_eq(mr_reader_open(&reader, path, NULL, NULL), MR_OK);
	while (!mr_reader_next(reader, &event, NULL))
		continue;
	mr_reader_progress(reader, &done, &length);
	ck_assert_uint_eq(length, (uint64_t)about.st_size);
	ck_assert_uint_eq(done, length);
	mr_reader_close(reader);
	mr_reader_close(NULL);
	unlink(path);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("writer");
	TCase *tcase = tcase_create("writer");

	tcase_add_loop_test(tcase, bad_openings_are_refused, 0,
		sizeof(openings) / sizeof(openings[0]));
	tcase_add_loop_test(
		tcase, bad_events_are_refused, 0, sizeof(refused) / sizeof(refused[0]));
	tcase_add_test(tcase, names_appear_when_files_are_whole);
	tcase_add_test(tcase, links_are_followed);
	tcase_add_loop_test(tcase, dangling_links_are_followed, 0, 2);
	tcase_add_test(tcase, circular_links_are_refused);
	tcase_add_loop_test(tcase, modes_are_kept, 0, 3);
	tcase_add_loop_test(tcase, full_disks_are_reported, 0, 4);
	tcase_add_test(tcase, trailers_must_be_objects);
	tcase_add_test(tcase, lenient_readers_count);
	tcase_add_test(tcase, readers_refuse_long_names);
	tcase_add_test(tcase, formats_can_be_named);
	tcase_add_test(tcase, progress_ends_at_the_length);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
