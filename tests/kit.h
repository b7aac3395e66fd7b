/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_KIT_H
#define MR_TESTS_KIT_H

/* What the tests of traces share: whole traces in memory, and files. */

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/trace.h"

/* As ck_assert_msg(), but for long loops: it costs nothing while all is well. */
#define REQUIRE(condition, ...)                                                          \
	do {                                                                             \
		if (!(condition))                                                        \
			ck_abort_msg(__VA_ARGS__);                                       \
	} while (0)

/* Bytes with their length. */
struct blob {
	unsigned char *data;
	size_t length;
};

/* A whole file; data is NULL if there is none. */
struct blob load_file(const char *path);
/* The same after gunzip, at most 1 MiB. */
struct blob load_plain(const char *path);

void save_file(const char *path, const void *data, size_t length);

/* A name for a file of this test in the working directory; static storage. */
const char *temp_path(const char *suffix);

/* The file in a folder of the source tree; static storage. */
const char *source_path(const char *folder, const char *name);

/* A trace in memory, or how far reading it came. */
struct trace {
	struct mr_event *events; /* names are copies */
	size_t count;
	char *header;
	char *trailer;
	enum mr_status status; /* with which it ended */
	struct mr_error err;
	struct mr_reader_summary summary; /* its strings: see header, trailer */
	uint32_t slots;
};

struct trace read_trace(const char *path);
struct trace read_trace_as(const char *path, const struct mr_reader_options *options);
void free_trace(struct trace *trace);

/* Writes events to path; fails the test if that does not work. */
void write_trace(const char *path, const char *header, const struct mr_event *events,
	size_t count);

/* Fails the test unless both have the same events, slots aside. */
void assert_same_events(const struct mr_event *a, size_t a_count,
	const struct mr_event *b, size_t b_count, const char *what);

/* A small generator for tests: the same numbers for the same seed. */
uint64_t next_random(uint64_t *state);

/*
 * Makes count random events of a valid trace, with all kinds of optional
 * fields, numbers at most `largest`. Names are static.
 */
void make_events(struct mr_event *events, size_t count, uint64_t largest, uint64_t seed);

#define TEST_HEADER "{\"format\":\"alloc-trace\",\"version\":1,\"source\":\"test\"}"

#endif
