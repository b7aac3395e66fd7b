/* SPDX-License-Identifier: MIT */
/*
 * Replays of threads, on an allocator that watches what they do: each thread's
 * own order, a malloc before its free, fences, and what fails. Also run under
 * ThreadSanitizer.
 */
#include <check.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "kit.h"
#include "plan.h"
#include "replay/schedule.h"
#include "replay/threads.h"
#include "sanitized.h"
#include "suite.h"

#define MIB (UINT64_C(1) << 20)

/* --- the allocator */

struct token {
	atomic_int given; /* how often it was given back */
	uint64_t size;
};

struct witness {
	struct log logs[THREADS_MAX]; /* in the order in which the threads came */
	atomic_uint threads;
	atomic_size_t calls;
	atomic_bool not_live; /* something was given back that was not live */
	atomic_bool no_fence; /* a fence was passed too early, or not kept */
	uint64_t fails_at;    /* the size of the malloc that gets no memory */
};

/* What a block is filled with once it is given back. */
#define GIVEN 0xee

static _Thread_local struct log *mine;

static struct log *
own_log(struct witness *witness)
{
	if (!mine) {
		unsigned number = atomic_fetch_add(&witness->threads, 1);

		mine = &witness->logs[number];
		mine->state = number;
	}
	/* now and then it takes its time, and others come first */
	if (!plan_draw(&mine->state, 8))
		for (volatile uint64_t i = plan_draw(&mine->state, 5000); i; i--)
			;
	return mine;
}

static void *
take(void *context, size_t size, uint32_t align_log2)
{
	struct witness *witness = context;
	struct log *log = own_log(witness);
	struct token *token;

	(void)align_log2;
	atomic_fetch_add(&witness->calls, 1);
	if (size == witness->fails_at)
		return NULL;
	token = calloc(1, sizeof(*token) + size);
	REQUIRE(token, "no memory");
	token->size = size;
	log_note(log, (struct deed){.size = size, .token = token});
	return token + 1;
}

static void
give(void *context, void *block)
{
	struct witness *witness = context;
	struct log *log = own_log(witness);
	struct token *token = (struct token *)block - 1;

	atomic_fetch_add(&witness->calls, 1);
	if (!block || atomic_fetch_add(&token->given, 1)) {
		atomic_store(&witness->not_live, true);
		return;
	}
	log_note(log, (struct deed){.free = true, .size = token->size});
	memset(block, GIVEN, (size_t)token->size);
}

static void
control(void *context, const struct mr_operation *operation)
{
	struct witness *witness = context;

	if (operation->op == MR_OP_SET_MEMORY_LIMIT &&
		atomic_load(&witness->calls) != operation->size)
		atomic_store(&witness->no_fence, true);
}

/* Whether a block that was given back was written to since. */
static bool
is_written(const struct deed *deed)
{
	const unsigned char *block = (const unsigned char *)(deed->token + 1);

	for (uint64_t i = 0; i < deed->size; i++)
		if (block[i] != GIVEN)
			return true;
	return false;
}

static bool
any_written(const struct witness *witness)
{
	for (size_t i = 0; i < THREADS_MAX; i++)
		for (size_t j = 0; j < witness->logs[i].count; j++) {
			const struct deed *deed = &witness->logs[i].deeds[j];

			if (deed->token && deed->token->given && is_written(deed))
				return true;
		}
	return false;
}

static void
witness_fini(struct witness *witness)
{
	for (size_t i = 0; i < THREADS_MAX; i++) {
		for (size_t j = 0; j < witness->logs[i].count; j++)
			free(witness->logs[i].deeds[j].token);
		free(witness->logs[i].deeds);
	}
}

/* --- running */

static enum mr_status
run(struct witness *witness, const struct plan *plan, bool timed, struct mr_error *err)
{
	struct mr_allocator allocator = {take, NULL, give, control, witness};
	struct mr_schedule schedule;
	struct mr_threads threads = {.schedule = &schedule,
		.allocator = &allocator,
		.touch = MR_TOUCH_FULL,
		.page = 4096};
	enum mr_status st;

	REQUIRE(!mr_schedule_make(&schedule, plan->program, true, err), "%s", err->text);
	threads.blocks = calloc(schedule.shape.cells + UINT64_C(1), sizeof(void *));
	if (timed)
		threads.histograms = calloc(
			2 * (size_t)schedule.shape.threads, sizeof(*threads.histograms));
	REQUIRE(threads.blocks && (threads.histograms || !timed), "no memory");
	st = mr_threads_start(&threads, err);
	if (!st)
		st = mr_threads_go(&threads, err);
	mr_threads_end(&threads);
	free(threads.histograms);
	free(threads.blocks);
	mr_schedule_fini(&schedule);
	return st;
}

