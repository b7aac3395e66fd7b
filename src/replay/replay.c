/* SPDX-License-Identifier: MIT */
#include "memreplay/replay.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/median.h"
#include "replay/preload.h"
#include "replay/program.h"
#include "replay/schedule.h"
#include "replay/spawn.h"

/* What is kept of one backend's runs until their medians are taken. */
struct runs {
	double (*figures)[MR_FIGURE_COUNT]; /* by completed run */
	struct mr_replay_thread *threads;   /* by completed run, and thread */
	char library[MR_LIBRARY_SIZE];      /* to preload; "": none */
};

struct mr_replay {
	struct mr_replay_backend *backends;
	struct runs *runs; /* by backend */
	size_t count;
	struct mr_schedule schedule;      /* of no threads: all is on one */
	struct mr_replay_thread *threads; /* by backend, and thread: medians */
	uint64_t clock_step_ns;
};

/* Before the baselines: the caching allocator and the C library's malloc. */
#define OWN_BACKENDS 2

static enum mr_status
name_backends(struct mr_replay *replay, const struct mr_replay_options *options,
	struct mr_error *err)
{
	replay->backends[0].name = mr_policy_name(&options->policy);
	replay->backends[0].caching = true;
	replay->backends[1].name = "malloc";
	for (size_t i = 0; i < options->baseline_count; i++) {
		enum mr_status st;

		replay->backends[OWN_BACKENDS + i].name = options->baselines[i];
		if ((st = mr_preload_find(replay->runs[OWN_BACKENDS + i].library,
			     options->baselines[i], options->environment, err)))
			return st;
	}
	return MR_OK;
}

static enum mr_status
set_up(struct mr_replay *replay, const struct mr_replay_options *options,
	struct mr_error *err)
{
	replay->count = OWN_BACKENDS + options->baseline_count;
	replay->backends = calloc(replay->count, sizeof(*replay->backends));
	replay->runs = calloc(replay->count, sizeof(*replay->runs));
	if (!replay->backends || !replay->runs)
		return mr_fail_memory(err);
	for (size_t i = 0; i < replay->count; i++) {
		replay->backends[i].steady = true;
		replay->runs[i].figures =
			calloc(options->runs, sizeof(*replay->runs[i].figures));
		if (!replay->runs[i].figures)
			return mr_fail_memory(err);
	}
	return name_backends(replay, options, err);
}

/* The schedule, and room for what is measured of its threads. */
static enum mr_status
set_up_threads(struct mr_replay *replay, const struct mr_program *program,
	const struct mr_replay_options *options, struct mr_error *err)
{
	enum mr_status st;
	size_t count;

	if ((st = mr_schedule_make(
		     &replay->schedule, program, options->keep_limits, err)))
		return st;
	count = replay->schedule.shape.threads;
	if (!count)
		return MR_OK;
	replay->threads = calloc(replay->count * count, sizeof(*replay->threads));
	if (!replay->threads)
		return mr_fail_memory(err);
	for (size_t i = 0; i < replay->count; i++) {
		replay->runs[i].threads =
			calloc(options->runs * count, sizeof(*replay->runs[i].threads));
		if (!replay->runs[i].threads)
			return mr_fail_memory(err);
		replay->backends[i].threads = replay->threads + i * count;
		replay->backends[i].thread_count = count;
		memcpy(replay->threads + i * count, replay->schedule.threads,
			count * sizeof(*replay->threads));
	}
	return MR_OK;
}

/* The quotient of two figures that are times; NAN where one was not measured. */
static double
quotient(double a, double b)
{
	return b > 0 ? a / b : NAN;
}

/* Sets the run on threads against the one before it, on one thread. */
static void
compare(double *figures, const double *one)
{
	figures[MR_FIGURE_ONE_WALL] = one[MR_FIGURE_WALL];
	figures[MR_FIGURE_ONE_NS_PER_EVENT] = one[MR_FIGURE_NS_PER_EVENT];
	figures[MR_FIGURE_ONE_CPU_PER_EVENT] = one[MR_FIGURE_CPU_PER_EVENT];
	figures[MR_FIGURE_SPEEDUP] =
		quotient(one[MR_FIGURE_WALL], figures[MR_FIGURE_WALL]);
	figures[MR_FIGURE_SLOWDOWN] =
		quotient(figures[MR_FIGURE_NS_PER_EVENT], one[MR_FIGURE_NS_PER_EVENT]);
	figures[MR_FIGURE_CPU_SLOWDOWN] =
		quotient(figures[MR_FIGURE_CPU_PER_EVENT], one[MR_FIGURE_CPU_PER_EVENT]);
}

