/* SPDX-License-Identifier: MIT */
/*
 * Replays in child processes: their counters against the simulator, and what
 * they measure.
 */
#include <check.h>
#include <glob.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memreplay/replay.h"
#include "memreplay/sim.h"
#include "replaying.h"
#include "sanitized.h"

#define MIB (UINT64_C(1) << 20)

static double
figure(const struct bench *bench, const char *name, enum mr_figure_id id)
{
	return bench_backend(bench, name)->figures[id];
}

static uint64_t
draw(uint64_t *state, uint64_t below)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (*state >> 33) % below;
}

#define LIVE_MAX 200

/* Sizes near each other and at the edges of the window; now and then a big one. */
static uint64_t
draw_size(uint64_t *state)
{
	static const uint64_t bases[] = {0, 1, 16, 100, 4096, 8192, 12288, 65536, 300000};
	uint64_t base = bases[draw(state, 9)];

	return base + (draw(state, 2) ? draw(state, 3) : draw(state, base + 1));
}

static void
add_random(struct bench *bench, uint64_t *state, bool *live)
{
	static const uint8_t others[] = {MR_OP_SET_CACHE_LIMIT, MR_OP_SET_MEMORY_LIMIT,
		MR_OP_CLEAR_CACHE, MR_OP_RESET_PEAK, MR_OP_MARK, MR_OP_COUNTERS};
	uint32_t slot = (uint32_t)draw(state, LIVE_MAX);
	struct mr_event event = {.op = others[draw(state, 6)]};

	if (draw(state, 100) == 0) {
		if (event.op == MR_OP_MARK)
			event.name = "";
		if (event.op <= MR_OP_SET_MEMORY_LIMIT)
			event.bytes = draw(state, 2 * MIB);
		bench_add(bench, event);
		return;
	}
	if (live[slot])
		bench_free(bench, slot);
	else
		bench_malloc(bench, slot, draw_size(state));
	live[slot] = !live[slot];
}

static const struct {
	const char *policy;
	uint64_t cache_limit;
	bool keep_limits;
} random_cases[] = {
	{"mlx-cpu", 0, true},
	{"mlx-cpu", 65536, false},
	{"mlx-cpu", 2 * MIB, true},
	{"mlx-cpu", 2 * MIB, false},
	{"mlx-cpu", MR_UNLIMITED, false},
	{"none", MR_UNLIMITED, true},
};

START_TEST(random_traces_count_as_simulated)
{
	bool live[LIVE_MAX] = {false};
	uint64_t state = 1000 + (uint64_t)_i;
	struct bench bench;

	bench_init(&bench);
	ck_assert(!mr_policy_init(&bench.options.policy, random_cases[_i].policy, NULL));
	bench.options.policy.cache_limit = random_cases[_i].cache_limit;
	bench.options.keep_limits = random_cases[_i].keep_limits;
	for (int i = 0; i < 20000; i++)
		add_random(&bench, &state, live);
	bench_replay(&bench);
	assert_as_simulated(&bench, random_cases[_i].policy);
	ck_assert_str_eq(bench.backends[0].name, random_cases[_i].policy);
	ck_assert_str_eq(bench_backend(&bench, "malloc")->exit, "exit 0");
	bench_fini(&bench);
}
END_TEST

/* The shipped traces, and those beside the source tree if they are there. */
static const char *const folders[] = {"traces/*.mrt.gz", "../shared/traces/*.jsonl.gz"};

static void
add_trace(struct bench *bench, const char *path)
{
	struct mr_reader *reader;
	struct mr_event event;
	enum mr_status st;

	ck_assert(!mr_reader_open(&reader, path, NULL, NULL));
	if (mr_reader_header(reader)->has_cache_limit)
		bench->options.policy.cache_limit = mr_reader_header(reader)->cache_limit;
	while (!(st = mr_reader_next(reader, &event, NULL)))
		bench_add(bench, event);
	ck_assert_int_eq(st, MR_END);
	mr_reader_close(reader);
}

START_TEST(real_traces_count_as_simulated)
{
	const char *top = getenv("top_srcdir");
	char pattern[PATH_MAX];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/%s", top ? top : ".", folders[_i]);
	if (SANITIZED && _i > 0) /* takes a minute, and is the same code */
		return;
	if (glob(pattern, 0, NULL, &found)) {
		ck_assert_msg(_i > 0, "no trace matches %s", pattern);
		return;
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct bench bench;

		bench_init(&bench);
		bench.options.touch = MR_TOUCH_NONE;
		add_trace(&bench, found.gl_pathv[i]);
		bench_replay(&bench);
		assert_as_simulated(&bench, found.gl_pathv[i]);
		ck_assert_uint_gt(bench.simulated.hits, 0);
		bench_fini(&bench);
	}
	globfree(&found);
}
END_TEST

