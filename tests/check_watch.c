/* SPDX-License-Identifier: MIT */

/*
 * The course of a simulation, reduced as it goes, against all states of an oracle
 * kept in full: every least and highest value and every sum of every bucket, over
 * events and over time. And what is counted by size and by age, against totals.
 */

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "oracle.h"
#include "rules.h"
#include "sim/watch.h"
#include "suite.h"
#include "walk.h"

#define EVENTS 5000 /* so that buckets are folded, more than once */

static const struct row {
	const char *name;
	const char *policy; /* see rules_policy() */
	bool keep_limits;
	uint64_t most_gap; /* ns between events */
	struct walk_options walk;
} rows[] = {
	{"defaults", "mlx-cpu", true, 100, {100, 1 << 20, MR_UNLIMITED, 40}},
	{"low limit, equal times", "mlx-cpu cache_limit=20000", false, 0,
		{200, 9000, 40000, 12}},
	{"long gaps", "mlx-cpu cache_limit=60000", true, UINT64_C(1) << 40,
		{300, 30000, MR_UNLIMITED, 20}},
	{"few blocks, evicted", "mlx-cpu on_full=evict max_blocks=15 cache_limit=30000",
		false, 1000, {400, 9000, MR_UNLIMITED, 20}},
	{"metal", "mlx-metal working_set=200000 memory=400000 page=256", true, 50,
		{500, 20000, 200000, 20}},
	{"no cache", "none", true, 50, {600, 20000, MR_UNLIMITED, 20}},
};

/* All there is to know of one event. */
struct moment {
	bool timed;  /* there was a time so far */
	uint64_t at; /* ns since the first */
	uint64_t levels[MR_LEVEL_COUNT];
	uint64_t flows[MR_FLOW_COUNT];
};

struct full {
	struct moment moments[EVENTS];
	uint64_t requested[EVENTS + 1]; /* by slot */
	uint64_t live;                  /* requested bytes */
	uint64_t hit_capacity;          /* summed over hits */
};

static void
keep(struct full *full, size_t i, const struct mr_event *event, struct oracle_outcome got,
	const struct oracle *oracle)
{
	const struct mr_result *result = oracle_result(oracle);
	struct moment *moment = &full->moments[i];

	if (event->op == MR_OP_FREE)
		full->live -= full->requested[event->slot];
	if (event->op == MR_OP_MALLOC) {
		full->requested[event->slot] = got.none ? 0 : event->size;
		full->live += full->requested[event->slot];
		moment->flows[MR_FLOW_MALLOCS] = !got.none;
		moment->flows[MR_FLOW_HITS] = got.hit;
		moment->flows[MR_FLOW_REQUESTED_BYTES] = got.none ? 0 : event->size;
		moment->flows[MR_FLOW_HIT_BYTES] = got.hit ? event->size : 0;
		full->hit_capacity += got.hit ? got.capacity : 0;
	}
	moment->flows[MR_FLOW_EVENTS] = 1;
	moment->levels[MR_LEVEL_ACTIVE] = result->active_bytes;
	moment->levels[MR_LEVEL_CACHED] = result->cached_bytes;
	moment->levels[MR_LEVEL_TOTAL] = result->active_bytes + result->cached_bytes;
	moment->levels[MR_LEVEL_REQUESTED] = full->live;
	moment->levels[MR_LEVEL_LIMIT] = result->cache_limit;
}

/* Adds a time to most events, and remembers it. */
static void
set_time(struct full *full, size_t i, struct mr_event *event, uint64_t *seed,
	uint64_t most_gap, uint64_t *now)
{
	static const uint64_t start = 777;
	struct moment *moment = &full->moments[i];

	*now += most_gap ? next_random(seed) % (most_gap + 1) : 0;
	event->has &= (uint8_t)~MR_HAS_T;
	if (i > 3 && next_random(seed) % 8) {
		event->has |= MR_HAS_T;
		event->t = start + *now;
		if (!full->moments[i - 1].timed)
			*now = 0, event->t = start;
		moment->timed = true;
		moment->at = *now;
	} else if (i) {
		moment->timed = full->moments[i - 1].timed;
		moment->at = full->moments[i - 1].at;
	}
}

