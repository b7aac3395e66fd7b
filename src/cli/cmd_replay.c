/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/setup.h"
#include "cli/source.h"
#include "memreplay/replay.h"
#include "memreplay/sim.h"
#include "report/replay.h"
#include "report/result.h"

#define MOST_METRICS 128

_Static_assert(
	MR_REPLAY_BACKENDS == MR_TEXTS_MAX + 2, "one for each --baseline, and ours");

struct replay_options {
	struct mr_texts baselines;
	int touch;
	int timing;
	struct mr_number runs;
	bool threads;
	bool force;
};

struct options {
	struct mr_source_options input;
	struct mr_policy_options policy;
	struct mr_limit_options limits;
	struct replay_options replay;
	struct mr_format_options format;
	struct mr_expect_options expect;
};

static const char *
touch_name(size_t index)
{
	static const char *const names[] = {[MR_TOUCH_NONE] = "none",
		[MR_TOUCH_PAGE] = "page",
		[MR_TOUCH_FULL] = "full",
		NULL};

	return names[index];
}

static const char *
timing_name(size_t index)
{
	static const char *const names[] = {
		[MR_TIMING_CALLS] = "calls", [MR_TIMING_LOOP] = "loop", NULL};

	return names[index];
}

static const struct mr_option rows[] = {
	{MR_OPTION_LIST, 'b', "baseline", "MALLOC",
		.offset = offsetof(struct replay_options, baselines),
		.help = "another malloc to replay on besides the C library's: jemalloc, "
			"mimalloc, tcmalloc, or the path of a shared library to preload; "
			"may be given more than once"},
	{MR_OPTION_CHOICE, 't', "touch", "WHAT", "page", .choices = touch_name,
		.offset = offsetof(struct replay_options, touch),
		.help = "what is written to each block: nothing, a byte in each page of "
			"the requested size, or all of it"},
	{MR_OPTION_COUNT, 'r', "runs", "N", "1", .min = 1, .max = 10000,
		.offset = offsetof(struct replay_options, runs),
		.help = "runs of each backend, in turns; medians are printed, of an even "
			"number the mean of the middle two"},
	{MR_OPTION_FLAG, 0, "threads", .offset = offsetof(struct replay_options, threads),
		.help = "replay each recorded thread on a thread of its own, and before "
			"that all on one, to compare"},
	{MR_OPTION_CHOICE, 0, "timing", "HOW", "calls", .choices = timing_name,
		.offset = offsetof(struct replay_options, timing),
		.help = "take the time of each call, for percentiles, or of the whole "
			"loop only, without a clock in between"},
	{MR_OPTION_FLAG, 0, "force", .offset = offsetof(struct replay_options, force),
		.help = "replay even if the machine seems to have too little free "
			"memory"},
};
static const struct mr_option_group replay_group = {
	"Replay options", rows, sizeof(rows) / sizeof(rows[0])};

static const struct mr_option_use uses[] = {
	{&mr_source_group, offsetof(struct options, input)},
	{&mr_policy_group, offsetof(struct options, policy)},
	{&mr_limit_group, offsetof(struct options, limits)},
	{&replay_group, offsetof(struct options, replay)},
	{&mr_format_group, offsetof(struct options, format)},
	{&mr_expect_group, offsetof(struct options, expect)},
	{0},
};

/* The metrics of a result, and behind them the figures of a replay. */
struct metrics {
	struct mr_metric rows[MOST_METRICS];
	size_t count;
	size_t figures_from;
};

static void
metrics_init(struct metrics *metrics)
{
	const struct mr_metric *own = mr_metrics(&metrics->figures_from);

	memcpy(metrics->rows, own, metrics->figures_from * sizeof(*own));
	metrics->count = metrics->figures_from;
	for (int i = 0; i < MR_FIGURE_COUNT; i++)
		metrics->rows[metrics->count++] = (struct mr_metric){
			.name = mr_figures()[i].name, .unit = mr_figures()[i].unit};
}

