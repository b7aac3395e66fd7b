/* SPDX-License-Identifier: MIT */
/* Traces written and read again are the same, in every format. */
#include <check.h>
#include <glob.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "kit.h"
#include "sanitized.h"
#include "suite.h"
#include "trace/ahead.h"
#include "trace/event.h"
#include "trace/slots.h"

#define JSON_LARGEST (UINT64_C(1) << 53)
#define MANY         40000 /* events: more than two blocks */
#define TURNS        (SANITIZED ? 4 : 20)

static const char *const suffixes[] = {".jsonl", ".jsonl.gz", ".mrt", ".mrt.gz"};
#define SUFFIX_COUNT (sizeof(suffixes) / sizeof(suffixes[0]))

static void
assert_round_trip(const char *suffix, const struct mr_event *events, size_t count)
{
	const char *path = temp_path(suffix);
	struct trace trace;

	write_trace(path, TEST_HEADER, events, count);
	trace = read_trace(path);
	ck_assert_msg(trace.status == MR_END, "%s: %s", suffix, trace.err.text);
	ck_assert(!trace.summary.cut);
	ck_assert_str_eq(trace.header, TEST_HEADER);
	assert_same_events(events, count, trace.events, trace.count, suffix);
	free_trace(&trace);
	unlink(path);
}

START_TEST(random_events_survive)
{
	struct mr_event *events = calloc(MANY, sizeof(*events));
	size_t count = _i < 20 ? 1 + (size_t)_i * 7 : MANY;

	ck_assert_ptr_nonnull(events);
	for (size_t i = 0; i < SUFFIX_COUNT; i++) {
		bool text = !strncmp(suffixes[i], ".jsonl", 6);

		make_events(events, count, text ? JSON_LARGEST : UINT64_MAX - 1,
			(uint64_t)_i);
		assert_round_trip(suffixes[i], events, count);
	}
	free(events);
}
END_TEST

/* Every op with every set of the optional fields it may have, and may not. */
START_TEST(every_set_of_fields_survives)
{
	struct mr_event events[MR_OP_COUNT * 128];
	uint64_t id = 0;

	memset(events, 0, sizeof(events));
	for (size_t i = 0; i < MR_OP_COUNT * 128; i++) {
		struct mr_event *event = &events[i];

		event->op = (uint8_t)(i % 2 ? MR_OP_MALLOC : i / 2 % MR_OP_COUNT);
		event->has = (uint8_t)(i / MR_OP_COUNT);
		event->tid = (uint32_t)i;
		event->t = i / 3;
		if (event->op == MR_OP_MARK) {
			event->name = "x";
			event->name_length = 1;
		} else if (event->op == MR_OP_FREE) {
			event->id = id - 1; /* of the malloc just before */
		} else if (event->op == MR_OP_MALLOC) {
			event->id = id++;
			event->size = i;
			event->cap = i + i % 3 - (i > 1);
			event->hit = i % 5 == 0;
			event->align = 64;
			event->stream = UINT32_MAX;
			event->device = i % 7 ? -1 : INT32_MIN;
		}
	}
	/* the first event of all would be a malloc twice, or a free too early */
	for (size_t i = 0; i < SUFFIX_COUNT; i++)
		assert_round_trip(suffixes[i], events, MR_OP_COUNT * 128);
}
END_TEST

/* Blocks end when they run out of shapes, events or bytes. */
START_TEST(blocks_that_fill_up_survive)
{
	struct mr_event *events = calloc(MANY, sizeof(*events));
	static char name[MR_NAME_MAX + 1];

	ck_assert_ptr_nonnull(events);
	for (uint32_t i = 0; i < MANY; i++) {
		events[i].op = MR_OP_MALLOC;
		events[i].has = MR_HAS_TID;
		events[i].id = i;
		events[i].tid = i % 1000;
	}
	for (size_t i = 0; i < SUFFIX_COUNT; i++)
		assert_round_trip(suffixes[i], events, MANY);
	memset(events, 0, MANY * sizeof(*events));
	memset(name, 'n', MR_NAME_MAX);
	for (uint32_t i = 0; i < 100; i++) {
		events[i].op = MR_OP_MARK;
		events[i].name = name;
		events[i].name_length = MR_NAME_MAX;
	}
	for (size_t i = 0; i < SUFFIX_COUNT; i++)
		assert_round_trip(suffixes[i], events, 100);
	free(events);
}
END_TEST

