/* SPDX-License-Identifier: MIT */
/*
 * The parts of the preloaded object on their own, where sanitizers can see
 * them: memory before there is any, lanes of many threads, the lock on MLX.
 */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#include "kit.h"
#include "record/finish.h"
#include "record/preload/lane.h"
#include "record/preload/mlx.h"
#include "record/preload/real.h"
#include "record/preload/wake.h"
#include "record/store.h"
#include "suite.h"

#define THREADS 8

/* --- memory while the real allocator is being looked up */

START_TEST(early_memory_is_aligned_apart_and_bounded)
{
	char *first = mr_early_alloc(1, 0), *second = mr_early_alloc(100, 256);
	char *third = mr_early_alloc(10, 0);
	int outside;

	ck_assert_uint_eq((uintptr_t)first % 16, 0);
	ck_assert_uint_eq((uintptr_t)second % 256, 0);
	ck_assert(second > first);
	ck_assert(third >= second + 100);
	ck_assert(mr_early_has(first) && mr_early_has(third + 9));
	ck_assert(!mr_early_has(&outside) && !mr_early_has(NULL));
	ck_assert_uint_ge(mr_early_room(third), 10);
	memset(third, 1, mr_early_room(third)); /* all of it can be touched */
	ck_assert_ptr_null(mr_early_alloc(mr_early_room(third), 0));
	ck_assert_ptr_null(mr_early_alloc(0, 8192)); /* it cannot be so aligned */
	ck_assert_ptr_null(mr_early_alloc(SIZE_MAX, 0));
	ck_assert_ptr_null(mr_early_alloc(SIZE_MAX - 8, 64));
}
END_TEST

/* --- lanes */

static struct {
	char *path;
	struct mr_spool_head *head;
} spool;

/* Makes this process one that is recorded. */
static void
begin(uint64_t max_events)
{
	struct mr_record_options options = {.layer = MR_LAYER_MALLOC,
		.max_events = max_events,
		.max_bytes = MR_UNLIMITED};
	struct mr_error err;

	ck_assert_int_eq(mr_spool_path(&spool.path, temp_path("preload"), &err), MR_OK);
	unlink(spool.path);
	ck_assert_int_eq(mr_spool_create(&spool.head, spool.path, &options, &err), MR_OK);
	setenv(MR_SPOOL_VARIABLE, spool.path, 1);
	memset(&mr_state, 0, sizeof(mr_state));
	memset(&mr_process, 0, sizeof(mr_process));
	mr_wake();
	ck_assert_int_eq(mr_state.mode, MR_MODE_ON);
}

/* Finishes what was recorded; every event must be there, and in order. */
static struct mr_account
end(void)
{
	struct mr_account account;
	struct mr_error err;
	struct trace trace;

	if (mr_finish(spool.path, temp_path("mrt.gz"), &account, NULL, &err))
		ck_abort_msg("%s", err.text);
	trace = read_trace(temp_path("mrt.gz"));
	ck_assert_int_eq(trace.status, MR_END);
	ck_assert_uint_eq(account.unknown_frees + account.missed_frees, 0);
	ck_assert_uint_eq(account.unwritten, 0);
	free_trace(&trace);
	unlink(temp_path("mrt.gz"));
	unlink(spool.path);
	mr_spool_close(spool.head);
	free(spool.path);
	return account;
}

static void
note_malloc(uintptr_t address)
{
	mr_note(address, MR_RAW_WORD(MR_RAW_MALLOC, 0, 10));
}

static void
note_free(uintptr_t address)
{
	mr_note(address, MR_RAW_WORD(MR_RAW_FREE, 0, 0));
}

/* An allocator of few addresses, so that they change hands all the time. */
static struct {
	pthread_mutex_t mutex;
	uintptr_t addresses[THREADS];
	size_t count;
} few = {.mutex = PTHREAD_MUTEX_INITIALIZER};

static uintptr_t
take_address(void)
{
	uintptr_t address;

	pthread_mutex_lock(&few.mutex);
	address = few.addresses[--few.count];
	pthread_mutex_unlock(&few.mutex);
	return address;
}

static void
give_address(uintptr_t address)
{
	pthread_mutex_lock(&few.mutex);
	few.addresses[few.count++] = address;
	pthread_mutex_unlock(&few.mutex);
}

#define TURNS 6000 /* two chunks a thread */

static void *
change_hands(void *unused)
{
	uintptr_t address;

	(void)unused;
	for (int i = 0; i < TURNS; i++) {
		address = take_address();
		note_malloc(address); /* after the call, as malloc() does */
		note_free(address);   /* before the call, as free() does */
		give_address(address);
	}
	return NULL;
}

