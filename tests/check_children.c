/* SPDX-License-Identifier: MIT */
/* Child processes of replays that fail, and what is said of them. */
#include <check.h>
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
#include "replaying.h"
#include "sanitized.h"

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
	bench_malloc(&bench, 0, 100);
	bench_malloc(&bench, 1, failures[_i].size);
	bench_free(&bench, 0);
	bench_replay(&bench);
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
	bench_malloc(&bench, 0, 100);
	bench_malloc(&bench, 1, UINT64_C(1) << 56);
	bench_replay(&bench);
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
	bench_malloc(&bench, 0, FRAGILE_HANG);
	parent = fork();
	if (parent == 0) {
		bench_replay(&bench);
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

#define FORGETFUL "CHECK_CHILDREN_FORGETFUL"

/* A main() that replays although it was started as a child; its own would not. */
static int
forget(void)
{
	struct mr_replay_options options = {.struct_size = sizeof(options), .runs = 1};
	struct mr_program *program = NULL;
	struct mr_replay *replay = NULL;
	enum mr_status st = mr_policy_init(&options.policy, "mlx-cpu", NULL);

	if (!st)
		st = mr_program_new(&program, NULL);
	if (!st)
		st = mr_replay_run(&replay, program, &options, NULL);
	mr_replay_free(replay);
	mr_program_free(program);
	return (int)st;
}

START_TEST(a_child_that_forgets_starts_no_other)
{
	pid_t child = fork();
	int status;

	ck_assert_int_ge(child, 0);
	if (!child) {
		setenv(FORGETFUL, "1", 1);
		execl("/proc/self/exe", "memreplay", MR_REPLAY_CHILD, (char *)NULL);
		_exit(126);
	}
	ck_assert_int_eq(waitpid(child, &status, 0), child);
	ck_assert(WIFEXITED(status));
	ck_assert_int_eq(WEXITSTATUS(status), MR_EINVAL);
}
END_TEST

static Suite *
make_suite(void)
{
	Suite *suite = suite_create("children");
	TCase *tests = tcase_create("children");

	tcase_set_timeout(tests, 120);
	ADD_LOOP(tests, a_failed_child_is_a_result, failures);
	tcase_add_test(tests, a_malloc_without_memory_names_its_event);
	tcase_add_test(tests, children_die_with_their_parent);
	ADD_LOOP(tests, a_bad_baseline_is_refused, bad_baselines);
	tcase_add_test(tests, a_child_that_forgets_starts_no_other);
	suite_add_tcase(suite, tests);
	return suite;
}

int
main(int argc, char **argv)
{
	if (getenv(FORGETFUL))
		return forget();
	return bench_main(argc, argv, make_suite);
}
