/* SPDX-License-Identifier: MIT */

/*
 * The simulator against rules worked out by hand and against the oracle, on
 * random traces: every counter after every event.
 */

#include <check.h>
#include <inttypes.h>
#include <stdlib.h>

#include "memreplay/sim.h"
#include "oracle.h"
#include "rules.h"
#include "suite.h"
#include "walk.h"

#define ROUNDS 40   /* of each row, each with a seed of its own */
#define EVENTS 1500 /* of each round */

/* What random traces are made of, and the policy that they meet. */
static const struct row {
	const char *name;
	struct mr_policy policy;
	bool keep_limits;
	struct walk_options walk;
} rows[] = {
	{"defaults, limits obeyed",
		{MR_POLICY_MLX_CPU, 32 << 20, MR_UNLIMITED, 4096, 2, 2}, true,
		{1000, 1 << 20, MR_UNLIMITED, 60}},
	{"few blocks, low limits", {MR_POLICY_MLX_CPU, 20000, 50000, 4096, 2, 2}, true,
		{2000, 9000, 40000, 8}},
	{"tiny sizes, many equal", {MR_POLICY_MLX_CPU, 200, 100, 4096, 2, 2}, true,
		{3000, 20, 400, 30}},
	{"limits of the trace ignored",
		{MR_POLICY_MLX_CPU, 60000, MR_UNLIMITED, 4096, 2, 2}, false,
		{4000, 30000, MR_UNLIMITED, 20}},
	{"small pages, wide window", {MR_POLICY_MLX_CPU, 1 << 16, 1 << 16, 64, 5, 7},
		true, {5000, 4000, 1 << 17, 40}},
	{"no limit", {MR_POLICY_MLX_CPU, MR_UNLIMITED, MR_UNLIMITED, 16384, 3, 1}, false,
		{6000, 1 << 18, MR_UNLIMITED, 40}},
	{"huge sizes",
		{MR_POLICY_MLX_CPU, UINT64_C(1) << 60, UINT64_C(1) << 62, 4096, 3,
			UINT64_C(1) << 40},
		true, {7000, UINT64_C(1) << 60, UINT64_C(1) << 62, 6}},
	{"plain malloc", {MR_POLICY_NONE, 32 << 20, 100000, 4096, 2, 2}, true,
		{8000, 20000, MR_UNLIMITED, 20}},
};

static struct mr_sim *
new_sim(const struct mr_policy *policy, bool keep_limits)
{
	struct mr_sim *sim;
	struct mr_error err;

	ck_assert_msg(
		mr_sim_new(&sim, policy, keep_limits, &err) == MR_OK, "%s", err.text);
	return sim;
}

static void
expect_same(const struct mr_sim *sim, const struct oracle *oracle, const char *name,
	uint64_t round)
{
	const struct mr_result *want = oracle_result(oracle);
	struct mr_result got;
	struct mr_error err;
	const char *differs;

	mr_sim_result(sim, &got);
	differs = oracle_difference(&got, want);
	ck_assert_msg(!differs, "%s, round %" PRIu64 ", event %" PRIu64 ": %s differs",
		name, round, want->events, differs);
	ck_assert_msg(mr_sim_check(sim, &err) == MR_OK,
		"%s, round %" PRIu64 ", event %" PRIu64 ": %s", name, round, want->events,
		err.text);
}

static void
step_one(struct mr_sim *sim, struct oracle *oracle, const struct mr_event *event,
	const char *name)
{
	struct oracle_outcome want = oracle_step(oracle, event);
	struct mr_outcome got = {0};

	ck_assert_int_eq(mr_sim_step(sim, event, &got, NULL), MR_OK);
	if (event->op != MR_OP_MALLOC)
		return;
	ck_assert_msg(got.hit == want.hit && got.capacity == want.capacity,
		"%s, event %" PRIu64 ": malloc of %" PRIu64 " gives %" PRIu64
		"%s, expected %" PRIu64 "%s",
		name, oracle_result(oracle)->events, event->size, got.capacity,
		got.hit ? " (hit)" : "", want.capacity, want.hit ? " (hit)" : "");
}

START_TEST(follows_rules)
{
	const struct rule *rule = &rules[_i];
	const char *script = rule->script;
	struct mr_policy policy;
	struct rule_step step;
	uint64_t mallocs = 0;
	struct mr_sim *sim;

	ck_assert_int_eq(mr_policy_init(&policy, rule->policy, NULL), MR_OK);
	policy.cache_limit = rule->cache_limit;
	sim = new_sim(&policy, true);
	while (rule_next(&script, &mallocs, &step)) {
		struct mr_outcome outcome = {0};
		struct mr_result now;

		ck_assert_int_eq(mr_sim_step(sim, &step.event, &outcome, NULL), MR_OK);
		mr_sim_result(sim, &now);
		ck_assert_msg(
			outcome.capacity == step.capacity && outcome.hit == step.hit,
			"%s: at \"%s\"", rule->name, step.word);
		ck_assert_msg(!step.is_counters ||
				(now.active_bytes == step.event.active &&
					now.cached_bytes == step.event.cached &&
					now.peak_since_reset_bytes == step.event.peak),
			"%s: at \"%s\"", rule->name, step.word);
	}
	mr_sim_free(sim);
}
END_TEST

START_TEST(equals_oracle)
{
	const struct row *row = &rows[_i];

	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct walk_options options = row->walk;
		struct oracle *oracle = oracle_new(&row->policy, row->keep_limits);
		struct mr_sim *sim = new_sim(&row->policy, row->keep_limits);
		struct mr_event event;
		struct walk *walk;

		options.seed += round;
		walk = walk_new(&options, &row->policy);
		for (int i = 0; i < EVENTS; i++) {
			walk_next(walk, oracle, &event);
			step_one(sim, oracle, &event, row->name);
			expect_same(sim, oracle, row->name, round);
		}
		walk_free(walk);
		mr_sim_free(sim);
		oracle_free(oracle);
	}
}
END_TEST

/* The fast path must be the same in runs of any length. */
START_TEST(runs_equal_steps)
{
	const struct row *row = &rows[_i];
	struct oracle *oracle = oracle_new(&row->policy, row->keep_limits);
	struct walk *walk = walk_new(&row->walk, &row->policy);
	struct mr_sim *sim = new_sim(&row->policy, row->keep_limits);
	struct mr_event *events = calloc(200, sizeof(*events));

	ck_assert_ptr_nonnull(events);
	for (uint64_t round = 0; round < 100; round++) {
		size_t count = walk_below(walk, 200);

		for (size_t i = 0; i < count; i++) {
			walk_next(walk, oracle, &events[i]);
			oracle_step(oracle, &events[i]);
		}
		ck_assert_int_eq(mr_sim_run(sim, events, count, NULL), MR_OK);
		expect_same(sim, oracle, row->name, round);
	}
	free(events);
	mr_sim_free(sim);
	walk_free(walk);
	oracle_free(oracle);
}
END_TEST

int
main(void)
{
	int rows_count = (int)(sizeof(rows) / sizeof(rows[0]));
	Suite *suite = suite_create("sim");
	TCase *tcase = tcase_create("sim");

	tcase_set_timeout(tcase, 0);
	tcase_add_loop_test(tcase, follows_rules, 0, (int)rules_count);
	tcase_add_loop_test(tcase, equals_oracle, 0, rows_count);
	tcase_add_loop_test(tcase, runs_equal_steps, 0, rows_count);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
