/* SPDX-License-Identifier: MIT */

/*
 * speed TRACE... [SNAPSHOT...]: how fast traces are simulated, swept and read,
 * on one core where nothing else is said. A row is a thing that is done, a
 * column a trace; each cell has the median of some passes, which take turns with
 * those of all other cells, and the slowest and fastest of them. What is short is
 * done over and over in a pass, and so is measured with warm caches.
 *
 * SNAPSHOT is a memory snapshot of PyTorch (.pickle.gz).
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "load.h"
#include "memreplay/detail.h"
#include "memreplay/sim.h"
#include "memreplay/sweep.h"
#include "sim/torchload.h"
#include "sim/torchrun.h"

#define PASSES    9
#define PASS_NS   5e7
#define MOST      8 /* traces, or snapshots */
#define LIMITS    64
#define PATH_SIZE 4096

/* A trace, in the forms in which it is needed. */
struct subject {
	const char *path;
	struct mr_load load;
	char text_path[PATH_SIZE]; /* the same in JSON Lines */
	struct mr_torch_case torch;
};

static void
check(enum mr_status st, const struct mr_error *err)
{
	if (!st)
		return;
	fprintf(stderr, "speed: %s\n", err->text);
	exit(1);
}

static struct mr_policy
policy_at(uint64_t limit)
{
	struct mr_policy policy;
	struct mr_error err;

	check(mr_policy_init(&policy, "mlx-cpu", &err), &err);
	policy.cache_limit = limit;
	return policy;
}

static double
simulate(const struct subject *subject, uint64_t limit)
{
	struct mr_policy policy = policy_at(limit);
	struct mr_error err;
	struct mr_sim *sim;

	check(mr_sim_new(&sim, &policy, true, &err), &err);
	check(mr_sim_run(sim, subject->load.events, subject->load.count, &err), &err);
	mr_sim_free(sim);
	return (double)subject->load.count;
}

static double
simulate_unlimited(const struct subject *subject)
{
	return simulate(subject, MR_UNLIMITED);
}

static double
simulate_limited(const struct subject *subject)
{
	return simulate(subject, UINT64_C(32) << 20);
}