static bool
is_done(const struct log *log, const struct log *done)
{
	if (log->count != done->count)
		return false;
	for (size_t i = 0; i < log->count; i++)
		if (log->deeds[i].free != done->deeds[i].free ||
			log->deeds[i].size != done->deeds[i].size)
			return false;
	return true;
}

/* Whether each thread of the plan did what it was to do, in its order. */
static bool
all_done(const struct plan *plan, const struct witness *witness)
{
	for (size_t i = 0; i < THREADS_MAX; i++) {
		size_t at = 0;

		while (at < THREADS_MAX && !is_done(&plan->logs[i], &witness->logs[at]))
			at++;
		if (at == THREADS_MAX)
			return false;
	}
	return true;
}

static void
assert_kept(const struct plan *plan, const char *what, uint64_t seed)
{
	struct witness witness = {.fails_at = UINT64_MAX};
	struct mr_error err;

	REQUIRE(!run(&witness, plan, seed % 2, &err), "%s", err.text);
	REQUIRE(!witness.not_live, "%s %llu: a free came before its malloc, or twice",
		what, (unsigned long long)seed);
	REQUIRE(!any_written(&witness), "%s %llu: written to after its free", what,
		(unsigned long long)seed);
	REQUIRE(!witness.no_fence, "%s %llu: a fence was not kept", what,
		(unsigned long long)seed);
	REQUIRE(witness.calls == plan->calls, "%s %llu: %zu calls of %zu", what,
		(unsigned long long)seed, (size_t)witness.calls, plan->calls);
	REQUIRE(all_done(plan, &witness), "%s %llu: a thread did something else", what,
		(unsigned long long)seed);
	witness_fini(&witness);
}

/* --- random traces */

static void
add_random(struct plan *plan, uint64_t *state, uint32_t threads, uint32_t slots)
{
	static const uint8_t others[] = {
		MR_OP_MARK, MR_OP_COUNTERS, MR_OP_CLEAR_CACHE, MR_OP_RESET_PEAK};
	uint32_t thread = (uint32_t)plan_draw(state, threads);
	uint32_t slot = (uint32_t)plan_draw(state, slots);
	uint64_t kind = plan_draw(state, 200);

	if (kind == 0)
		plan_fence(plan, thread);
	else if (kind < 4)
		plan_add(plan, thread, (struct mr_event){.op = others[kind], .name = ""});
	else if (plan->live[slot])
		plan_free(plan, thread, slot);
	else
		plan_malloc(plan, thread, slot, ++plan->serial);
}

#define TRACES (SANITIZED ? 200 : 2000)

/* From few blocks that change hands all the time to many. */
START_TEST(random_traces_keep_their_order)
{
	for (uint64_t seed = 1; seed <= TRACES; seed++) {
		uint64_t state = seed;
		uint32_t threads = 2 + (uint32_t)plan_draw(&state, THREADS_MAX - 1);
		uint32_t slots = 1 + (uint32_t)plan_draw(&state, 60);
		struct plan plan;

		plan_init(&plan);
		for (int i = 0; i < 100; i++)
			add_random(&plan, &state, threads, slots);
		assert_kept(&plan, "random trace", seed);
		plan_fini(&plan);
	}
}
END_TEST

/* --- particular ones */

static void
none(struct plan *plan)
{
	(void)plan;
}

static void
one_thread(struct plan *plan)
{
	for (int i = 0; i < 500; i++)
		plan_pair(plan, 0);
	plan_malloc(plan, 0, 0, ++plan->serial);
	plan_fence(plan, 0);
}

/* The first event of one is a free of the last that the other does. */
static void
begins_late(struct plan *plan)
{
	for (int i = 0; i < 5000; i++)
		plan_pair(plan, 0);
	plan_malloc(plan, 0, 0, ++plan->serial);
	plan_free(plan, 1, 0);
}

static void
ended_before(struct plan *plan)
{
	plan_malloc(plan, 0, 0, ++plan->serial);
	for (int i = 0; i < 5000; i++)
		plan_pair(plan, 1);
	plan_free(plan, 1, 0);
}

