/* SPDX-License-Identifier: MIT */
#include "load.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static _Noreturn void
fail(const char *path, const char *why)
{
	fprintf(stderr, "%s: %s\n", path, why);
	exit(1);
}

char *
mr_bench_name(const char *path)
{
	const char *slash = strrchr(path, '/');
	char *name = strdup(slash ? slash + 1 : path);

	if (!name)
		fail(path, "out of memory");
	name[strcspn(name, ".")] = '\0';
	return name;
}

void
mr_load(struct mr_load *load, const char *path)
{
	struct mr_reader *reader;
	struct mr_event event;
	struct mr_error err;
	size_t space = 0;
	enum mr_status st;

	memset(load, 0, sizeof(*load));
	load->name = mr_bench_name(path);
	if (mr_reader_open(&reader, path, NULL, &err))
		fail(path, err.text);
	while (!(st = mr_reader_next(reader, &event, &err))) {
		if (load->count == space) {
			space = space * 2 + 4096;
			load->events =
				realloc(load->events, space * sizeof(*load->events));
			if (!load->events)
				fail(path, "out of memory");
		}
		/* the name of a mark would not stay */
		if (event.op != MR_OP_MARK)
			load->events[load->count++] = event;
	}
	if (st != MR_END)
		fail(path, err.text);
	mr_reader_close(reader);
}

double
mr_bench_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static int
by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double
mr_bench_median(double *values, size_t count)
{
	qsort(values, count, sizeof(*values), by_value);
	return values[count / 2];
}