static uint64_t
file_length(const char *path)
{
	struct stat about;

	ck_assert_int_eq(stat(path, &about), 0);
	return (uint64_t)about.st_size;
}

/* Recorded traces go through the binary format in at most 4 bytes an event. */
static void
assert_recorded_trace_survives(const char *from)
{
	const char *path = temp_path(".mrt.gz");
	struct trace before = read_trace(from), after;

	ck_assert_msg(before.status == MR_END, "%s: %s", from, before.err.text);
	write_trace(path, before.header, before.events, before.count);
	ck_assert_msg(file_length(path) <= 4 * before.count, "%s: %llu bytes", from,
		(unsigned long long)file_length(path));
	after = read_trace(path);
	ck_assert_str_eq(before.header, after.header);
	assert_same_events(before.events, before.count, after.events, after.count, from);
	free_trace(&before);
	free_trace(&after);
	unlink(path);
}

/* shipped ones always, the others where they lie beside the source tree */
START_TEST(recorded_traces_survive)
{
	static const char *const folders[] = {"traces", "../shared/traces"};
	static const char *const names[] = {"*.mrt.gz", "*.jsonl.gz"};
	glob_t found;

	if (SANITIZED && _i > 0) /* the same events again */
		return;
	if (glob(source_path(folders[_i], names[_i]), 0, NULL, &found)) {
		ck_assert_int_eq(_i, 1);
		return;
	}
	for (size_t i = 0; i < found.gl_pathc; i++)
		assert_recorded_trace_survives(found.gl_pathv[i]);
	globfree(&found);
}
END_TEST

START_TEST(same_events_give_same_bytes)
{
	const char *one = temp_path(".1.mrt.gz"), *two = temp_path(".2.mrt.gz");
	struct mr_event events[500];
	struct blob a, b;

	make_events(events, 500, JSON_LARGEST, 3);
	write_trace(one, TEST_HEADER, events, 500);
	write_trace(two, TEST_HEADER, events, 500);
	a = load_file(one);
	b = load_file(two);
	ck_assert_uint_eq(a.length, b.length);
	ck_assert_mem_eq(a.data, b.data, a.length);
	free(a.data);
	free(b.data);
	unlink(one);
	unlink(two);
}
END_TEST

/* Keys unknown here, and numbers that no double holds, survive in headers. */
START_TEST(headers_survive)
{
	static const char odd[] = " { \"x\" : [ 1, {\"y\": \"a b\\\"\"} ],\n"
				  "\"build\": 12345678901234567890, \"version\": 7,"
				  "\"format\": \"other\", \"source\": \"mlx\" } ";
	static const char want[] =
		"{\"format\":\"alloc-trace\",\"version\":1,\"x\":[1,{\"y\":\"a b\\\"\"}],"
		"\"build\":12345678901234567890,\"source\":\"mlx\"}";
	struct mr_event event = {.op = MR_OP_CLEAR_CACHE};

	for (size_t i = 0; i < SUFFIX_COUNT; i++) {
		const char *path = temp_path(suffixes[i]);
		struct trace trace;

		write_trace(path, odd, &event, 1);
		trace = read_trace(path);
		ck_assert_str_eq(trace.header, want);
		free_trace(&trace);
		unlink(path);
	}
}
END_TEST

START_TEST(headers_are_understood)
{
	const char *path = temp_path(".jsonl");
	struct mr_event event = {.op = MR_OP_CLEAR_CACHE};
	const struct mr_header *header;
	struct mr_reader *reader;

	write_trace(path,
		"{\"source\":\"s\",\"cache_limit\":null,\"memory_limit\":5,"
		"\"page_size\":4096}",
		&event, 1);
	ck_assert_int_eq(mr_reader_open(&reader, path, NULL, NULL), MR_OK);
	header = mr_reader_header(reader);
	ck_assert_str_eq(header->source, "s");
	ck_assert_str_eq(header->workload, "");
	ck_assert(header->has_cache_limit && header->has_memory_limit);
	ck_assert(header->has_page_size);
	ck_assert_uint_eq(header->cache_limit, MR_UNLIMITED);
	ck_assert_uint_eq(header->memory_limit, 5);
	ck_assert_uint_eq(header->page_size, 4096);
	mr_reader_close(reader);
	unlink(path);
}
END_TEST

