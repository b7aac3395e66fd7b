/* SPDX-License-Identifier: MIT */

/*
 * Simulation in detail against histories worked out the slow way, after every
 * event of random traces; and its bound on hits against all there is to do.
 */

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "history.h"
#include "kit.h"
#include "memreplay/detail.h"
#include "memreplay/sim.h"
#include "oracle.h"
#include "rules.h"
#include "situations.h"
#include "suite.h"
#include "walk.h"

#define ROUNDS 12
#define EVENTS 260

/* All that takes part in one round. */
struct round {
	const struct situation *row;
	uint64_t number;
	struct mr_policy policy;
	struct mr_detail *detail;
	struct oracle *oracle, *endless;
	struct history *history;
	struct walk *walk;
	uint64_t names; /* seed of the marks' names */
};

static void
set_up(struct round *round, const struct situation *row, uint64_t number)
{
	struct walk_options options = row->walk;
	struct mr_policy endless;

	memset(round, 0, sizeof(*round));
	round->row = row;
	round->number = round->names = number;
	round->policy = rules_policy(row->policy);
	endless = round->policy;
	endless.cache_limit = MR_UNLIMITED;
	options.seed += number;
	ck_assert_int_eq(
		mr_detail_new(&round->detail, &round->policy, row->keep_limits, NULL),
		MR_OK);
	round->oracle = oracle_new(&round->policy, row->keep_limits);
	round->endless = oracle_new(&endless, false);
	round->history = history_new();
	round->walk = walk_new(&options, &round->policy);
}

static void
tear_down(struct round *round)
{
	mr_detail_free(round->detail);
	oracle_free(round->oracle);
	oracle_free(round->endless);
	history_free(round->history);
	walk_free(round->walk);
}

static const char *const names[] = {"train", "eval", "", "step 1", "step 28", "step"};

static void
step(struct round *round)
{
	struct oracle_outcome got, endless;
	struct mr_event event;

	walk_next(round->walk, round->oracle, &event);
	/* More marks than the walk makes. */
	if (event.op == MR_OP_COUNTERS || event.op == MR_OP_RESET_PEAK)
		event.op = MR_OP_MARK;
	if (event.op == MR_OP_MARK) {
		event.name = names[next_random(&round->names) % 6];
		event.name_length = strlen(event.name);
	}
	got = oracle_step(round->oracle, &event);
	endless = oracle_step(round->endless, &event);
	history_add(round->history, &event, round->oracle, got, endless);
	ck_assert_int_eq(mr_detail_run(round->detail, &event, 1, NULL), MR_OK);
}

static void
expect_result(const struct round *round)
{
	struct mr_result want = *oracle_result(round->oracle), got;
	const char *differs;

	history_result(round->history, &want);
	mr_detail_result(round->detail, &got);
	ck_assert_msg(got.bound_hits >= got.hits && got.bound_hits <= got.mallocs &&
			got.bound_hit_bytes >= got.hit_bytes,
		"%s, round %" PRIu64 ", event %" PRIu64 ": %" PRIu64
		" hits are above the bound of %" PRIu64,
		round->row->name, round->number, want.events, got.hits, got.bound_hits);
	want.bound_hits = got.bound_hits;
	want.bound_hit_bytes = got.bound_hit_bytes;
	differs = oracle_difference(&got, &want);
	ck_assert_msg(!differs, "%s, round %" PRIu64 ", event %" PRIu64 ": %s differs",
		round->row->name, round->number, want.events, differs);
	ck_assert_msg(got.misses_by_limit + got.misses_nothing_cached +
				got.misses_only_smaller + got.misses_beyond_window ==
			got.misses,
		"the causes are not all misses");
}

static void
expect_histogram(const struct round *round)
{
	const struct mr_detail_bucket *want = history_histogram(round->history);
	struct mr_detail_bucket got[MR_DETAIL_BUCKETS];

	mr_detail_histogram(round->detail, got);
	for (size_t i = 0; i < MR_DETAIL_BUCKETS; i++)
		ck_assert_msg(
			got[i].blocks == want[i].blocks && got[i].bytes == want[i].bytes,
			"%s, round %" PRIu64 ": bucket %zu differs", round->row->name,
			round->number, i);
}

