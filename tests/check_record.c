/* SPDX-License-Identifier: MIT */
/*
 * Spools made by hand, in every state that a recorded program can leave one,
 * and what is made of them; and what only a spool's head can bring about.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "record/finish.h"
#include "record/launch.h"
#include "record/merge.h"
#include "record/store.h"
#include "suite.h"

#define CHUNK_COUNT 8

/* A spool in the making. */
struct spool {
	char path[64];
	char trace[64];
	struct mr_spool_head head;
	struct {
		struct mr_chunk start;
		struct mr_raw records[MR_CHUNK_RECORDS];
	} * chunks;
	size_t used[CHUNK_COUNT];
	uint64_t length; /* of the file, if it is to be cut */
};

static struct spool spool;

static void
make_spool(void)
{
	memset(&spool, 0, sizeof(spool));
	spool.chunks = calloc(CHUNK_COUNT, MR_SPOOL_CHUNK);
	ck_assert_ptr_nonnull(spool.chunks);
	snprintf(spool.path, sizeof(spool.path), "%s", temp_path("spool"));
	snprintf(spool.trace, sizeof(spool.trace), "%s", temp_path("mrt.gz"));
	memcpy(spool.head.magic, MR_SPOOL_MAGIC, sizeof(spool.head.magic));
	spool.head.version = MR_SPOOL_VERSION;
	spool.head.chunk_bytes = MR_SPOOL_CHUNK;
	spool.head.recorded_layer = MR_LAYER_MALLOC;
	spool.head.stop_seq = UINT64_MAX;
	spool.head.images = 1;
	unlink(spool.trace);
}

static void
drop_spool(void)
{
	unlink(spool.path);
	unlink(spool.trace);
	free(spool.chunks);
}

static struct mr_raw *
add_raw(size_t chunk, uint64_t value, uint64_t word)
{
	struct mr_raw *raw = &spool.chunks[chunk].records[spool.used[chunk]++];

	raw->value = value;
	raw->word = word;
	return raw;
}

/* Appends an event to a chunk; its time is its number in microseconds. */
static void
add(size_t chunk, uint64_t seq, uint64_t value, uint64_t word)
{
	struct mr_raw *raw = add_raw(chunk, value, word);

	raw->seq = seq;
	raw->ticks = seq * 1000;
	if (spool.head.seq <= seq)
		spool.head.seq = seq + 1;
}

static void
add_malloc(size_t chunk, uint64_t seq, uint64_t address, uint64_t size)
{
	add(chunk, seq, address, MR_RAW_WORD(MR_RAW_MALLOC, 0, size));
}

static void
add_free(size_t chunk, uint64_t seq, uint64_t address)
{
	add(chunk, seq, address, MR_RAW_WORD(MR_RAW_FREE, 0, 0));
}

static void
add_thread(size_t chunk, uint32_t tid)
{
	add_raw(chunk, tid, MR_RAW_WORD(MR_RAW_THREAD, 0, 0));
}

static void
save_spool(void)
{
	size_t length = MR_SPOOL_HEAD + CHUNK_COUNT * MR_SPOOL_CHUNK;
	char *bytes = calloc(1, length);

	ck_assert_ptr_nonnull(bytes);
	memcpy(bytes, &spool.head, sizeof(spool.head));
	memcpy(bytes + MR_SPOOL_HEAD, spool.chunks, length - MR_SPOOL_HEAD);
	save_file(spool.path, bytes, spool.length ? (size_t)spool.length : length);
	free(bytes);
}

/* Finishes the spool and reads the trace; both must succeed. */
static struct trace
finish(struct mr_account *account)
{
	struct mr_error err;
	struct trace trace;

	save_spool();
	if (mr_finish(spool.path, spool.trace, account, NULL, &err))
		ck_abort_msg("finishing failed: %s", err.text);
	trace = read_trace(spool.trace);
	if (trace.status != MR_END)
		ck_abort_msg("the trace is bad: %s", trace.err.text);
	ck_assert(!trace.summary.cut);
	return trace;
}

