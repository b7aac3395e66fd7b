/* SPDX-License-Identifier: MIT */
/*
 * Replays in child processes: their counters against the simulator, what they
 * measure, and what is said of children that fail.
 */
#include <check.h>
#include <glob.h>
#include <limits.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fragile.h"
#include "memreplay/replay.h"
#include "memreplay/sim.h"
#include "sanitized.h"
#include "suite.h"

#define MIB (UINT64_C(1) << 20)

extern char **environ;

/* A trace on its way into a program and a simulation. */
struct bench {
	struct mr_program *program;
	struct mr_sim *sim;
	struct mr_replay_options options;
	struct mr_result simulated;
	struct mr_replay *replay;
	const struct mr_replay_backend *backends;
	size_t count;
};

static void
bench_init(struct bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	bench->options.struct_size = sizeof(bench->options);
	bench->options.keep_limits = true;
	bench->options.touch = MR_TOUCH_PAGE;
	bench->options.runs = 1;
	bench->options.environment = environ;
	ck_assert(!mr_policy_init(&bench->options.policy, "mlx-cpu", NULL));
	ck_assert(!mr_program_new(&bench->program, NULL));
}

static void
bench_fini(struct bench *bench)
{
	mr_replay_free(bench->replay);
	mr_program_free(bench->program);
	mr_sim_free(bench->sim);
}

/* The policy is final from the first event on. */
static void
add(struct bench *bench, struct mr_event event)
{
	if (!bench->sim)
		ck_assert(!mr_sim_new(&bench->sim, &bench->options.policy,
			bench->options.keep_limits, NULL));
	ck_assert(!mr_program_add(bench->program, &event, NULL));
	ck_assert(!mr_sim_step(bench->sim, &event, NULL, NULL));
}

static void
add_malloc(struct bench *bench, uint32_t slot, uint64_t size)
{
	add(bench, (struct mr_event){.op = MR_OP_MALLOC, .slot = slot, .size = size});
}

static void
add_free(struct bench *bench, uint32_t slot)
{
	add(bench, (struct mr_event){.op = MR_OP_FREE, .slot = slot});
}

static void
replay(struct bench *bench)
{
	struct mr_error err;

	mr_sim_result(bench->sim, &bench->simulated);
	mr_replay_free(bench->replay);
	ck_assert_msg(
		!mr_replay_run(&bench->replay, bench->program, &bench->options, &err),
		"replay: %s", err.text);
	bench->backends = mr_replay_backends(bench->replay, &bench->count);
}

static const struct mr_replay_backend *
backend(const struct bench *bench, const char *name)
{
	for (size_t i = 0; i < bench->count; i++)
		if (!strcmp(bench->backends[i].name, name))
			return &bench->backends[i];
	ck_abort_msg("no backend %s", name);
}

static double
figure(const struct bench *bench, const char *name, enum mr_figure_id id)
{
	return backend(bench, name)->figures[id];
}

static void
assert_as_simulated(const struct bench *bench, const char *what)
{
	const struct mr_replay_backend *caching = &bench->backends[0];
	size_t count;
	const struct mr_metric *metrics = mr_metrics(&count);

	ck_assert_msg(!strcmp(caching->exit, "exit 0"), "%s: %s", what, caching->exit);
	ck_assert(caching->caching);
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(mr_metric_count(&metrics[i], &caching->result) ==
				mr_metric_count(&metrics[i], &bench->simulated),
			"%s: %s is %llu, simulated %llu", what, metrics[i].name,
			(unsigned long long)mr_metric_count(
				&metrics[i], &caching->result),
			(unsigned long long)mr_metric_count(
				&metrics[i], &bench->simulated));
	ck_assert_mem_eq(&caching->result, &bench->simulated, sizeof(bench->simulated));
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
		add(bench, event);
		return;
	}
	if (live[slot])
		add_free(bench, slot);
	else
		add_malloc(bench, slot, draw_size(state));
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
	replay(&bench);
	assert_as_simulated(&bench, random_cases[_i].policy);
	ck_assert_str_eq(bench.backends[0].name, random_cases[_i].policy);
	ck_assert_str_eq(backend(&bench, "malloc")->exit, "exit 0");
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
		add(bench, event);
	ck_assert_int_eq(st, MR_END);
	mr_reader_close(reader);
}