static void
expect_phases(struct round *round)
{
	const struct mr_phase *phases;
	size_t count;

	ck_assert_int_eq(mr_detail_phases(round->detail, &phases, &count, NULL), MR_OK);
	for (size_t i = 0; i < count; i++) {
		const struct mr_phase *got = &phases[i];
		struct mr_phase want;
		const char *differs;

		/* A mark may be called "", too. */
		if (!*got->name && !got->marks)
			continue;
		ck_assert(history_phase(round->history, got->name, &want));
		differs = oracle_difference(&got->result, &want.result);
		ck_assert_msg(!differs, "%s, round %" PRIu64 ", phase %s: %s differs",
			round->row->name, round->number, got->name, differs);
		ck_assert_uint_eq(got->marks, want.marks);
		ck_assert_uint_eq(got->entries, want.entries);
		ck_assert_uint_eq(got->first_event, want.first_event);
		ck_assert_uint_eq(got->inherited_bytes, want.inherited_bytes);
		ck_assert_uint_eq(
			got->inherited_reused_bytes, want.inherited_reused_bytes);
		ck_assert_uint_eq(got->inherited_idle_bytes, want.inherited_idle_bytes);
	}
}

START_TEST(equals_history)
{
	for (uint64_t number = 0; number < ROUNDS; number++) {
		struct round round;

		set_up(&round, &situations[_i], number);
		for (int i = 0; i < EVENTS; i++) {
			step(&round);
			expect_result(&round);
			if (i % 16 == 0) {
				expect_histogram(&round);
				expect_phases(&round);
			}
		}
		expect_histogram(&round);
		expect_phases(&round);
		tear_down(&round);
	}
}
END_TEST

/* --- phases */

static const struct {
	const char *phase, *mark;
	bool is;
} likes[] = {
	{"step #", "step 1", true},
	{"step #", "step 12345", true},
	{"step 1", "step 2", true},
	{"step #", "step ", false},
	{"step ", "step 1", false},
	{"step", "steps", false},
	{"1", "22", true},
	{"#", "x", false},
	{"", "", true},
	{"", "1", false},
	{"e# s#", "e1 s20", true},
	{"e# s#", "e1s20", false},
	{"x#", "x#7", true},
};

START_TEST(tells_names_apart)
{
	ck_assert_msg(mr_phase_is(likes[_i].phase, likes[_i].mark) == likes[_i].is,
		"%s, %s", likes[_i].phase, likes[_i].mark);
}
END_TEST

static struct mr_event
mark(const char *name)
{
	return (struct mr_event){
		.op = MR_OP_MARK, .name = name, .name_length = strlen(name)};
}

/* The first phase is none of those that marks call "", and is left out if empty. */
START_TEST(names_phases)
{
	const struct mr_event events[] = {
		mark(""), mark("a 1/2"), mark("a 2/2"), mark(""), mark("a 1/15")};
	const struct mr_phase *phases;
	struct mr_policy policy;
	struct mr_detail *detail;
	size_t count;

	ck_assert_int_eq(mr_policy_init(&policy, "mlx-cpu", NULL), MR_OK);
	ck_assert_int_eq(mr_detail_new(&detail, &policy, true, NULL), MR_OK);
	ck_assert_int_eq(mr_detail_run(detail, events, 5, NULL), MR_OK);
	ck_assert_int_eq(mr_detail_phases(detail, &phases, &count, NULL), MR_OK);
	ck_assert_uint_eq(count, 2);
	ck_assert_str_eq(phases[0].name, "");
	ck_assert_uint_eq(phases[0].entries, 2);
	ck_assert_uint_eq(phases[0].first_event, 1);
	ck_assert_str_eq(phases[1].name, "a #/#");
	ck_assert_uint_eq(phases[1].entries, 2);
	ck_assert_uint_eq(phases[1].marks, 3);
	ck_assert_uint_eq(phases[1].result.events, 3);
	mr_detail_free(detail);
}
END_TEST