START_TEST(trailers_survive)
{
	const char *path = temp_path(".mrt.gz");
	struct mr_event event = {.op = MR_OP_CLEAR_CACHE};
	struct mr_writer *writer;
	struct trace trace;

	ck_assert_int_eq(mr_writer_open(&writer, path, NULL, "{}", NULL), MR_OK);
	ck_assert_int_eq(mr_writer_put(writer, &event, NULL), MR_OK);
	ck_assert_int_eq(
		mr_writer_finish(writer, "{\"lost\": 3, \"events\": 9}", NULL), MR_OK);
	trace = read_trace(path);
	ck_assert_int_eq(trace.status, MR_END);
	ck_assert_str_eq(trace.trailer, "{\"events\":1,\"lost\":3}");
	free_trace(&trace);
	unlink(path);
}
END_TEST

/* At any time live blocks have different slots, and there are no idle ones. */
START_TEST(slots_are_those_of_live_blocks)
{
	const char *path = temp_path(".mrt");
	struct mr_event *events = calloc(MANY, sizeof(*events));
	uint64_t *id_in_slot = calloc(MANY, sizeof(*id_in_slot));
	size_t live = 0, most = 0;
	struct trace trace;

	ck_assert(events && id_in_slot);
	make_events(events, MANY, JSON_LARGEST, 99);
	write_trace(path, TEST_HEADER, events, MANY);
	trace = read_trace(path);
	for (size_t i = 0; i < trace.count; i++) {
		const struct mr_event *event = &trace.events[i];

		if (event->op == MR_OP_MALLOC) {
			REQUIRE(event->slot < trace.slots && !id_in_slot[event->slot],
				"slot of event %zu", i + 1);
			id_in_slot[event->slot] = event->id + 1;
			live++;
		} else if (event->op == MR_OP_FREE) {
			REQUIRE(id_in_slot[event->slot] == event->id + 1,
				"slot of event %zu", i + 1);
			id_in_slot[event->slot] = 0;
			live--;
		}
		most = live > most ? live : most;
	}
	ck_assert_uint_eq(trace.slots, most);
	free_trace(&trace);
	free(id_in_slot);
	free(events);
	unlink(path);
}
END_TEST

/* Appends what a line of the manual's example has of bytes: pairs of digits. */
static void
take_bytes(struct blob *bytes, const char *line)
{
	unsigned value;
	int used;

	while (sscanf(line, "%2x%n", &value, &used) == 1 && used == 2) {
		REQUIRE(bytes->length < 4096, "a long example");
		bytes->data[bytes->length++] = (unsigned char)value;
		line += 2;
		if (line[0] != ' ' || line[1] == ' ')
			break;
		line++;
	}
}

/* Collects the example of the manual: its text as a file, and its bytes. */
static void
take_example(const char *text_path, struct blob *bytes)
{
	FILE *page = fopen(source_path("man", "memreplay-trace.5"), "r");
	FILE *text = fopen(text_path, "w");
	enum { NOTHING, TEXT, BYTES } what = NOTHING;
	char line[256];

	ck_assert(page && text);
	while (fgets(line, sizeof(line), page)) {
		if (!strncmp(line, ".\\\" ", 4))
			what = strstr(line, "begin text")     ? TEXT
				: strstr(line, "begin bytes") ? BYTES
							      : NOTHING;
		else if (what == TEXT && line[0] != '.')
			fputs(line, text);
		else if (what == BYTES)
			take_bytes(bytes, line);
	}
	fclose(page);
	ck_assert_int_eq(fclose(text), 0);
}

/* The example in memreplay-trace(5) is what is really written. */
struct helped {
	struct mr_reader *reader;
	atomic_bool stop;
	atomic_size_t times;
};

static void *
go_on_helping(void *context)
{
	struct helped *helped = context;

	while (!atomic_load(&helped->stop))
		if (mr_reader_help(helped->reader))
			atomic_fetch_add(&helped->times, 1);
	return NULL;
}

