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
#include "replay/spawn.h"

/* What is kept of one backend's runs until their medians are taken. */
struct runs {
	double (*figures)[MR_FIGURE_COUNT]; /* by completed run */
	char library[MR_LIBRARY_SIZE];      /* to preload; "": none */
};

struct mr_replay {
	struct mr_replay_backend *backends;
	struct runs *runs; /* by backend */
	size_t count;
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

static void
note_run(struct mr_replay_backend *backend, struct runs *runs,
	const struct mr_answer *answer, const char *end)
{
	bool failed_before = backend->exit[0] && strcmp(backend->exit, "exit 0") != 0;

	if (!failed_before)
		memcpy(backend->exit, end, MR_REPLAY_EXIT_SIZE);
	if (!answer->done)
		return;
	if (backend->caching && backend->completed &&
		memcmp(&backend->result, &answer->result, sizeof(answer->result)) != 0)
		backend->steady = false;
	backend->result = answer->result;
	memcpy(runs->figures[backend->completed++], answer->figures,
		sizeof(answer->figures));
}

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

static enum mr_status
run_once(struct mr_replay *replay, size_t index, const struct mr_program *program,
	struct progress *progress, struct mr_error *err)
{
	struct mr_replay_backend *backend = &replay->backends[index];
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
	};
	const struct mr_start start = {
		.order = &order,
		.memory_fd = program->fd,
		.environment = options->environment,
		.progress = options->progress ? tell : NULL,
		.context = progress,
	};
	struct mr_answer answer;
	char end[MR_REPLAY_EXIT_SIZE];
	enum mr_status st;

	memcpy(order.library, replay->runs[index].library, MR_LIBRARY_SIZE);
	if ((st = mr_spawn(&answer, end, &start, err)))
		return st;
	if (answer.clock_step_ns &&
		(!replay->clock_step_ns || answer.clock_step_ns < replay->clock_step_ns))
		replay->clock_step_ns = answer.clock_step_ns;
	note_run(backend, &replay->runs[index], &answer, end);
	progress->before += program->count;
	return MR_OK;
}

/* Figures are either there in all runs or in none. */
static enum mr_status
take_medians(
	struct mr_replay_backend *backend, const struct runs *runs, struct mr_error *err)
{
	uint32_t count = backend->completed;
	double *values = calloc(count ? count : 1, sizeof(*values));

	if (!values)
		return mr_fail_memory(err);
	for (int figure = 0; figure < MR_FIGURE_COUNT; figure++) {
		for (uint32_t i = 0; i < count; i++)
			values[i] = runs->figures[i][figure];
		backend->figures[figure] = NAN;
		if (!count)
			continue;
		backend->figures[figure] = mr_median(values, count);
		/* it has sorted them */
		if (figure == MR_FIGURE_WALL_MIN)
			backend->figures[figure] = values[0];
		if (figure == MR_FIGURE_WALL_MAX)
			backend->figures[figure] = values[count - 1];
	}
	free(values);
	return MR_OK;
}

static enum mr_status
run_all(struct mr_replay *replay, const struct mr_program *program,
	const struct mr_replay_options *options, struct mr_error *err)
{
	struct progress progress = {.options = options,
		.all = options->runs * replay->count * program->count};
	enum mr_status st;

	for (uint32_t run = 0; run < options->runs; run++)
		for (size_t i = 0; i < replay->count; i++)
			if ((st = run_once(replay, i, program, &progress, err)))
				return st;
	for (size_t i = 0; i < replay->count; i++)
		if ((st = take_medians(&replay->backends[i], &replay->runs[i], err)))
			return st;
	return MR_OK;
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
	if ((st = set_up(replay, options, err)) ||
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

void
mr_replay_free(struct mr_replay *replay)
{
	if (!replay)
		return;
	for (size_t i = 0; replay->runs && i < replay->count; i++)
		free(replay->runs[i].figures);
	free(replay->runs);
	free(replay->backends);
	free(replay);
}