START_TEST(real_traces_count_as_simulated)
{
	const char *top = getenv("top_srcdir");
	char pattern[PATH_MAX];
	glob_t found;

	snprintf(pattern, sizeof(pattern), "%s/%s", top ? top : ".", folders[_i]);
	if (glob(pattern, 0, NULL, &found)) {
		ck_assert_msg(_i > 0, "no trace matches %s", pattern);
		return;
	}
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct bench bench;

		bench_init(&bench);
		bench.options.touch = MR_TOUCH_NONE;
		add_trace(&bench, found.gl_pathv[i]);
		replay(&bench);
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
		add_malloc(bench, slot, MIB);
	for (uint32_t slot = 0; slot < 100; slot++)
		add_free(bench, slot);
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
	replay(&bench);
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
	replay(&bench);
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
	replay(&bench);
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
	replay(&bench);
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
	bench.options.progress = note_progress;
	bench.options.progress_context = &told;
	for (uint32_t i = 0; i < 10000; i++) {
		add_malloc(&bench, i % 7, 1000 + i % 3000);
		add_free(&bench, i % 7);
	}
	replay(&bench);
	assert_as_simulated(&bench, "with progress");
	/* the first piece of each run is told at once */
	ck_assert_int_ge(told.times, 2);
	ck_assert(told.in_order);
	ck_assert_double_gt(told.last, 0.5);
	bench_fini(&bench);
}
END_TEST

START_TEST(an_empty_program_replays)
{
	struct bench bench;

	bench_init(&bench);
	ck_assert(!mr_sim_new(&bench.sim, &bench.options.policy, true, NULL));
	replay(&bench);
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
		add(&bench,
			(struct mr_event){.op = MR_OP_MALLOC,
				.slot = slot,
				.size = 100,
				.has = MR_HAS_ALIGN,
				.align = 1 << 20});
	bench.options.touch = MR_TOUCH_NONE;
	replay(&bench);
	ck_assert_str_eq(backend(&bench, "malloc")->exit, "exit 0");
	ck_assert_str_eq(backend(&bench, "mlx-cpu")->exit, "exit 0");
	/* each block has a page of its own */
	ck_assert_double_ge(figure(&bench, "malloc", MR_FIGURE_MINOR_FAULTS), 64);
	bench_fini(&bench);
}
END_TEST

/* The path of the malloc that fails; NULL where a sanitizer's comes first. */
static const char *
fragile(char path[PATH_MAX])
{
	const char *top = getenv("top_builddir");

	snprintf(path, PATH_MAX, "%s/tests/.libs/libfragile.so", top ? top : ".");
	if (SANITIZED)
		return NULL;
	ck_assert_msg(!access(path, R_OK), "%s is not there", path);
	return path;
}

static const struct {
	uint64_t size;
	const char *exit;
} failures[] = {
	{FRAGILE_NULL,
		"exit 1: event 2: the system has no memory for a malloc of 7700001 "
		"bytes"},
	{FRAGILE_KILL, "signal 9 (Killed)"},
	{FRAGILE_CRASH, "signal 6 (Aborted)"},
	{FRAGILE_EXIT, "exit 7: ended without an answer"},
};

START_TEST(a_failed_child_is_a_result)
{
	char path[PATH_MAX];
	const char *baseline = fragile(path);
	struct bench bench;

	if (!baseline)
		return;
	bench_init(&bench);
	bench.options.baselines = &baseline;
	bench.options.baseline_count = 1;
	bench.options.runs = 2;
	add_malloc(&bench, 0, 100);
	add_malloc(&bench, 1, failures[_i].size);
	add_free(&bench, 0);
	replay(&bench);
	ck_assert_uint_eq(bench.count, 3);
	assert_as_simulated(&bench, "beside a failure");
	ck_assert_str_eq(bench.backends[1].exit, "exit 0");
	ck_assert_uint_eq(bench.backends[1].completed, 2);
	ck_assert_str_eq(bench.backends[2].name, path);
	ck_assert_str_eq(bench.backends[2].exit, failures[_i].exit);
	ck_assert_uint_eq(bench.backends[2].completed, 0);
	ck_assert(isnan(bench.backends[2].figures[MR_FIGURE_WALL]));
	bench_fini(&bench);
}
END_TEST

