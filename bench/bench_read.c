/* SPDX-License-Identifier: MIT */

/*
 * How fast traces are read: opens each file given several times, takes every
 * event, and prints the median. Time is that of the processor, so that a busy
 * machine disturbs it little.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "memreplay/trace.h"

#define PASSES 9

static double
now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e9 + (double)ts.tv_nsec;
}

static int
by_value(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Reads the file once; false after a message if that fails. */
static bool
read_once(const char *path, uint64_t *events)
{
	struct mr_error err = {.status = MR_OK};
	struct mr_reader *reader;
	struct mr_event event;
	enum mr_status st;

	*events = 0;
	st = mr_reader_open(&reader, path, NULL, &err);
	while (!st) {
		st = mr_reader_next(reader, &event, &err);
		*events += !st;
	}
	mr_reader_close(reader);
	if (st == MR_END)
		return true;
	fprintf(stderr, "bench_read: %s: %s (%d:%" PRIu64 ")\n", path, err.text,
		(int)err.place, err.where);
	return false;
}

static bool
measure(const char *path)
{
	double took[PASSES];
	uint64_t events;
	const char *name = strrchr(path, '/');

	for (int pass = 0; pass < PASSES; pass++) {
		double begin = now_ns();

		if (!read_once(path, &events))
			return false;
		took[pass] = now_ns() - begin;
	}
	qsort(took, PASSES, sizeof(took[0]), by_value);
	printf("%-36s %9" PRIu64 " events %8.1f ns/event %8.2f Mevents/s\n",
		name ? name + 1 : path, events, took[PASSES / 2] / (double)events,
		(double)events * 1e3 / took[PASSES / 2]);
	return true;
}

int
main(int argc, char **argv)
{
	bool good = true;

	for (int i = 1; i < argc; i++)
		good = measure(argv[i]) && good;
	return good ? EXIT_SUCCESS : EXIT_FAILURE;
}