struct job {
	const struct options *options;
	struct metrics metrics;
	struct mr_expects expects;
	struct mr_setup setup;
	struct mr_source input;
	struct mr_program *program;
	struct mr_result simulated;
};

static enum mr_status
parse_expects(struct job *job, struct mr_error *err)
{
	metrics_init(&job->metrics);
	return mr_expects_parse_on(&job->expects, &job->options->expect,
		job->metrics.rows, job->metrics.count, MR_CACHE_SECTIONS, err);
}

/* Reads the trace into the program, and simulates it on the way. */
static int
load(struct job *job)
{
	struct mr_source *input = &job->input;
	struct mr_sim *sim = NULL;
	enum mr_status st;

	if ((st = mr_setup_make(&job->setup, &job->options->policy, &job->options->limits,
		     mr_reader_header(input->reader), &input->err)) ||
		(st = mr_sim_new(&sim, &job->setup.policy, job->setup.keep_limits,
			 &input->err)) ||
		(st = mr_program_new(&job->program, &input->err)))
		goto out;
	while (!(st = mr_source_next(input))) {
		if ((st = mr_sim_run(sim, input->events, input->count, &input->err)))
			goto out;
		for (size_t i = 0; i < input->count; i++)
			if ((st = mr_program_add(
				     job->program, &input->events[i], &input->err)))
				goto out;
	}
	if (st == MR_END) {
		mr_source_remark(input);
		mr_setup_say_ignored(mr_sim_ignored_limits(sim));
		mr_sim_result(sim, &job->simulated);
	}
out:
	mr_sim_free(sim);
	return st == MR_END ? MR_EXIT_DONE : mr_source_failed(input);
}

static int
check_memory(const struct job *job)
{
	const struct replay_options *options = &job->options->replay;
	uint64_t need = mr_program_need(job->program, &job->simulated,
		(enum mr_touch)options->touch, options->threads);
	uint64_t available;
	struct mr_error err;
	char need_text[MR_TEXT_SIZE], available_text[MR_TEXT_SIZE];

	if (options->force)
		return MR_EXIT_DONE;
	if (need > PTRDIFF_MAX) {
		mr_say("%s: a replay needs %s of memory, more than a process can "
		       "address; 'memreplay simulate' needs none of it",
			mr_path_name(job->input.path), mr_size_print(need_text, need));
		return MR_EXIT_FAILED;
	}
	if (mr_memory_available(&available, &err))
		return mr_say_error(NULL, &err);
	if (need <= available)
		return MR_EXIT_DONE;
	mr_say("%s: a replay needs %s of memory and the machine has %s free; 'memreplay "
	       "simulate' needs none of it, --force replays all the same",
		mr_path_name(job->input.path), mr_size_print(need_text, need),
		mr_size_print(available_text, available));
	return MR_EXIT_FAILED;
}

/* Exact to thousandths of a ns, which is where means come from. */
static bool
figure_holds(const struct mr_expect *expect, const struct mr_replay_backend *backend,
	enum mr_figure_id figure, char found[MR_FOUND_SIZE])
{
	struct mr_cell cell = mr_replay_figure_cell(backend, figure);
	double value = backend->figures[figure];
	char raw[MR_CELL_SIZE], human[MR_CELL_SIZE];
	bool holds;

	if (isnan(value)) {
		snprintf(found, MR_FOUND_SIZE, "nothing: it was not measured");
		return false;
	}
	holds = mr_expect_holds(expect, (uint64_t)(value * 1000 + 0.5), 1000, found);
	snprintf(found, MR_FOUND_SIZE, "%s (%s)", mr_cell_raw(raw, &cell),
		mr_cell_human(human, &cell));
	return holds;
}

