/* SPDX-License-Identifier: MIT */
#include "kit.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include "trace/event.h"

struct blob
load_file(const char *path)
{
	struct blob blob = {NULL, 0};
	FILE *file = fopen(path, "rb");
	size_t space = 0, got;

	if (!file)
		return blob;
	do {
		if (blob.length == space) {
			space = space ? space * 2 : 65536;
			blob.data = realloc(blob.data, space);
			ck_assert_ptr_nonnull(blob.data);
		}
		got = fread(blob.data + blob.length, 1, space - blob.length, file);
		blob.length += got;
	} while (got);
	fclose(file);
	return blob;
}

struct blob
load_plain(const char *path)
{
	const size_t space = 1024 * 1024;
	struct blob blob = {malloc(space), 0};
	gzFile file = gzopen(path, "rb");
	int got;

	ck_assert(file && blob.data);
	got = gzread(file, blob.data, (unsigned)space);
	ck_assert_int_ge(got, 0);
	ck_assert_uint_lt((size_t)got, space);
	ck_assert_int_eq(gzclose(file), Z_OK);
	blob.length = (size_t)got;
	return blob;
}

void
save_file(const char *path, const void *data, size_t length)
{
	FILE *file = fopen(path, "wb");

	ck_assert_ptr_nonnull(file);
	ck_assert_uint_eq(fwrite(data, 1, length, file), length);
	ck_assert_int_eq(fclose(file), 0);
}

const char *
temp_path(const char *suffix)
{
	static char paths[8][64];
	static unsigned turn;
	char *path = paths[turn++ % 8];

	snprintf(path, sizeof(paths[0]), "test-%ld%s", (long)getpid(), suffix);
	return path;
}

const char *
source_path(const char *folder, const char *name)
{
	static char text[4096];
	const char *top = getenv("top_srcdir");

	snprintf(text, sizeof(text), "%s/%s/%s", top ? top : ".", folder, name);
	return text;
}

static void
keep_event(struct trace *trace, const struct mr_event *event)
{
	if ((trace->count & (trace->count - 1)) == 0) {
		size_t space = trace->count ? trace->count * 2 : 1;

		trace->events = realloc(trace->events, space * sizeof(*trace->events));
		ck_assert_ptr_nonnull(trace->events);
	}
	trace->events[trace->count] = *event;
	if (event->op == MR_OP_MARK) {
		REQUIRE(strlen(event->name) == event->name_length, "name of event %zu",
			trace->count + 1);
		trace->events[trace->count].name = strdup(event->name);
	}
	trace->count++;
}

struct trace
read_trace_as(const char *path, const struct mr_reader_options *options)
{
	struct trace trace = {.count = 0};
	struct mr_reader *reader;
	struct mr_event event;

	trace.status = mr_reader_open(&reader, path, options, &trace.err);
	if (trace.status) {
		ck_assert_ptr_null(reader);
		return trace;
	}
	while (!(trace.status = mr_reader_next(reader, &event, &trace.err)))
		keep_event(&trace, &event);
	ck_assert_int_eq(mr_reader_next(reader, &event, NULL), trace.status);
	trace.header = strdup(mr_reader_header(reader)->json);
	mr_reader_summary(reader, &trace.summary);
	trace.trailer = strdup(trace.summary.trailer);
	trace.slots = mr_reader_slots(reader);
	ck_assert_uint_eq(trace.summary.events, trace.count);
	mr_reader_close(reader);
	return trace;
}

struct trace
read_trace(const char *path)
{
	return read_trace_as(path, NULL);
}

void
free_trace(struct trace *trace)
{
	for (size_t i = 0; i < trace->count; i++)
		if (trace->events[i].op == MR_OP_MARK)
			free((char *)trace->events[i].name);
	free(trace->events);
	free(trace->header);
	free(trace->trailer);
}

void
write_trace(
	const char *path, const char *header, const struct mr_event *events, size_t count)
{
	struct mr_error err = {.text = ""};
	struct mr_writer *writer;

	ck_assert_msg(!mr_writer_open(&writer, path, NULL, header, &err), "%s", err.text);
	for (size_t i = 0; i < count; i++)
		REQUIRE(!mr_writer_put(writer, &events[i], &err), "event %zu: %s", i + 1,
			err.text);
	ck_assert_msg(!mr_writer_finish(writer, NULL, &err), "%s", err.text);
}

/* Whether a field is equal, as its row in the table says. */
static bool
same_field(
	const struct mr_field *field, const struct mr_event *a, const struct mr_event *b)
{
	const char *x = (const char *)a + field->offset;
	const char *y = (const char *)b + field->offset;

	switch (field->kind) {
	case MR_FIELD_U64:
	case MR_FIELD_LIMIT:
		return !memcmp(x, y, sizeof(uint64_t));
	case MR_FIELD_U32:
	case MR_FIELD_I32:
		return !memcmp(x, y, sizeof(uint32_t));
	case MR_FIELD_BOOL:
		return *(const bool *)x == *(const bool *)y;
	case MR_FIELD_TEXT:
		return a->name_length == b->name_length && !strcmp(a->name, b->name);
	}
	return false;
}

