/* SPDX-License-Identifier: MIT */
/* What the library offers and refuses where the program does not ask for it. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "memreplay/cache.h"
#include "memreplay/sim.h"
#include "memreplay/sweep.h"
#include "memreplay/tune.h"
#include "memreplay/verify.h"
#include "suite.h"

START_TEST(a_value_is_the_count_by_its_divisor)
{
	struct mr_result result = {0};
	const struct mr_metric *metrics;
	size_t count;

	metrics = mr_metrics(&count);
	for (size_t i = 0; i < count; i++)
		ck_assert_double_eq(mr_metric_value(&metrics[i], &result), 0);
	for (size_t i = 0; i < sizeof(result) / sizeof(uint64_t); i++)
		((uint64_t *)(void *)&result)[i] = 3 * i + 5;
	for (size_t i = 0; i < count; i++) {
		/* volatile: of 64 bits, also where the processor has 80 */
		volatile double value = mr_metric_value(&metrics[i], &result);
		volatile double quotient = (double)mr_metric_count(&metrics[i], &result) /
			(double)mr_metric_divisor(&metrics[i], &result);

		ck_assert_double_eq(value, quotient);
	}
	ck_assert_ptr_null(mr_metric_find("luck"));
}
END_TEST

START_TEST(caches_have_no_segments)
{
	struct mr_error err = {.text = ""};
	struct mr_cache_options options = {.struct_size = sizeof(options)};
	struct mr_cache *cache;

	ck_assert_int_eq(mr_policy_init(&options.policy, "torch-cuda", NULL), MR_OK);
	ck_assert_int_eq(mr_cache_new(&cache, &options, &err), MR_EINVAL);
	ck_assert_ptr_null(cache);
	ck_assert_msg(strstr(err.text, "torch-cuda has segments"), "%s", err.text);
}
END_TEST

START_TEST(knobs_have_names)
{
	struct mr_error err = {.text = ""};
	struct mr_policy policy;

	ck_assert_int_eq(mr_policy_init(&policy, "mlx-cpu", NULL), MR_OK);
	ck_assert_int_eq(mr_policy_set(&policy, "luck", "1", &err), MR_EINVAL);
	ck_assert_str_eq(err.text, "no knob is called \"luck\"");
	ck_assert_int_eq(mr_policy_set(&policy, "round", "a\n", &err), MR_EINVAL);
	ck_assert_msg(!strchr(err.text, '\n') && strstr(err.text, "a?"), "%s", err.text);
}
END_TEST

/* Members can be assigned: a page of no bytes is none to round up to. */
START_TEST(knobs_keep_their_ranges)
{
	struct mr_error err = {.text = ""};
	struct mr_cache_options options = {.struct_size = sizeof(options)};
	const struct mr_sweep_options limits = {.to = MR_UNLIMITED};
	struct mr_cache *cache;
	struct mr_sim *sim;
	struct mr_sweep *sweep;

	ck_assert_int_eq(mr_policy_init(&options.policy, "mlx-metal", NULL), MR_OK);
	options.policy.page = 0;
	ck_assert_int_eq(mr_cache_new(&cache, &options, &err), MR_EINVAL);
	ck_assert_ptr_null(cache);
	ck_assert_str_eq(err.text, "page: 0 is none of its values");
	ck_assert_int_eq(mr_sim_new(&sim, &options.policy, false, NULL), MR_EINVAL);
	ck_assert_int_eq(mr_sweep_new(&sweep, &options.policy, &limits, NULL), MR_EINVAL);

	ck_assert_int_eq(mr_policy_init(&options.policy, "mlx-cpu", NULL), MR_OK);
	options.policy.round = 3;
	ck_assert_int_eq(mr_cache_new(&cache, &options, &err), MR_EINVAL);
	ck_assert_str_eq(err.text, "round: 3 is none of its values");
	options.policy.kind = (enum mr_policy_kind)(MR_POLICY_TORCH_NPU + 1);
	ck_assert_int_eq(mr_cache_new(&cache, &options, &err), MR_EINVAL);
	ck_assert_str_eq(err.text, "there is no policy of kind 6");

	ck_assert_int_eq(mr_policy_init(&options.policy, "torch-cuda", NULL), MR_OK);
	options.policy.torch.expandable = 2;
	ck_assert_int_eq(mr_sim_new(&sim, &options.policy, false, &err), MR_EINVAL);
	ck_assert_str_eq(err.text, "expandable_segments: 2 is none of its values");
}
END_TEST

