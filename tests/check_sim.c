/* SPDX-License-Identifier: MIT */

/*
 * The simulator against rules worked out by hand and against the oracle, on
 * random traces: every counter after every event.
 */

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "limits.h"
#include "memreplay/sim.h"
#include "oracle.h"
#include "rules.h"
#include "sanitized.h"
#include "situations.h"
#include "suite.h"
#include "walk.h"

#define ROUNDS (SANITIZED ? 5 : 40) /* of each row, each with a seed of its own */
#define EVENTS 1500                 /* of each round */

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
	struct mr_policy policy = rules_policy(rule->policy);
	struct rule_step step;
	uint64_t mallocs = 0;
	struct mr_sim *sim;

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

/* A run of its own at another limit, by the model, must be the same. */
static void
expect_same_at(uint64_t limit, const struct situation *row, struct mr_event *items,
	const struct oracle *oracle)
{
	const struct events events = {.items = items, .count = EVENTS};
	struct mr_policy policy = rules_policy(row->policy);
	const char *differs = limits_model_differs(
		&events, &policy, row->keep_limits, limit, oracle_result(oracle));

	ck_assert_msg(!differs, "%s: %s is not the same at %" PRIu64, row->name, differs,
		limit);
}

/* At both ends of the range, and somewhere in it. */
static void
expect_range(const struct mr_sim *sim, const struct situation *row,
	struct mr_event *events, const struct oracle *oracle, struct walk *walk)
{
	uint64_t from, to;

	mr_sim_valid_range(sim, &from, &to);
	ck_assert_uint_lt(from, to);
	expect_same_at(from, row, events, oracle);
	expect_same_at(to == MR_UNLIMITED ? to : to - 1, row, events, oracle);
	expect_same_at(from + walk_below(walk, to - from), row, events, oracle);
}

START_TEST(equals_oracle)
{
	const struct situation *row = &situations[_i];
	struct mr_policy policy = rules_policy(row->policy);
	struct mr_event *events = calloc(EVENTS, sizeof(*events));

	ck_assert_ptr_nonnull(events);
	for (uint64_t round = 0; round < ROUNDS; round++) {
		struct walk_options options = row->walk;
		struct oracle *oracle = oracle_new(&policy, row->keep_limits);
		struct mr_sim *sim = new_sim(&policy, row->keep_limits);
		struct walk *walk;

		options.seed += round;
		walk = walk_new(&options, &policy);
		for (int i = 0; i < EVENTS; i++) {
			walk_next(walk, oracle, &events[i]);
			step_one(sim, oracle, &events[i], row->name);
			expect_same(sim, oracle, row->name, round);
		}
		expect_range(sim, row, events, oracle, walk);
		walk_free(walk);
		mr_sim_free(sim);
		oracle_free(oracle);
	}
	free(events);
}
END_TEST