static int
check_expects(const struct job *job, const struct mr_replay_backend *backend)
{
	const struct mr_result *result = mr_replay_result(backend);
	int status = MR_EXIT_DONE;

	for (size_t i = 0; i < job->expects.count; i++) {
		const struct mr_expect *expect = &job->expects.items[i];
		size_t row = (size_t)(expect->metric - job->metrics.rows);
		char found[MR_FOUND_SIZE];
		bool holds;

		if (row < job->metrics.figures_from)
			holds = mr_expect_holds(expect,
				mr_metric_count(expect->metric, result),
				mr_metric_divisor(expect->metric, result), found);
		else
			holds = figure_holds(expect, backend,
				(enum mr_figure_id)(row - job->metrics.figures_from),
				found);
		if (holds)
			continue;
		mr_say("expected %s, found %s", expect->text, found);
		status = MR_EXIT_UNMET;
	}
	return status;
}

static int
print(const struct job *job, const struct mr_replay_report *report)
{
	struct mr_replay_names names;
	struct mr_doc doc = {0};
	int status;

	if (job->options->format.format == MR_OUTPUT_TABLE) {
		mr_replay_table(report, stdout);
		return MR_EXIT_DONE;
	}
	if (job->options->format.format == MR_OUTPUT_CSV) {
		mr_replay_csv(report, stdout);
		return MR_EXIT_DONE;
	}
	mr_doc_add_trace(&doc, job->input.path, job->input.reader);
	mr_doc_add_policy(&doc, &job->setup.policy);
	mr_doc_add_replay(&doc, report, &names);
	status = mr_print_doc(&doc, &job->options->format);
	mr_doc_fini(&doc);
	return status;
}

/*
 * A replay is done when the caching allocator came to its end; a baseline that
 * did not is a result.
 */
static int
judge(const struct job *job, const struct mr_replay_report *report)
{
	for (size_t i = 0; i < report->count; i++)
		if (report->backends[i].completed < report->runs)
			mr_say("%s: the replay on %s failed: %s",
				mr_path_name(job->input.path), report->backends[i].name,
				report->backends[i].exit);
	if (report->backends[0].completed < report->runs)
		return MR_EXIT_FAILED;
	if (!report->agrees) {
		mr_say("%s: the real allocator's counters differ from the simulation's; "
		       "this is a defect of memreplay",
			mr_path_name(job->input.path));
		return MR_EXIT_FAILED;
	}
	if (report->threads && !report->sums_agree) {
		mr_say("%s: on threads the real allocator's sums differ from the "
		       "trace's; "
		       "this is a defect of memreplay",
			mr_path_name(job->input.path));
		return MR_EXIT_FAILED;
	}
	return check_expects(job, &report->backends[0]);
}

/*
 * What cannot depend on timing. A policy that refuses mallocs does so by what is
 * live then; only their number is the trace's.
 */
static bool
sums_agree(const struct mr_result *found, const struct mr_result *simulated)
{
	if (found->failed_mallocs || simulated->failed_mallocs)
		return found->mallocs + found->failed_mallocs ==
			simulated->mallocs + simulated->failed_mallocs;
	return found->mallocs == simulated->mallocs && found->frees == simulated->frees &&
		found->requested_bytes == simulated->requested_bytes &&
		found->live_blocks == simulated->live_blocks;
}

static int
conclude(const struct job *job, const struct mr_replay *replay)
{
	const struct replay_options *options = &job->options->replay;
	struct mr_replay_report report = {
		.path = mr_path_name(job->input.path),
		.workload = mr_reader_header(job->input.reader)->workload,
		.events = job->simulated.events,
		.policy = &job->setup.policy,
		.touch = touch_name((size_t)options->touch),
		.timing = timing_name((size_t)options->timing),
		.runs = (uint32_t)options->runs.value,
		.threads = options->threads,
		.stretches = mr_replay_stretches(replay),
		.clock_step_ns = mr_replay_clock_step(replay),
	};
	int status;

	report.backends = mr_replay_backends(replay, &report.count);
	report.agrees = report.backends[0].steady &&
		!memcmp(&report.backends[0].result, &job->simulated,
			sizeof(job->simulated));
	report.sums_agree =
		sums_agree(&report.backends[0].threads_result, &job->simulated);
	status = print(job, &report);
	return status ? status : judge(job, &report);
}