/* Each thread waits for the one before it, and the first for the last. */
static void
ring(struct plan *plan)
{
	for (uint32_t i = 0; i < 200 * THREADS_MAX; i++) {
		plan_malloc(plan, i % THREADS_MAX, i % 2, ++plan->serial);
		if (i)
			plan_free(plan, i % THREADS_MAX, (i + 1) % 2);
	}
}

static void
fences_only(struct plan *plan)
{
	for (uint32_t i = 0; i < 300; i++)
		plan_fence(plan, i % THREADS_MAX);
}

static const struct {
	const char *name;
	void (*make)(struct plan *plan);
} particular[] = {
	{"no event", none},
	{"one thread", one_thread},
	{"waits for a thread that comes late", begins_late},
	{"waits for a thread that has ended", ended_before},
	{"all wait in a ring", ring},
	{"blocks are handed on", plan_handed_on},
	{"fences only", fences_only},
};

START_TEST(particular_traces_keep_their_order)
{
	for (uint64_t round = 0; round < 10; round++) {
		struct plan plan;

		plan_init(&plan);
		particular[_i].make(&plan);
		assert_kept(&plan, particular[_i].name, round);
		plan_fini(&plan);
	}
}
END_TEST

/* --- what fails */

/* The others wait for the thread that has failed, at a free and at a fence. */
START_TEST(without_memory_all_end)
{
	struct witness witness = {.fails_at = 1001};
	struct mr_error err;
	struct plan plan;

	plan_init(&plan);
	for (int i = 0; i < 1000; i++)
		plan_pair(&plan, 0);
	plan_malloc(&plan, 0, 0, ++plan.serial);
	plan_free(&plan, 1, 0);
	if (_i)
		plan_fence(&plan, 2);
	for (int i = 0; i < 1000; i++)
		plan_pair(&plan, 2);
	ck_assert_int_eq(run(&witness, &plan, false, &err), MR_ENOMEM);
	ck_assert_str_eq(err.text,
		"event 2001 of thread 0: the system has no memory for a malloc of 1001 "
		"bytes");
	ck_assert(!witness.not_live);
	witness_fini(&witness);
	plan_fini(&plan);
}
END_TEST

/* Address space for some of the threads' stacks. */
static void
leave_room(size_t bytes)
{
	struct rlimit limit;
	unsigned long pages;
	FILE *file = fopen("/proc/self/statm", "r");

	ck_assert_ptr_nonnull(file);
	ck_assert_int_eq(fscanf(file, "%lu", &pages), 1);
	fclose(file);
	limit.rlim_cur = limit.rlim_max = pages * 4096 + bytes;
	ck_assert(!setrlimit(RLIMIT_AS, &limit));
}

START_TEST(a_thread_that_cannot_start_is_said)
{
	struct mr_threads threads = {0};
	struct mr_schedule schedule;
	struct mr_error err;
	struct plan plan;

	if (SANITIZED) /* their shadow memory needs more than any such limit */
		return;
	plan_init(&plan);
	fences_only(&plan);
	ck_assert(!mr_schedule_make(&schedule, plan.program, true, NULL));
	threads.schedule = &schedule;
	leave_room(3 * MIB);
	ck_assert_int_eq(mr_threads_start(&threads, &err), MR_ENOMEM);
	ck_assert_ptr_nonnull(strstr(
		err.text, " of 16 cannot be started: Resource temporarily unavailable"));
	ck_assert_uint_lt(threads.started, THREADS_MAX);
	mr_threads_end(&threads);
	mr_schedule_fini(&schedule);
	plan_fini(&plan);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("players");
	TCase *threads = tcase_create("threads");
	/* one that needs a process without stacks to use again, or valgrind in it */
	TCase *limits = tcase_create("limits");

	tcase_set_timeout(threads, 600); /* only for what hangs */
	tcase_add_test(threads, random_traces_keep_their_order);
	tcase_add_loop_test(threads, particular_traces_keep_their_order, 0,
		(int)(sizeof(particular) / sizeof(particular[0])));
	tcase_add_loop_test(threads, without_memory_all_end, 0, 2);
	tcase_add_test(limits, a_thread_that_cannot_start_is_said);
	suite_add_tcase(suite, threads);
	suite_add_tcase(suite, limits);
	return run_suite(suite);
}
