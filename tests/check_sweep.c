/* SPDX-License-Identifier: MIT */

/*
 * Sweeps against single simulations: every point, and both ends of the range
 * of limits it claims, in every counter; on random traces and on the real ones.
 */

#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "limits.h"
#include "memreplay/sweep.h"
#include "memreplay/tune.h"
#include "sanitized.h"
#include "sim/sweep.h"
#include "suite.h"
#include "walk.h"

static struct mr_policy
cpu_policy(void)
{
	struct mr_policy policy;

	ck_assert_int_eq(mr_policy_init(&policy, "mlx-cpu", NULL), MR_OK);
	return policy;
}

static struct events
random_events(uint64_t seed, size_t count)
{
	struct mr_policy policy = cpu_policy();
	const struct walk_options options = {
		.seed = seed, .max_size = 40000, .max_limit = 200000, .max_live = 40};
	struct events events = {.items = calloc(count, sizeof(struct mr_event)),
		.count = count,
		.policies = {policy},
		.policy_count = 1};
	struct oracle *oracle;
	struct walk *walk;

	ck_assert_ptr_nonnull(events.items);
	policy.cache_limit = 100000;
	oracle = oracle_new(&policy, false);
	walk = walk_new(&options, &policy);
	for (size_t i = 0; i < count; i++) {
		walk_next(walk, oracle, &events.items[i]);
		oracle_step(oracle, &events.items[i]);
	}
	walk_free(walk);
	oracle_free(oracle);
	return events;
}

static struct events
trace_events(const char *name)
{
	const char *top = getenv("top_srcdir");
	struct events events = {.policies = {cpu_policy()}, .policy_count = 1};
	struct mr_reader *reader;
	struct mr_error err;
	size_t space = 0;
	char path[4096];
	enum mr_status st;

	snprintf(path, sizeof(path), "%s/traces/%s.mrt.gz", top ? top : ".", name);
	ck_assert_msg(
		!mr_reader_open(&reader, path, NULL, &err), "%s: %s", path, err.text);
	do {
		if (events.count == space) {
			space = space * 2 + 4096;
			events.items =
				realloc(events.items, space * sizeof(struct mr_event));
			ck_assert_ptr_nonnull(events.items);
		}
		st = mr_reader_next(reader, &events.items[events.count++], &err);
	} while (!st);
	ck_assert_int_eq(st, MR_END);
	events.count--;
	mr_reader_close(reader);
	return events;
}

static struct mr_sweep *
sweep(struct events *events, const struct mr_sweep_options *options)
{
	struct mr_sweep *sweep;

	events->next = 0;
	ck_assert_int_eq(mr_sweep_new_grid(&sweep, events->policies, events->policy_count,
				 options, NULL),
		MR_OK);
	ck_assert_int_eq(mr_sweep_run(sweep, events_next, events, NULL), MR_OK);
	return sweep;
}

static void
check_point(const struct events *events, const struct mr_point *point)
{
	uint64_t limit;
	const char *differs = limits_point_differs(events, point, &limit);

	ck_assert_msg(!differs, "limit %" PRIu64 " of point %" PRIu64 ": %s differs",
		limit, point->cache_limit, differs);
}

static const struct mr_point *
points_of(struct mr_sweep *sweep, size_t *count)
{
	const struct mr_point *points;

	ck_assert_int_eq(mr_sweep_points(sweep, &points, count, NULL), MR_OK);
	ck_assert_uint_gt(*count, 0);
	return points;
}

/* A walk of every byte, by groups or by runs, covers all limits without a gap. */
static void
check_walk(struct events *events)
{
	const struct mr_sweep_options options = {.to = MR_UNLIMITED, .resolution = 1};
	struct mr_sweep *full = sweep(events, &options);
	size_t count;
	const struct mr_point *points = points_of(full, &count);

	ck_assert_uint_eq(points[0].cache_limit, 0);
	ck_assert_uint_eq(points[count - 1].valid_to, MR_UNLIMITED);
	for (size_t i = 0; i < count; i++) {
		ck_assert_uint_eq(points[i].valid_from, points[i].cache_limit);
		if (i + 1 < count)
			ck_assert_uint_eq(points[i].valid_to, points[i + 1].cache_limit);
		check_point(events, &points[i]);
	}
	mr_sweep_free(full);
	free(events->items);
}

START_TEST(full_walk_covers_all)
{
	struct events events = random_events((uint64_t)_i + 1, 600);

	check_walk(&events);
}
END_TEST