START_TEST(events_of_all_threads_come_in_order)
{
	struct mr_account account;
	struct trace trace;

	make_spool();
	/* handed from thread 7 to thread 3 and back; chunk 1 is empty */
	add_thread(0, 7);
	add_malloc(0, 0, 0x1000, 10);
	add_malloc(0, 3, 0x2000, 20);
	add_free(0, 5, 0x2000);
	add_thread(2, 3);
	add_free(2, 1, 0x1000);
	add_malloc(2, 2, 0x1000, 30);
	add_free(2, 4, 0x1000);
	add_malloc(2, 6, 0x2000, 40);
	trace = finish(&account);
	ck_assert_uint_eq(trace.count, 7);
	for (size_t i = 0; i < 7; i++) {
		static const uint64_t ids[] = {1, 1, 2, 3, 2, 3, 4};
		static const uint32_t tids[] = {7, 3, 3, 7, 3, 7, 3};
		static const bool is_free[] = {0, 1, 0, 0, 1, 1, 0};

		ck_assert_uint_eq(trace.events[i].id, ids[i]);
		ck_assert_uint_eq(trace.events[i].tid, tids[i]);
		ck_assert_int_eq(trace.events[i].op == MR_OP_FREE, is_free[i]);
		ck_assert_uint_eq(trace.events[i].t, i * 1000);
	}
	ck_assert_uint_eq(trace.events[6].size, 40);
	ck_assert_uint_eq(account.events, 7);
	ck_assert_uint_eq(account.unknown_frees + account.missed_frees, 0);
	free_trace(&trace);
	drop_spool();
}
END_TEST

START_TEST(a_chunk_can_change_hands_and_span_others)
{
	struct mr_account account;
	struct trace trace;
	const uint64_t many = 3000; /* more than a window of the reader */

	make_spool();
	add_thread(5, 1);
	add_malloc(5, 0, 0x10, 1);
	for (uint64_t i = 0; i < many; i++)
		add_malloc(1, 1 + i, 0x1000 + 16 * i, i);
	add_thread(5, 2);
	add_free(5, 1 + many, 0x10);
	for (uint64_t i = 0; i < many; i++)
		add_free(3, 2 + many + i, 0x1000 + 16 * i);
	trace = finish(&account);
	ck_assert_uint_eq(trace.count, 2 + 2 * many);
	ck_assert_uint_eq(trace.events[0].tid, 1);
	ck_assert_uint_eq(trace.events[1 + many].tid, 2);
	ck_assert_uint_eq(trace.events[many].size, many - 1);
	free_trace(&trace);
	drop_spool();
}
END_TEST

START_TEST(clocks_of_threads_do_not_turn_time_back)
{
	struct mr_account account;
	struct trace trace;

	make_spool();
	spool.head.start.ticks = 5000;
	add_malloc(0, 1, 0x10, 1); /* before the start: 0 */
	add_malloc(0, 20, 0x20, 1);
	add_malloc(1, 21, 0x30, 1);
	spool.chunks[1].records[0].ticks = 19000;
	trace = finish(&account);
	ck_assert_uint_eq(trace.events[0].t, 0);
	ck_assert_uint_eq(trace.events[1].t, 15000);
	ck_assert_uint_eq(trace.events[2].t, 15000);
	free_trace(&trace);
	drop_spool();
}
END_TEST

