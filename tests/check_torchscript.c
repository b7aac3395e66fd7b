/* SPDX-License-Identifier: MIT */

/*
 * What is made of recordings of PyTorch: where they begin, what the program asked for,
 * and what does not fit; and whether the policy makes the same of it.
 */

#include <check.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "failing.h"
#include "memreplay/policy.h"
#include "memreplay/sim.h"
#include "sim/torchload.h"
#include "sim/torchpeak.h"
#include "sim/torchverify.h"
#include "sim/torchwhatif.h"
#include "suite.h"

#define KIB  UINT64_C(1024)
#define MIB  (1024 * KIB)
#define BASE (UINT64_C(1) << 40)

/* Behind the size of an event, and the blocks of a segment, further members can stand. */
#define EVENT(what, at, ...)                                                             \
	{                                                                                \
		.kind = MR_RECORDED_##what, .addr = BASE + (at), .size = __VA_ARGS__     \
	}
#define BLOCK(at, bytes, asked, is)                                                      \
	{                                                                                \
		BASE + (at), bytes, asked, MR_TORCH_##is                                 \
	}
#define SEGMENT(at, bytes, ...)                                                          \
	{                                                                                \
		.addr = BASE + (at), .size = (bytes), .block_count = __VA_ARGS__         \
	}
#define SMALL(blocks) SEGMENT(0, 2 * MIB, blocks, .small = true)
#define RUN(at, bytes, blocks, number)                                                   \
	SEGMENT(at, bytes, blocks, .expandable = true, .queue = {.stream = (number)})
#define ON(number) .queue = {.stream = (number)}