/* Every multiple of a resolution is a point, and exact. */
START_TEST(grid_has_every_multiple)
{
	struct events events = random_events((uint64_t)_i + 101, 3000);
	const struct mr_sweep_options options = {
		.from = 1000, .to = 150000, .resolution = 997 + (uint64_t)_i * 512};
	struct mr_sweep *grid = sweep(&events, &options);
	size_t count;
	const struct mr_point *points = points_of(grid, &count);

	ck_assert_uint_eq(count, (options.to - options.from) / options.resolution + 1);
	for (size_t i = 0; i < count; i++) {
		ck_assert_uint_eq(
			points[i].cache_limit, options.from + i * options.resolution);
		check_point(&events, &points[i]);
	}
	mr_sweep_free(grid);
	free(events.items);
}
END_TEST

/* The resolution that is found gives few points, the last of which is the end. */
START_TEST(resolution_is_found)
{
	struct events events = random_events((uint64_t)_i + 201, 20000);
	const struct mr_sweep_options options = {.to = MR_UNLIMITED};
	struct mr_sweep *grid = sweep(&events, &options);
	struct mr_sweep_summary summary;
	size_t count;
	const struct mr_point *points = points_of(grid, &count);

	mr_sweep_summary(grid, &summary);
	ck_assert_uint_eq(summary.resolution & (summary.resolution - 1), 0);
	ck_assert_uint_gt(count, 100);
	ck_assert_uint_le(count, 514);
	ck_assert_uint_eq(points[count - 1].valid_to, MR_UNLIMITED);
	for (size_t i = 0; i < count; i += 7)
		check_point(&events, &points[i]);
	mr_sweep_free(grid);
	free(events.items);
}
END_TEST

/* Nor does a resolution that is found depend on the trace if the last limit is given. */
START_TEST(resolution_follows_the_last_limit)
{
	struct events events = random_events((uint64_t)_i + 251, 3000);
	const struct mr_sweep_options options = {.from = 1000, .to = 150000};
	const struct mr_point *points;
	struct mr_sweep *grid;
	size_t count;

	if (_i)
		ck_assert(!mr_policy_set(&events.policies[0], "on_full", "evict", NULL));
	grid = sweep(&events, &options);
	points = points_of(grid, &count);
	ck_assert_uint_eq(count, 149000 / 512 + 1);
	for (size_t i = 0; i < count; i += 7) {
		ck_assert_uint_eq(points[i].cache_limit, 1000 + i * 512);
		check_point(&events, &points[i]);
	}
	mr_sweep_free(grid);
	free(events.items);
}
END_TEST

#define GROWING_LIVE 64

/* Nearly each malloc asks for a size that none has asked for before. */
static struct events
growing_events(size_t count)
{
	struct events events = {.items = calloc(count, sizeof(struct mr_event)),
		.count = count,
		.policies = {cpu_policy()},
		.policy_count = 1};

	ck_assert_ptr_nonnull(events.items);
	for (size_t i = 0; i < count; i++) {
		struct mr_event *event = &events.items[i];
		uint64_t number = i / 2, id = number + 1;

		*event = (struct mr_event){.op = i % 2 ? MR_OP_MALLOC : MR_OP_FREE,
			.slot = (uint32_t)(number % GROWING_LIVE),
			.id = id};
		if (event->op == MR_OP_MALLOC)
			event->size =
				100000 + number + number * UINT64_C(2654435761) % 4001;
		else if (id > GROWING_LIVE)
			event->id -= GROWING_LIVE;
		else
			event->op = MR_OP_RESET_PEAK;
	}
	return events;
}

/* The memory of a sweep follows the blocks there are, not the sizes there were. */
START_TEST(sizes_are_forgotten)
{
	const uint64_t limits[] = {0, 1 << 20, 1 << 23};
	const struct mr_sweep_options options = {.limits = limits, .limit_count = 3};
	struct events events = growing_events(200000);
	struct mr_sweep *swept = sweep(&events, &options);
	const struct mr_point *points;
	size_t count;

	ck_assert_uint_le(swept->scene.ranks.sizes.class_count, 40000);
	ck_assert_int_eq(mr_sweep_points(swept, &points, &count, NULL), MR_OK);
	ck_assert_uint_eq(count, 3);
	for (size_t i = 0; i < count; i++)
		ck_assert_ptr_null(
			limits_run_differs(&events, points[i].cache_limit, &points[i]));
	ck_assert_uint_gt(points[2].result.hits, 0);
	mr_sweep_free(swept);
	free(events.items);
}
END_TEST

