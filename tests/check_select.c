/* SPDX-License-Identifier: MIT */
/* A part of a trace is a trace, and the right part. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "trace/select.h"

#define EVENTS 3000

static struct mr_event events[EVENTS];

static enum mr_status
put(void *context, const struct mr_event *event, struct mr_error *err)
{
	return mr_writer_put(context, event, err);
}

/* Selects from the trace at path; MR_END if all went well. */
static enum mr_status
select_to(const char *out, const char *path, const struct mr_select_options *options,
	struct mr_select_result *result, struct mr_error *err)
{
	struct mr_reader *reader;
	struct mr_select *select;
	struct mr_writer *writer;
	struct mr_event event;
	enum mr_status st;

	ck_assert_int_eq(mr_reader_open(&reader, path, NULL, NULL), MR_OK);
	ck_assert_int_eq(mr_writer_open(&writer, out, NULL, TEST_HEADER, NULL), MR_OK);
	ck_assert_int_eq(mr_select_new(&select, options, put, writer, NULL), MR_OK);
	while (!(st = mr_reader_next(reader, &event, err)))
		if ((st = mr_select_add(select, &event, err)))
			break;
	/* what is over is over, whatever comes */
	if (st == MR_END && options->to_event)
		ck_assert_int_eq(mr_select_add(select, &event, err), MR_END);
	if (st == MR_END) {
		st = mr_select_finish(select, result, err);
		st = st ? st : MR_END;
	}
	if (st == MR_END)
		ck_assert_int_eq(mr_writer_finish(writer, NULL, NULL), MR_OK);
	else
		mr_writer_abort(writer);
	mr_select_free(select);
	mr_reader_close(reader);
	return st;
}

/* The selection of the random trace of a seed, read back. */
static struct trace
selected(uint64_t seed, const struct mr_select_options *options,
	struct mr_select_result *result)
{
	const char *in = temp_path(".mrt.gz"), *out = temp_path("-part.mrt.gz");
	struct mr_error err = {.text = "?"};
	struct trace trace;
	enum mr_status st;

	make_events(events, EVENTS, 1 << 20, seed);
	write_trace(in, TEST_HEADER, events, EVENTS);
	st = select_to(out, in, options, result, &err);
	ck_assert_msg(st == MR_END, "seed %u: %s", (unsigned)seed, err.text);
	trace = read_trace(out);
	ck_assert_msg(
		trace.status == MR_END, "seed %u: %s", (unsigned)seed, trace.err.text);
	ck_assert_uint_eq(trace.count, result->events);
	unlink(in);
	unlink(out);
	return trace;
}

/* The sizes of live blocks by their malloc's event. */
struct live {
	uint64_t size_of[EVENTS]; /* 1 more than the size; 0: not live */
	uint64_t blocks;
	uint64_t bytes;
};

/* The event that allocated an id. */
static size_t
malloc_of(uint64_t id)
{
	for (size_t i = 0; i < EVENTS; i++)
		if (events[i].op == MR_OP_MALLOC && events[i].id == id)
			return i;
	ck_abort_msg("no malloc of id %lu", (unsigned long)id);
}

static void
run(struct live *live, const struct mr_event *from, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		const struct mr_event *event = &from[i];
		uint64_t *size;

		if (event->op > MR_OP_FREE)
			continue;
		size = &live->size_of[malloc_of(event->id)];
		if (event->op == MR_OP_MALLOC) {
			*size = event->size + 1;
			live->blocks++;
			live->bytes += event->size;
		} else {
			live->blocks--;
			live->bytes -= *size - 1;
			*size = 0;
		}
	}
}

/* A window's blocks are those of the trace, at its begin and at its end. */
START_TEST(windows_are_balanced)
{
	static struct live before, after, part;
	uint64_t random = (uint64_t)_i + 1;
	uint64_t from = next_random(&random) % EVENTS + 1;
	uint64_t to = from + next_random(&random) % (EVENTS + 1 - from);
	struct mr_select_options options = {.from_event = from, .to_event = to};
	struct mr_select_result result;
	struct trace trace = selected((uint64_t)_i, &options, &result);
	size_t counters = 0, seeds = (size_t)result.seeded_blocks, limits = 0;

	memset(&before, 0, sizeof(before));
	memset(&after, 0, sizeof(after));
	memset(&part, 0, sizeof(part));
	run(&before, events, (size_t)from - 1);
	run(&after, events, (size_t)to);
	for (uint64_t i = from; i <= to && from > 1; i++)
		counters += events[i - 1].op == MR_OP_COUNTERS;
	for (; limits < trace.count && trace.events[limits].op != MR_OP_MALLOC &&
		trace.count - limits > to - from + 1 - counters + seeds;
		limits++)
		;
	ck_assert_uint_le(limits, 2);
	ck_assert_uint_eq(trace.count, limits + seeds + to - from + 1 - counters);
	run(&part, trace.events, limits + seeds);
	ck_assert_uint_eq(seeds, before.blocks);
	ck_assert_uint_eq(result.seeded_bytes, before.bytes);
	ck_assert(!memcmp(&part, &before, sizeof(part)));
	run(&part, trace.events + limits + seeds, trace.count - limits - seeds);
	ck_assert(!memcmp(&part, &after, sizeof(part)));
	free_trace(&trace);
}
END_TEST