/* A recording ends where a size is 0; blocks stand in the order of segments. */
static const struct {
	const char *name;
	struct mr_recorded_event events[8];
	struct mr_recorded_segment segments[4];
	struct mr_recorded_block blocks[8];
	bool expandable;
	const char *made; /* see tell() */
} rows[] = {
	{"a free is one event, as in the oldest versions",
		{EVENT(FREE, 0, 1000), EVENT(ALLOC, 0, 500), EVENT(FREE, 0, 500)},
		{SMALL(1)}, {BLOCK(0, 2 * MIB, 0, FREE)}, false,
		"segments 0+2048 blocks 0+1024 does FDMFD strange 0: exact"},
	{"a block is free and still there",
		{EVENT(FREE, 0, 500), EVENT(FREE_COMPLETED, 0, 500),
			EVENT(FREE_REQUESTED, 0, 500)},
		{SMALL(2)},
		{BLOCK(0, 512, 500, ACTIVE), BLOCK(512, 2 * MIB - 512, 0, FREE)}, false,
		"segments 0+2048 blocks 0+512 does strange 3: exact"},
	{"a block is there and was not asked for, or waits already",
		{EVENT(ALLOC, 0, 500), EVENT(ALLOC, 4096, 500)}, {SMALL(2)},
		{BLOCK(0, 512, 500, WAITING), BLOCK(512, 2 * MIB - 512, 0, FREE)}, false,
		"segments 0+2048 blocks 0+512w does strange 2: exact"},
	{"what is no request", {EVENT(OTHER, 0, 9), EVENT(ALLOC, 0, 500)}, {SMALL(2)},
		{BLOCK(0, 512, 500, ACTIVE), BLOCK(512, 2 * MIB - 512, 0, FREE)}, false,
		"segments 0+2048 blocks does M strange 0: exact"},
	{"segments that come or go and do not",
		{EVENT(SEGMENT_ALLOC, 4 * MIB, 2 * MIB), EVENT(ALLOC, 0, 500),
			EVENT(SEGMENT_ALLOC, 0, 4 * MIB), EVENT(ALLOC, 512, 500),
			EVENT(SEGMENT_MAP, 0, 2 * MIB), EVENT(ALLOC, 1024, 500),
			EVENT(SEGMENT_FREE, MIB, 2 * MIB)},
		{SMALL(4)},
		{BLOCK(0, 512, 500, ACTIVE), BLOCK(512, 512, 500, ACTIVE),
			BLOCK(1024, 512, 500, ACTIVE),
			BLOCK(1536, 2 * MIB - 1536, 0, FREE)},
		false,
		"segments 0+2048 blocks does MMME strange 4: "
		"4 differences, at event 1"},
	{"blocks that overlap", {EVENT(OTHER, 0, 9)}, {SMALL(3)},
		{BLOCK(0, 1536, 1500, ACTIVE), BLOCK(1024, 512, 500, ACTIVE),
			BLOCK(1536, 2 * MIB - 1536, 0, FREE)},
		false,
		"segments 0+2048 blocks 0+1024 1024+512 does strange 1: "
		"1 differences, at event 0"},
	{"blocks outside of their segments, and of no bytes", {EVENT(OTHER, 0, 9)},
		{SMALL(3)},
		{BLOCK(0, 2 * MIB, 0, FREE), BLOCK(3 * MIB, 512, 500, ACTIVE),
			BLOCK(512, 0, 0, ACTIVE)},
		false,
		"segments 0+2048 blocks does strange 2: 2 differences, at event 0"},
	{"segments that overlap", {EVENT(OTHER, 0, 9)},
		{SMALL(0), SEGMENT(MIB, 2 * MIB, 0)}, {{0}}, false,
		"the segment at 0x10000100000 overlaps another"},
	{"two blocks at one address", {EVENT(OTHER, 0, 9)}, {SMALL(2)},
		{BLOCK(512, 512, 500, ACTIVE), BLOCK(512, 1024, 1000, WAITING)}, false,
		"two blocks at 0x10000000200"},
	{"memory was short, and ran out",
		{EVENT(SEGMENT_FREE, 40 * MIB, 20 * MIB), EVENT(OOM, 0, 30 * MIB)},
		{SEGMENT(0, 20 * MIB, 1)}, {BLOCK(0, 20 * MIB, 20 * MIB, ACTIVE)}, false,
		"segments 0+20480 40960+20480 blocks 0+20971520 does R strange 0 "
		"below 71680: exact"},
	{"streams and pools",
		{EVENT(ALLOC, 0, 20 * MIB, ON(1)),
			EVENT(ALLOC, 20 * MIB, 20 * MIB, ON(1)),
			EVENT(ALLOC, 40 * MIB, 20 * MIB, ON(2))},
		{SEGMENT(0, 20 * MIB, 1, ON(1)),
			SEGMENT(20 * MIB, 20 * MIB, 1, .queue = {1, {0, 7}}),
			SEGMENT(40 * MIB, 20 * MIB, 1, ON(2))},
		{BLOCK(0, 20 * MIB, 20 * MIB, ACTIVE),
			BLOCK(20 * MIB, 20 * MIB, 20 * MIB, ACTIVE),
			BLOCK(40 * MIB, 20 * MIB, 20 * MIB, ACTIVE)},
		false,
		"segments 0+20480 20480+20480 40960+20480 blocks does MMM strange 0 "
		"streams 2 private: exact"},
	{"ranges of two streams",
		{EVENT(SEGMENT_MAP, 0, 20 * MIB), EVENT(ALLOC, 0, 5 * MIB),
			EVENT(SEGMENT_MAP, 100 * MIB, 40 * MIB, ON(1)),
			EVENT(ALLOC, 100 * MIB, 40 * MIB, ON(1)),
			EVENT(SEGMENT_MAP, 20 * MIB, 40 * MIB),
			EVENT(ALLOC, 5 * MIB, 55 * MIB)},
		{RUN(0, 60 * MIB, 2, 0), RUN(100 * MIB, 40 * MIB, 1, 1)},
		{BLOCK(0, 5 * MIB, 5 * MIB, ACTIVE),
			BLOCK(5 * MIB, 55 * MIB, 55 * MIB, ACTIVE),
			BLOCK(100 * MIB, 40 * MIB, 40 * MIB, ACTIVE)},
		true, "segments blocks does MMM strange 0 streams 2: exact"},
	{"runs with a hole, and a second range of their stream behind another",
		{EVENT(SEGMENT_MAP, 20 * MIB, 20 * MIB), EVENT(ALLOC, 0, 60 * MIB)},
		{RUN(0, 60 * MIB, 1, 0), RUN(100 * MIB, 20 * MIB, 1, 1),
			RUN(200 * MIB, 20 * MIB, 1, 0)},
		{BLOCK(0, 60 * MIB, 60 * MIB, ACTIVE),
			BLOCK(100 * MIB, 20 * MIB, 20 * MIB, ACTIVE),
			BLOCK(200 * MIB, 20 * MIB, 20 * MIB, ACTIVE)},
		true,
		"segments 0+20480 40960+20480 102400+20480 204800+20480 "
		"blocks 104857600+20971520 209715200+20971520 "
		"does M strange 0 streams 2: exact"},
	{"a segment that lay where a range is",
		{EVENT(SEGMENT_FREE, 20 * MIB, 20 * MIB),
			EVENT(SEGMENT_MAP, 20 * MIB, 20 * MIB),
			EVENT(ALLOC, 0, 40 * MIB)},
		{RUN(0, 40 * MIB, 1, 0)}, {BLOCK(0, 40 * MIB, 40 * MIB, ACTIVE)}, true,
		"segments 0+20480 20480+20480 blocks does M strange 0 below 61440: "
		"the segment at 0x10001400000 overlaps another"},
	{"a range too small for what was asked for",
		{EVENT(SEGMENT_MAP, 0, 20 * MIB), EVENT(ALLOC, 0, 50 * MIB)},
		{RUN(0, 20 * MIB, 1, 0), SEGMENT(20 * MIB, 20 * MIB, 1)},
		{BLOCK(0, 20 * MIB, 50 * MIB, ACTIVE),
			BLOCK(20 * MIB, 20 * MIB, 20 * MIB, ACTIVE)},
		true,
		"segments 20480+20480 blocks 20971520+20971520 does M strange 0: "
		"5 differences, at event 1"},
};