static const uint64_t no_limits[1];

static const struct {
	size_t policies;
	struct mr_sweep_options options;
	const char *text;
} sweeps[] = {
	{0, {.to = MR_UNLIMITED}, "there is no policy to sweep"},
	{1, {.from = 2, .to = 1}, "there are no limits between from and to"},
	{1, {.limits = no_limits}, "there are no limits between from and to"},
};

START_TEST(sweeps_need_policies_and_limits)
{
	struct mr_error err = {.text = ""};
	struct mr_policy policy;
	struct mr_sweep *sweep;

	ck_assert_int_eq(mr_policy_init(&policy, "mlx-cpu", NULL), MR_OK);
	ck_assert_int_eq(mr_sweep_new_grid(&sweep, &policy, sweeps[_i].policies,
				 &sweeps[_i].options, &err),
		MR_EINVAL);
	ck_assert_ptr_null(sweep);
	ck_assert_str_eq(err.text, sweeps[_i].text);
}
END_TEST

static enum mr_status
next_of_two(void *source, struct mr_event *event, struct mr_error *err)
{
	static const struct mr_event events[] = {
		{.op = MR_OP_MALLOC, .size = 100}, {.op = MR_OP_FREE}};
	size_t *count = source;

	(void)err;
	if (*count == 2)
		return MR_END;
	*event = events[(*count)++];
	return MR_OK;
}

/* A step of the grid that leads beyond 64 bits; and under rules that take runs. */
START_TEST(grids_can_have_one_limit)
{
	const struct mr_sweep_options options = {
		.from = 3, .to = MR_UNLIMITED, .resolution = UINT64_MAX - 1};
	const struct mr_point *points;
	struct mr_policy policy;
	struct mr_sweep *sweep;
	size_t count = 0;

	ck_assert_int_eq(mr_policy_init(&policy, "mlx-cpu", NULL), MR_OK);
	policy.round = _i ? MR_ROUND_POW2 : MR_ROUND_NONE;
	ck_assert_int_eq(mr_sweep_new(&sweep, &policy, &options, NULL), MR_OK);
	ck_assert_int_eq(mr_sweep_run(sweep, next_of_two, &count, NULL), MR_OK);
	ck_assert_int_eq(mr_sweep_points(sweep, &points, &count, NULL), MR_OK);
	ck_assert_uint_eq(count, 1);
	ck_assert_uint_eq(points[0].cache_limit, 3);
	ck_assert_uint_eq(points[0].valid_from, 0);
	ck_assert_uint_eq(points[0].valid_to, _i ? 128 : 100);
	mr_sweep_free(sweep);
}
END_TEST

START_TEST(curves_have_points)
{
	struct mr_tune_curve curve = {.resolution = 1, .weight = 1};
	struct mr_tune_options options = {.goal = MR_GOAL_TARGET, .target = 1};
	struct mr_error err = {.text = ""};
	struct mr_advice advice;

	ck_assert_int_eq(mr_tune(&advice, &curve, 1, &options, &err), MR_EINVAL);
	ck_assert_str_eq(err.text, "a curve has no points");
}
END_TEST

START_TEST(nothing_can_be_freed)
{
	mr_cache_free(NULL);
	mr_sim_free(NULL);
	mr_sweep_free(NULL);
	mr_verifier_free(NULL);
}
END_TEST