/* As many names as there is room for, and the rest together. */
START_TEST(bounds_phases)
{
	const struct mr_phase *phases;
	struct mr_policy policy;
	struct mr_detail *detail;
	uint64_t events = 0;
	size_t count;

	ck_assert_int_eq(mr_policy_init(&policy, "mlx-cpu", NULL), MR_OK);
	ck_assert_int_eq(mr_detail_new(&detail, &policy, true, NULL), MR_OK);
	for (int i = 0; i < 2 * MR_PHASES_MAX; i++) {
		char name[16];
		struct mr_event event;

		snprintf(name, sizeof(name), "%c%c%d", 'a' + i / 26, 'a' + i % 26, i);
		event = mark(name);
		ck_assert_int_eq(mr_detail_run(detail, &event, 1, NULL), MR_OK);
	}
	ck_assert_int_eq(mr_detail_phases(detail, &phases, &count, NULL), MR_OK);
	ck_assert_uint_eq(count, MR_PHASES_MAX);
	ck_assert_str_eq(phases[count - 2].name, "ju#");
	ck_assert_str_eq(phases[count - 1].name, "...");
	for (size_t i = 0; i < count; i++)
		events += phases[i].result.events;
	ck_assert_uint_eq(events, 2 * MR_PHASES_MAX);
	mr_detail_free(detail);
}
END_TEST

/* --- the bound, against the best that can be done */

#define TINY_EVENTS 14
#define TINY_BLOCKS 6

/* What a policy that knows the future has to decide about. */
struct game {
	struct mr_policy policy;
	const struct mr_event *events;
	size_t count;
};

struct board {
	uint64_t live[TINY_BLOCKS]; /* capacity in each slot */
	uint64_t cached[TINY_EVENTS];
	size_t cached_count;
};

static bool
fits(const struct mr_policy *policy, uint64_t size, uint64_t capacity)
{
	return capacity >= size && capacity < policy->window_factor * size &&
		capacity < size + policy->window_pages * policy->page;
}

static uint64_t best(const struct game *game, size_t at, const struct board *board);

static uint64_t
best_malloc(const struct game *game, size_t at, const struct board *board)
{
	const struct mr_event *event = &game->events[at];
	struct board next = *board;
	uint64_t most, found;

	next.live[event->slot] = event->size;
	most = best(game, at + 1, &next);
	for (size_t i = 0; i < board->cached_count; i++) {
		if (!fits(&game->policy, event->size, board->cached[i]))
			continue;
		next = *board;
		next.live[event->slot] = board->cached[i];
		next.cached[i] = next.cached[--next.cached_count];
		found = 1 + best(game, at + 1, &next);
		most = found > most ? found : most;
	}
	return most;
}

/* All that may stay of what is cached, with the freed block. */
static uint64_t
best_free(const struct game *game, size_t at, const struct board *board)
{
	struct board all = *board;
	uint64_t most = 0;

	all.cached[all.cached_count++] = board->live[game->events[at].slot];
	for (uint32_t set = 0; set < 1u << all.cached_count; set++) {
		struct board next = all;
		uint64_t bytes = 0, found;

		next.cached_count = 0;
		for (size_t i = 0; i < all.cached_count; i++) {
			if (!(set >> i & 1))
				continue;
			bytes += all.cached[i];
			next.cached[next.cached_count++] = all.cached[i];
		}
		if (bytes > game->policy.cache_limit)
			continue;
		found = best(game, at + 1, &next);
		most = found > most ? found : most;
	}
	return most;
}

/* The most hits that can be had from an event on. */
static uint64_t
best(const struct game *game, size_t at, const struct board *board)
{
	struct board next = *board;

	if (at == game->count)
		return 0;
	if (game->events[at].op == MR_OP_MALLOC)
		return best_malloc(game, at, board);
	if (game->events[at].op == MR_OP_FREE)
		return best_free(game, at, board);
	next.cached_count = 0;
	return best(game, at + 1, &next);
}