/* What both children have left of each thread in the shared memory. */
static void
note_threads(struct mr_replay *replay, struct runs *runs, uint32_t run)
{
	uint32_t count = replay->schedule.shape.threads;
	struct mr_replay_thread *threads = runs->threads + (size_t)run * count;

	for (uint32_t i = 0; i < count; i++) {
		double *figures = threads[i].figures;

		threads[i] = replay->schedule.threads[i];
		figures[MR_THREAD_SLOWDOWN] =
			quotient(figures[MR_THREAD_CALL], figures[MR_THREAD_ONE_CALL]);
	}
}

/* How a child ended. */
struct child_end {
	struct mr_answer answer;
	char text[MR_REPLAY_EXIT_SIZE];
};

/* How far all runs have come. */
struct progress {
	const struct mr_replay_options *options;
	uint64_t before; /* operations of the runs that are done */
	uint64_t all;
};

static void
tell(void *context, uint64_t done)
{
	const struct progress *progress = context;

	progress->options->progress(progress->options->progress_context,
		(double)(progress->before + done) / (double)progress->all);
}

/* One child, on threads or on one. end: see mr_spawn(). */
static enum mr_status
run_child(struct mr_replay *replay, size_t index, const struct mr_program *program,
	struct progress *progress, struct child_end *out, bool on_threads,
	struct mr_error *err)
{
	const struct mr_replay_backend *backend = &replay->backends[index];
	const struct mr_replay_options *options = progress->options;
	struct mr_order order = {
		.struct_size = sizeof(order),
		.kind = backend->caching ? MR_ORDER_CACHING : MR_ORDER_MALLOC,
		.touch = options->touch,
		.timing = options->timing,
		.keep_limits = options->keep_limits,
		.tell_progress = options->progress,
		.slots = program->slots,
		.operations = program->count,
		.policy = options->policy,
		.shape = replay->schedule.shape,
		.on_threads = on_threads,
	};
	const struct mr_start start = {
		.order = &order,
		.memory_fd = program->fd,
		.schedule_fd = replay->schedule.fd,
		.environment = options->environment,
		.progress = options->progress ? tell : NULL,
		.context = progress,
	};
	uint64_t step;
	enum mr_status st;

	memcpy(order.library, replay->runs[index].library, MR_LIBRARY_SIZE);
	if ((st = mr_spawn(&out->answer, out->text, &start, err)))
		return st;
	step = out->answer.clock_step_ns;
	if (step && (!replay->clock_step_ns || step < replay->clock_step_ns))
		replay->clock_step_ns = step;
	progress->before += program->count;
	return MR_OK;
}

static void
forget_threads(struct mr_schedule *schedule)
{
	for (uint32_t i = 0; i < schedule->shape.threads; i++)
		for (int j = 0; j < MR_THREAD_FIGURE_COUNT; j++)
			schedule->threads[i].figures[j] = NAN;
}

/* The last result in the recorded order; whether it is as those before it. */
static void
note_result(struct mr_replay_backend *backend, const struct mr_answer *answer)
{
	if (backend->caching && backend->completed &&
		memcmp(&backend->result, &answer->result, sizeof(answer->result)) != 0)
		backend->steady = false;
	backend->result = answer->result;
}

static enum mr_status
run_once(struct mr_replay *replay, size_t index, const struct mr_program *program,
	struct progress *progress, struct mr_error *err)
{
	struct mr_replay_backend *backend = &replay->backends[index];
	struct runs *runs = &replay->runs[index];
	bool failed_before = backend->exit[0] && strcmp(backend->exit, "exit 0") != 0;
	struct child_end one, last;
	enum mr_status st;

	forget_threads(&replay->schedule);
	if ((st = run_child(replay, index, program, progress, &one, false, err)))
		return st;
	last = one;
	if (progress->options->threads && one.answer.done) {
		if ((st = run_child(replay, index, program, progress, &last, true, err)))
			return st;
		compare(last.answer.figures, one.answer.figures);
	}
	if (!failed_before)
		memcpy(backend->exit, last.text, MR_REPLAY_EXIT_SIZE);
	if (!last.answer.done)
		return MR_OK;
	note_result(backend, &one.answer);
	if (progress->options->threads) {
		backend->threads_result = last.answer.result;
		if (backend->thread_count)
			note_threads(replay, runs, backend->completed);
	}
	memcpy(runs->figures[backend->completed++], last.answer.figures,
		sizeof(last.answer.figures));
	return MR_OK;
}

