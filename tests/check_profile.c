/* SPDX-License-Identifier: MIT */
/* What is in a trace: every figure of a profile, counted by hand. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "suite.h"
#include "trace/profile.h"

static struct mr_event
make_malloc(uint32_t slot, uint64_t size, uint64_t t, uint32_t tid)
{
	return (struct mr_event){.op = MR_OP_MALLOC,
		.has = MR_HAS_T | MR_HAS_TID,
		.slot = slot,
		.size = size,
		.t = t,
		.tid = tid};
}

static struct mr_event
make_free(uint32_t slot, uint64_t t, uint32_t tid)
{
	return (struct mr_event){.op = MR_OP_FREE,
		.has = MR_HAS_T | MR_HAS_TID,
		.slot = slot,
		.t = t,
		.tid = tid};
}

static void
add(struct mr_profile *profile, struct mr_event event)
{
	ck_assert_int_eq(mr_profile_add(profile, &event, NULL), MR_OK);
}

static struct mr_profile *
make(void)
{
	struct mr_profile *profile;

	ck_assert_int_eq(mr_profile_new(&profile, NULL), MR_OK);
	return profile;
}

static int
by_key(const void *a, const void *b)
{
	const struct mr_tally_row *left = a, *right = b;

	return left->key < right->key ? -1 : left->key > right->key;
}

START_TEST(blocks_and_lifetimes)
{
	struct mr_profile *profile = make();

	add(profile, make_malloc(0, 100, 1000, 7));
	add(profile, make_malloc(1, 0, 1001, 7));
	add(profile, make_malloc(200, 64, 1002, 7));
	add(profile, make_free(0, 1010, 9));
	add(profile, make_malloc(0, 127, 1020, 9));
	add(profile, make_free(200, 1030, 9));

	ck_assert_uint_eq(profile->events, 6);
	ck_assert_uint_eq(profile->ops[MR_OP_MALLOC], 4);
	ck_assert_uint_eq(profile->ops[MR_OP_FREE], 2);
	ck_assert_uint_eq(profile->last_ns - profile->first_ns, 30);
	ck_assert_uint_eq(profile->requested_bytes, 291);
	ck_assert_uint_eq(profile->largest_bytes, 127);
	ck_assert_uint_eq(profile->live_blocks, 2);
	ck_assert_uint_eq(profile->live_bytes, 127);
	ck_assert_uint_eq(profile->peak_live_blocks, 3);
	ck_assert_uint_eq(profile->peak_requested_bytes, 191);
	ck_assert_uint_eq(profile->lifetime_events.count, 2);
	ck_assert_uint_eq(mr_histogram_percentile(&profile->lifetime_events, 500), 3);
	ck_assert_uint_eq(mr_histogram_percentile(&profile->lifetime_ns, 500), 10);
	ck_assert_uint_eq(mr_histogram_percentile(&profile->lifetime_ns, 1000), 28);
	mr_profile_free(profile);
}
END_TEST

START_TEST(sizes_fall_into_powers_of_two)
{
	static const struct {
		uint64_t size;
		size_t bucket;
	} rows[] = {{0, 0}, {1, 1}, {2, 2}, {3, 2}, {4, 3}, {4095, 12}, {4096, 13},
		{UINT64_C(1) << 62, 63}};
	struct mr_profile *profile = make();

	for (uint32_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct mr_size_bucket before = profile->buckets[rows[i].bucket];

		add(profile, make_malloc(i, rows[i].size, 0, 0));
		ck_assert_uint_eq(
			profile->buckets[rows[i].bucket].mallocs, before.mallocs + 1);
		ck_assert_uint_eq(profile->buckets[rows[i].bucket].bytes,
			before.bytes + rows[i].size);
		ck_assert_uint_le(mr_profile_bucket_start(rows[i].bucket), rows[i].size);
	}
	ck_assert_uint_eq(mr_profile_bucket_start(0), 0);
	ck_assert_uint_eq(mr_profile_bucket_start(1), 1);
	ck_assert_uint_eq(mr_profile_bucket_start(13), 4096);
	mr_profile_free(profile);
}
END_TEST

START_TEST(threads_and_optional_fields)
{
	struct mr_profile *profile = make();
	struct mr_event event = make_malloc(0, 1, 5, 3);
	struct mr_tally_row *rows;

	event.has = MR_HAS_CAP | MR_HAS_TID;
	add(profile, event);
	event = make_malloc(1, 1, 5, 4);
	event.has |= MR_HAS_HIT;
	add(profile, event);
	add(profile, make_free(0, 9, 4));
	add(profile, make_free(1, 9, 4));

	ck_assert_uint_eq(profile->caps, 1);
	ck_assert_uint_eq(profile->hits, 1);
	ck_assert_uint_eq(profile->timed, 3);
	ck_assert_uint_eq(profile->lifetime_events.count, 2);
	ck_assert_uint_eq(profile->lifetime_ns.count, 1);
	rows = mr_tally_sorted(&profile->threads, by_key);
	ck_assert_uint_eq(profile->threads.count, 2);
	ck_assert(rows[0].key == 3 && rows[0].first == 1 && rows[0].second == 0);
	ck_assert(rows[1].key == 4 && rows[1].first == 1 && rows[1].second == 2);
	free(rows);
	mr_profile_free(profile);
}
END_TEST

START_TEST(only_so_many_marks_are_kept)
{
	struct mr_profile *profile = make();

	for (int i = 0; i < MR_PROFILE_MARKS + 5; i++) {
		char name[100];
		int length = snprintf(
			name, sizeof(name), "%d%0*d\xc3\xa9", i % 10, 62 - i % 2, 0);

		add(profile,
			(struct mr_event){.op = MR_OP_MARK,
				.name = name,
				.name_length = (size_t)length});
	}
	ck_assert_uint_eq(profile->ops[MR_OP_MARK], MR_PROFILE_MARKS + 5);
	ck_assert_uint_eq(profile->marks[3].event, 4);
	/* cut where a character begins */
	ck_assert_uint_eq(strlen(profile->marks[2].name), 63);
	ck_assert_uint_eq(strlen(profile->marks[3].name), 62);
	ck_assert_int_eq(profile->marks[3].name[0], '3');
	mr_profile_free(profile);
}
END_TEST

START_TEST(memory_is_bounded_however_many_sizes)
{
	struct mr_profile *profile = make();

	mr_profile_free(NULL);
	for (uint64_t size = 0; size < MR_PROFILE_SIZES + 1000; size++) {
		add(profile, make_malloc(0, size, 0, 0));
		add(profile, make_free(0, 0, 0));
	}
	add(profile, make_malloc(0, 77, 0, 0));
	ck_assert_uint_eq(profile->sizes.count, MR_PROFILE_SIZES);
	ck_assert_uint_eq(profile->sizes.lost, 1000);
	ck_assert_uint_le(profile->sizes.space, 4 * MR_PROFILE_SIZES);
	mr_profile_free(profile);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("profile");
	TCase *tcase = tcase_create("profile");

	tcase_add_test(tcase, blocks_and_lifetimes);
	tcase_add_test(tcase, sizes_fall_into_powers_of_two);
	tcase_add_test(tcase, threads_and_optional_fields);
	tcase_add_test(tcase, only_so_many_marks_are_kept);
	tcase_add_test(tcase, memory_is_bounded_however_many_sizes);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