static void
run_threads(void *(*run)(void *), size_t count)
{
	pthread_t ids[THREADS];

	for (size_t i = 0; i < count; i++)
		ck_assert_int_eq(pthread_create(&ids[i], NULL, run, NULL), 0);
	for (size_t i = 0; i < count; i++)
		pthread_join(ids[i], NULL);
}

START_TEST(no_address_is_in_two_hands_at_once)
{
	struct mr_account account;

	few.count = 0;
	for (uintptr_t i = 1; i <= THREADS; i++)
		give_address(i * 4096);
	begin(MR_UNLIMITED);
	run_threads(change_hands, THREADS);
	account = end();
	ck_assert_uint_eq(account.events, 2 * THREADS * TURNS);
	ck_assert_uint_eq(account.threads, THREADS);
	ck_assert_uint_eq(account.dropped, 0);
}
END_TEST

START_TEST(what_interrupts_a_record_is_not_lost)
{
	struct mr_lane spare, *own;
	struct mr_account account;

	begin(MR_UNLIMITED);
	own = mr_lane_open(&spare, 2);
	ck_assert_ptr_eq(own, &mr_lane);
	mr_put(own, 0x1000, MR_RAW_WORD(MR_RAW_MALLOC, 0, 1));
	note_malloc(0x2000); /* as from a signal's handler */
	note_free(0x2000);
	mr_put(own, 0x1000, MR_RAW_WORD(MR_RAW_FREE, 0, 0));
	mr_lane_close(own);
	note_malloc(0x3000);
	ck_assert_uint_eq(spool.head->chunks, 2); /* one to spare, used again */
	account = end();
	ck_assert_uint_eq(account.events, 5);
	ck_assert_uint_eq(account.threads, 1);
}
END_TEST

#ifdef __x86_64__
#define TRAP_FLAG 0x100u /* of the processor: a SIGTRAP after each instruction */

static struct {
	volatile long taken;
	long turn; /* the one at which the handler records an event, and stepping ends */
} steps;