/* The fast path must be the same in runs of any length. */
START_TEST(runs_equal_steps)
{
	const struct situation *row = &situations[_i];
	struct mr_policy policy = rules_policy(row->policy);
	struct oracle *oracle = oracle_new(&policy, row->keep_limits);
	struct walk *walk = walk_new(&row->walk, &policy);
	struct mr_sim *sim = new_sim(&policy, row->keep_limits);
	struct mr_event *events = calloc(200, sizeof(*events));

	ck_assert_ptr_nonnull(events);
	for (uint64_t round = 0; round < 100; round++) {
		size_t count = (size_t)walk_below(walk, 200);

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

/* Known facts of the real traces, as the model and the simulator count them. */
static const struct fact {
	const char *trace; /* from the top of the source tree */
	const char *policy;
	uint64_t mallocs;
	uint64_t hits;
	uint64_t rejected_frees;
	uint64_t evicted_blocks;
} facts[] = {
	{"traces/mlp_train.mrt.gz", "mlx-cpu", 51447, 47882, 3427, 0},
	{"traces/mlp_train.mrt.gz", "mlx-cpu on_full=evict", 51447, 27904, 0, 23521},
	{"traces/phase_change.mrt.gz", "mlx-cpu", 63162, 59635, 3349, 0},
	{"traces/phase_change.mrt.gz", "mlx-cpu on_full=evict", 63162, 55402, 0, 7731},
	{"traces/mlp_train.mrt.gz", "mlx-metal", 51447, 51276, 0, 0},
	{"traces/mlp_train.mrt.gz", "mlx-metal cache_limit=32M", 51447, 42030, 6026,
		3292},
	{"traces/mlp_train.mrt.gz", "mlx-cuda cache_limit=32M", 51447, 42118, 6058, 3170},
	{"traces/mlp_train.mrt.gz", "mlx-cuda memory=80M", 51447, 24288, 0, 27065},
	{"traces/mlp_train.mrt.gz", "mlx-metal working_set=80M", 51447, 24286, 0, 27067},
	{"traces/mlp_train.mrt.gz", "mlx-cpu round=1/8", 51447, 48492, 2801, 0},
	{"../shared/traces/lm_train.jsonl.gz", "mlx-cpu", 94432, 83225, 10467, 0},
	{"../shared/traces/lm_train.jsonl.gz", "mlx-cpu on_full=evict", 94432, 68395, 0,
		25828},
	{"traces/limits.mrt.gz", "mlx-metal", 109442, 79184, 18080, 11630},
};

/* NULL: it is one of those that not every tree has beside it. */
static struct mr_reader *
open_trace(const char *name)
{
	const char *top = getenv("top_srcdir");
	struct mr_reader *reader;
	struct mr_error err;
	char path[4096];

	snprintf(path, sizeof(path), "%s/%s", top ? top : ".", name);
	if (!strncmp(name, "../", 3) && access(path, R_OK))
		return NULL;
	ck_assert_msg(
		!mr_reader_open(&reader, path, NULL, &err), "%s: %s", path, err.text);
	return reader;
}

START_TEST(facts_hold)
{
	const struct fact *fact = &facts[_i];
	struct mr_policy policy = rules_policy(fact->policy);
	struct mr_reader *reader = open_trace(fact->trace);
	struct oracle *oracle;
	struct mr_sim *sim;
	struct mr_event event;
	struct mr_result result;
	enum mr_status status;

	if (!reader)
		return;
	oracle = oracle_new(&policy, true);
	sim = new_sim(&policy, true);
	while (!(status = mr_reader_next(reader, &event, NULL)))
		step_one(sim, oracle, &event, fact->policy);
	ck_assert_int_eq(status, MR_END);
	expect_same(sim, oracle, fact->trace, 0);
	mr_sim_result(sim, &result);
	ck_assert_msg(result.mallocs == fact->mallocs && result.hits == fact->hits &&
			result.rejected_frees == fact->rejected_frees &&
			result.evicted_blocks == fact->evicted_blocks,
		"%s, %s: %" PRIu64 ", %" PRIu64 ", %" PRIu64 ", %" PRIu64, fact->trace,
		fact->policy, result.mallocs, result.hits, result.rejected_frees,
		result.evicted_blocks);
	mr_sim_free(sim);
	oracle_free(oracle);
	mr_reader_close(reader);
}
END_TEST

int
main(void)
{
	int facts_count = (int)(sizeof(facts) / sizeof(facts[0]));
	Suite *suite = suite_create("sim");
	TCase *tcase = tcase_create("sim");

	tcase_set_timeout(tcase, 0);
	tcase_add_loop_test(tcase, follows_rules, 0, (int)rules_count);
	tcase_add_loop_test(tcase, equals_oracle, 0, situation_count);
	tcase_add_loop_test(tcase, runs_equal_steps, 0, situation_count);
	tcase_add_loop_test(tcase, facts_hold, 0, facts_count);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