/* No machine has 2^56 bytes; the C library says so, and which event it was. */
START_TEST(a_malloc_without_memory_names_its_event)
{
	struct bench bench;

	if (SANITIZED) /* there malloc does not return NULL but ends the process */
		return;
	bench_init(&bench);
	add_malloc(&bench, 0, 100);
	add_malloc(&bench, 1, UINT64_C(1) << 56);
	replay(&bench);
	for (size_t i = 0; i < 2; i++)
		ck_assert_str_eq(bench.backends[i].exit,
			"exit 1: event 2: the system has no memory for a malloc of "
			"72057594037927936 bytes");
	bench_fini(&bench);
}
END_TEST

/* The test becomes the parent of orphans, and so sees how the child ends. */
START_TEST(children_die_with_their_parent)
{
	char path[PATH_MAX];
	const char *baseline = fragile(path);
	struct bench bench;
	pid_t parent, orphan;
	int status;

	if (!baseline)
		return;
	ck_assert(!prctl(PR_SET_CHILD_SUBREAPER, 1));
	bench_init(&bench);
	bench.options.baselines = &baseline;
	bench.options.baseline_count = 1;
	add_malloc(&bench, 0, FRAGILE_HANG);
	parent = fork();
	if (parent == 0) {
		replay(&bench);
		_exit(EXIT_FAILURE); /* the child hangs: not reached */
	}
	/* time enough to come to the child that hangs; less would prove as much */
	usleep(300000);
	ck_assert(!kill(parent, SIGKILL));
	ck_assert_int_eq(waitpid(parent, &status, 0), parent);
	orphan = waitpid(-1, &status, 0);
	ck_assert_int_gt(orphan, 0);
	ck_assert(WIFSIGNALED(status));
	ck_assert_int_eq(WTERMSIG(status), SIGKILL);
	bench_fini(&bench);
}
END_TEST

static const struct {
	const char *baseline;
	enum mr_status status;
	const char *text;
} bad_baselines[] = {
	{"jemaloc", MR_EINVAL,
		"there is no baseline \"jemaloc\": expected jemalloc, mimalloc, tcmalloc "
		"or the path of a shared library, with a slash in it"},
	{"./no-such-library.so", MR_EIO,
		"./no-such-library.so: No such file or directory"},
	{"/dev/null", MR_EIO, "/dev/null: preloaded, it does not replace malloc"},
};

START_TEST(a_bad_baseline_is_refused)
{
	struct mr_error err;
	struct bench bench;

	bench_init(&bench);
	bench.options.baselines = &bad_baselines[_i].baseline;
	bench.options.baseline_count = 1;
	ck_assert_int_eq(
		mr_replay_run(&bench.replay, bench.program, &bench.options, &err),
		bad_baselines[_i].status);
	ck_assert_ptr_null(bench.replay);
	ck_assert_str_eq(err.text, bad_baselines[_i].text);
	bench_fini(&bench);
}
END_TEST

#define ADD_LOOP(tests, function, table)                                                 \
	tcase_add_loop_test(tests, function, 0, (int)(sizeof(table) / sizeof((table)[0])))

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
	tcase_add_test(tests, progress_is_told);
	tcase_add_test(tests, times_of_calls_are_in_order);
	tcase_add_test(tests, loop_timing_reads_no_clock_in_between);
	tcase_add_test(tests, an_empty_program_replays);
	tcase_add_test(tests, recorded_alignment_is_asked_for);
	ADD_LOOP(tests, a_failed_child_is_a_result, failures);
	tcase_add_test(tests, a_malloc_without_memory_names_its_event);
	tcase_add_test(tests, children_die_with_their_parent);
	ADD_LOOP(tests, a_bad_baseline_is_refused, bad_baselines);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], MR_REPLAY_CHILD))
		return mr_replay_child(argc, argv);
	return run_suite(make_suite());
}
