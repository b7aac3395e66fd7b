/* SPDX-License-Identifier: MIT */
/* Pickles value by value, and snapshots as the library sees them. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "kit.h"
#include "sim/torchload.h"
#include "suite.h"
#include "trace/pickle.h"
#include "trace/snapshot.h"

/* The values that a list in a pickle holds. */
static struct mr_pickle *
read_pickle(const void *bytes, size_t length, size_t expected, const mr_value **items)
{
	const char *path = temp_path(".pickle");
	struct mr_pickle *pickle;
	struct mr_input *input;
	struct mr_error err;
	size_t count;

	save_file(path, bytes, length);
	ck_assert_int_eq(mr_input_open(&input, path, &err), MR_OK);
	ck_assert_msg(!mr_pickle_read(&pickle, input, NULL, NULL, &err), "%s", err.text);
	mr_input_close(input);
	remove(path);
	*items = mr_value_items(pickle, mr_pickle_root(pickle), &count);
	ck_assert_uint_eq(count, expected);
	return pickle;
}

#define READ(text, expected, items)                                                      \
	read_pickle("\x80\x04" text, sizeof("\x80\x04" text) - 1, expected, items)

START_TEST(numbers)
{
	static const int64_t expected[] = {255, 65535, -1, INT32_MIN, -128, 0,
		INT64_C(0x7f5d88000000), INT64_MAX, -(INT64_C(1) << 60)};
	const mr_value *items;
	struct mr_pickle *pickle = READ("](K\xffM\xff\xffJ\xff\xff\xff\xffJ\0\0\0\x80"
					"\x8a\x01\x80\x8a\x00"
					"\x8a\x06\0\0\0\x88\x5d\x7f"
					"\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"
					"\x8b\x08\0\0\0\0\0\0\0\0\0\0\xf0"
					"\x8a\x09\0\0\0\0\0\0\0\x80\0e.",
		10, &items);
	uint64_t number;
	int64_t found;

	for (size_t i = 0; i < 9; i++) {
		ck_assert(mr_value_kind(pickle, items[i]) == MR_VALUE_INT);
		ck_assert_msg(mr_value_get_i64(pickle, items[i], &found), "item %zu", i);
		ck_assert_int_eq(found, expected[i]);
		ck_assert(mr_value_get_u64(pickle, items[i], &number) ==
			(expected[i] >= 0));
	}
	ck_assert(!mr_value_get_i64(pickle, items[9], &found));
	ck_assert(mr_value_get_u64(pickle, items[9], &number));
	ck_assert_uint_eq(number, UINT64_C(1) << 63);
	mr_pickle_free(pickle);
}
END_TEST

START_TEST(other_values)
{
	const mr_value *items, *inner;
	struct mr_pickle *pickle = READ("](N\x88\x89G\x3f\xe0\0\0\0\0\0\0"
					"\x8c\x03"
					"abcX\x01\0\0\0xU\x01yB\x01\0\0\0z"
					"\x85K\x02\x86}(\x8c\x01kK\x07u"
					"(NNNtq\0h\0e.",
		11, &items);
	size_t length, count;
	uint64_t number;
	mr_value value;

	ck_assert(mr_value_kind(pickle, items[0]) == MR_VALUE_NONE);
	ck_assert(mr_value_kind(pickle, items[1]) == MR_VALUE_BOOL);
	ck_assert(mr_value_is_true(pickle, items[1]));
	ck_assert(!mr_value_is_true(pickle, items[2]));
	ck_assert(mr_value_kind(pickle, items[3]) == MR_VALUE_REAL);
	ck_assert_double_eq(mr_value_real(pickle, items[3]), 0.5);
	ck_assert_str_eq(mr_value_text(pickle, items[4], &length), "abc");
	ck_assert_uint_eq(length, 3);
	ck_assert(mr_value_is_text(pickle, items[5], "x"));
	ck_assert(mr_value_is_text(pickle, items[6], "y"));
	inner = mr_value_items(pickle, items[7], &count); /* (("z",), 2) */
	ck_assert_uint_eq(count, 2);
	ck_assert(mr_value_get_u64(pickle, inner[1], &number) && number == 2);
	inner = mr_value_items(pickle, inner[0], &count);
	ck_assert(count == 1 && mr_value_is_text(pickle, inner[0], "z"));
	ck_assert(mr_value_kind(pickle, items[8]) == MR_VALUE_DICT);
	ck_assert(mr_value_find(pickle, items[8], "k", &value));
	ck_assert(mr_value_get_u64(pickle, value, &number) && number == 7);
	ck_assert(!mr_value_find(pickle, items[8], "l", &value));
	mr_value_items(pickle, items[9], &count);
	ck_assert_uint_eq(count, 3);
	ck_assert(items[9] == items[10]); /* shared, not copied */
	mr_pickle_free(pickle);
}
END_TEST

static struct mr_snapshot *
read_snapshot(const char *name, bool stacks)
{
	struct mr_snapshot *snapshot;
	struct mr_input *input;
	struct mr_error err;

	ck_assert(!mr_input_open(&input, source_path("tests/corpus", name), &err));
	ck_assert_msg(!mr_snapshot_read(&snapshot, input, stacks, &err), "%s", err.text);
	mr_input_close(input);
	return snapshot;
}