/* Reads the file with and without help: the same events, and the same end. */
static size_t
assert_help_changes_nothing(const char *path)
{
	const struct mr_reader_options ahead = {.ahead = true};
	struct helped helped = {.reader = NULL};
	struct trace alone = read_trace(path);
	struct mr_error err = {.text = ""};
	struct mr_event event;
	pthread_t helper;
	enum mr_status st = mr_reader_open(&helped.reader, path, &ahead, &err);

	ck_assert_int_eq(st ? st : MR_OK, alone.header ? MR_OK : alone.status);
	if (!st) {
		ck_assert(!pthread_create(&helper, NULL, go_on_helping, &helped));
		for (size_t i = 0; i < alone.count; i++) {
			st = mr_reader_next(helped.reader, &event, &err);
			REQUIRE(!st, "event %zu: %s", i + 1, err.text);
			assert_same_events(&alone.events[i], 1, &event, 1, path);
		}
		st = mr_reader_next(helped.reader, &event, &err);
		atomic_store(&helped.stop, true);
		pthread_join(helper, NULL);
	}
	ck_assert_int_eq(st, alone.status);
	if (st != MR_END) {
		ck_assert_str_eq(err.text, alone.err.text);
		ck_assert_uint_eq(err.where, alone.err.where);
	}
	mr_reader_close(helped.reader);
	free_trace(&alone);
	return helped.times;
}

START_TEST(help_changes_nothing)
{
	static struct mr_event events[MANY];
	const char *path = temp_path(_i ? ".mrt.gz" : ".jsonl.gz");
	uint64_t random = 3;
	struct blob file;

	make_events(events, MANY, JSON_LARGEST, 1);
	write_trace(path, TEST_HEADER, events, MANY);
	ck_assert_uint_gt(assert_help_changes_nothing(path), 0);
	file = load_file(path);
	for (int turn = 0; turn < TURNS; turn++) {
		size_t at = (size_t)(next_random(&random) % file.length);

		save_file(path, file.data, at);
		assert_help_changes_nothing(path);
		file.data[at] ^= 4;
		save_file(path, file.data, file.length);
		file.data[at] ^= 4;
		assert_help_changes_nothing(path);
	}
	unlink(path);
	free(file.data);
}
END_TEST

/* What is taken ahead in pieces of any length is what is in the file. */
START_TEST(bytes_taken_ahead_are_the_file)
{
	static unsigned char data[100000], got[sizeof(data) + 1];
	const char *path = temp_path(".bytes");
	struct mr_ahead *ahead;
	struct mr_inflow flow;
	uint64_t random = 9;
	enum mr_status st = MR_OK;
	size_t length = 0, part;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (unsigned char)next_random(&random);
	save_file(path, data, sizeof(data));
	ck_assert_int_eq(mr_inflow_open(&flow, path, NULL), MR_OK);
	ck_assert_int_eq(mr_ahead_new(&ahead, &flow, NULL), MR_OK);
	while (!st) {
		size_t room = (size_t)(next_random(&random) % 20000) + 1;

		if (room % 3 == 0)
			mr_ahead_help(ahead);
		room = room < sizeof(got) - length ? room : sizeof(got) - length;
		st = mr_ahead_take(ahead, got + length, room, &part, NULL);
		ck_assert_uint_le(part, room);
		length += part;
	}
	ck_assert_int_eq(st, MR_END);
	ck_assert_uint_eq(length, sizeof(data));
	ck_assert_mem_eq(got, data, sizeof(data));
	mr_ahead_free(ahead);
	mr_inflow_close(&flow);
	unlink(path);
}
END_TEST

START_TEST(manual_tells_the_truth)
{
	const char *text = temp_path(".jsonl"), *binary = temp_path(".mrt");
	struct blob want = {calloc(4096, 1), 0}, got;
	struct trace trace, again;

	take_example(text, &want);
	ck_assert_uint_gt(want.length, 100);
	trace = read_trace(text);
	ck_assert_msg(trace.status == MR_END, "%s", trace.err.text);
	write_trace(binary, trace.header, trace.events, trace.count);
	got = load_plain(binary);
	ck_assert_uint_eq(got.length, want.length);
	ck_assert_mem_eq(got.data, want.data, want.length);
	save_file(binary, want.data, want.length);
	again = read_trace(binary);
	assert_same_events(trace.events, trace.count, again.events, again.count, "bytes");
	free_trace(&trace);
	free_trace(&again);
	free(want.data);
	free(got.data);
	unlink(text);
	unlink(binary);
}
END_TEST