/* --- telling */

static char told[512];

static void __attribute__((format(printf, 1, 2))) say(const char *format, ...)
{
	size_t length = strlen(told);
	va_list rest;

	va_start(rest, format);
	vsnprintf(told + length, sizeof(told) - length, format, rest);
	va_end(rest);
}

/* Segments in KiB and blocks in bytes, from BASE on; what the program does. */
static void
tell(const struct mr_torch_script *script)
{
	static const char letters[] = {
		[MR_TORCH_OP_MALLOC] = 'M',
		[MR_TORCH_OP_FREE] = 'F',
		[MR_TORCH_OP_DONE] = 'D',
		[MR_TORCH_OP_EMPTY] = 'E',
		[MR_TORCH_OP_REFUSED] = 'R',
	};

	say("segments");
	for (size_t i = 0; i < script->segment_count; i++)
		say(" %" PRIu64 "+%" PRIu64, (script->segments[i].addr - BASE) / KIB,
			script->segments[i].size / KIB);
	say(" blocks");
	for (size_t i = 0; i < script->older_count; i++)
		say(" %" PRIu64 "+%" PRIu64 "%s", script->older[i].part.addr - BASE,
			script->older[i].part.size, script->older[i].waiting ? "w" : "");
	say(" does ");
	for (size_t i = 0; i < script->op_count; i++)
		say("%c", letters[script->ops[i].kind]);
	say("%sstrange %" PRIu64, script->op_count ? " " : "", script->strange);
	if (script->device_below != MR_UNLIMITED)
		say(" below %" PRIu64, script->device_below / KIB);
	if (script->streams > 1)
		say(" streams %" PRIu64, script->streams);
	if (script->private_pools)
		say(" private");
	say(": ");
}

