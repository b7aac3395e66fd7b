/* SPDX-License-Identifier: MIT */
/* The counters of a chrome trace are those of the simulation, its marks the trace's. */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cjson/cJSON.h>

#include "kit.h"
#include "memreplay/sim.h"
#include "report/chrome.h"

/* A chrome trace being read, and the counters as they stand. */
struct reading {
	const cJSON *next;
	double active, cached, limit;
	size_t marks;
};

/* Whether the next is of this time, which it says in microseconds. */
static bool
is_at(const cJSON *item, double us)
{
	double ts;

	if (!item)
		return false;
	ts = cJSON_GetObjectItem(item, "ts")->valuedouble;
	return ts > us - 0.0004 && ts < us + 0.0004;
}

static const char *
text_of(const cJSON *item, const char *key)
{
	return cJSON_GetObjectItem(item, key)->valuestring;
}

/* Takes one event of the file. */
static void
take(struct reading *reading, const char *mark)
{
	const cJSON *item = reading->next;
	const char *name = text_of(item, "name");
	const cJSON *bytes;

	reading->next = item->next;
	if (!strcmp(text_of(item, "ph"), "i")) {
		ck_assert_ptr_nonnull(mark);
		ck_assert_str_eq(name, mark);
		reading->marks++;
		return;
	}
	ck_assert_str_eq(text_of(item, "ph"), "C");
	bytes = cJSON_GetObjectItem(cJSON_GetObjectItem(item, "args"), "bytes");
	ck_assert(cJSON_IsNumber(bytes));
	if (!strcmp(name, "active_bytes"))
		reading->active = bytes->valuedouble;
	else if (!strcmp(name, "cached_bytes"))
		reading->cached = bytes->valuedouble;
	else if (!strcmp(name, "cache_limit"))
		reading->limit = bytes->valuedouble;
	else
		ck_abort_msg("a counter \"%s\"", name);
}

static double
as_number(uint64_t limit)
{
	return limit == MR_UNLIMITED ? -1 : (double)limit;
}

/* Writes the trace's chrome trace and reads it. */
static cJSON *export(const struct trace *trace, const struct mr_policy *policy)
{
	const char *path = temp_path(".json");
	struct mr_chrome *chrome;
	struct blob blob;
	cJSON *tree;

	ck_assert_int_eq(
		mr_chrome_open(&chrome, path, policy, true, "a \"name\"\n", NULL), MR_OK);
	for (size_t i = 0; i < trace->count; i++)
		ck_assert_int_eq(mr_chrome_put(chrome, &trace->events[i], NULL), MR_OK);
	ck_assert_int_eq(mr_chrome_finish(chrome, NULL), MR_OK);
	blob = load_file(path);
	tree = cJSON_ParseWithLength((const char *)blob.data, blob.length);
	ck_assert_ptr_nonnull(tree);
	free(blob.data);
	unlink(path);
	return tree;
}

static const char *const policies[] = {"mlx-cpu", "none"};

static void
check_trace(const char *path, const char *policy_name)
{
	struct trace trace = read_trace(path);
	struct mr_policy policy;
	struct mr_result result;
	struct reading reading = {0};
	struct mr_sim *sim;
	cJSON *tree;
	double us = 0;
	size_t marks = 0;

	ck_assert_int_eq(trace.status, MR_END);
	ck_assert_int_eq(mr_policy_init(&policy, policy_name, NULL), MR_OK);
	ck_assert_int_eq(mr_sim_new(&sim, &policy, true, NULL), MR_OK);
	tree = export(&trace, &policy);
	reading.next = cJSON_GetObjectItem(tree, "traceEvents")->child;
	ck_assert_str_eq(text_of(reading.next, "ph"), "M");
	reading.next = reading.next->next;
	for (size_t i = 0; i < trace.count; i++) {
		const struct mr_event *event = &trace.events[i];
		size_t at_once = 0;

		if (!(trace.events[0].has & MR_HAS_T))
			us = (double)(i + 1);
		else if (event->has & MR_HAS_T)
			us = (double)event->t / 1000;
		ck_assert_int_eq(mr_sim_step(sim, event, NULL, NULL), MR_OK);
		mr_sim_result(sim, &result);
		marks += event->op == MR_OP_MARK;
		/* of several events at one time only what is needed is taken */
		while (is_at(reading.next, us) &&
			(reading.active != (double)result.active_bytes ||
				reading.cached != (double)result.cached_bytes ||
				reading.limit != as_number(result.cache_limit) ||
				reading.marks < marks || (!i && at_once < 3))) {
			take(&reading, event->op == MR_OP_MARK ? event->name : NULL);
			at_once++;
		}
		REQUIRE(reading.active == (double)result.active_bytes, "event %zu", i);
		REQUIRE(reading.cached == (double)result.cached_bytes, "event %zu", i);
		REQUIRE(reading.limit == as_number(result.cache_limit), "event %zu", i);
		REQUIRE(reading.marks == marks, "event %zu", i);
		REQUIRE(at_once <= 4, "event %zu", i);
	}
	ck_assert_ptr_null(reading.next);
	cJSON_Delete(tree);
	mr_sim_free(sim);
	free_trace(&trace);
}

START_TEST(counters_are_those_of_the_simulation)
{
	check_trace(source_path("tests/cli", "small.jsonl"), policies[_i]);
	check_trace(source_path("traces", "limits.mrt.gz"), policies[_i]);
}
END_TEST

START_TEST(a_trace_without_times)
{
	check_trace(source_path("tests/corpus", "good-minimal.jsonl"), policies[_i]);
	check_trace(source_path("tests/corpus", "good-unlimited.jsonl"), policies[_i]);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("chrome");
	TCase *tcase = tcase_create("chrome");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_set_timeout(tcase, 60);
	tcase_add_loop_test(tcase, counters_are_those_of_the_simulation, 0, 2);
	tcase_add_loop_test(tcase, a_trace_without_times, 0, 2);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