START_TEST(snapshot_in_full)
{
	struct mr_snapshot *s = read_snapshot("good-snapshot-protocol-2.pickle", true);
	const struct mr_snapshot_event *events = s->devices[0].events;
	struct mr_snapshot_frame frame;
	struct mr_error err;
	size_t device = 9;

	ck_assert_uint_eq(s->device_count, 1);
	ck_assert_uint_eq(s->devices[0].count, 8);
	ck_assert_int_eq(events[0].action, MR_SNAPSHOT_SEGMENT_ALLOC);
	ck_assert_uint_eq(events[0].size, 20 << 20);
	ck_assert_int_eq(events[5].action, MR_SNAPSHOT_OOM);
	ck_assert_uint_eq(events[5].address, 123456);
	ck_assert_uint_eq(events[7].time_us, 1009);
	ck_assert_uint_eq(s->segment_count, 2);
	ck_assert(s->segments[0].small && !s->segments[1].small);
	ck_assert_uint_eq(s->segments[1].first, 3);
	ck_assert_uint_eq(s->blocks[1].requested, 1000);
	ck_assert_int_eq(s->blocks[2].state, MR_SNAPSHOT_INACTIVE);
	ck_assert_uint_eq(s->note_count, 3);
	ck_assert_str_eq(s->notes[0].name, "step#AdamW.step");
	ck_assert(cJSON_GetObjectItem(s->settings, "max_split_size")->valuedouble < 0);

	ck_assert_uint_eq(events[0].stack, events[7].stack);
	ck_assert_uint_eq(mr_snapshot_stack_depth(s, events[0].stack), 2);
	frame = mr_snapshot_stack_frame(s, events[0].stack, 1);
	ck_assert_str_eq(frame.name, "main");
	ck_assert_str_eq(frame.filename, "train.py");
	ck_assert_uint_eq(frame.line, 3);
	ck_assert(!mr_snapshot_find_device(s, &device, NULL, &err) && device == 0);
	ck_assert(!mr_snapshot_find_device(s, &device, "cuda:0", &err));
	ck_assert_int_eq(mr_snapshot_find_device(s, &device, "cpu", &err), MR_EINVAL);
	ck_assert_int_eq(mr_snapshot_find_device(s, &device, "1", &err), MR_EINVAL);
	mr_snapshot_free(s);
}
END_TEST

START_TEST(snapshot_without_stacks)
{
	struct mr_snapshot *s = read_snapshot("good-snapshot-protocol-4.pickle", false);

	ck_assert_uint_eq(s->devices[0].events[0].stack, 0);
	ck_assert_uint_eq(mr_snapshot_stack_depth(s, 0), 0);
	mr_snapshot_free(s);
}
END_TEST

/* Blocks of 2022 have no address: each follows the one before. */
START_TEST(blocks_without_addresses)
{
	struct mr_snapshot *s = read_snapshot("good-snapshot-2022.pickle", false);

	ck_assert_uint_eq(s->segments[0].count, 3);
	ck_assert_uint_eq(s->blocks[1].address, s->segments[0].address + 512);
	ck_assert_uint_eq(s->blocks[2].address, s->segments[0].address + 1536);
	ck_assert_uint_eq(s->blocks[2].requested, 2000);
	ck_assert_uint_eq(s->blocks[1].requested, s->blocks[1].size);
	mr_snapshot_free(s);
}
END_TEST

/* --- what no snapshot is */

/* A pickle in the making. */
static struct {
	char *bytes;
	size_t length, space;
} made;

static void
put_bytes(const void *bytes, size_t length)
{
	if (made.length + length > made.space) {
		made.space = 2 * (made.length + length);
		made.bytes = realloc(made.bytes, made.space);
		ck_assert_ptr_nonnull(made.bytes);
	}
	memcpy(made.bytes + made.length, bytes, length);
	made.length += length;
}

#define PUT(text) put_bytes(text, sizeof(text) - 1)

/* What a dict holds under a key: the opcodes of a value come next. */
static void
put_key(const char *key)
{
	const char head[] = {'U', (char)strlen(key)};

	put_bytes(head, 2);
	put_bytes(key, strlen(key));
}

/* The members of an allocation's dict, but for the value of the last, its frames. */
static void
put_allocation(void)
{
	PUT("}(");
	put_key("action");
	put_key("alloc");
	put_key("addr");
	PUT("K\x01");
	put_key("size");
	PUT("K\x01");
	put_key("frames");
}

/* So many times two opcodes, in a list. */
static void
put_list(const char *two, size_t count)
{
	PUT("](");
	for (size_t i = 0; i < count; i++)
		put_bytes(two, 2);
	PUT("e");
}

