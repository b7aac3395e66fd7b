/* SPDX-License-Identifier: MIT */
/* What a journal keeps is found again, whatever became of its end. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "fleet/journal.h"
#include "kit.h"
#include "suite.h"

#define RECORDS 3

static struct mr_journal *
open_journal(const char *path, uint64_t *lost)
{
	struct mr_journal *journal;
	struct mr_error err;

	ck_assert_msg(!mr_journal_open(&journal, path, lost, &err), "%s", err.text);
	return journal;
}

static void
add(struct mr_journal *journal, unsigned number)
{
	struct mr_packet result = {0};
	struct mr_error err;
	char key[32];

	snprintf(key, sizeof(key), "key\n%u", number);
	mr_packet_put(&result, number * 1000);
	ck_assert_msg(!mr_journal_add(journal, key, &result, &err), "%s", err.text);
	mr_packet_fini(&result);
}

/* Whether a record is there, and as it was. */
static bool
has(const struct mr_journal *journal, unsigned number)
{
	struct mr_packet result;
	char key[32];

	snprintf(key, sizeof(key), "key\n%u", number);
	if (!mr_journal_find(journal, key, &result))
		return false;
	ck_assert_uint_eq(mr_packet_get(&result), number * 1000);
	ck_assert(mr_packet_is_done(&result));
	return true;
}

/* A journal of RECORDS records; where each ends, the head first. */
static const char *
make_journal(size_t ends[RECORDS + 1])
{
	const char *path = temp_path(".journal");
	struct mr_journal *journal;
	struct stat about;
	uint64_t lost;

	unlink(path);
	for (unsigned i = 0; i <= RECORDS; i++) {
		journal = open_journal(path, &lost);
		ck_assert_uint_eq(lost, 0);
		if (i)
			add(journal, i);
		mr_journal_close(journal);
		ck_assert(!stat(path, &about));
		ends[i] = (size_t)about.st_size;
	}
	return path;
}

/* Cut anywhere, it has the records that are whole, and can be gone on with. */
START_TEST(a_torn_end_is_cut_off)
{
	size_t ends[RECORDS + 1];
	const char *path = make_journal(ends);
	struct blob whole = load_file(path);

	for (size_t length = 0; length <= whole.length; length++) {
		struct mr_journal *journal;
		size_t whole_records = 0;
		uint64_t lost;

		while (whole_records < RECORDS && ends[whole_records + 1] <= length)
			whole_records++;
		save_file(path, whole.data, length);
		journal = open_journal(path, &lost);
		for (unsigned i = 1; i <= RECORDS; i++)
			ck_assert_msg(has(journal, i) == (i <= whole_records),
				"record %u of %zu bytes", i, length);
		ck_assert_uint_eq(
			lost, length < ends[0] ? length : length - ends[whole_records]);
		add(journal, 9);
		mr_journal_close(journal);
		journal = open_journal(path, &lost);
		ck_assert(has(journal, 9));
		ck_assert(has(journal, 1) == (whole_records > 0));
		mr_journal_close(journal);
	}
	unlink(path);
	free(whole.data);
}
END_TEST

/* A byte that is wrong costs its record and those behind it, and nothing else. */
START_TEST(damage_is_never_believed)
{
	size_t ends[RECORDS + 1];
	const char *path = make_journal(ends);
	struct blob whole = load_file(path);

	for (size_t at = ends[0]; at < whole.length; at++) {
		struct mr_journal *journal;
		unsigned record = 1;
		uint64_t lost;

		while (ends[record] <= at)
			record++;
		whole.data[at] ^= 0x41;
		save_file(path, whole.data, whole.length);
		whole.data[at] ^= 0x41;
		journal = open_journal(path, &lost);
		for (unsigned i = 1; i <= RECORDS; i++)
			ck_assert_msg(has(journal, i) == (i < record), "byte %zu", at);
		mr_journal_close(journal);
	}
	unlink(path);
	free(whole.data);
}
END_TEST

static const struct {
	const char *text;
	const char *why;
} strangers[] = {
	{"memreplay journal 2\n", "is a journal of another version of memreplay"},
	{"{\"format\":\"alloc-trace\"}", "is not a journal of memreplay"},
	{"x", "is not a journal of memreplay"},
};

START_TEST(other_files_are_refused_and_kept)
{
	const char *path = temp_path(".journal");
	size_t length = strlen(strangers[_i].text);
	struct mr_journal *journal;
	struct mr_error err;
	struct blob after;
	uint64_t lost;

	save_file(path, strangers[_i].text, length);
	ck_assert_int_eq(mr_journal_open(&journal, path, &lost, &err), MR_EFORMAT);
	ck_assert_ptr_null(journal);
	ck_assert_str_eq(err.text, strangers[_i].why);
	after = load_file(path);
	ck_assert_uint_eq(after.length, length);
	ck_assert_mem_eq(after.data, strangers[_i].text, length);
	free(after.data);
	unlink(path);
}
END_TEST

START_TEST(one_process_has_it_at_a_time)
{
	const char *path = temp_path(".journal");
	struct mr_journal *journal, *other;
	struct mr_error err;
	uint64_t lost;

	unlink(path);
	journal = open_journal(path, &lost);
	ck_assert_int_eq(mr_journal_open(&other, path, &lost, &err), MR_EIO);
	ck_assert_str_eq(err.text, "another run is using it");
	mr_journal_close(journal);
	mr_journal_close(open_journal(path, &lost));
	unlink(path);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("journal");
	TCase *tcase = tcase_create("journal");

	tcase_add_test(tcase, a_torn_end_is_cut_off);
	tcase_add_test(tcase, damage_is_never_believed);
	tcase_add_loop_test(tcase, other_files_are_refused_and_kept, 0,
		sizeof(strangers) / sizeof(strangers[0]));
	tcase_add_test(tcase, one_process_has_it_at_a_time);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