START_TEST(what_goes_past_the_recorder_is_mended_and_counted)
{
	struct mr_account account;
	struct trace trace;

	make_spool();
	add_free(0, 0, 0x9000);                            /* never seen: left out */
	add_malloc(0, 1, 0x1000, 10);                      /* its free is not seen */
	add_malloc(0, 2, 0x1000, 20);                      /* so one is added here */
	add(0, 3, 0x1000, MR_RAW_WORD(MR_RAW_VOID, 0, 0)); /* a failed realloc */
	add_free(0, 4, 0x1000);
	add_free(0, 5, 0x1000); /* not again */
	trace = finish(&account);
	ck_assert_uint_eq(trace.count, 4);
	ck_assert_int_eq(trace.events[1].op, MR_OP_FREE);
	ck_assert_uint_eq(trace.events[1].id, 1);
	ck_assert_uint_eq(trace.events[3].id, 2);
	ck_assert_uint_eq(account.unknown_frees, 2);
	ck_assert_uint_eq(account.missed_frees, 1);
	ck_assert_uint_eq(account.unwritten, 0);
	ck_assert_ptr_nonnull(strstr(trace.trailer, "\"missed_frees\":1"));
	free_trace(&trace);
	drop_spool();
}
END_TEST

START_TEST(a_stopped_recording_is_an_exact_beginning)
{
	struct mr_account account;
	struct trace trace;

	make_spool();
	/* the thread of chunk 1 found no room at 3; the other went on a little */
	add_malloc(0, 0, 0x1000, 1);
	add_malloc(0, 2, 0x2000, 2);
	add_malloc(0, 4, 0x3000, 3);
	add_malloc(1, 1, 0x4000, 4);
	spool.head.stop_seq = 3;
	spool.head.stop = MR_STOP_BYTES;
	spool.head.seq = 1000;
	trace = finish(&account);
	ck_assert_uint_eq(trace.count, 3);
	ck_assert_uint_eq(account.dropped, 997);
	ck_assert_int_eq(account.stop, MR_STOP_BYTES);
	ck_assert_ptr_nonnull(strstr(trace.trailer, "\"dropped_events\":997"));
	ck_assert_ptr_nonnull(strstr(trace.trailer, "\"stopped\":\"max-file\""));
	free_trace(&trace);
	drop_spool();
}
END_TEST

START_TEST(a_killed_program_leaves_holes)
{
	struct mr_account account;
	struct trace trace;

	make_spool();
	spool.head.has_status = 1;
	spool.head.status = 9;
	add_malloc(0, 0, 0x1000, 1);
	spool.used[0]++; /* a place taken, nothing written: 1 is lost */
	add_malloc(0, 2, 0x2000, 2);
	add_malloc(1, 3, 0x3000, 2);
	spool.length = MR_SPOOL_HEAD + MR_SPOOL_CHUNK + 100; /* a cut file */
	trace = finish(&account);
	ck_assert_uint_eq(trace.count, 3);
	ck_assert_uint_eq(account.unwritten, 1);
	ck_assert_ptr_nonnull(strstr(trace.trailer, "\"signal\":9"));
	free_trace(&trace);
	drop_spool();
}
END_TEST

static void
add_mark(size_t chunk, uint64_t seq, const char *name)
{
	size_t length = strlen(name);

	add(chunk, seq, 0, MR_RAW_WORD(MR_RAW_MARK, 0, length));
	for (size_t i = 0; i < length; i += MR_RAW_TEXT_BYTES) {
		struct mr_raw *raw = add_raw(chunk, 0, 0);

		memcpy(raw, name + i,
			length - i < MR_RAW_TEXT_BYTES ? length - i : MR_RAW_TEXT_BYTES);
		raw->word = MR_RAW_WORD(MR_RAW_TEXT, 0, 0);
	}
}

