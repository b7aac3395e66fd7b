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
	const char *policy; /* see rules_policy() */
	bool keep_limits;
	struct walk_options walk;
} rows[] = {
	{"defaults, limits obeyed", "mlx-cpu", true, {1000, 1 << 20, MR_UNLIMITED, 60}},
	{"few blocks, low limits", "mlx-cpu cache_limit=20000 memory_limit=50000", true,
		{2000, 9000, 40000, 8}},
	{"tiny sizes, many equal", "mlx-cpu cache_limit=200 memory_limit=100", true,
		{3000, 20, 400, 30}},
	{"limits of the trace ignored", "mlx-cpu cache_limit=60000", false,
		{4000, 30000, MR_UNLIMITED, 20}},
	{"small pages, wide window",
		"mlx-cpu cache_limit=65536 memory_limit=65536 page=64 window_factor=5 "
		"window_pages=7",
		true, {5000, 4000, 1 << 17, 40}},
	{"no limit",
		"mlx-cpu cache_limit=unlimited page=16384 window_factor=3 window_pages=1",
		false, {6000, 1 << 18, MR_UNLIMITED, 40}},
	{"huge sizes",
		"mlx-cpu cache_limit=1152921504606846976 "
		"memory_limit=4611686018427387904 window_factor=3 "
		"page=1T window_pages=4096",
		true, {7000, UINT64_C(1) << 60, UINT64_C(1) << 62, 6}},
	{"plain malloc", "none memory_limit=100000", true,
		{8000, 20000, MR_UNLIMITED, 20}},
	{"octaves in sixteenths", "mlx-cpu round=1/16 cache_limit=60000", true,
		{9000, 20000, 200000, 30}},
	{"octaves in quarters", "mlx-cpu round=1/4 cache_limit=1000000", false,
		{10000, 1 << 16, MR_UNLIMITED, 40}},
	{"powers of two, huge", "mlx-cpu round=pow2 cache_limit=unlimited", true,
		{11000, UINT64_C(1) << 60, MR_UNLIMITED, 6}},
	{"evict on free", "mlx-cpu on_full=evict cache_limit=30000", false,
		{12000, 9000, MR_UNLIMITED, 20}},
	{"evict on free, limits obeyed", "mlx-cpu on_full=evict round=1/8", true,
		{13000, 20000, 100000, 20}},
	{"cleared often", "mlx-cpu clear_every=17 cache_limit=100000", false,
		{14000, 9000, MR_UNLIMITED, 20}},
	{"few blocks allowed", "mlx-cpu max_blocks=12 cache_limit=60000", false,
		{15000, 9000, MR_UNLIMITED, 20}},
	{"everything at once",
		"mlx-cpu round=1/8 on_full=evict clear_every=50 max_blocks=15 "
		"cache_limit=60000",
		true, {16000, 20000, 100000, 20}},
	{"metal", "mlx-metal", true, {17000, 1 << 20, MR_UNLIMITED, 40}},
	{"metal, low limit", "mlx-metal cache_limit=100000", false,
		{18000, 60000, MR_UNLIMITED, 20}},
	{"metal, little memory", "mlx-metal working_set=200000 memory=400000 page=256",
		true, {19000, 20000, 200000, 20}},
	{"metal, limit and memory",
		"mlx-metal working_set=150000 cache_limit=50000 page=64", false,
		{20000, 20000, MR_UNLIMITED, 25}},
	{"metal, few blocks allowed",
		"mlx-metal max_blocks=12 working_set=90000 cache_limit=60000 page=100",
		false, {21000, 9000, MR_UNLIMITED, 20}},
	{"metal, evict and clear",
		"mlx-metal on_full=evict clear_every=23 round=1/4 cache_limit=40000 "
		"page=128",
		false, {22000, 9000, MR_UNLIMITED, 20}},
	{"cuda", "mlx-cuda", true, {23000, 1 << 20, MR_UNLIMITED, 40}},
	{"cuda, little memory", "mlx-cuda memory=200000 page=1024", true,
		{24000, 20000, 200000, 20}},
	{"cuda, limit and memory",
		"mlx-cuda memory=100000 cache_limit=20000 page=512 max_blocks=30", false,
		{25000, 9000, MR_UNLIMITED, 40}},
	{"cuda, evict and round", "mlx-cuda on_full=evict round=pow2 cache_limit=60000",
		false, {26000, 30000, MR_UNLIMITED, 20}},
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
expect_same_at(uint64_t limit, const struct row *row, const struct mr_event *events,
	const struct oracle *oracle)
{
	struct mr_policy policy = rules_policy(row->policy);
	struct mr_result got, want = *oracle_result(oracle);
	struct oracle *other;
	const char *differs;

	policy.cache_limit = limit;
	other = oracle_new(&policy, row->keep_limits);
	for (int i = 0; i < EVENTS; i++)
		oracle_step(other, &events[i]);
	got = *oracle_result(other);
	/* these two are relative to the limit */
	if (!want.limit_changes)
		got.max_overshoot_bytes = want.max_overshoot_bytes;
	if (!want.limit_changes)
		got.cache_limit = want.cache_limit;
	differs = oracle_difference(&got, &want);
	ck_assert_msg(!differs, "%s: %s is not the same at %" PRIu64, row->name, differs,
		limit);
	oracle_free(other);
}

/* At both ends of the range, and somewhere in it. */
static void
expect_range(const struct mr_sim *sim, const struct row *row,
	const struct mr_event *events, const struct oracle *oracle, struct walk *walk)
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
	const struct row *row = &rows[_i];
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
	const struct row *row = &rows[_i];
	struct mr_policy policy = rules_policy(row->policy);
	struct oracle *oracle = oracle_new(&policy, row->keep_limits);
	struct walk *walk = walk_new(&row->walk, &policy);
	struct mr_sim *sim = new_sim(&policy, row->keep_limits);
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
	int rows_count = (int)(sizeof(rows) / sizeof(rows[0]));
	Suite *suite = suite_create("sim");
	TCase *tcase = tcase_create("sim");

	tcase_set_timeout(tcase, 0);
	tcase_add_loop_test(tcase, follows_rules, 0, (int)rules_count);
	tcase_add_loop_test(tcase, equals_oracle, 0, rows_count);
	tcase_add_loop_test(tcase, runs_equal_steps, 0, rows_count);
	tcase_add_loop_test(tcase, facts_hold, 0, facts_count);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