/* From the beginning, the window is the trace as it is. */
START_TEST(first_events_keep_everything)
{
	const struct mr_select_options options = {.from_event = 1, .to_event = 1000};
	struct mr_select_result result;
	struct trace trace = selected(7, &options, &result);

	ck_assert(!mr_select_drops_truth(&options));
	ck_assert(!result.dropped_truth);
	ck_assert_uint_eq(result.seeded_blocks, 0);
	assert_same_events(events, 1000, trace.events, trace.count, "1:1000");
	free_trace(&trace);
}
END_TEST

/* Each malloc that is wanted is there, with its free, and no other. */
START_TEST(threads_and_sizes)
{
	struct mr_select_options options = {
		.has_thread = _i & 1, .thread = 1, .min_size = _i & 2 ? 1 << 18 : 0};
	struct mr_select_result result;
	struct trace trace = selected(11, &options, &result);
	static bool wanted[EVENTS];
	size_t at = 0;

	for (size_t i = 0; i < EVENTS; i++) {
		const struct mr_event *event = &events[i];

		if (event->op == MR_OP_COUNTERS && _i)
			continue;
		if (event->op == MR_OP_MALLOC)
			wanted[malloc_of(event->id)] = event->size >= options.min_size &&
				(!options.has_thread ||
					(event->has & MR_HAS_TID && event->tid == 1));
		if (event->op <= MR_OP_FREE && !wanted[malloc_of(event->id)])
			continue;
		ck_assert_uint_lt(at, trace.count);
		ck_assert_uint_eq(trace.events[at].op, event->op);
		if (event->op <= MR_OP_FREE)
			ck_assert_uint_eq(trace.events[at].id, event->id);
		if (event->op == MR_OP_MALLOC && _i)
			ck_assert_uint_eq(
				trace.events[at].has & (MR_HAS_CAP | MR_HAS_HIT), 0);
		at++;
	}
	ck_assert_uint_eq(at, trace.count);
	ck_assert_uint_gt(at, 100);
	free_trace(&trace);
}
END_TEST

static const struct {
	uint64_t size, scale, divisor;
	uint64_t want; /* 0: refused */
} scales[] = {
	{0, 3, 1, 0},
	{1, 1, 1000000, 1},
	{100, 15, 10, 150},
	{5, 5, 10, 3},
	{4, 5, 10, 2},
	{1000001, 1, 1000000, 1},
	{1500000, 1, 1000000, 2},
	{INT64_MAX, 1, 1, INT64_MAX},
	{INT64_MAX, 999999, 1000000, UINT64_C(9223362813482738952)},
	{INT64_MAX, 1000001, 1000000, 0},
	{INT64_MAX, 1000000, 1, 0},
	{INT64_MAX, 1, 1000000, UINT64_C(9223372036855)},
	{INT64_MAX / 2, 2, 1, INT64_MAX - 1},
};

START_TEST(sizes_are_scaled)
{
	const struct mr_select_options options = {
		.scale = scales[_i].scale, .scale_divisor = scales[_i].divisor};
	const struct mr_event one = {
		.op = MR_OP_MALLOC, .id = 1, .size = scales[_i].size};
	const char *in = temp_path(".mrt.gz"), *out = temp_path("-part.mrt.gz");
	struct mr_select_result result;
	struct mr_error err;
	enum mr_status st;

	write_trace(in, TEST_HEADER, &one, 1);
	st = select_to(out, in, &options, &result, &err);
	if (scales[_i].size && !scales[_i].want) {
		ck_assert_int_eq(st, MR_EFORMAT);
		ck_assert_int_eq(err.place, MR_PLACE_EVENT);
		ck_assert_uint_eq(err.where, 1);
	} else {
		struct trace trace = read_trace(out);

		ck_assert_int_eq(st, MR_END);
		ck_assert_uint_eq(trace.count, 1);
		ck_assert_uint_eq(trace.events[0].size, scales[_i].want);
		free_trace(&trace);
		unlink(out);
	}
	unlink(in);
}
END_TEST

/* What a stripped trace does is what the trace did; who did it is not told. */
START_TEST(stripped_traces_tell_no_names)
{
	const struct mr_select_options options = {.strip = true};
	struct mr_select_result result;
	struct trace trace = selected(3, &options, &result);
	uint32_t threads = 0;
	bool any_t = false;
	uint64_t base = 0;

	ck_assert_uint_eq(trace.count, EVENTS);
	for (size_t i = 0; i < EVENTS; i++) {
		struct mr_event event = trace.events[i];

		if (event.has & MR_HAS_T) {
			base = any_t ? base : events[i].t;
			any_t = true;
			event.t += base;
		}
		if (event.has & MR_HAS_TID) {
			ck_assert_uint_le(event.tid, threads);
			threads += event.tid == threads;
			event.tid = events[i].tid;
		}
		if (event.has & MR_HAS_STREAM)
			event.stream = events[i].stream;
		if (event.op == MR_OP_MARK) {
			ck_assert(!strncmp(event.name, "mark ", 5));
			event.name = events[i].name;
			event.name_length = events[i].name_length;
		}
		assert_same_events(&events[i], 1, &event, 1, "stripped");
	}
	free_trace(&trace);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("select");
	TCase *tcase = tcase_create("select");
	SRunner *runner = srunner_create(suite);
	int failed;

	tcase_add_loop_test(tcase, windows_are_balanced, 0, 40);
	tcase_add_test(tcase, first_events_keep_everything);
	tcase_add_loop_test(tcase, threads_and_sizes, 0, 4);
	tcase_add_loop_test(
		tcase, sizes_are_scaled, 0, sizeof(scales) / sizeof(scales[0]));
	tcase_add_test(tcase, stripped_traces_tell_no_names);
	suite_add_tcase(suite, tcase);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