static void
tell_verdict(const struct mr_torch_verdict *verdict)
{
	uint64_t differences = verdict->alloc_differences + verdict->device_differences +
		verdict->block_differences + verdict->oom_differences;

	if (verdict->differs)
		say("%" PRIu64 " differences, at event %" PRIu64, differences,
			verdict->first.event);
	else
		say("exact");
}

/* --- recordings */

static struct mr_recorded_event events[8];
static struct mr_recorded_segment segments[4];
static struct mr_recording recording;

static void
load(int row)
{
	struct mr_policy policy;

	ck_assert(!mr_policy_init(&policy, "torch-cuda", NULL));
	recording = (struct mr_recording){.events = events,
		.segments = segments,
		.blocks = rows[row].blocks,
		.settings = policy.torch};
	recording.settings.memory = MR_UNLIMITED;
	recording.settings.expandable = rows[row].expandable;
	memcpy(events, rows[row].events, sizeof(events));
	memcpy(segments, rows[row].segments, sizeof(segments));
	while (recording.event_count < 8 && events[recording.event_count].size)
		recording.event_count++;
	while (recording.segment_count < 4 && segments[recording.segment_count].size) {
		struct mr_recorded_segment *next = &segments[recording.segment_count++];

		next->first_block = recording.block_count;
		recording.block_count += next->block_count;
	}
}

START_TEST(recordings)
{
	struct mr_torch_script script = {0};
	struct mr_torch_verdict verdict;
	struct mr_error err;

	load(_i);
	told[0] = '\0';
	if (mr_torch_script_make(&script, &recording, &err)) {
		say("%s", err.text);
	} else {
		tell(&script);
		if (mr_torch_verify(
			    &verdict, &recording, &script, &recording.settings, &err))
			say("%s", err.text);
		else
			tell_verdict(&verdict);
	}
	mr_torch_script_fini(&script);
	ck_assert_msg(!strcmp(told, rows[_i].made), "%s: %s", rows[_i].name, told);
}
END_TEST

/* The map of segments is that of the most that was reserved, also at the beginning. */
static enum mr_status
look_at_peak(const struct mr_torch_script *script, const struct mr_torch_settings *used,
	struct mr_error *err)
{
	struct mr_torch_whatif whatif;
	struct mr_torch_peak peak = {0};
	uint64_t reserved = 0;
	enum mr_status st;

	st = mr_torch_whatif(&whatif, script, used, MR_TORCH_SEEDED, err);
	if (!st)
		st = mr_torch_peak(&peak, script, used, MR_TORCH_SEEDED, err);
	for (size_t i = 0; !st && i < peak.segment_count; i++)
		reserved += peak.segments[i].size;
	if (!st && reserved != whatif.result.peak_reserved_bytes)
		st = mr_fail(err, MR_EINVAL, "%llu bytes reserved, %llu on the map",
			(unsigned long long)whatif.result.peak_reserved_bytes,
			(unsigned long long)reserved);
	mr_torch_peak_fini(&peak);
	return st;
}

static enum mr_status
make_and_run(void *context, struct mr_error *err)
{
	struct mr_torch_settings *used = &recording.settings;
	struct mr_torch_script script = {0};
	struct mr_torch_verdict verdict;
	uint64_t low, high;
	enum mr_status st;

	(void)context;
	st = mr_torch_script_make(&script, &recording, err);
	if (!st)
		st = mr_torch_verify(&verdict, &recording, &script, used, err);
	if (!st)
		st = look_at_peak(&script, used, err);
	if (!st)
		st = mr_torch_spread(&low, &high, &script, used, MR_TORCH_REBUILT, err);
	mr_torch_script_fini(&script);
	return st;
}

START_TEST(without_memory)
{
	enum mr_status st;

	load(_i);
	st = fail_each(make_and_run, NULL);
	ck_assert_int_eq(st == MR_OK,
		!strstr(rows[_i].made, "another") &&
			!strncmp(rows[_i].made, "segments", 8));
}
END_TEST