static void
make_tiny(struct mr_event *events, uint64_t *seed)
{
	bool live[TINY_BLOCKS] = {false};

	for (size_t i = 0; i < TINY_EVENTS; i++) {
		uint32_t slot = (uint32_t)(next_random(seed) % TINY_BLOCKS);

		events[i] = (struct mr_event){.slot = slot, .id = i + 1};
		if (next_random(seed) % 16 == 0) {
			events[i].op = MR_OP_CLEAR_CACHE;
			continue;
		}
		events[i].op = live[slot] ? MR_OP_FREE : MR_OP_MALLOC;
		if (!live[slot])
			events[i].size = next_random(seed) % 2
				? 1 + next_random(seed) % 4
				: 8 * (next_random(seed) % 4);
		live[slot] = !live[slot];
	}
}

START_TEST(bounds_the_best)
{
	uint64_t seed = 99, tight = 0;

	for (int round = 0; round < 400; round++) {
		struct mr_event events[TINY_EVENTS];
		struct game game = {.events = events, .count = TINY_EVENTS};
		const struct board empty = {{0}, {0}, 0};
		struct mr_detail *detail;
		struct mr_result result;
		uint64_t most;

		make_tiny(events, &seed);
		ck_assert_int_eq(mr_policy_init(&game.policy, "mlx-cpu", NULL), MR_OK);
		game.policy.cache_limit = next_random(&seed) % 40;
		game.policy.page = 1 + next_random(&seed) % 4;
		game.policy.window_factor = 1 + next_random(&seed) % 3;
		most = best(&game, 0, &empty);
		ck_assert_int_eq(mr_detail_new(&detail, &game.policy, true, NULL), MR_OK);
		ck_assert_int_eq(mr_detail_run(detail, events, TINY_EVENTS, NULL), MR_OK);
		mr_detail_result(detail, &result);
		ck_assert_msg(most <= result.bound_hits,
			"round %d: %" PRIu64 " hits can be had, bound %" PRIu64, round,
			most, result.bound_hits);
		ck_assert_msg(result.hits <= most, "round %d", round);
		tight += most == result.bound_hits;
		mr_detail_free(detail);
	}
	/* It says something: often it is the very best. */
	ck_assert_uint_ge(tight, 30);
}
END_TEST

#define TWICE_USED 16

/*
 * Blocks that serve requests for half of them, and then for all of them again:
 * what is live grows without a miss, for capacities are larger than requests.
 */
START_TEST(allows_for_capacities)
{
	static const uint64_t sizes[] = {19, 10, 19};
	struct mr_policy policy = rules_policy("mlx-cpu cache_limit=19");
	struct mr_detail *detail;
	struct mr_result result;

	ck_assert_int_eq(mr_detail_new(&detail, &policy, true, NULL), MR_OK);
	for (uint32_t round = 0; round < 3; round++) {
		for (uint32_t slot = 0; slot < TWICE_USED; slot++) {
			const struct mr_event events[] = {
				{.op = MR_OP_FREE, .slot = slot},
				{.op = MR_OP_MALLOC, .slot = slot, .size = sizes[round]},
			};

			ck_assert_int_eq(mr_detail_run(detail, events + !round,
						 round ? 2 : 1, NULL),
				MR_OK);
		}
	}
	mr_detail_result(detail, &result);
	ck_assert_uint_eq(result.hits, 2 * TWICE_USED);
	ck_assert_uint_eq(result.bound_hits, 2 * TWICE_USED);
	mr_detail_free(detail);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("detail");
	TCase *tcase = tcase_create("detail");

	tcase_set_timeout(tcase, 0);
	tcase_add_loop_test(tcase, equals_history, 0, situation_count);
	tcase_add_loop_test(
		tcase, tells_names_apart, 0, (int)(sizeof(likes) / sizeof(likes[0])));
	tcase_add_test(tcase, names_phases);
	tcase_add_test(tcase, bounds_phases);
	tcase_add_test(tcase, bounds_the_best);
	tcase_add_test(tcase, allows_for_capacities);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