START_TEST(marks_keep_their_names)
{
	struct mr_account account;
	struct trace trace;
	char long_name[MR_MARK_MAX + 1];

	make_spool();
	memset(long_name, 'x', MR_MARK_MAX);
	/* a character of four bytes, cut after its third */
	memcpy(long_name + MR_MARK_MAX - 3, "\xf0\x9f\x98", 4);
	/* so that names lie across two windows of the reader */
	for (uint64_t i = 0; i < 508; i++)
		add_malloc(0, i, 16 * (i + 1), 1);
	add_mark(0, 508, "a name of more than twenty-four bytes");
	add_mark(0, 509, "");
	add_mark(0, 510, long_name);
	add_mark(0, 511, "not \xff UTF-8");
	/* texts whose mark was never written belong to nobody */
	add_raw(0, 0, MR_RAW_WORD(MR_RAW_TEXT, 0, 0));
	add_mark(0, 512, "last");
	trace = finish(&account);
	ck_assert_uint_eq(trace.count, 513);
	ck_assert_str_eq(trace.events[508].name, "a name of more than twenty-four bytes");
	ck_assert_str_eq(trace.events[509].name, "");
	ck_assert_uint_eq(strlen(trace.events[510].name), MR_MARK_MAX - 3);
	ck_assert_str_eq(trace.events[511].name, "not ? UTF-8");
	ck_assert_str_eq(trace.events[512].name, "last");
	free_trace(&trace);
	drop_spool();
}
END_TEST

START_TEST(a_long_command_is_cut_between_characters)
{
	char *command = spool.head.command;
	const size_t length = sizeof(spool.head.command) - 1;
	struct mr_account account;
	struct trace trace;

	make_spool();
	memset(command, 'x', length);
	memcpy(command, "\xc3\xa9", 2);
	memcpy(command + length - 3, "\xf0\x9f\x98", 3);
	add_malloc(0, 0, 0x1000, 1);
	trace = finish(&account);
	ck_assert_ptr_nonnull(strstr(trace.header, "\"workload\":\"\xc3\xa9xx"));
	ck_assert_ptr_nonnull(strstr(trace.header, "xx\","));
	free_trace(&trace);
	drop_spool();
}
END_TEST

static void
add_more(size_t chunk, uint64_t value)
{
	add_raw(chunk, value, MR_RAW_WORD(MR_RAW_MORE, 0, 0));
}

START_TEST(mlx_events_replace_those_of_malloc)
{
	static const struct mr_event want[] = {
		{.op = MR_OP_MALLOC, .id = 1, .size = 100, .cap = 128, .hit = true},
		{.op = MR_OP_MALLOC, .id = 2, .size = 50, .cap = 50},
		{.op = MR_OP_SET_CACHE_LIMIT, .bytes = MR_UNLIMITED},
		{.op = MR_OP_SET_MEMORY_LIMIT, .bytes = 77},
		{.op = MR_OP_FREE, .id = 1},
		{.op = MR_OP_CLEAR_CACHE},
		{.op = MR_OP_RESET_PEAK},
		{.op = MR_OP_COUNTERS, .active = 50, .cached = 128, .peak = 178},
	};
	struct mr_account account;
	struct trace trace;

	make_spool();
	spool.head.recorded_layer = MR_LAYER_MLX;
	spool.head.has_cache_limit = 1;
	spool.head.cache_limit = 1 << 20;
	spool.head.memory_limit = 5 << 20;
	spool.head.base_seq = 2;
	add_malloc(0, 0, 0x1000, 10);
	add_malloc(0, 1, 0x2000, 10);
	add(0, 2, 0x1000, MR_RAW_WORD(MR_RAW_MLX_MALLOC, MR_RAW_HIT | MR_RAW_CAP, 100));
	add_more(0, 128);
	add(0, 3, 0x2000, MR_RAW_WORD(MR_RAW_MLX_MALLOC, 0, 50));
	add(0, 4, MR_UNLIMITED, MR_RAW_WORD(MR_RAW_MLX_CACHE_LIMIT, 0, 0));
	add(0, 5, 77, MR_RAW_WORD(MR_RAW_MLX_MEMORY_LIMIT, 0, 0));
	add(0, 6, 0x1000, MR_RAW_WORD(MR_RAW_MLX_FREE, 0, 0));
	add_free(1, 7, 0x2000); /* malloc's, of a thread that had not noticed */
	add(0, 8, 0, MR_RAW_WORD(MR_RAW_MLX_CLEAR, 0, 0));
	add(0, 9, 0, MR_RAW_WORD(MR_RAW_MLX_RESET_PEAK, 0, 0));
	add(0, 10, 50, MR_RAW_WORD(MR_RAW_MLX_COUNTERS, 0, 128));
	add_more(0, 178);
	trace = finish(&account);
	ck_assert_uint_eq(trace.count, sizeof(want) / sizeof(want[0]));
	for (size_t i = 0; i < trace.count; i++) {
		const struct mr_event *got = &trace.events[i];

		ck_assert_int_eq(got->op, want[i].op);
		ck_assert_uint_eq(got->id, want[i].id); /* or bytes, or active */
		if (got->op == MR_OP_MALLOC) {
			ck_assert(got->has & MR_HAS_CAP && got->has & MR_HAS_HIT);
			ck_assert_int_eq(got->hit, want[i].hit);
		}
		if (got->op == MR_OP_MALLOC || got->op == MR_OP_COUNTERS) {
			ck_assert_uint_eq(got->size, want[i].size); /* or cached */
			ck_assert_uint_eq(got->cap, want[i].cap);   /* or peak */
		}
	}
	ck_assert_ptr_nonnull(strstr(trace.header, "\"cache_limit\":1048576"));
	ck_assert_ptr_nonnull(strstr(trace.header, "\"source\":\"mlx\""));
	ck_assert_uint_eq(account.unwritten, 0);
	free_trace(&trace);
	drop_spool();
}
END_TEST

