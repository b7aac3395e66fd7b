/* SPDX-License-Identifier: MIT */
/* Records come out of a spool sorted and stable, in memory or from a file. */
#include <check.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "kit.h"
#include "suite.h"
#include "trace/pairs.h"
#include "trace/spool.h"

/* Records in all, and how many stay in memory. */
static const struct {
	size_t count;
	size_t run;
} cases[] = {{0, 8}, {1, 8}, {8, 8}, {9, 8}, {16, 8}, {1000, 1000}, {1000, 999},
	{1000, 1}, {50000, 4096}, {50000, 2000}};

/* Goes through the records: address is the order in which they were put. */
static void
read_sorted(struct mr_spool *spool, size_t count)
{
	struct mr_spool_record record, last = {.time_ns = INT64_MIN};
	bool *seen = calloc(count + 1, sizeof(*seen));
	struct mr_error err;
	enum mr_status st;
	size_t got = 0;

	ck_assert_ptr_nonnull(seen);
	ck_assert_msg(!mr_spool_rewind(spool, &err), "%s", err.text);
	while (!(st = mr_spool_next(spool, &record, &err))) {
		REQUIRE(record.time_ns > last.time_ns ||
				(record.time_ns == last.time_ns &&
					record.address > last.address),
			"record %zu", got);
		REQUIRE(record.address < count && !seen[record.address], "record %zu",
			got);
		seen[record.address] = true;
		last = record;
		got++;
	}
	ck_assert_int_eq(st, MR_END);
	ck_assert_uint_eq(got, count);
	free(seen);
}

START_TEST(records_come_sorted)
{
	struct mr_spool *spool;
	struct mr_error err;
	uint64_t random = 7;

	ck_assert(!mr_spool_new(&spool, cases[_i].run, &err));
	for (size_t i = 0; i < cases[_i].count; i++) {
		struct mr_spool_record record = {.address = i,
			.time_ns = (int64_t)(next_random(&random) % 5000) - 2500};

		ck_assert_msg(!mr_spool_put(spool, &record, &err), "%s", err.text);
	}
	read_sorted(spool, cases[_i].count);
	read_sorted(spool, cases[_i].count); /* as often as wanted */
	mr_spool_free(spool);
}
END_TEST

/* A temporary file that cannot be opened, is full, or becomes shorter. */
static const struct {
	const char *text;
	size_t count, run;
	int limit;   /* a resource that there is none of ... */
	size_t from; /* ... from this record on */
	bool cut_early, cut_late;
} failures[] = {
	{"Too many open files", 9, 8, RLIMIT_NOFILE, 0, false, false},
	{"File too large", 1001, 1000, RLIMIT_FSIZE, 0, false, false},
	{"File too large", 1500, 1000, RLIMIT_FSIZE, 1499, false, false},
	{"File too large", 16, 8, RLIMIT_FSIZE, 0, false, false},
	{"Input/output error", 3000, 1500, -1, 0, true, false},
	{"Input/output error", 3000, 1500, -1, 0, false, true},
};

static int
next_descriptor(void)
{
	int fd = dup(STDOUT_FILENO);

	close(fd);
	return fd;
}

/* No more descriptors than there are open, or no byte in a file; or all again. */
static void
limit_resource(int resource, bool none)
{
	bool files = resource == RLIMIT_NOFILE;
	struct rlimit limit;

	signal(SIGXFSZ, SIG_IGN);
	ck_assert(!(files ? getrlimit(RLIMIT_NOFILE, &limit)
			  : getrlimit(RLIMIT_FSIZE, &limit)));
	limit.rlim_cur = !none ? limit.rlim_max : files ? (rlim_t)next_descriptor() : 0;
	ck_assert(!(files ? setrlimit(RLIMIT_NOFILE, &limit)
			  : setrlimit(RLIMIT_FSIZE, &limit)));
}

/* Puts and reads all records, and returns how that ended. */
static enum mr_status
use_spool(struct mr_spool *spool, int row, struct mr_error *err)
{
	struct mr_spool_record record = {0};
	int fd = next_descriptor();
	enum mr_status st = MR_OK;

	for (size_t i = 0; i < failures[row].count && !st; i++) {
		if (failures[row].limit >= 0 && i == failures[row].from)
			limit_resource(failures[row].limit, true);
		st = mr_spool_put(spool, &record, err);
	}
	if (!st)
		st = mr_spool_rewind(spool, err);
	if (!st && failures[row].cut_early) {
		ck_assert(!ftruncate(fd, 0));
		st = mr_spool_rewind(spool, err);
	}
	if (!st && failures[row].cut_late)
		ck_assert(!ftruncate(fd, 0));
	while (!st)
		st = mr_spool_next(spool, &record, err);
	if (failures[row].limit >= 0)
		limit_resource(failures[row].limit, false);
	return st;
}

START_TEST(files_that_fail_are_reported)
{
	struct mr_error err = {.text = ""};
	struct mr_spool *spool;

	ck_assert(!mr_spool_new(&spool, failures[_i].run, NULL));
	ck_assert_int_eq(use_spool(spool, _i, &err), MR_EIO);
	ck_assert_msg(strstr(err.text, "temporary file: ") &&
			strstr(err.text, failures[_i].text),
		"%s", err.text);
	mr_spool_free(spool);
}
END_TEST

/* Pairs are taken under their key, the newest first. */
START_TEST(pairs_are_stacks)
{
	struct mr_pairs pairs;
	struct mr_error err;
	uint64_t id;

	ck_assert(!mr_pairs_init(&pairs, &err));
	ck_assert(!mr_pairs_pop(&pairs, 5, &id));
	for (uint64_t round = 0; round < 3; round++) {
		for (uint64_t i = 0; i < 3000; i++)
			ck_assert(!mr_pairs_push(&pairs, i % 100, i, &err));
		for (uint64_t i = 3000; i-- > 0;)
			REQUIRE(mr_pairs_pop(&pairs, i % 100, &id) && id == i, "id %u",
				(unsigned)i);
		for (uint64_t key = 0; key < 100; key++)
			ck_assert(!mr_pairs_pop(&pairs, key, &id));
	}
	ck_assert_uint_eq(pairs.count, 3000); /* places are used again */
	mr_pairs_fini(&pairs);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("spool");
	TCase *tcase = tcase_create("spool");

	tcase_add_loop_test(
		tcase, records_come_sorted, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_loop_test(tcase, files_that_fail_are_reported, 0,
		(int)(sizeof(failures) / sizeof(failures[0])));
	tcase_add_test(tcase, pairs_are_stacks);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