/* Jobs change nothing: the points are the same bytes. */
START_TEST(jobs_change_nothing)
{
	struct events events = random_events((uint64_t)_i + 301, 30000);
	struct mr_sweep_options options = {
		.to = MR_UNLIMITED, .resolution = SANITIZED ? 1024 : 64};
	struct mr_sweep *one = sweep(&events, &options), *many;
	const struct mr_point *of_one, *of_many;
	size_t count, same_count;

	options.jobs = 2 + (unsigned)_i;
	many = sweep(&events, &options);
	of_one = points_of(one, &count);
	of_many = points_of(many, &same_count);
	ck_assert_uint_eq(count, same_count);
	ck_assert_int_eq(memcmp(of_one, of_many, count * sizeof(*of_one)), 0);
	mr_sweep_free(one);
	mr_sweep_free(many);
	free(events.items);
}
END_TEST

/* A policy with one knob changed; none: as it is. */
static const struct {
	const char *name, *knob, *value;
} variants[] = {
	{"mlx-cpu", NULL, NULL},
	{"mlx-cpu", "round", "1/4"},
	{"mlx-cpu", "on_full", "evict"},
	{"mlx-cpu", "clear_every", "17"},
	{"mlx-cpu", "max_blocks", "30"},
	{"mlx-metal", NULL, NULL},
	{"mlx-metal", "memory_limit", "300000"},
	{"mlx-metal", "max_blocks", "40"},
	{"mlx-metal", "on_full", "evict"},
	{"mlx-cuda", NULL, NULL},
	{"mlx-cuda", "memory_limit", "300000"},
};
#define VARIANTS (sizeof(variants) / sizeof(variants[0]))

static void
set_variants(struct events *events, size_t first, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct mr_policy *policy = &events->policies[i];
		const char *knob = variants[first + i].knob;

		ck_assert(!mr_policy_init(policy, variants[first + i].name, NULL));
		ck_assert(!knob ||
			!mr_policy_set(policy, knob, variants[first + i].value, NULL));
	}
	events->policy_count = count;
}

/* Every policy, at listed limits, in a grid, and at a resolution that is found. */
START_TEST(other_policies_agree)
{
	struct events events = random_events((uint64_t)_i + 401, 2000);
	const uint64_t limits[] = {MR_UNLIMITED, 0, 70000, 1, 5000, 40000, 200000};
	const struct mr_sweep_options options[] = {
		{.limits = limits, .limit_count = 7},
		{.from = 1000, .to = 150000, .resolution = 9973, .jobs = 2},
		{.to = MR_UNLIMITED, .jobs = 3},
	};
	static const size_t least[] = {7, 15, 100};
	static const size_t step[] = {1, 1, SANITIZED ? 50 : 11};

	set_variants(&events, (size_t)_i, 1);
	for (size_t o = 0; o < 3; o++) {
		struct mr_sweep *swept = sweep(&events, &options[o]);
		size_t count;
		const struct mr_point *points = points_of(swept, &count);

		ck_assert_uint_ge(count, least[o]);
		ck_assert_uint_le(count, 514);
		for (size_t i = 0; i < count; i += step[o])
			check_point(&events, &points[i]);
		if (o == 2)
			ck_assert_uint_eq(points[count - 1].valid_to, MR_UNLIMITED);
		mr_sweep_free(swept);
	}
	free(events.items);
}
END_TEST

/* While the resolution is not known, no run is made that it will not keep. */
START_TEST(few_runs_find_a_resolution)
{
	struct events events = growing_events(20000); /* more than a batch */
	const struct mr_sweep_options options = {.to = MR_UNLIMITED};
	struct mr_sweep_summary summary;
	struct mr_sweep *swept;

	/* so that the resolution of the first is too fine for the second */
	for (size_t i = 16384; i < events.count; i++)
		events.items[i].size *= 64;
	ck_assert(!mr_policy_set(&events.policies[0], "clear_every", "1000000", NULL));
	swept = sweep(&events, &options);
	mr_sweep_summary(swept, &summary);
	ck_assert_uint_gt(summary.states, 100);
	ck_assert_uint_le(summary.state_events, 514 * events.count);
	mr_sweep_free(swept);
	free(events.items);
}
END_TEST

/* A few sizes, which change once: limits that went the same until then part late. */
static struct events
stepping_events(size_t count, uint64_t seed)
{
	struct events events = {.items = calloc(count, sizeof(struct mr_event)),
		.count = count,
		.policy_count = 1};
	bool live[6] = {false};

	ck_assert_ptr_nonnull(events.items);
	for (size_t i = 0; i < count; i++) {
		struct mr_event *event = &events.items[i];
		uint64_t unit = i < count / 2 ? 1000 : 970;

		seed = seed * UINT64_C(6364136223846793005) + 1;
		event->slot = (uint32_t)((seed >> 40) % 6);
		event->op = live[event->slot] ? MR_OP_FREE : MR_OP_MALLOC;
		event->size = unit * (1 + (seed >> 32) % 8);
		live[event->slot] = !live[event->slot];
	}
	return events;
}