START_TEST(a_spool_without_events_gives_no_trace)
{
	struct mr_account account;

	make_spool();
	add_thread(0, 1);
	save_spool();
	ck_assert_int_eq(
		mr_finish(spool.path, spool.trace, &account, NULL, NULL), MR_END);
	ck_assert_int_ne(access(spool.trace, F_OK), 0);
	drop_spool();
}
END_TEST

static void
break_magic(void)
{
	spool.head.magic[0] ^= 1;
}

static void
break_version(void)
{
	spool.head.version++;
}

static void
break_order(void)
{
	add_malloc(0, 9, 0x1000, 1);
	add_malloc(0, 8, 0x2000, 1);
}

static void
break_op(void)
{
	add(0, 1, 0x1000, MR_RAW_WORD(99, 0, 0));
}

static void
break_length(void)
{
	spool.length = 100;
}

static const struct {
	void (*damage)(void);
	const char *text;
} damages[] = {
	{break_magic, "not a recorder's spool"},
	{break_version, "version 3"},
	{break_order, "stands behind"},
	{break_op, "no record 99"},
	{break_length, "not a recorder's spool"},
};

START_TEST(damage_is_told)
{
	struct mr_account account;
	struct mr_error err;

	make_spool();
	damages[_i].damage();
	save_spool();
	ck_assert_int_eq(
		mr_finish(spool.path, spool.trace, &account, NULL, &err), MR_EFORMAT);
	ck_assert_msg(strstr(err.text, damages[_i].text), "%s: said %s", damages[_i].text,
		err.text);
	ck_assert_int_ne(access(spool.trace, F_OK), 0);
	drop_spool();
}
END_TEST