/* 1 / GOLDEN_RATIO of the table: small multiples of it have one home. */
#define CHOSEN UINT64_C(0xf1de83e19937733d)

/* Places taken in a row, at most. */
static size_t
longest_run(const struct mr_slots *slots)
{
	size_t longest = 0, run = 0;

	for (size_t i = 0; i <= slots->mask; i++) {
		run = slots->table[i].slot == MR_SLOT_NONE ? 0 : run + 1;
		longest = run > longest ? run : longest;
	}
	return longest;
}

/* Ids that are chosen to have one home must not make every search go past them all. */
START_TEST(chosen_ids_do_not_crowd)
{
	const uint32_t count = 20000;
	struct mr_slots slots;
	uint32_t slot;

	ck_assert_int_eq(mr_slots_init(&slots, NULL), MR_OK);
	for (uint32_t i = 0; i < count; i++) {
		ck_assert_int_eq(mr_slots_add(&slots, &slot, i * CHOSEN, NULL), MR_OK);
		ck_assert_uint_eq(slot, i);
	}
	ck_assert_uint_eq(longest_run(&slots), MR_SLOT_PROBES);
	for (uint32_t i = 0; i < count; i++)
		ck_assert(mr_slots_find(&slots, &slot, i * CHOSEN) && slot == i);
	ck_assert(!mr_slots_find(&slots, &slot, count * CHOSEN));

	/* what is freed in the table does not hide what is in the tree */
	for (uint32_t i = 0; i < count; i += 2)
		ck_assert(mr_slots_remove(&slots, &slot, i * CHOSEN) && slot == i);
	for (uint32_t i = 0; i < count; i++)
		ck_assert_int_eq(mr_slots_find(&slots, &slot, i * CHOSEN), i % 2);
	ck_assert_int_eq(mr_slots_add(&slots, &slot, 0, NULL), MR_OK);
	ck_assert(!mr_slots_remove(&slots, &slot, 2 * CHOSEN));
	ck_assert(mr_slots_remove(&slots, &slot, 0));
	ck_assert_uint_eq(slots.live, count / 2);
	mr_slots_fini(&slots);
}
END_TEST

/* Ids that fill a stretch of the table, each in its own place, stay there. */
START_TEST(ids_at_home_stay)
{
	const uint32_t count = 3 * MR_SLOT_PROBES;
	struct mr_slots slots;
	uint32_t slot;

	ck_assert_int_eq(mr_slots_init(&slots, NULL), MR_OK);
	for (uint64_t i = 0; i < count; i++) {
		uint64_t id = (i << slots.shift) * CHOSEN;

		ck_assert_int_eq(mr_slots_add(&slots, &slot, id, NULL), MR_OK);
		ck_assert_uint_eq(slots.table[i].slot, i);
	}
	ck_assert(mr_slots_remove(&slots, &slot, 0));
	ck_assert_uint_eq(slots.table[0].slot, MR_SLOT_NONE);
	for (uint32_t i = 1; i < count; i++)
		ck_assert_uint_eq(slots.table[i].slot, i);
	mr_slots_fini(&slots);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("trace");
	TCase *tcase = tcase_create("trace");
	TCase *threads = tcase_create("threads");

	tcase_set_timeout(tcase, 300); /* for valgrind */
	tcase_set_timeout(threads, 300);
	tcase_add_loop_test(tcase, random_events_survive, 0, 22);
	tcase_add_test(tcase, every_set_of_fields_survives);
	tcase_add_test(tcase, blocks_that_fill_up_survive);
	tcase_add_loop_test(tcase, recorded_traces_survive, 0, 2);
	tcase_add_test(tcase, same_events_give_same_bytes);
	tcase_add_test(tcase, headers_survive);
	tcase_add_test(tcase, headers_are_understood);
	tcase_add_test(tcase, trailers_survive);
	tcase_add_test(tcase, manual_tells_the_truth);
	tcase_add_loop_test(threads, help_changes_nothing, 0, 2);
	tcase_add_test(threads, bytes_taken_ahead_are_the_file);
	tcase_add_test(tcase, slots_are_those_of_live_blocks);
	tcase_add_test(tcase, chosen_ids_do_not_crowd);
	tcase_add_test(tcase, ids_at_home_stay);
	suite_add_tcase(suite, tcase);
	suite_add_tcase(suite, threads);
	return run_suite(suite);
}