/* What was put is refused, with a text that holds `text`. */
static void
refused(const char *text)
{
	const char *path = temp_path(".pickle");
	struct mr_snapshot *snapshot;
	struct mr_input *input;
	struct mr_error err = {0};
	enum mr_status st;

	save_file(path, made.bytes, made.length);
	ck_assert(!mr_input_open(&input, path, &err));
	st = mr_snapshot_read(&snapshot, input, true, &err);
	ck_assert_msg(st == MR_EFORMAT && strstr(err.text, text),
		"status %d, %s instead of: %s", (int)st, err.text, text);
	ck_assert_ptr_null(snapshot);
	mr_input_close(input);
	remove(path);
	free(made.bytes);
	made.bytes = NULL;
	made.length = made.space = 0;
}

START_TEST(frames_that_are_none)
{
	PUT("\x80\x04");
	put_allocation();
	PUT("](Neu.");
	refused("a frame without \"name\" and \"filename\"");
}
END_TEST

START_TEST(too_many_devices)
{
	PUT("\x80\x04}");
	put_key("device_traces");
	PUT("](");
	for (int i = 0; i < 4097; i++)
		PUT("]");
	PUT("es.");
	refused("4097 devices are too many");
}
END_TEST

/* References to one dict: they take far less in the file than in memory. */
START_TEST(notes_without_end)
{
	PUT("\x80\x04}(");
	put_key("device_traces");
	PUT("]");
	put_key("external_annotations");
	PUT("]}q\0a");
	PUT("(");
	for (int i = 0; i < 1 << 18; i++)
		PUT("h\0");
	PUT("eu.");
	refused("needs more memory than one of its length may");
}
END_TEST

START_TEST(frames_without_end)
{
	PUT("\x80\x04](}(");
	put_key("filename");
	put_key("x.py");
	PUT("uq\0");
	put_list("NN", 1 << 18); /* most of what there is is used here */
	put_list("NN", 1 << 16);
	put_allocation();
	put_list("h\0", 524000);
	PUT("ue.");
	refused("needs more memory than one of its length may");
}
END_TEST

START_TEST(lists_without_end)
{
	PUT("\x80\x04");
	put_list("NN", 600000);
	PUT(".");
	refused("needs more memory than one of its length may");
	PUT("\x80\x04");
	put_list("N\x85", 500000);
	PUT(".");
	refused("needs more memory than one of its length may");
}
END_TEST

/* What cannot be unpacked is no pickle. */
START_TEST(damaged_before_the_first_byte)
{
	struct blob blob =
		load_file(source_path("tests/corpus", "bad-gzip-method.jsonl.gz"));

	put_bytes(blob.data, blob.length);
	free(blob.data);
	refused("gzip");
}
END_TEST

/* Values that mean nothing are passed over; see make_snapshots.py. */
START_TEST(odd_values)
{
	static const char settings[] =
		"{\"PYTORCH_CUDA_ALLOC_CONF\":null,\"max_split_size\":67108864,"
		"\"garbage_collection_threshold\":0,\"expandable_segments\":false,"
		"\"deep\":[[[[[[[null]]]]]]],\"frame\":null}";
	struct mr_snapshot *s = read_snapshot("good-snapshot-odd.pickle", true);
	struct mr_torch_case of;
	char place[MR_TORCH_PLACE_SIZE], *text = cJSON_PrintUnformatted(s->settings);
	struct mr_error err;

	ck_assert_str_eq(text, settings);
	free(text);
	ck_assert_uint_eq(
		mr_snapshot_stack_frame(s, s->devices[0].events[0].stack, 0).line, 0);
	ck_assert_uint_eq(s->segments[0].pool[0], 0);
	ck_assert_uint_eq(s->blocks[0].requested, 512);
	ck_assert_uint_eq(s->blocks[1].requested, 1024);
	ck_assert(!mr_torch_case_snapshot(&of, s, NULL, &err));
	ck_assert_uint_eq(of.recording.settings.max_split_size, 64 << 20);
	ck_assert_uint_eq(of.recording.settings.large_segment, 20 << 20);
	ck_assert_uint_eq(of.recording.segment_count, 1);
	ck_assert_int_eq(of.recording.events[0].kind, MR_RECORDED_OTHER);
	ck_assert_int_eq(of.recording.events[1].kind, MR_RECORDED_ALLOC);
	ck_assert_str_eq(mr_torch_case_place(place, &of, 0), "a.py:0 f");
	ck_assert_str_eq(mr_torch_case_place(place, &of, 2), "");
	mr_torch_case_fini(&of);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("snapshot");
	TCase *tcase = tcase_create("snapshot");

	tcase_add_test(tcase, numbers);
	tcase_add_test(tcase, other_values);
	tcase_add_test(tcase, snapshot_in_full);
	tcase_add_test(tcase, snapshot_without_stacks);
	tcase_add_test(tcase, blocks_without_addresses);
	tcase_add_test(tcase, frames_that_are_none);
	tcase_add_test(tcase, too_many_devices);
	tcase_add_test(tcase, notes_without_end);
	tcase_add_test(tcase, frames_without_end);
	tcase_add_test(tcase, lists_without_end);
	tcase_add_test(tcase, damaged_before_the_first_byte);
	tcase_add_test(tcase, odd_values);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