START_TEST(traces_are_named_after_their_spools)
{
	static const struct {
		const char *main_spool, *spool, *trace;
	} names[] = {
		{"/d/a.mrt.gz.spool", "/d/a.mrt.gz.spool", "/d/a.mrt.gz"},
		{"/d/a.mrt.gz.spool", "/d/a.mrt.gz.17.spool", "/d/a.17.mrt.gz"},
		{"/d/a.mrt.gz.spool", "/d/a.mrt.gz.17-2.spool", "/d/a.17-2.mrt.gz"},
		{"/d.d/a.spool", "/d.d/a.17.spool", "/d.d/a.17"},
		{"/d/.a.spool", "/d/.a.17.spool", "/d/.a.17"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		char *path = mr_spool_trace_path(names[i].main_spool, names[i].spool);

		ck_assert_str_eq(path, names[i].trace);
		free(path);
	}
}
END_TEST

START_TEST(a_process_is_alive_only_as_itself)
{
	struct mr_spool_head head = {0};

	ck_assert(!mr_spool_is_alive(&head)); /* nobody's yet */
	head.pid = (int32_t)getpid();
	head.born = 1; /* its pid was somebody else's */
	ck_assert(!mr_spool_is_alive(&head));
}
END_TEST

/* The preloaded object of this build. */
static char *
recorder(void)
{
	const char *top = getenv("top_builddir");
	char path[4096];

	snprintf(path, sizeof(path), "%s/.libs/memreplay-record.so", top ? top : ".");
	return realpath(path, NULL);
}

START_TEST(a_disk_that_is_too_slow_ends_the_recording)
{
	/* no disk makes room within a nanosecond */
	struct mr_record_options options = {
		.max_events = MR_UNLIMITED, .max_bytes = MR_UNLIMITED, .slow_ns = 1};
	char program[4096], what[] = "runs", number[] = "20000";
	char *argv[] = {program, what, number, NULL};
	struct mr_launch_variables variables;
	struct mr_launch_result result;
	struct mr_account account;
	struct mr_spool_head *head;
	struct mr_error err;
	char *path = recorder(), *spool_path;
	const char *top = getenv("top_builddir");

	ck_assert_ptr_nonnull(path);
	snprintf(program, sizeof(program), "%s/tests/recordee", top ? top : ".");
	ck_assert_int_eq(mr_spool_path(&spool_path, temp_path("slow"), &err), MR_OK);
	unlink(spool_path);
	ck_assert_int_eq(mr_spool_create(&head, spool_path, &options, &err), MR_OK);
	ck_assert_int_eq(
		mr_launch_variables_make(&variables, path, spool_path, NULL, &err),
		MR_OK);
	ck_assert_int_eq(mr_launch(&result, argv, &variables, head, &err), MR_OK);
	ck_assert_int_eq(result.exec_errno, 0);
	ck_assert_int_eq(result.status, 0);
	ck_assert(!mr_spool_is_alive(head));
	mr_spool_close(head);
	mr_launch_variables_fini(&variables);
	ck_assert_int_eq(
		mr_finish(spool_path, temp_path("mrt.gz"), &account, NULL, &err), MR_END);
	ck_assert_int_eq(account.stop, MR_STOP_SLOW);
	ck_assert_uint_eq(account.dropped, 40001);
	unlink(spool_path);
	free(spool_path);
	free(path);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("record");
	TCase *cases = tcase_create("record");

	tcase_add_test(cases, events_of_all_threads_come_in_order);
	tcase_add_test(cases, a_chunk_can_change_hands_and_span_others);
	tcase_add_test(cases, clocks_of_threads_do_not_turn_time_back);
	tcase_add_test(cases, what_goes_past_the_recorder_is_mended_and_counted);
	tcase_add_test(cases, a_stopped_recording_is_an_exact_beginning);
	tcase_add_test(cases, a_killed_program_leaves_holes);
	tcase_add_test(cases, marks_keep_their_names);
	tcase_add_test(cases, a_long_command_is_cut_between_characters);
	tcase_add_test(cases, mlx_events_replace_those_of_malloc);
	tcase_add_test(cases, a_spool_without_events_gives_no_trace);
	tcase_add_loop_test(
		cases, damage_is_told, 0, sizeof(damages) / sizeof(damages[0]));
	tcase_add_test(cases, traces_are_named_after_their_spools);
	tcase_add_test(cases, a_process_is_alive_only_as_itself);
	tcase_add_test(cases, a_disk_that_is_too_slow_ends_the_recording);
	suite_add_tcase(suite, cases);
	return run_suite(suite);
}