/* Enough blocks that the allocator needs room for more of them while it is seeded. */
START_TEST(many_without_memory)
{
	struct mr_recorded_block many[40] = {{0}};

	load(0);
	for (uint64_t i = 0; i < 40; i++)
		many[i] = (struct mr_recorded_block)BLOCK(1024 * i, 512, 500, ACTIVE);
	recording.event_count = 0;
	recording.blocks = many;
	recording.block_count = segments[0].block_count = 40;
	ck_assert_int_eq(fail_each(make_and_run, NULL), MR_OK);
}
END_TEST

/* --- other traces */

static enum mr_status
add_and_run(void *context, struct mr_error *err)
{
	struct mr_torch_case of = {0};
	struct mr_policy *policy = context;
	struct mr_event event = {.has = MR_HAS_STREAM};
	enum mr_status st = MR_OK;
	uint64_t low, high;

	for (uint32_t i = 0; i < 1500 && !st; i++) {
		event.op = i % 3 < 2 ? MR_OP_MALLOC : MR_OP_FREE;
		event.slot = i - (i % 3 == 2);
		event.stream = event.slot / 3 % 7;
		event.size = 1 + event.slot * 5000;
		st = mr_torch_case_add(&of, &event, err);
	}
	if (!st)
		st = mr_torch_spread(
			&low, &high, &of.script, &policy->torch, MR_TORCH_REBUILT, err);
	mr_torch_case_fini(&of);
	return st;
}

START_TEST(other_traces)
{
	struct mr_policy policy;

	ck_assert(!mr_policy_init(&policy, "torch-cuda", NULL));
	ck_assert_int_eq(fail_each(add_and_run, &policy), MR_OK);
}
END_TEST

/* A simulation that holds blocks as they come. */
static enum mr_status
simulate(void *context, struct mr_error *err)
{
	struct mr_event event = {.op = MR_OP_MALLOC, .size = 1000};
	enum mr_status st;
	struct mr_sim *sim;

	st = mr_sim_new(&sim, context, false, err);
	for (event.slot = 0; event.slot < 200 && !st; event.slot++)
		st = mr_sim_step(sim, &event, NULL, err);
	mr_sim_free(sim);
	return st;
}

START_TEST(simulated_without_memory)
{
	struct mr_policy policy;

	ck_assert(!mr_policy_init(&policy, "torch-cuda", NULL));
	ck_assert_int_eq(fail_each(simulate, &policy), MR_OK);
}
END_TEST

/* What is of no block: 0 bytes, and the free of what was never asked for. */
START_TEST(nothing)
{
	struct mr_event event = {.op = MR_OP_MALLOC};
	struct mr_outcome outcome = {.capacity = 7};
	struct mr_result result;
	struct mr_policy policy;
	struct mr_sim *sim;

	ck_assert(!mr_policy_init(&policy, "torch-cuda", NULL));
	ck_assert(!mr_sim_new(&sim, &policy, false, NULL));
	ck_assert(!mr_sim_step(sim, &event, &outcome, NULL));
	ck_assert_uint_eq(outcome.capacity, 0);
	event = (struct mr_event){.op = MR_OP_FREE, .slot = 1000};
	ck_assert(!mr_sim_step(sim, &event, NULL, NULL));
	mr_sim_result(sim, &result);
	ck_assert_uint_eq(result.mallocs, 1);
	ck_assert_uint_eq(result.frees, 0);
	ck_assert_uint_eq(result.peak_reserved_bytes, 0);
	mr_sim_free(sim);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("torchscript");
	TCase *tcase = tcase_create("torchscript");

	tcase_add_loop_test(tcase, recordings, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_loop_test(
		tcase, without_memory, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	tcase_add_test(tcase, many_without_memory);
	tcase_add_test(tcase, other_traces);
	tcase_add_test(tcase, simulated_without_memory);
	tcase_add_test(tcase, nothing);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
