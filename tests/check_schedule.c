/* SPDX-License-Identifier: MIT */
/* What a schedule holds threads back for, and what it takes. */
#include <check.h>
#include <string.h>

#include "plan.h"
#include "replay/schedule.h"
#include "suite.h"

#define MIB (UINT64_C(1) << 20)

/*
 * The most bytes that can be live at one time, whatever the threads' speed, by
 * going through the program: what is live where a stretch begins, and of each
 * thread the most that it has got and not given since.
 */
static uint64_t
most_live(const struct mr_program *program, const struct mr_schedule *schedule)
{
	uint64_t sizes[512], live = 0, most = 0, stretch = 0;
	uint64_t done[THREADS_MAX] = {0};
	int64_t held[THREADS_MAX] = {0}, peak[THREADS_MAX] = {0};
	uint64_t start = 0;

	for (uint64_t i = 0; i < program->count; i++) {
		const struct mr_operation *operation = &program->operations[i];
		uint16_t thread = operation->thread;
		const uint64_t *ends = &schedule->ends[stretch * schedule->shape.threads];
		uint64_t sum;

		if (done[thread] == ends[thread]) {
			for (uint32_t j = 0; j < schedule->shape.threads; j++)
				ck_assert_uint_eq(done[j], ends[j]);
			stretch++;
			start = live;
			memset(held, 0, sizeof(held));
			memset(peak, 0, sizeof(peak));
		}
		done[thread]++;
		if (operation->op == MR_OP_MALLOC) {
			sizes[operation->slot] = operation->size;
			live += operation->size;
			held[thread] += (int64_t)operation->size;
		} else if (operation->op == MR_OP_FREE) {
			live -= sizes[operation->slot];
			held[thread] -= (int64_t)sizes[operation->slot];
		}
		if (held[thread] > peak[thread])
			peak[thread] = held[thread];
		sum = start;
		for (int j = 0; j < THREADS_MAX; j++)
			sum += (uint64_t)peak[j];
		most = sum > most ? sum : most;
	}
	ck_assert_uint_eq(stretch + 1, schedule->shape.stretches);
	return most;
}

static const struct {
	const char *name;
	uint32_t threads, slots;
	uint64_t size; /* at most */
	bool fences;   /* are needed */
} ahead[] = {
	{"small blocks need no fence", 8, 100, 1000, false},
	{"few large blocks", 2, 2, 40 * MIB, true},
	{"many large blocks", 16, 300, 3 * MIB, true},
	{"two threads, all live long", 2, 500, MIB, false},
};

START_TEST(memory_is_bounded)
{
	struct mr_schedule schedule;
	struct plan plan;
	uint64_t state = 7, peak, bound;

	plan_init(&plan);
	for (int i = 0; i < 5000; i++) {
		uint32_t slot = (uint32_t)plan_draw(&state, ahead[_i].slots);
		uint32_t thread = (uint32_t)plan_draw(&state, ahead[_i].threads);

		if (plan.live[slot])
			plan_free(&plan, thread, slot);
		else
			plan_malloc(&plan, thread, slot,
				1 + plan_draw(&state, ahead[_i].size));
	}
	ck_assert(!mr_schedule_make(&schedule, plan.program, true, NULL));
	/* what mallocs keep beside each block counts too */
	peak = plan.program->peak_requested_bytes + plan.program->slots * UINT64_C(64);
	bound = peak > 64 * MIB ? 2 * peak : peak + 64 * MIB;
	ck_assert_uint_le(most_live(plan.program, &schedule), bound);
	ck_assert_int_eq(schedule.shape.stretches > 1, ahead[_i].fences);
	ck_assert_uint_le(schedule.bytes + schedule.shape.cells * sizeof(void *),
		mr_schedule_need(plan.program));
	mr_schedule_fini(&schedule);
	plan_fini(&plan);
}
END_TEST

/* A limit that is not obeyed holds nobody up. */
START_TEST(an_ignored_limit_is_no_fence)
{
	struct mr_schedule schedule;
	struct plan plan;

	plan_init(&plan);
	plan_pair(&plan, 0);
	plan_add(&plan, 1, (struct mr_event){.op = MR_OP_SET_CACHE_LIMIT, .bytes = 5});
	plan_pair(&plan, 0);
	for (int keep = 0; keep < 2; keep++) {
		ck_assert(!mr_schedule_make(&schedule, plan.program, keep, NULL));
		ck_assert_uint_eq(schedule.shape.stretches, keep ? 3 : 1);
		mr_schedule_fini(&schedule);
	}
	plan_fini(&plan);
}
END_TEST

/* A thread's blocks use the same cells again; of others come at most one a malloc. */
START_TEST(cells_are_used_again)
{
	struct mr_schedule schedule;
	struct plan plan;

	plan_init(&plan);
	for (int i = 0; i < 1000; i++) {
		plan_pair(&plan, 0);
		plan_pair(&plan, 1);
	}
	ck_assert(!mr_schedule_make(&schedule, plan.program, true, NULL));
	ck_assert_uint_le(schedule.shape.cells, 64);
	mr_schedule_fini(&schedule);
	plan_handed_on(&plan);
	ck_assert(!mr_schedule_make(&schedule, plan.program, true, NULL));
	ck_assert_uint_le(schedule.shape.cells, 2000 + 64);
	mr_schedule_fini(&schedule);
	plan_fini(&plan);
}
END_TEST

/* An event that names no thread is of the thread of the one before it. */
START_TEST(events_without_thread_follow_the_last)
{
	struct plan plan;

	plan_init(&plan);
	ck_assert(!mr_program_add(
		plan.program, &(struct mr_event){.op = MR_OP_CLEAR_CACHE}, NULL));
	plan_pair(&plan, 7);
	ck_assert(!mr_program_add(
		plan.program, &(struct mr_event){.op = MR_OP_CLEAR_CACHE}, NULL));
	ck_assert_uint_eq(plan.program->threads.used, 2);
	ck_assert_uint_eq(plan.program->by_thread[0].tid, 0);
	ck_assert_uint_eq(plan.program->by_thread[0].count, 1);
	ck_assert_uint_eq(plan.program->by_thread[1].tid, 7);
	ck_assert_uint_eq(plan.program->by_thread[1].count, 3);
	plan_fini(&plan);
}
END_TEST

START_TEST(too_many_threads_are_refused)
{
	struct mr_schedule schedule;
	struct mr_error err;
	struct plan plan;

	plan_init(&plan);
	for (uint32_t i = 0; i <= MR_THREADS_MAX; i++)
		plan_add(&plan, i, (struct mr_event){.op = MR_OP_COUNTERS});
	ck_assert_int_eq(
		mr_schedule_make(&schedule, plan.program, true, &err), MR_EINVAL);
	ck_assert_ptr_nonnull(strstr(err.text, "more than 65535 threads"));
	mr_schedule_fini(&schedule);
	plan_fini(&plan);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("schedule");
	TCase *tests = tcase_create("schedule");

	tcase_add_loop_test(
		tests, memory_is_bounded, 0, (int)(sizeof(ahead) / sizeof(ahead[0])));
	tcase_add_test(tests, an_ignored_limit_is_no_fence);
	tcase_add_test(tests, cells_are_used_again);
	tcase_add_test(tests, events_without_thread_follow_the_last);
	tcase_add_test(tests, too_many_threads_are_refused);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