static void
show_progress(void *context, double part)
{
	mr_progress_show(context, part, "");
}

static int
replay_program(struct job *job)
{
	const struct replay_options *options = &job->options->replay;
	struct mr_progress progress;
	struct mr_replay_options how = {
		.struct_size = sizeof(how),
		.policy = job->setup.policy,
		.keep_limits = job->setup.keep_limits,
		.touch = (enum mr_touch)options->touch,
		.timing = (enum mr_timing)options->timing,
		.runs = (uint32_t)options->runs.value,
		.threads = options->threads,
		.baselines = options->baselines.items,
		.baseline_count = options->baselines.count,
		.environment = environ,
	};
	struct mr_replay *replay = NULL;
	struct mr_error err;
	enum mr_status st;
	int status;

	mr_progress_start(&progress);
	/* where nobody looks, nothing comes between the calls */
	if (progress.width) {
		how.progress = show_progress;
		how.progress_context = &progress;
	}
	st = mr_replay_run(&replay, job->program, &how, &err);
	mr_progress_hide(&progress);
	if (st)
		return mr_say_error(NULL, &err);
	status = conclude(job, replay);
	mr_replay_free(replay);
	return status;
}

/* Before the trace is read, which can take its time. */
static int
check_baselines(const struct mr_texts *baselines)
{
	for (size_t i = 0; i < baselines->count; i++) {
		struct mr_error err;
		enum mr_status st =
			mr_replay_check_baseline(baselines->items[i], environ, &err);

		if (st == MR_EINVAL)
			return mr_say_usage("replay", "replay: --baseline: %s", err.text);
		if (st)
			return mr_say_error(NULL, &err);
	}
	return MR_EXIT_DONE;
}

static int
run(const struct mr_command *self, int argc, char **argv)
{
	struct options options = {0}; /* what is no option too */
	struct job job = {.options = &options};
	struct mr_error err;
	int status;
	char **operands = mr_command_parse(self, &options, argc, argv, &status);

	if (!operands)
		return status;
	if (parse_expects(&job, &err) ||
		mr_setup_make(&job.setup, &options.policy, &options.limits, NULL, &err))
		return mr_say_refusal(self->name, &err);
	if (mr_policy_is_torch(&job.setup.policy))
		return mr_say_usage(self->name,
			"%s: there is no real allocator with the rules of %s", self->name,
			mr_policy_name(&job.setup.policy));
	/* who started us may ignore the ends of children, and we would with it */
	signal(SIGCHLD, SIG_DFL);
	status = check_baselines(&options.replay.baselines);
	if (!status)
		status = mr_source_open(&job.input, operands[0], &options.input);
	if (!status)
		status = load(&job);
	if (!status)
		status = check_memory(&job);
	if (!status)
		status = replay_program(&job);
	mr_program_free(job.program);
	mr_source_close(&job.input);
	return status;
}

const struct mr_command mr_cmd_replay = {
	.name = "replay",
	.operands = "TRACE",
	.min_operands = 1,
	.max_operands = 1,
	.summary = "real memory: the caching allocator beside malloc",
	.description =
		"Carries TRACE out with real memory, on the caching allocator and on the "
		"C library's malloc, and prints side by side what each took. Every "
		"backend runs in a child process of its own, so that peak memory, page "
		"faults and processor time are its own, and a crash of one is reported "
		"and not the end.\n\nA trace that needs more memory than the machine has "
		"free is refused before anything is allocated. The recorded order is "
		"kept on one thread; with --threads on as many as were recorded, and of "
		"the order only what must be. Alignment that a trace records is honoured "
		"by the "
		"mallocs; the caching allocator aligns all blocks alike, as the one it "
		"models does.",
	.options = uses,
	.run = run,
};