/* A block of PyTorch's allocator has its 512 bytes' steps, and hits when freed before. */
START_TEST(steps_tell_what_came_of_them)
{
	const struct mr_event malloc_event = {.op = MR_OP_MALLOC, .size = 1000},
			      free_event = {.op = MR_OP_FREE},
			      limit = {.op = MR_OP_SET_CACHE_LIMIT, .bytes = 1};
	struct mr_outcome outcome = {.hit = true};
	struct mr_result result;
	struct mr_policy policy;
	struct mr_sim *sim;

	ck_assert_int_eq(mr_policy_init(&policy, "torch-cuda", NULL), MR_OK);
	ck_assert_int_eq(mr_sim_new(&sim, &policy, false, NULL), MR_OK);
	ck_assert_int_eq(mr_sim_step(sim, &malloc_event, &outcome, NULL), MR_OK);
	ck_assert_uint_eq(outcome.capacity, 1024);
	ck_assert(!outcome.hit);
	ck_assert_int_eq(mr_sim_step(sim, &free_event, NULL, NULL), MR_OK);
	ck_assert_int_eq(mr_sim_step(sim, &limit, NULL, NULL), MR_OK);
	ck_assert_int_eq(mr_sim_step(sim, &malloc_event, &outcome, NULL), MR_OK);
	ck_assert(outcome.hit);
	ck_assert_int_eq(mr_sim_check(sim, NULL), MR_OK);
	mr_sim_result(sim, &result);
	ck_assert_uint_eq(result.hits, 1);
	mr_sim_free(sim);
}
END_TEST

START_TEST(headers_have_a_length)
{
	static const char begin[] =
		"{\"format\":\"alloc-trace\",\"version\":1,\"source\":\"";
	size_t length = 1 << 20;
	char *header = malloc(length + sizeof(begin) + 2);
	struct mr_error err = {.text = ""};
	struct mr_writer *writer;

	ck_assert_ptr_nonnull(header);
	memset(header, 'x', length + sizeof(begin));
	memcpy(header, begin, strlen(begin));
	strcpy(header + length + sizeof(begin) - 1, "\"}");
	ck_assert_int_eq(mr_writer_open(&writer, temp_path(".mrt"), NULL, header, &err),
		MR_EFORMAT);
	ck_assert_str_eq(err.text, "the header is longer than 1 MiB");
	free(header);
}
END_TEST

/* A request so large that as many times as much has over 64 bits. */
START_TEST(windows_end_at_the_largest_size)
{
	const struct mr_event malloc_event = {.op = MR_OP_MALLOC,
				      .size = UINT64_C(1) << 62},
			      free_event = {.op = MR_OP_FREE};
	struct mr_outcome outcome = {.hit = false};
	struct mr_policy policy;
	struct mr_sim *sim;

	ck_assert_int_eq(mr_policy_init(&policy, "mlx-cpu", NULL), MR_OK);
	ck_assert_int_eq(mr_policy_set(&policy, "cache_limit", "unlimited", NULL), MR_OK);
	ck_assert_int_eq(mr_policy_set(&policy, "window_factor", "4", NULL), MR_OK);
	ck_assert_int_eq(mr_sim_new(&sim, &policy, false, NULL), MR_OK);
	ck_assert_int_eq(mr_sim_step(sim, &malloc_event, NULL, NULL), MR_OK);
	ck_assert_int_eq(mr_sim_step(sim, &free_event, NULL, NULL), MR_OK);
	ck_assert_int_eq(mr_sim_step(sim, &malloc_event, &outcome, NULL), MR_OK);
	ck_assert(outcome.hit);
	mr_sim_free(sim);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("library");
	TCase *tcase = tcase_create("library");

	tcase_add_test(tcase, a_value_is_the_count_by_its_divisor);
	tcase_add_test(tcase, caches_have_no_segments);
	tcase_add_test(tcase, knobs_have_names);
	tcase_add_test(tcase, knobs_keep_their_ranges);
	tcase_add_loop_test(tcase, sweeps_need_policies_and_limits, 0,
		sizeof(sweeps) / sizeof(sweeps[0]));
	tcase_add_loop_test(tcase, grids_can_have_one_limit, 0, 2);
	tcase_add_test(tcase, curves_have_points);
	tcase_add_test(tcase, nothing_can_be_freed);
	tcase_add_test(tcase, steps_tell_what_came_of_them);
	tcase_add_test(tcase, headers_have_a_length);
	tcase_add_test(tcase, windows_end_at_the_largest_size);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