/* 100 blocks of 1 MiB live at once, then all freed. */
static void
add_100_mib(struct bench *bench)
{
	for (uint32_t slot = 0; slot < 100; slot++)
		bench_malloc(bench, slot, MIB);
	for (uint32_t slot = 0; slot < 100; slot++)
		bench_free(bench, slot);
}

static const struct {
	enum mr_touch touch;
	double least, most; /* MiB of peak resident memory */
} touch_cases[] = {
	/* a sanitizer's shadow memory is resident too */
	{MR_TOUCH_NONE, 0, SANITIZED ? 60 : 10},
	{MR_TOUCH_PAGE, 100, SANITIZED ? 200 : 120},
	{MR_TOUCH_FULL, 100, SANITIZED ? 200 : 120},
};

START_TEST(what_is_touched_is_resident)
{
	struct bench bench;

	bench_init(&bench);
	bench.options.touch = touch_cases[_i].touch;
	add_100_mib(&bench);
	bench_replay(&bench);
	for (size_t i = 0; i < bench.count; i++) {
		const struct mr_replay_backend *found = &bench.backends[i];
		double peak = found->figures[MR_FIGURE_PEAK_RSS] / (double)MIB;

		ck_assert_msg(
			peak >= touch_cases[_i].least && peak <= touch_cases[_i].most,
			"%s: peak of %.1f MiB", found->name, peak);
	}
	bench_fini(&bench);
}
END_TEST

/* A page fault for each page at first, and none when the cache gives it again. */
START_TEST(faults_are_those_of_fresh_memory)
{
	struct bench bench;
	double caching, plain;

	bench_init(&bench);
	bench.options.policy.cache_limit = MR_UNLIMITED;
	for (int round = 0; round < 10; round++)
		add_100_mib(&bench);
	bench_replay(&bench);
	assert_as_simulated(&bench, "ten rounds");
	ck_assert_uint_eq(bench.simulated.hits, 900);
	caching = figure(&bench, "mlx-cpu", MR_FIGURE_MINOR_FAULTS);
	plain = figure(&bench, "malloc", MR_FIGURE_MINOR_FAULTS);
	ck_assert_double_gt(caching, 0);
	if (!SANITIZED)
		ck_assert_double_gt(plain, 2 * caching);
	bench_fini(&bench);
}
END_TEST

START_TEST(times_of_calls_are_in_order)
{
	struct bench bench;

	bench_init(&bench);
	bench.options.runs = 4;
	add_100_mib(&bench);
	bench_replay(&bench);
	for (size_t i = 0; i < bench.count; i++) {
		const double *found = bench.backends[i].figures;

		ck_assert_uint_eq(bench.backends[i].completed, 4);
		ck_assert(bench.backends[i].steady);
		for (int id = 0; id <= MR_FIGURE_FREE_MAX; id++)
			ck_assert_msg(found[id] >= 0, "%s: %s is %f",
				bench.backends[i].name, mr_figures()[id].name, found[id]);
		ck_assert_double_gt(found[MR_FIGURE_WALL_MIN], 0);
		ck_assert_double_le(found[MR_FIGURE_WALL_MIN], found[MR_FIGURE_WALL]);
		ck_assert_double_le(found[MR_FIGURE_WALL], found[MR_FIGURE_WALL_MAX]);
		ck_assert_double_le(
			found[MR_FIGURE_MALLOC_P50], found[MR_FIGURE_MALLOC_P90]);
		ck_assert_double_le(
			found[MR_FIGURE_MALLOC_P90], found[MR_FIGURE_MALLOC_P99]);
		ck_assert_double_le(found[MR_FIGURE_FREE_P99], found[MR_FIGURE_FREE_MAX]);
		/* 100 fresh MiB take longer than the clock takes to be read */
		ck_assert_double_gt(found[MR_FIGURE_MALLOC_MAX], 0);
		ck_assert_double_gt(found[MR_FIGURE_NS_PER_EVENT], 0);
	}
	ck_assert_uint_gt(mr_replay_clock_step(bench.replay), 0);
	bench_fini(&bench);
}
END_TEST