static void
on_step(int number, siginfo_t *info, void *context)
{
	(void)number;
	(void)info;
	if (steps.taken++ != steps.turn)
		return;
	note_malloc(0x2000);
	((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)TRAP_FLAG;
}

static __attribute__((noinline)) void
note_in_steps(void)
{
	__builtin_ia32_writeeflags_u64(__builtin_ia32_readeflags_u64() | TRAP_FLAG);
	note_malloc(0x3000);
	__builtin_ia32_writeeflags_u64(
		__builtin_ia32_readeflags_u64() & ~(uint64_t)TRAP_FLAG);
}

/* A handler could come before the lane was busy, and take the last slot from under it. */
START_TEST(a_handler_may_come_at_each_step_at_the_end_of_a_chunk)
{
	struct sigaction action = {.sa_sigaction = on_step, .sa_flags = SA_SIGINFO};
	bool came = true;

	sigaction(SIGTRAP, &action, NULL);
	for (steps.turn = 0; came; steps.turn++) {
		begin(MR_UNLIMITED);
		do
			mr_note(0, MR_RAW_WORD(MR_RAW_VOID, 0, 0));
		while (mr_lane.end - mr_lane.at != 1);
		steps.taken = 0;
		note_in_steps();
		came = steps.taken > steps.turn;
		ck_assert(mr_lane.at <= mr_lane.end);
		ck_assert_uint_eq(end().events, came ? 2 : 1);
	}
	signal(SIGTRAP, SIG_DFL);
}
END_TEST
#endif

START_TEST(threads_share_chunks_one_after_the_other)
{
	struct mr_account account;

	few.count = 0;
	give_address(4096);
	begin(MR_UNLIMITED);
	for (int i = 0; i < 3; i++)
		run_threads(change_hands, 1);
	ck_assert_uint_le(spool.head->chunks, 3 * 2 * TURNS / MR_CHUNK_RECORDS + 1);
	account = end();
	ck_assert_uint_eq(account.events, 3 * 2 * TURNS);
	ck_assert_uint_eq(account.threads, 3);
}
END_TEST

START_TEST(a_bound_is_exact_and_the_rest_is_counted)
{
	struct mr_account account;

	begin(10);
	for (uintptr_t i = 1; i <= 11; i++)
		note_malloc(i * 16);
	ck_assert_int_eq(mr_state.malloc_mode, MR_MODE_COUNT);
	mr_count_event();
	account = end();
	ck_assert_uint_eq(account.events, 10);
	ck_assert_uint_eq(account.dropped, 2);
	ck_assert_int_eq(account.stop, MR_STOP_EVENTS);
}
END_TEST

/* --- the lock on MLX */

static __thread bool of_mlx;
static _Atomic size_t cached;

/* In mlxthread.c's place. */
bool
mr_mlx_has_thread(void)
{
	return of_mlx;
}

static size_t
get_cached(void)
{
	return cached;
}

static int counted; /* by the threads below, inside the lock */

static void *
count_inside(void *unused)
{
	(void)unused;
	for (int i = 0; i < TURNS; i++) {
		enum mr_mlx_entry entry = mr_mlx_enter_to_malloc(get_cached), nested;

		ck_assert_int_eq(entry, MR_MLX_ENTERED);
		nested = mr_mlx_enter();
		ck_assert_int_eq(nested, MR_MLX_NESTED);
		counted++;
		mr_mlx_leave(&nested);
		ck_assert(mr_mlx_is_inside());
		mr_mlx_leave(&entry);
	}
	return NULL;
}

START_TEST(one_thread_at_a_time)
{
	memset(&mr_state, 0, sizeof(mr_state));
	counted = 0;
	run_threads(count_inside, THREADS);
	ck_assert_int_eq(counted, THREADS * TURNS);
}
END_TEST

/* What a stream's thread does while the test's thread waits for it. */
static void *
free_and_malloc(void *unused)
{
	static char buffer;
	enum mr_mlx_entry entry;

	(void)unused;
	of_mlx = true;
	entry = mr_mlx_enter_to_free(&buffer, get_cached);
	ck_assert_int_eq(entry, MR_MLX_LEFT);
	mr_mlx_leave(&entry);
	ck_assert(!mr_mlx_is_inside());
	entry = mr_mlx_enter_to_malloc(get_cached);
	ck_assert_int_eq(entry, MR_MLX_PASSED);
	cached -= 30;
	mr_mlx_set_cached(cached);
	mr_mlx_leave(&entry);
	return &buffer;
}

/* A thread that only seems to be the program's: waited for all the same. */
static void *
malloc_unknown(void *unused)
{
	enum mr_mlx_entry entry = mr_mlx_enter_to_malloc(get_cached);

	(void)unused;
	ck_assert_int_eq(entry, MR_MLX_PASSED);
	mr_mlx_leave(&entry);
	return NULL;
}

static void *
malloc_after_the_call(void *unused)
{
	enum mr_mlx_entry entry = mr_mlx_enter_to_malloc(get_cached);

	(void)unused;
	ck_assert_int_eq(entry, MR_MLX_ENTERED);
	ck_assert_uint_eq(get_cached(), 0);
	mr_mlx_leave(&entry);
	return NULL;
}

START_TEST(a_call_that_waits_keeps_nobody_out_that_it_waits_for)
{
	enum mr_mlx_entry entry;
	pthread_t stream, other;
	void *buffer;

	memset(&mr_state, 0, sizeof(mr_state));
	cached = 100;
	entry = mr_mlx_enter();
	mr_mlx_begin_wait(cached);
	pthread_create(&stream, NULL, free_and_malloc, NULL);
	pthread_join(stream, &buffer);
	pthread_create(&stream, NULL, malloc_unknown, NULL);
	pthread_join(stream, NULL);
	cached = 0; /* the call takes effect: now all wait for its end */
	pthread_create(&other, NULL, malloc_after_the_call, NULL);
	mr_mlx_end_wait();
	ck_assert_ptr_eq(mr_mlx_put_off(0), buffer);
	ck_assert_ptr_null(mr_mlx_put_off(1));
	mr_mlx_leave(&entry);
	pthread_join(other, NULL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("preload");
	TCase *threads = tcase_create("threads");
	TCase *signals = tcase_create("signals");

	tcase_add_test(threads, no_address_is_in_two_hands_at_once);
	tcase_add_test(threads, what_interrupts_a_record_is_not_lost);
	tcase_add_test(threads, threads_share_chunks_one_after_the_other);
	tcase_add_test(threads, a_bound_is_exact_and_the_rest_is_counted);
	tcase_add_test(threads, one_thread_at_a_time);
	tcase_add_test(threads, a_call_that_waits_keeps_nobody_out_that_it_waits_for);
	tcase_add_test(threads, early_memory_is_aligned_apart_and_bounded);
	suite_add_tcase(suite, threads);
	suite_add_tcase(suite, signals);
#ifdef __x86_64__
	tcase_add_test(signals, a_handler_may_come_at_each_step_at_the_end_of_a_chunk);
#endif
	return run_suite(suite);
}
