/* SPDX-License-Identifier: MIT */
/*
 * Reads any bytes as a trace of one format, strictly and leniently, and holds
 * the reader to what trace.h promises. The format is the end of the program's
 * name, as in fuzz_read-mrt; without one it is detected by content.
 */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "fuzz.h"
#include "memreplay/trace.h"

#define EVENTS_MAX 1000000 /* of a hostile input that unpacks to millions */

static const char *format; /* NULL: by content */

const char *const fuzz_folders[] = {"tests/corpus", "tests/fuzz/read", NULL};

const char *
fuzz_variant(size_t index)
{
	size_t count;
	const struct mr_format_info *formats = mr_formats(&count);

	return !index ? "any" : index <= count ? formats[index - 1].name : NULL;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *name = strrchr((*argv)[0], '/');
	const char *dash = strchr(name ? name : (*argv)[0], '-');

	(void)argc;
	format = dash && strcmp(dash + 1, "any") != 0 ? dash + 1 : NULL;
	return 0;
}

static void
check_error(enum mr_status st, const struct mr_error *err)
{
	REQUIRE(st == err->status);
	REQUIRE(st == MR_EFORMAT || st == MR_EIO || st == MR_ENOMEM);
	REQUIRE(memchr(err->text, '\0', sizeof(err->text)));
	REQUIRE(*err->text && !strchr(err->text, '\n'));
}

/* The events are as the rules say; the reader has promised to have checked. */
static uint64_t
read_events(struct mr_reader *reader, enum mr_status *st, struct mr_error *err)
{
	uint64_t events = 0, mallocs = 0, frees = 0, last_id = 0, last_t = 0;
	struct mr_event event;

	while (!(*st = mr_reader_next(reader, &event, err)) && events < EVENTS_MAX) {
		REQUIRE(event.op < MR_OP_COUNT);
		if (event.has & MR_HAS_T) {
			REQUIRE(event.t >= last_t);
			last_t = event.t;
		}
		if (event.op == MR_OP_MALLOC) {
			REQUIRE(!mallocs++ || event.id > last_id);
			REQUIRE(event.size <= INT64_MAX);
			last_id = event.id;
		} else if (event.op == MR_OP_FREE) {
			REQUIRE(++frees <= mallocs);
		} else if (event.op == MR_OP_MARK) {
			REQUIRE(strlen(event.name) == event.name_length);
		}
		if (event.op <= MR_OP_FREE)
			REQUIRE(event.slot < mr_reader_slots(reader));
		events++;
	}
	return events;
}

static uint64_t
read_as(const char *path, bool lenient, bool *good)
{
	struct mr_reader_options options = {.from = format, .lenient = lenient};
	struct mr_error err = {.status = MR_OK};
	struct mr_reader_summary summary;
	struct mr_reader *reader;
	uint64_t events = 0;
	enum mr_status st;

	st = mr_reader_open(&reader, path, &options, &err);
	if (!st) {
		REQUIRE(mr_reader_header(reader)->json);
		events = read_events(reader, &st, &err);
		mr_reader_summary(reader, &summary);
		REQUIRE(summary.events >= events);
	}
	*good = st == MR_END || st == MR_OK;
	if (!*good)
		check_error(st, &err);
	REQUIRE(st != MR_END || events > 0);
	mr_reader_close(reader);
	return events;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = memfd_create("fuzz", MFD_CLOEXEC);
	bool good, lenient_good;
	uint64_t events;
	char path[32];

	if (fd < 0 || write(fd, data, size) != (ssize_t)size)
		abort();
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	events = read_as(path, false, &good);
	/* whatever is read strictly is read leniently */
	REQUIRE(read_as(path, true, &lenient_good) >= events);
	REQUIRE(!good || lenient_good);
	close(fd);
	return 0;
}