START_TEST(loop_timing_reads_no_clock_in_between)
{
	struct bench bench;

	bench_init(&bench);
	bench.options.timing = MR_TIMING_LOOP;
	add_100_mib(&bench);
	bench_replay(&bench);
	assert_as_simulated(&bench, "loop");
	for (size_t i = 0; i < bench.count; i++) {
		const double *found = bench.backends[i].figures;

		ck_assert(isnan(found[MR_FIGURE_MALLOC_P50]));
		ck_assert(isnan(found[MR_FIGURE_FREE_MAX]));
		ck_assert_double_gt(found[MR_FIGURE_NS_PER_EVENT], 0);
	}
	ck_assert_uint_eq(mr_replay_clock_step(bench.replay), 0);
	bench_fini(&bench);
}
END_TEST

/* What was told of a replay's progress. */
struct told {
	int times;
	double last;
	bool in_order;
};

static void
note_progress(void *context, double part)
{
	struct told *told = context;

	told->in_order = told->in_order && part > 0 && part <= 1 && part >= told->last;
	told->last = part;
	told->times++;
}

/* And what is told of it changes no count, though the loop is cut in pieces. */
START_TEST(progress_is_told)
{
	struct told told = {.in_order = true};
	struct bench bench;

	bench_init(&bench);
	bench.options.threads = _i;
	bench.options.progress = note_progress;
	bench.options.progress_context = &told;
	ck_assert(!mr_policy_set(&bench.options.policy, "max_blocks", "8", NULL));
	for (uint32_t i = 0; i < 10000; i++) {
		bench_malloc(&bench, i % 7, 1000 + i % 3000);
		bench_free(&bench, i % 7);
	}
	/* what is refused late has its number in the whole trace */
	for (uint32_t i = 0; i < 10; i++)
		bench_malloc(&bench, i, 1000);
	bench_replay(&bench);
	assert_as_simulated(&bench, "with progress");
	/* the first piece of each run is told at once */
	ck_assert_int_ge(told.times, 2);
	ck_assert(told.in_order);
	ck_assert_double_gt(told.last, 0.5);
	bench_fini(&bench);
}
END_TEST

#define RECORDED_THREADS 5

/* Blocks change hands, and now and then a limit. */
static void
add_threads(struct bench *bench, uint32_t threads)
{
	bool live[LIVE_MAX] = {false};
	uint64_t state = 77;

	for (int i = 0; i < 5000; i++) {
		uint32_t slot = (uint32_t)draw(&state, LIVE_MAX);
		struct mr_event event = {.op = live[slot] ? MR_OP_FREE : MR_OP_MALLOC,
			.slot = slot,
			.has = MR_HAS_TID,
			.tid = (uint32_t)draw(&state, threads)};

		if (!live[slot])
			event.size = draw_size(&state);
		live[slot] = !live[slot];
		bench_add(bench, event);
		if (i % 1000 == 500)
			bench_add(bench,
				(struct mr_event){
					.op = MR_OP_SET_CACHE_LIMIT, .bytes = MIB});
	}
}

static const struct {
	const char *policy;
	enum mr_timing timing;
	uint32_t threads;
} threads_cases[] = {
	{"mlx-cpu", MR_TIMING_CALLS, RECORDED_THREADS},
	{"mlx-cpu", MR_TIMING_LOOP, RECORDED_THREADS},
	{"mlx-metal", MR_TIMING_CALLS, RECORDED_THREADS},
	{"none", MR_TIMING_CALLS, RECORDED_THREADS},
	{"mlx-cpu", MR_TIMING_CALLS, 1},
};

static void
assert_threads(const struct mr_replay_backend *found, int row)
{
	double events = 0;

	ck_assert_uint_eq(found->completed, 2);
	ck_assert_uint_eq(found->thread_count, threads_cases[row].threads);
	for (int id = MR_FIGURE_WAITS; id < MR_FIGURE_COUNT; id++) {
		bool ours = id == MR_FIGURE_LOCK_WAITS || id == MR_FIGURE_LOCK_WAITED;

		if (ours && !found->caching)
			ck_assert(isnan(found->figures[id]));
		else
			ck_assert_msg(found->figures[id] >= 0, "%s: %s is %f",
				found->name, mr_figures()[id].name, found->figures[id]);
	}
	for (size_t i = 0; i < found->thread_count; i++) {
		const double *figures = found->threads[i].figures;

		events += figures[MR_THREAD_EVENTS];
		ck_assert_uint_lt(found->threads[i].tid, RECORDED_THREADS);
		ck_assert_double_le(figures[MR_THREAD_WAITED], figures[MR_THREAD_WALL]);
		if (threads_cases[row].timing == MR_TIMING_LOOP)
			ck_assert(isnan(figures[MR_THREAD_CALL]) &&
				isnan(figures[MR_THREAD_ONE_CALL]));
		else
			ck_assert(figures[MR_THREAD_CALL] >= 0 &&
				figures[MR_THREAD_ONE_CALL] >= 0);
	}
	/* events on limits are of the thread of the event before them */
	ck_assert_double_eq(events, 5005);
}