/* The median of the values that were measured, which it sorts; NAN: none was. */
static double
median(double *values, uint32_t count)
{
	uint32_t measured = 0;

	for (uint32_t i = 0; i < count; i++)
		if (!isnan(values[i]))
			values[measured++] = values[i];
	return measured ? mr_median(values, measured) : NAN;
}

static void
take_medians(struct mr_replay_backend *backend, const struct runs *runs, double *values)
{
	uint32_t count = backend->completed;

	for (int figure = 0; figure < MR_FIGURE_COUNT; figure++) {
		for (uint32_t i = 0; i < count; i++)
			values[i] = runs->figures[i][figure];
		backend->figures[figure] = median(values, count);
		if (count && figure == MR_FIGURE_WALL_MIN)
			backend->figures[figure] = values[0];
		if (count && figure == MR_FIGURE_WALL_MAX)
			backend->figures[figure] = values[count - 1];
	}
}

static void
take_thread_medians(struct mr_replay *replay, size_t index, double *values)
{
	uint32_t threads = replay->schedule.shape.threads;
	uint32_t count = replay->backends[index].completed;
	const struct mr_replay_thread *runs = replay->runs[index].threads;

	for (uint32_t i = 0; i < threads; i++)
		for (int figure = 0; figure < MR_THREAD_FIGURE_COUNT; figure++) {
			for (uint32_t run = 0; run < count; run++)
				values[run] = runs[run * threads + i].figures[figure];
			replay->threads[index * threads + i].figures[figure] =
				median(values, count);
		}
}

static enum mr_status
run_all(struct mr_replay *replay, const struct mr_program *program,
	const struct mr_replay_options *options, struct mr_error *err)
{
	struct progress progress = {.options = options,
		.all = options->runs * replay->count * program->count *
			(options->threads ? 2 : 1)};
	double *values = calloc(options->runs, sizeof(*values));
	enum mr_status st = values ? MR_OK : mr_fail_memory(err);

	for (uint32_t run = 0; run < options->runs && !st; run++)
		for (size_t i = 0; i < replay->count && !st; i++)
			st = run_once(replay, i, program, &progress, err);
	for (size_t i = 0; i < replay->count && !st; i++) {
		take_medians(&replay->backends[i], &replay->runs[i], values);
		if (replay->backends[i].thread_count)
			take_thread_medians(replay, i, values);
	}
	free(values);
	return st;
}

enum mr_status
mr_replay_check_baseline(
	const char *baseline, char *const *environment, struct mr_error *err)
{
	char path[MR_LIBRARY_SIZE];

	return mr_preload_find(path, baseline, environment, err);
}

enum mr_status
mr_replay_run(struct mr_replay **out, const struct mr_program *program,
	const struct mr_replay_options *options, struct mr_error *err)
{
	struct mr_replay *replay = NULL;
	enum mr_status st;

	*out = NULL;
	if (options->struct_size != sizeof(*options))
		return mr_fail(err, MR_EINVAL, "mr_replay_options of unknown size %zu",
			options->struct_size);
	if (!options->runs)
		return mr_fail(err, MR_EINVAL, "0 runs: expected at least 1");
	replay = calloc(1, sizeof(*replay));
	if (!replay)
		return mr_fail_memory(err);
	replay->schedule.fd = -1;
	if ((st = set_up(replay, options, err)) ||
		(options->threads &&
			(st = set_up_threads(replay, program, options, err))) ||
		(st = run_all(replay, program, options, err)))
		goto out;
	*out = replay;
	return MR_OK;
out:
	mr_replay_free(replay);
	return st;
}

const struct mr_replay_backend *
mr_replay_backends(const struct mr_replay *replay, size_t *count)
{
	*count = replay->count;
	return replay->backends;
}

uint64_t
mr_replay_clock_step(const struct mr_replay *replay)
{
	return replay->clock_step_ns;
}

uint64_t
mr_replay_stretches(const struct mr_replay *replay)
{
	return replay->schedule.shape.stretches;
}

void
mr_replay_free(struct mr_replay *replay)
{
	if (!replay)
		return;
	for (size_t i = 0; replay->runs && i < replay->count; i++) {
		free(replay->runs[i].figures);
		free(replay->runs[i].threads);
	}
	mr_schedule_fini(&replay->schedule);
	free(replay->threads);
	free(replay->runs);
	free(replay->backends);
	free(replay);
}