/* The bucket of positions from `from` to below `to`, the slow way. */
static struct mr_bucket
slow_bucket(const struct full *full, bool by_time, uint64_t from, uint64_t to)
{
	struct mr_bucket bucket = {0};
	const struct moment *before = NULL;
	bool any = false;

	for (size_t i = 0; i < EVENTS; i++) {
		const struct moment *moment = &full->moments[i];
		uint64_t position = by_time ? moment->at : i;
		struct mr_bucket one;

		if (by_time && !moment->timed)
			continue;
		if (position < from) {
			before = moment;
			continue;
		}
		if (position >= to)
			break;
		memcpy(one.least, moment->levels, sizeof(one.least));
		memcpy(one.most, moment->levels, sizeof(one.most));
		memcpy(one.flows, moment->flows, sizeof(one.flows));
		if (any)
			mr_bucket_merge(&bucket, &one);
		else
			bucket = one;
		any = true;
	}
	/* over time the state from before lasts into the bucket */
	if (by_time && before) {
		struct mr_bucket held = {0};

		memcpy(held.least, before->levels, sizeof(held.least));
		memcpy(held.most, before->levels, sizeof(held.most));
		if (any)
			mr_bucket_merge(&bucket, &held);
		else
			bucket = held;
	}
	return bucket;
}

static void
compare(const struct full *full, const struct mr_series *series, bool by_time,
	const char *name)
{
	const struct moment *last = &full->moments[EVENTS - 1];
	uint64_t end = by_time ? last->at : EVENTS - 1;

	ck_assert_uint_eq(series->count, end / series->width + 1);
	ck_assert_uint_le(series->count, MR_SERIES_BUCKETS);
	ck_assert_msg(series->width == 1 || series->count > MR_SERIES_BUCKETS / 2,
		"%s: %zu buckets are fewer than need be", name, series->count);
	for (size_t i = 0; i < series->count; i++) {
		struct mr_bucket want = slow_bucket(
			full, by_time, i * series->width, (i + 1) * series->width);

		ck_assert_msg(!memcmp(&want, &series->buckets[i], sizeof(want)),
			"%s: bucket %zu of %zu by %s differs", name, i, series->count,
			by_time ? "time" : "event");
	}
}

static void
compare_totals(const struct full *full, struct mr_watch *watch, const struct row *row)
{
	uint64_t hits = 0, mallocs = 0, bytes = 0, hit_bytes = 0, lives = 0;
	uint64_t reused = 0, stale = 0, reused_blocks = 0;
	uint64_t causes[MR_FATE_COUNT] = {0};
	struct mr_result result;

	mr_detail_result(watch->detail, &result);
	for (size_t i = 0; i < MR_WATCH_ROWS; i++) {
		for (int fate = 0; fate < MR_FATE_COUNT; fate++) {
			mallocs += watch->sizes[i].mallocs[fate];
			bytes += watch->sizes[i].bytes[fate];
			causes[fate] += watch->sizes[i].mallocs[fate];
		}
		hits += watch->sizes[i].mallocs[MR_FATE_HIT];
		hit_bytes += watch->sizes[i].bytes[MR_FATE_HIT];
		lives += watch->lives[i];
		reused += watch->ages[i].reused_bytes;
		reused_blocks += watch->ages[i].reused_blocks;
		stale += watch->ages[i].stale_bytes;
	}
	ck_assert_msg(mallocs == result.mallocs && hits == result.hits &&
			bytes == result.requested_bytes && hit_bytes == result.hit_bytes,
		"%s: sizes do not add up", row->name);
	ck_assert_msg(causes[MR_FATE_BY_LIMIT] == result.misses_by_limit &&
			causes[MR_FATE_NOTHING_CACHED] == result.misses_nothing_cached &&
			causes[MR_FATE_ONLY_SMALLER] == result.misses_only_smaller &&
			causes[MR_FATE_BEYOND_WINDOW] == result.misses_beyond_window,
		"%s: causes do not add up", row->name);
	ck_assert_msg(stale == result.stale_bytes && reused == full->hit_capacity &&
			reused_blocks == result.hits,
		"%s: ages do not add up: stale %" PRIu64 " of %" PRIu64, row->name, stale,
		result.stale_bytes);
	ck_assert_uint_ge(lives, result.frees);
}

START_TEST(every_bucket_is_that_of_the_full_course)
{
	const struct row *row = &rows[_i];
	struct mr_policy policy = rules_policy(row->policy);
	struct oracle *oracle = oracle_new(&policy, row->keep_limits);
	struct walk *walk = walk_new(&row->walk, &policy);
	struct full *full = calloc(1, sizeof(*full));
	struct mr_watch *watch;
	uint64_t seed = row->walk.seed, now = 0;

	ck_assert_int_eq(mr_watch_new(&watch, &policy, row->keep_limits, NULL), MR_OK);
	for (size_t i = 0; i < EVENTS; i++) {
		struct mr_event event;

		walk_next(walk, oracle, &event);
		if (event.op == MR_OP_MARK) {
			event.name = "mark";
			event.name_length = 4;
		}
		set_time(full, i, &event, &seed, row->most_gap, &now);
		keep(full, i, &event, oracle_step(oracle, &event), oracle);
		ck_assert_int_eq(mr_watch_run(watch, &event, 1, NULL), MR_OK);
	}
	mr_watch_finish(watch);
	compare(full, &watch->by_event, false, row->name);
	compare(full, &watch->by_time, true, row->name);
	ck_assert_uint_ge(watch->by_event.width, 8);
	compare_totals(full, watch, row);
	mr_watch_free(watch);
	walk_free(walk);
	oracle_free(oracle);
	free(full);
}
END_TEST