START_TEST(threads_do_what_was_recorded)
{
	const struct mr_result *found;
	struct bench bench;

	bench_init(&bench);
	ck_assert(!mr_policy_init(&bench.options.policy, threads_cases[_i].policy, NULL));
	bench.options.threads = true;
	bench.options.runs = 2;
	bench.options.timing = threads_cases[_i].timing;
	add_threads(&bench, threads_cases[_i].threads);
	bench_replay(&bench);
	assert_as_simulated(&bench, threads_cases[_i].policy);
	for (size_t i = 0; i < bench.count; i++)
		assert_threads(&bench.backends[i], _i);
	found = &bench.backends[0].threads_result;
	ck_assert_uint_eq(found->mallocs, bench.simulated.mallocs);
	ck_assert_uint_eq(found->frees, bench.simulated.frees);
	ck_assert_uint_eq(found->requested_bytes, bench.simulated.requested_bytes);
	ck_assert_uint_eq(found->live_blocks, bench.simulated.live_blocks);
	ck_assert_uint_eq(found->limit_changes, bench.simulated.limit_changes);
	ck_assert_uint_eq(found->events, bench.simulated.events);
	if (threads_cases[_i].threads == 1)
		ck_assert_mem_eq(found, &bench.simulated, sizeof(*found));
	ck_assert_uint_eq(mr_replay_stretches(bench.replay), 11);
	bench_fini(&bench);
}
END_TEST

/* No thread is started for a trace without events, and nothing measured. */
START_TEST(no_threads_replay)
{
	struct bench bench;

	bench_init(&bench);
	bench.options.threads = true;
	ck_assert(!mr_sim_new(&bench.sim, &bench.options.policy, true, NULL));
	bench_replay(&bench);
	assert_as_simulated(&bench, "no threads");
	ck_assert_uint_eq(bench.backends[0].thread_count, 0);
	bench_fini(&bench);
}
END_TEST

START_TEST(an_empty_program_replays)
{
	struct bench bench;

	bench_init(&bench);
	ck_assert(!mr_sim_new(&bench.sim, &bench.options.policy, true, NULL));
	bench_replay(&bench);
	assert_as_simulated(&bench, "empty");
	ck_assert(isnan(figure(&bench, "malloc", MR_FIGURE_NS_PER_EVENT)));
	bench_fini(&bench);
}
END_TEST

/* posix_memalign() is called: an alignment that malloc could only meet by luck. */
START_TEST(recorded_alignment_is_asked_for)
{
	struct bench bench;

	bench_init(&bench);
	for (uint32_t slot = 0; slot < 64; slot++)
		bench_add(&bench,
			(struct mr_event){.op = MR_OP_MALLOC,
				.slot = slot,
				.size = 100,
				.has = MR_HAS_ALIGN,
				.align = 1 << 20});
	bench.options.touch = MR_TOUCH_NONE;
	bench_replay(&bench);
	ck_assert_str_eq(bench_backend(&bench, "malloc")->exit, "exit 0");
	ck_assert_str_eq(bench_backend(&bench, "mlx-cpu")->exit, "exit 0");
	/* each block has a page of its own */
	ck_assert_double_ge(figure(&bench, "malloc", MR_FIGURE_MINOR_FAULTS), 64);
	bench_fini(&bench);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *suite = suite_create("replay");
	TCase *tests = tcase_create("replay");

	tcase_set_timeout(tests, 120);
	ADD_LOOP(tests, random_traces_count_as_simulated, random_cases);
	ADD_LOOP(tests, real_traces_count_as_simulated, folders);
	ADD_LOOP(tests, what_is_touched_is_resident, touch_cases);
	tcase_add_test(tests, faults_are_those_of_fresh_memory);
	tcase_add_loop_test(tests, progress_is_told, 0, 2);
	tcase_add_test(tests, times_of_calls_are_in_order);
	tcase_add_test(tests, loop_timing_reads_no_clock_in_between);
	ADD_LOOP(tests, threads_do_what_was_recorded, threads_cases);
	tcase_add_test(tests, no_threads_replay);
	tcase_add_test(tests, an_empty_program_replays);
	tcase_add_test(tests, recorded_alignment_is_asked_for);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(int argc, char **argv)
{
	return bench_main(argc, argv, make_suite);
}