static double
simulate_in_detail(const struct subject *subject)
{
	struct mr_policy policy = policy_at(UINT64_C(32) << 20);
	struct mr_detail *detail;
	struct mr_error err;

	check(mr_detail_new(&detail, &policy, true, &err), &err);
	check(mr_detail_run(detail, subject->load.events, subject->load.count, &err),
		&err);
	mr_detail_free(detail);
	return (double)subject->load.count;
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

/* 64 limits from 0 to 126 MiB, reading included. */
static double
sweep(const struct subject *subject, unsigned jobs)
{
	const struct mr_reader_options reading = {.ahead = jobs > 1};
	uint64_t limits[LIMITS];
	const struct mr_sweep_options options = {
		.limits = limits, .limit_count = LIMITS, .jobs = jobs, .help = help};
	struct mr_policy policy = policy_at(0);
	struct mr_reader *reader;
	struct mr_sweep *sweep;
	struct mr_error err;

	for (int i = 0; i < LIMITS; i++)
		limits[i] = (uint64_t)i << 21;
	check(mr_reader_open(&reader, subject->path, &reading, &err), &err);
	check(mr_sweep_new(&sweep, &policy, &options, &err), &err);
	check(mr_sweep_run(sweep, next_event, reader, &err), &err);
	mr_sweep_free(sweep);
	mr_reader_close(reader);
	return (double)subject->load.count * LIMITS;
}

static double
sweep_alone(const struct subject *subject)
{
	return sweep(subject, 1);
}

static double
sweep_together(const struct subject *subject)
{
	return sweep(subject, 2);
}

static double
read_file(const char *path)
{
	struct mr_reader *reader;
	struct mr_event event;
	struct mr_error err;
	uint64_t count = 0;
	enum mr_status st;

	check(mr_reader_open(&reader, path, NULL, &err), &err);
	while (!(st = mr_reader_next(reader, &event, &err)))
		count++;
	check(st == MR_END ? MR_OK : st, &err);
	mr_reader_close(reader);
	return (double)count;
}

static double
read_binary(const struct subject *subject)
{
	return read_file(subject->path);
}

static double
read_text(const struct subject *subject)
{
	return read_file(subject->text_path);
}

static void
load_snapshot(struct subject *subject)
{
	struct mr_snapshot *snapshot;
	struct mr_input *input;
	struct mr_error err;

	subject->load.name = mr_bench_name(subject->path);
	check(mr_input_open(&input, subject->path, &err), &err);
	check(mr_snapshot_read(&snapshot, input, true, &err), &err);
	mr_input_close(input);
	check(mr_torch_case_snapshot(&subject->torch, snapshot, NULL, &err), &err);
}

/* Until it is done, or memory runs out. */
static double
run_torch(const struct subject *subject, const struct mr_torch_settings *settings)
{
	struct mr_torch_run run;
	struct mr_error err;
	size_t done;

	check(mr_torch_run_init(&run, settings, NULL, &err), &err);
	check(mr_torch_run_script(&run, &subject->torch.script, MR_TORCH_REBUILT, &err),
		&err);
	done = run.at;
	mr_torch_run_fini(&run);
	return (double)done;
}

static double
run_torch_as_it_was(const struct subject *subject)
{
	return run_torch(subject, &subject->torch.recording.settings);
}

static double
run_torch_expandable(const struct subject *subject)
{
	struct mr_torch_settings settings = subject->torch.recording.settings;

	settings.memory = MR_UNLIMITED;
	settings.expandable = 1;
	return run_torch(subject, &settings);
}

/* 8 of max_split_size, each in 8 devices, reading included. */
static double
sweep_torch(const struct subject *subject)
{
	struct subject copy = {.path = subject->path};
	double ops = 0;

	load_snapshot(&copy);
	for (uint64_t i = 0; i < LIMITS; i++) {
		struct mr_torch_settings settings = copy.torch.recording.settings;

		settings.max_split_size = (32 + i % 8 * 32) << 20;
		settings.memory = (i / 8 + 1) << 30;
		ops += run_torch(&copy, &settings);
	}
	mr_torch_case_fini(&copy.torch);
	return ops;
}

/* Something that is done with a subject; returns how many events that was. */
struct row {
	const char *name;
	const char *goal; /* million a second */
	double (*run)(const struct subject *subject);
};

static const struct row trace_rows[] = {
	{"simulate, no limit", "100", simulate_unlimited},
	{"simulate, 32 MiB", "100", simulate_limited},
	{"simulate in detail", "", simulate_in_detail},
	{"sweep 64 limits", "100", sweep_alone},
	{"the same, 2 jobs", "", sweep_together},
	{"read .mrt.gz", "20", read_binary},
	{"read .jsonl.gz", "1", read_text},
};
static const struct row torch_rows[] = {
	{"as it was", "", run_torch_as_it_was},
	{"expandable segments", "", run_torch_expandable},
	{"64 settings, reading", "", sweep_torch},
};
#define MOST_ROWS 7

static void
print_row(const struct row *row, double speeds[MOST][PASSES], size_t count)
{
	printf("%-20s %4s", row->name, row->goal);
	for (size_t s = 0; s < count; s++) {
		double median = mr_bench_median(speeds[s], PASSES);
		int digits = median < 20;
		char range[32];

		snprintf(range, sizeof(range), "%.*f-%.*f", digits, speeds[s][0], digits,
			speeds[s][PASSES - 1]);
		printf(" %7.*f %-9s", digits, median, range);
	}
	printf("\n");
}

/* Of one pass. */
static double
speed_of(const struct row *row, const struct subject *subject)
{
	double start = mr_bench_now(), took, events = 0;

	do {
		events += row->run(subject);
		took = mr_bench_now() - start;
	} while (took < PASS_NS);
	return events * 1e3 / took;
}

static void
print_table(const char *title, const struct row *rows, size_t row_count,
	const struct subject *subjects, size_t count)
{
	double speeds[MOST_ROWS][MOST][PASSES];

	for (int pass = 0; pass < PASSES; pass++)
		for (size_t r = 0; r < row_count; r++)
			for (size_t s = 0; s < count; s++) {
				speeds[r][s][pass] = speed_of(&rows[r], &subjects[s]);
			}
	printf("%s\n%-20s %4s", title, "", "goal");
	for (size_t s = 0; s < count; s++)
		printf(" %17.17s", subjects[s].load.name);
	printf("\n");
	for (size_t r = 0; r < row_count; r++)
		print_row(&rows[r], speeds[r], count);
}

/* Writes the trace as text into the folder, for reading it. */
static void
load_trace(struct subject *subject, const char *folder)
{
	struct mr_writer *writer;
	struct mr_error err;

	mr_load(&subject->load, subject->path);
	snprintf(subject->text_path, PATH_SIZE, "%s/%s.jsonl.gz", folder,
		subject->load.name);
	check(mr_writer_open(&writer, subject->text_path, NULL, "{}", &err), &err);
	for (size_t i = 0; i < subject->load.count; i++)
		check(mr_writer_put(writer, &subject->load.events[i], &err), &err);
	check(mr_writer_finish(writer, NULL, &err), &err);
}

int
main(int argc, char **argv)
{
	static struct subject traces[MOST], snapshots[MOST];
	size_t trace_count = 0, snapshot_count = 0;
	char folder[] = "speed-XXXXXX";

	if (!mkdtemp(folder)) {
		perror("speed");
		return 1;
	}
	for (int i = 1; i < argc; i++) {
		bool is_snapshot = strstr(argv[i], ".pickle");
		struct subject *subject = is_snapshot ? &snapshots[snapshot_count++]
						      : &traces[trace_count++];

		subject->path = argv[i];
		if (is_snapshot)
			load_snapshot(subject);
		else
			load_trace(subject, folder);
	}
	print_table(
		"million events a second (of a sweep: times limits); median of 9, range",
		trace_rows, sizeof(trace_rows) / sizeof(trace_rows[0]), traces,
		trace_count);
	print_table("\nPyTorch's rules: million requests and frees a second", torch_rows,
		sizeof(torch_rows) / sizeof(torch_rows[0]), snapshots, snapshot_count);
	for (size_t i = 0; i < trace_count; i++)
		remove(traces[i].text_path);
	remove(folder);
	return 0;
}