/*
 * A simulation must not go on at a limit that is not its own: not where a resolution
 * is found while the trace goes on, which takes limits away, nor in what it says of
 * how far it was above the limit.
 */
START_TEST(other_policies_part_late)
{
	static const char *const names[] = {"mlx-cpu", "mlx-metal", "mlx-cuda"};
	struct events events = stepping_events(40000, (uint64_t)_i + 1);
	const uint64_t limits[] = {0, 3000, 5000, 5500, 20000};
	const struct mr_sweep_options options = {.to = MR_UNLIMITED},
				      listed = {.limits = limits, .limit_count = 5};
	struct mr_sweep_summary summary;
	const struct mr_point *points;
	struct mr_sweep *swept;
	size_t count;

	ck_assert(!mr_policy_init(&events.policies[0], names[_i], NULL));
	ck_assert(!mr_policy_set(&events.policies[0], "on_full", "evict", NULL));
	swept = sweep(&events, &options);
	mr_sweep_summary(swept, &summary);
	points = points_of(swept, &count);
	ck_assert_uint_gt(count, 100);
	for (size_t i = 0; i < count; i++) {
		ck_assert_uint_eq(points[i].cache_limit, i * summary.resolution);
		ck_assert_uint_ge(points[i].cache_limit, points[i].valid_from);
		if (i % 29 == 0)
			check_point(&events, &points[i]);
	}
	mr_sweep_free(swept);
	swept = sweep(&events, &listed);
	points = points_of(swept, &count);
	ck_assert_uint_eq(count, 5);
	for (size_t i = 0; i < count; i++)
		check_point(&events, &points[i]);
	mr_sweep_free(swept);
	free(events.items);
	mr_run_free(NULL);
}
END_TEST

START_TEST(other_policies_are_walked)
{
	struct events events = random_events((uint64_t)_i + 501, 150);

	set_variants(&events, (size_t)_i, 1);
	check_walk(&events);
}
END_TEST

/* All policies in one sweep, plain ones too, for any number of jobs. */
START_TEST(policies_share_a_reading)
{
	struct events events = random_events(601, 5000);
	const uint64_t limits[] = {0, 30000, 100000, MR_UNLIMITED};
	struct mr_sweep_options options = {.limits = limits, .limit_count = 4};
	struct mr_sweep *one, *many;
	const struct mr_point *points, *same;
	size_t count, same_count;

	set_variants(&events, 0, VARIANTS);
	one = sweep(&events, &options);
	options.jobs = 3;
	many = sweep(&events, &options);
	points = points_of(one, &count);
	same = points_of(many, &same_count);
	ck_assert_uint_eq(count, 4 * VARIANTS);
	ck_assert_uint_eq(same_count, count);
	ck_assert_int_eq(memcmp(points, same, count * sizeof(*points)), 0);
	for (size_t i = 0; i < count; i++) {
		ck_assert_uint_eq(points[i].policy, i / 4);
		ck_assert_uint_eq(points[i].cache_limit, limits[i % 4]);
		check_point(&events, &points[i]);
	}
	mr_sweep_free(one);
	mr_sweep_free(many);
	free(events.items);
}
END_TEST

static const char *const traces[] = {
	"mlp_train", "phase_change", "limits", "decode_step256_1m"};

/* 200 random limits on a real trace, and each one's range. */
START_TEST(real_traces_agree)
{
	struct events events = trace_events(traces[_i]);
	uint64_t limits[200], state = (uint64_t)_i + 1;
	const size_t limit_count = SANITIZED ? 20 : 200;
	const struct mr_sweep_options options = {
		.limits = limits, .limit_count = limit_count, .jobs = 2};
	struct mr_sweep *list;
	size_t count;
	const struct mr_point *points;

	for (size_t i = 0; i < limit_count; i++) {
		state = state * UINT64_C(6364136223846793005) + 1442695040888963407;
		limits[i] = (state >> 33) % (UINT64_C(140) << 20);
	}
	list = sweep(&events, &options);
	points = points_of(list, &count);
	ck_assert_uint_ge(count, limit_count - 1);
	for (size_t i = 0; i < count; i++)
		check_point(&events, &points[i]);
	mr_sweep_free(list);
	free(events.items);
}
END_TEST

