/* SPDX-License-Identifier: MIT */

/*
 * A sweep of 64 limits from the file on, on one and on two threads, beside 64
 * single simulations of the same events, each of which reads the file too.
 */

#include <stdio.h>
#include <stdlib.h>

#include "load.h"
#include "memreplay/sim.h"
#include "memreplay/sweep.h"

#define LIMITS 64
#define PASSES 15

/*
 * Not the median: what else runs on the machine only takes time, and keeps two
 * threads from running at once.
 */
static double
fastest(const double *values, size_t count)
{
	double least = values[0];

	for (size_t i = 1; i < count; i++)
		if (values[i] < least)
			least = values[i];
	return least;
}

static enum mr_status
next_event(void *source, struct mr_event *event, struct mr_error *err)
{
	return mr_reader_next(source, event, err);
}

static bool
help(void *source)
{
	return mr_reader_help(source);
}

static struct mr_reader *
open_trace(const char *path, bool ahead)
{
	const struct mr_reader_options options = {.ahead = ahead};
	struct mr_reader *reader;

	if (mr_reader_open(&reader, path, &options, NULL))
		exit(1);
	return reader;
}

static uint64_t
limit_at(int i)
{
	return (uint64_t)i << 21;
}

/* ns for all limits. */
static double
time_sweep(const char *path, const struct mr_policy *policy, unsigned jobs)
{
	uint64_t limits[LIMITS];
	const struct mr_sweep_options options = {
		.limits = limits, .limit_count = LIMITS, .jobs = jobs, .help = help};
	double start = mr_bench_now();
	struct mr_reader *reader = open_trace(path, jobs > 1);
	const struct mr_point *points;
	struct mr_sweep *sweep;
	size_t count;

	for (int i = 0; i < LIMITS; i++)
		limits[i] = limit_at(i);
	if (mr_sweep_new(&sweep, policy, &options, NULL) ||
		mr_sweep_run(sweep, next_event, reader, NULL) ||
		mr_sweep_points(sweep, &points, &count, NULL))
		exit(1);
	mr_sweep_free(sweep);
	mr_reader_close(reader);
	return mr_bench_now() - start;
}

static double
time_singles(const char *path, struct mr_policy policy)
{
	double start = mr_bench_now();

	for (int i = 0; i < LIMITS; i++) {
		struct mr_reader *reader = open_trace(path, false);
		struct mr_event event;
		struct mr_sim *sim;

		policy.cache_limit = limit_at(i);
		if (mr_sim_new(&sim, &policy, false, NULL))
			exit(1);
		while (!mr_reader_next(reader, &event, NULL))
			if (mr_sim_step(sim, &event, NULL, NULL))
				exit(1);
		mr_sim_free(sim);
		mr_reader_close(reader);
	}
	return mr_bench_now() - start;
}

int
main(int argc, char **argv)
{
	printf("sweep: %d limits from 0 to 126 MiB, reading included; fastest of %d\n\n",
		LIMITS, PASSES);
	printf("%-20s %16s %16s %10s %14s\n", "trace", "1 job, M lim-ev/s", "2 jobs",
		"2 / 1", "64 singles / 1");
	for (int i = 1; i < argc; i++) {
		double one[PASSES], two[PASSES], singles[PASSES], events;
		struct mr_policy policy;
		struct mr_load load;

		if (mr_policy_init(&policy, "mlx-cpu", NULL))
			return 1;
		mr_load(&load, argv[i]);
		events = (double)load.count * LIMITS;
		for (int pass = 0; pass < PASSES; pass++) {
			one[pass] = time_sweep(argv[i], &policy, 1);
			two[pass] = time_sweep(argv[i], &policy, 2);
			singles[pass] = time_singles(argv[i], policy);
		}
		printf("%-20s %16.0f %16.0f %10.2f %14.1f\n", load.name,
			events * 1e3 / fastest(one, PASSES),
			events * 1e3 / fastest(two, PASSES),
			fastest(one, PASSES) / fastest(two, PASSES),
			fastest(singles, PASSES) / fastest(one, PASSES));
		mr_load_free(&load);
	}
	return 0;
}