/* Of any number of marks some are kept, from the first to nearly the last. */
START_TEST(marks_of_a_long_trace_are_spread)
{
	struct mr_policy policy = rules_policy("mlx-cpu");
	struct mr_event mark = {.op = MR_OP_MARK, .name = "mark", .name_length = 4};
	struct mr_watch *watch;
	uint64_t last = 0;

	ck_assert_int_eq(mr_watch_new(&watch, &policy, true, NULL), MR_OK);
	for (uint64_t passed = 1; passed <= 100 * MR_WATCH_MARKS; passed++) {
		ck_assert_int_eq(mr_watch_run(watch, &mark, 1, NULL), MR_OK);
		ck_assert_uint_eq(watch->mark_count, passed);
		ck_assert(watch->kept == passed || watch->kept >= MR_WATCH_MARKS / 4);
		ck_assert_uint_eq(watch->marks[0].event, 1);
		last = watch->marks[watch->kept - 1].event;
		ck_assert(last == passed || last + watch->mark_gap > passed);
	}
	for (size_t i = 1; i < watch->kept; i++) {
		uint64_t gap = watch->marks[i].event - watch->marks[i - 1].event;

		ck_assert(gap >= watch->mark_gap && gap < 2 * watch->mark_gap);
	}
	mr_watch_free(watch);
}
END_TEST

/* Names are cut to fit, where a character begins. */
START_TEST(long_names_of_marks_are_cut)
{
	struct mr_policy policy = rules_policy("mlx-cpu");
	char name[MR_WATCH_NAME + 8];
	struct mr_event mark = {.op = MR_OP_MARK, .name = name};
	struct mr_watch *watch;

	ck_assert_int_eq(mr_watch_new(&watch, &policy, true, NULL), MR_OK);
	for (size_t i = 0; i < 4; i++) {
		size_t length = MR_WATCH_NAME - 4 + i; /* of what stands before U+20AC */

		memset(name, 'a', length);
		memcpy(name + length, "\xe2\x82\xac", 3);
		mark.name_length = length + 3;
		ck_assert_int_eq(mr_watch_run(watch, &mark, 1, NULL), MR_OK);
		ck_assert_uint_eq(strlen(watch->marks[i].name), i ? length : length + 3);
		ck_assert(!memcmp(
			watch->marks[i].name, name, strlen(watch->marks[i].name)));
	}
	mr_watch_free(watch);
}
END_TEST

/* A course of any length takes the same memory and keeps its extremes. */
START_TEST(a_long_course_keeps_its_extremes)
{
	struct mr_series *series = malloc(sizeof(*series));
	uint64_t flows[MR_FLOW_COUNT] = {1, 1, 0, 0, 0}, events = 0;
	const uint64_t last = UINT64_C(1) << 62;

	ck_assert_ptr_nonnull(series);
	mr_series_init(series, true);
	for (uint64_t at = 1; at <= last; at *= 2, events++) {
		uint64_t levels[MR_LEVEL_COUNT] = {at, last - at, 5, 5, MR_UNLIMITED};

		mr_series_add(series, at, levels, flows);
	}
	ck_assert_uint_eq(mr_series_most(series, MR_LEVEL_ACTIVE), last);
	ck_assert_uint_eq(mr_series_most(series, MR_LEVEL_CACHED), last - 1);
	ck_assert_uint_eq(mr_series_most(series, MR_LEVEL_LIMIT), 0);
	for (size_t i = 0; i < series->count; i++)
		events -= series->buckets[i].flows[MR_FLOW_EVENTS];
	ck_assert_uint_eq(events, 0);
	free(series);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("watch");
	TCase *tests = tcase_create("watch");

	tcase_set_timeout(tests, 120);
	tcase_add_loop_test(tests, every_bucket_is_that_of_the_full_course, 0,
		(int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(tests, marks_of_a_long_trace_are_spread);
	tcase_add_test(tests, long_names_of_marks_are_cut);
	tcase_add_test(tests, a_long_course_keeps_its_extremes);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