START_TEST(policy_without_cache_is_refused)
{
	const struct mr_sweep_options options = {.to = MR_UNLIMITED};
	struct mr_policy policy;
	struct mr_sweep *none;
	struct mr_error err;

	ck_assert_int_eq(mr_policy_init(&policy, "none", NULL), MR_OK);
	ck_assert_int_eq(mr_sweep_new(&none, &policy, &options, &err), MR_EINVAL);
	ck_assert_ptr_null(none);
}
END_TEST

/* A curve with a dip: hits out of 100 at limits 0, 1, 2... */
static struct mr_tune_curve
curve(struct mr_point *points, const uint64_t *hits, size_t count)
{
	memset(points, 0, count * sizeof(*points));
	for (size_t i = 0; i < count; i++) {
		points[i].cache_limit = i;
		points[i].result.mallocs = 100;
		points[i].result.hits = hits[i];
	}
	return (struct mr_tune_curve){points, count, 1, 1};
}

START_TEST(tuning_keeps_its_promise)
{
	static const uint64_t dip[] = {0, 50, 99, 60, 99, 100};
	static const uint64_t plain[] = {0, 90, 91, 92, 93, 100};
	struct mr_point a[6], b[6];
	struct mr_tune_curve curves[] = {curve(a, dip, 6), curve(b, plain, 6)};
	struct mr_tune_options options = {.goal = MR_GOAL_TARGET, .target = 0.99};
	struct mr_advice advice;

	/* 2 reaches 99 %, but 3 falls below it again */
	ck_assert_int_eq(mr_tune(&advice, curves, 1, &options, NULL), MR_OK);
	ck_assert_uint_eq(advice.limit, 4);
	ck_assert(!advice.has_worse);
	ck_assert(advice.has_cheaper && advice.cheaper == 3);
	ck_assert(advice.has_dearer && advice.dearer == 5);

	/* the best at or below 3 is 2, and 3 is named as worse */
	options.goal = MR_GOAL_BUDGET;
	options.budget = 3;
	ck_assert_int_eq(mr_tune(&advice, curves, 1, &options, NULL), MR_OK);
	ck_assert_uint_eq(advice.limit, 2);
	ck_assert(advice.has_worse && advice.worse == 3);

	options.goal = MR_GOAL_KNEE;
	ck_assert_int_eq(mr_tune(&advice, &curves[1], 1, &options, NULL), MR_OK);
	ck_assert_uint_eq(advice.limit, 1);

	/* one limit for both: the worst of the two decides */
	options.goal = MR_GOAL_TARGET;
	options.target = 0.93;
	ck_assert_int_eq(mr_tune(&advice, curves, 2, &options, NULL), MR_OK);
	ck_assert_uint_eq(advice.limit, 4);

	/* by the mean, which the second trace rules */
	options.target = 0.9;
	options.together = MR_TOGETHER_MEAN;
	curves[1].weight = 99;
	ck_assert_int_eq(mr_tune(&advice, curves, 2, &options, NULL), MR_OK);
	ck_assert_uint_eq(advice.limit, 2);
	ck_assert_int_eq(mr_tune(&advice, curves, 0, &options, NULL), MR_EINVAL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("sweep");
	TCase *tcase = tcase_create("sweep");
	TCase *threads = tcase_create("threads");

	tcase_set_timeout(tcase, 300);
	tcase_set_timeout(threads, 300);
	tcase_add_loop_test(tcase, full_walk_covers_all, 0, 8);
	tcase_add_loop_test(tcase, grid_has_every_multiple, 0, 6);
	tcase_add_loop_test(tcase, resolution_is_found, 0, 4);
	tcase_add_loop_test(tcase, resolution_follows_the_last_limit, 0, 2);
	tcase_add_test(tcase, sizes_are_forgotten);
	tcase_add_test(tcase, few_runs_find_a_resolution);
	tcase_add_loop_test(threads, jobs_change_nothing, 0, 4);
	tcase_add_loop_test(tcase, other_policies_agree, 0, (int)VARIANTS);
	tcase_add_loop_test(tcase, other_policies_part_late, 0, 3);
	tcase_add_loop_test(tcase, other_policies_are_walked, 0, (int)VARIANTS);
	tcase_add_test(threads, policies_share_a_reading);
	tcase_add_loop_test(tcase, real_traces_agree, 0, 4);
	tcase_add_test(tcase, policy_without_cache_is_refused);
	tcase_add_test(tcase, tuning_keeps_its_promise);
	suite_add_tcase(suite, tcase);
	suite_add_tcase(suite, threads);
	return run_suite(suite);
}
