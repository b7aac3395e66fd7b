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

#include "memreplay/policy.h"
#include "sim/torchscript.h"
#include "sim/torchverify.h"
#include "suite.h"

#define KIB  UINT64_C(1024)
#define MIB  (1024 * KIB)
#define BASE (UINT64_C(1) << 40)

#define EVENT(what, at, bytes, ...)                                                      \
	{                                                                                \
		.kind = MR_RECORDED_##what, .addr = BASE + (at), .size = (bytes),        \
		__VA_ARGS__                                                              \
	}
#define BLOCK(at, bytes, asked, is)                                                      \
	{                                                                                \
		BASE + (at), bytes, asked, MR_TORCH_##is                                 \
	}
#define SEGMENT(at, bytes, blocks, ...)                                                  \
	{                                                                                \
		.addr = BASE + (at), .size = (bytes), .block_count = (blocks),           \
		__VA_ARGS__                                                              \
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

START_TEST(recordings)
{
	struct mr_recorded_event events[8];
	struct mr_recorded_segment segments[4];
	struct mr_recording recording = {
		.events = events, .segments = segments, .blocks = rows[_i].blocks};
	struct mr_torch_script script = {0};
	struct mr_torch_verdict verdict;
	struct mr_policy policy;
	struct mr_error err;

	ck_assert(!mr_policy_init(&policy, "torch-cuda", NULL));
	recording.settings = policy.torch;
	recording.settings.memory = MR_UNLIMITED;
	recording.settings.expandable = rows[_i].expandable;
	memcpy(events, rows[_i].events, sizeof(events));
	memcpy(segments, rows[_i].segments, sizeof(segments));
	for (; recording.event_count < 8 && events[recording.event_count].size;)
		recording.event_count++;
	for (; recording.segment_count < 4 && segments[recording.segment_count].size;) {
		struct mr_recorded_segment *next = &segments[recording.segment_count++];

		next->first_block = recording.block_count;
		recording.block_count += next->block_count;
	}
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

int
main(void)
{
	Suite *suite = suite_create("torchscript");
	TCase *tcase = tcase_create("torchscript");

	tcase_add_loop_test(tcase, recordings, 0, (int)(sizeof(rows) / sizeof(rows[0])));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