void
assert_same_events(const struct mr_event *a, size_t a_count, const struct mr_event *b,
	size_t b_count, const char *what)
{
	ck_assert_msg(
		a_count == b_count, "%s: %zu events, not %zu", what, b_count, a_count);
	for (size_t i = 0; i < a_count; i++) {
		uint8_t has = a[i].has & mr_op_optional[a[i].op];

		REQUIRE(a[i].op == b[i].op, "%s: op of event %zu", what, i + 1);
		REQUIRE(has == b[i].has, "%s: fields of event %zu", what, i + 1);
		for (size_t row = 0; row < MR_FIELD_COUNT; row++) {
			const struct mr_field *field = &mr_fields[row];

			if (!(field->ops >> a[i].op & 1) ||
				(field->has && !(has & field->has)))
				continue;
			REQUIRE(same_field(field, &a[i], &b[i]), "%s: %s of event %zu",
				what, field->name, i + 1);
		}
	}
}

uint64_t
next_random(uint64_t *state)
{
	uint64_t z = *state += UINT64_C(0x9e3779b97f4a7c15); /* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return z ^ z >> 31;
}

/* Small numbers often, large ones sometimes, the largest now and then. */
static uint64_t
random_number(uint64_t *state, uint64_t largest)
{
	uint64_t bits = next_random(state) % 66;

	if (bits == 65)
		return largest;
	return bits == 64 ? 0 : (next_random(state) >> bits) % (largest / 2) + (bits & 1);
}

struct maker {
	uint64_t random;
	uint64_t largest;
	uint64_t next_id;
	uint64_t t;
	uint64_t *live;
	size_t live_count;
};

static void
make_malloc(struct maker *maker, struct mr_event *event)
{
	uint64_t *random = &maker->random;
	uint64_t largest = maker->largest < MR_SIZE_MAX ? maker->largest : MR_SIZE_MAX;

	event->op = MR_OP_MALLOC;
	if (next_random(random) % 8 == 0)
		maker->next_id += next_random(random) % 1000;
	event->id = maker->next_id++;
	event->size = random_number(random, largest);
	event->cap =
		next_random(random) % 2 ? event->size : random_number(random, largest);
	event->hit = next_random(random) & 1;
	event->align = UINT32_C(1) << next_random(random) % 32;
	event->stream = (uint32_t)random_number(random, UINT32_MAX);
	event->device = (int32_t)next_random(random);
	maker->live[maker->live_count++] = event->id;
}

static void
make_other(struct maker *maker, struct mr_event *event)
{
	static const char *const names[] = {
		"", "step 1", "\xc3\xa9t\xc3\xa9 \"\\\n", "\x01\x7f \xf0\x9f\x98\x80"};
	uint64_t *random = &maker->random;

	event->op = (uint8_t)(2 + next_random(random) % 6);
	if (event->op == MR_OP_MARK) {
		event->name = names[next_random(random) % 4];
		event->name_length = strlen(event->name);
	} else if (event->op == MR_OP_COUNTERS) {
		event->active = random_number(random, maker->largest);
		event->cached = random_number(random, maker->largest);
		event->peak = random_number(random, maker->largest);
	} else {
		event->bytes = next_random(random) % 8 == 0
			? MR_UNLIMITED
			: random_number(random, maker->largest);
	}
}

static void
make_event(struct maker *maker, struct mr_event *event)
{
	uint64_t *random = &maker->random;
	uint64_t choice = next_random(random) % 16;

	memset(event, 0, sizeof(*event));
	event->has = (uint8_t)next_random(random) & 0x7f;
	event->tid = (uint32_t)(next_random(random) % 4 ? next_random(random) % 3
							: next_random(random));
	maker->t += next_random(random) % 4 ? next_random(random) % 5000 : 0;
	event->t = maker->t;
	if (choice >= 8) {
		make_malloc(maker, event);
	} else if (choice >= 2 && maker->live_count) {
		size_t at = (size_t)(next_random(random) % maker->live_count);

		event->op = MR_OP_FREE;
		event->id = maker->live[at];
		maker->live[at] = maker->live[--maker->live_count];
	} else {
		make_other(maker, event);
	}
}

void
make_events(struct mr_event *events, size_t count, uint64_t largest, uint64_t seed)
{
	struct maker maker = {.random = seed, .largest = largest, .next_id = seed % 2};

	maker.live = calloc(count, sizeof(*maker.live));
	ck_assert_ptr_nonnull(maker.live);
	for (size_t i = 0; i < count; i++)
		make_event(&maker, &events[i]);
	free(maker.live);
}
