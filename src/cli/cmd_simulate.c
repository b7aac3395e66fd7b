/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/saving.h"
#include "cli/setup.h"
#include "cli/source.h"
#include "cli/torch.h"
#include "memreplay/detail.h"
#include "memreplay/sim.h"
#include "report/detail.h"
#include "report/finding.h"
#include "report/page.h"
#include "report/result.h"
#include "sim/detail.h"
#include "sim/diagnose.h"

struct options {
	struct mr_source_options input;
	struct mr_policy_options policy;
	struct mr_limit_options limits;
	struct mr_torch_options torch;
	struct mr_format_options format;
	struct mr_expect_options expect;
	struct own_options {
		const char *clear_at;
		int findings; /* enum when */
		struct mr_number jobs;
		const char *plot;
		int figure; /* enum mr_figure_kind */
	} own;
};

enum when { AUTO, ALWAYS, NEVER };

static const char *
when_at(size_t index)
{
	static const char *const names[] = {
		[AUTO] = "auto", [ALWAYS] = "always", [NEVER] = "never", NULL};

	return names[index];
}

static const struct mr_option own_rows[] = {
	{MR_OPTION_TEXT, 0, "clear-at", "PHASE", .of_cache = true,
		.offset = offsetof(struct own_options, clear_at),
		.help = "clear the cache whenever this phase begins: when a mark of this "
			"name (# in it stands for any number) follows one of another"},
	{MR_OPTION_CHOICE, 0, "findings", "WHEN", "auto", .choices = when_at,
		.offset = offsetof(struct own_options, findings),
		.help = "look for changes that would help, in a second reading of the "
			"trace; auto leaves that out in csv, where the trace cannot be "
			"read twice, and above 20 million events"},
	{MR_OPTION_COUNT, 'j', "jobs", "N", "1", .min = 1, .max = 1024,
		.offset = offsetof(struct own_options, jobs),
		.help = "accepted for the sake of scripts; one trace under one policy is "
			"one core's work"},
	{MR_OPTION_TEXT, 0, "plot", "FILE", .offset = offsetof(struct own_options, plot),
		.help = "also draw a picture, by gnuplot; FILE ends in .svg, .png or "
			".pdf"},
	{MR_OPTION_CHOICE, 0, "figure", "NAME", "course", .choices = mr_picture_name,
		.of_cache = true, .offset = offsetof(struct own_options, figure),
		.help = "which picture --plot draws: memory over events or over time, "
			"hit rates, mallocs or bytes by size, how long blocks live or "
			"stay cached"},
};
static const struct mr_option_group own = {"Simulation options", own_rows, 5};

static const struct mr_option_use uses[] = {
	{&mr_source_group, offsetof(struct options, input)},
	{&mr_policy_group, offsetof(struct options, policy)},
	{&mr_limit_group, offsetof(struct options, limits)},
	{&mr_torch_group, offsetof(struct options, torch)},
	{&own, offsetof(struct options, own)},
	{&mr_format_group, offsetof(struct options, format)},
	{&mr_expect_group, offsetof(struct options, expect)},
	{0},
};

/* Where the events of a reading go to, and where --clear-at clears. */
struct feed {
	struct mr_detail *detail;       /* of the first reading */
	struct mr_diagnosis *diagnosis; /* of the second */
	struct mr_watch *watch;         /* around detail, for a picture; or NULL */
	struct mr_torch_case *kept;     /* for a picture under PyTorch's rules; or NULL */
	struct mr_clear_at clear;
	bool cleared; /* the phase has begun */
};

static enum mr_status
carry_out(struct feed *feed, const struct mr_event *events, size_t count,
	struct mr_error *err)
{
	for (size_t i = 0; feed->kept && i < count; i++)
		if (mr_torch_case_add(feed->kept, &events[i], err))
			return err->status;
	if (feed->watch)
		return mr_watch_run(feed->watch, events, count, err);
	if (feed->detail)
		return mr_detail_run(feed->detail, events, count, err);
	return mr_diagnosis_run(feed->diagnosis, events, count, err);
}

/* A mark is always the last of a batch. */
static enum mr_status
take(void *context, const struct mr_event *events, size_t count, struct mr_error *err)
{
	struct feed *feed = context;
	enum mr_status st = carry_out(feed, events, count, err);

	if (st || !feed->clear.phase || !mr_clear_at(&feed->clear, &events[count - 1]))
		return st;
	if (feed->detail)
		mr_detail_clear(feed->detail);
	else
		mr_diagnosis_clear(feed->diagnosis);
	feed->cleared = true;
	return MR_OK;
}

/* Whether the phase to clear at, if there is one, was in the trace. */
static enum mr_status
check_cleared(const struct feed *feed, struct mr_error *err)
{
	const char *phase = feed->clear.phase;
	char text[MR_QUOTE_SIZE];

	if (!phase || feed->cleared)
		return MR_OK;
	return mr_fail(err, MR_EFORMAT, "there is no phase \"%s\" to clear at",
		mr_text_quote(text, phase, strlen(phase)));
}

/* Whether to look for findings; says so where that is asked for and cannot be. */
static bool
wants_findings(const struct mr_source *input, const struct mr_policy *policy,
	const struct options *options, uint64_t events)
{
	bool always = options->own.findings == ALWAYS;

	if (options->own.findings == NEVER || mr_policy_is_torch(policy) ||
		(!always && options->format.format == MR_OUTPUT_CSV))
		return false;
	if (!mr_source_again(input->path)) {
		if (always)
			mr_say("%s cannot be read twice: no findings",
				mr_path_name(input->path));
		return false;
	}
	if (!always && events > MR_DIAGNOSIS_MANY) {
		char text[MR_TEXT_SIZE];

		mr_say("no findings, for more than %s events; --findings=always looks "
		       "for them",
			mr_count_print(text, MR_DIAGNOSIS_MANY));
		return false;
	}
	return true;
}

/* Reads the trace a second time. Returns an exit status. */
static int
diagnose(struct mr_diagnosis **out, struct mr_detail *detail, const char *path,
	const struct mr_setup *setup, const struct options *options)
{
	struct mr_source input;
	struct mr_source_options again = options->input;
	struct feed feed = {.clear.phase = options->own.clear_at};
	enum mr_status st;
	int status;

	again.doing = "findings";
	status = mr_source_open(&input, path, &again);
	if (!status) {
		st = mr_diagnosis_new(
			out, detail, &setup->policy, setup->keep_limits, &input.err);
		feed.diagnosis = *out;
		while (!st && !(st = mr_source_next(&input)))
			st = take(&feed, input.events, input.count, &input.err);
		if (st != MR_END)
			status = mr_source_failed(&input);
	}
	mr_source_close(&input);
	return status;
}

/* The sections that are rows, which a line of CSV has no place for. */
static enum mr_status
add_rows(struct mr_doc *doc, struct mr_detail *detail, struct mr_error *err)
{
	struct mr_detail_bucket buckets[MR_DETAIL_BUCKETS];
	const struct mr_phase *phases;
	size_t count;
	enum mr_status st = mr_detail_phases(detail, &phases, &count, err);

	if (st)
		return st;
	mr_detail_histogram(detail, buckets);
	mr_doc_add_phases(doc, phases, count);
	mr_doc_add_histogram(doc, buckets);
	return MR_OK;
}

static int
print(struct mr_source *input, const struct mr_setup *setup, uint64_t older,
	struct mr_detail *detail, struct mr_diagnosis *diagnosis,
	const struct mr_format_options *format)
{
	bool table = format->format == MR_OUTPUT_TABLE;
	const struct mr_finding *findings;
	struct mr_doc doc = {0};
	struct mr_result result;
	size_t count;
	enum mr_status st = MR_OK;
	int status;

	mr_detail_result(detail, &result);
	mr_doc_add_trace(&doc, input->path, input->reader);
	if (older)
		mr_doc_bytes(&doc, "older_bytes", older);
	mr_doc_add_policy(&doc, &setup->policy);
	mr_doc_add_results(&doc, &setup->policy, &result);
	if (!mr_policy_is_torch(&setup->policy)) {
		mr_doc_count(&doc, "first_event_over_memory_limit",
			mr_sim_first_over_memory(mr_detail_sim(detail)));
		mr_doc_add_result(&doc, "result.detail", MR_SECTION_DETAIL, &result);
		if (format->format != MR_OUTPUT_CSV)
			st = add_rows(&doc, detail, &input->err);
	}
	if (diagnosis)
		mr_diagnosis_findings(diagnosis, &findings, &count);
	if (diagnosis && !table)
		mr_doc_add_findings(&doc, findings, count);
	status = st ? mr_source_failed(input) : mr_print_doc(&doc, format);
	if (diagnosis && table && !status)
		mr_findings_print(findings, count, stdout);
	mr_doc_fini(&doc);
	return status;
}

/* What follows the first reading. Returns an exit status. */
static int
conclude(struct mr_source *input, const struct mr_setup *setup, uint64_t older,
	struct mr_detail *detail, const struct options *options,
	const struct mr_expects *expects)
{
	struct mr_diagnosis *diagnosis = NULL;
	struct mr_result result;
	int status = MR_EXIT_DONE;

	mr_setup_say_ignored(mr_sim_ignored_limits(mr_detail_sim(detail)));
	mr_detail_result(detail, &result);
	if (wants_findings(input, &setup->policy, options, result.events))
		status = diagnose(&diagnosis, detail, input->path, setup, options);
	if (!status)
		status = print(input, setup, older, detail, diagnosis, &options->format);
	if (!status)
		status = mr_expects_check(expects, NULL, &result);
	mr_diagnosis_free(diagnosis);
	return status;
}

/* Draws what was watched. Returns an exit status. */
static int
draw(struct mr_saving *saving, const struct mr_source *input,
	const struct mr_setup *setup, struct mr_watch *watch,
	const struct options *options)
{
	const struct mr_subject subject = {
		.name = input->path, .policy = setup->policy, .watch = watch};
	enum mr_plot_format format;
	struct mr_error err;
	size_t length;
	char *picture;
	int status;

	mr_watch_finish(watch);
	if (mr_plot_format_of(&format, options->own.plot, &err) ||
		mr_picture_draw(&subject, (enum mr_figure_kind)options->own.figure,
			format, environ, &picture, &length, &err))
		return mr_say_error(NULL, &err);
	status = mr_saving_finish(saving, picture, length);
	free(picture);
	return status;
}

/* Starts what is to see the first reading, and the picture of it, if one is wanted. */
static int
begin(struct feed *feed, struct mr_saving *saving, struct mr_source *input,
	const struct mr_setup *setup, const struct options *options)
{
	const char *plot = options->own.plot;
	enum mr_status st;
	int status;

	if (plot && (status = mr_saving_open(saving, plot)))
		return status;
	if (plot && !feed->kept)
		st = mr_watch_new(
			&feed->watch, &setup->policy, setup->keep_limits, &input->err);
	else
		st = mr_detail_new(
			&feed->detail, &setup->policy, setup->keep_limits, &input->err);
	if (!st && feed->watch)
		feed->detail = feed->watch->detail;
	return st ? mr_source_failed(input) : MR_EXIT_DONE;
}

static int
run_trace(struct mr_source *input, const struct options *options,
	const struct mr_expects *expects)
{
	struct feed feed = {.clear.phase = options->own.clear_at};
	struct mr_torch_case kept = {0};
	struct mr_saving saving = {0};
	struct mr_setup setup, used; /* asked for, and without what is older */
	int status;

	if (mr_setup_make(&setup, &options->policy, &options->limits,
		    mr_reader_header(input->reader), &input->err))
		return mr_source_failed(input);
	used = setup;
	if (mr_source_leave_older(&used.policy, &kept.older_bytes, input))
		return mr_source_failed(input);
	if (mr_policy_is_torch(&setup.policy) && options->own.plot)
		feed.kept = &kept;
	status = begin(&feed, &saving, input, &used, options);
	if (!status)
		status = mr_source_each(input, take, &feed);
	if (!status && check_cleared(&feed, &input->err))
		status = mr_source_failed(input);
	if (!status && feed.kept)
		status = mr_torch_draw(&kept, &used.policy,
			(enum mr_torch_start)options->torch.start, &saving,
			options->own.plot);
	if (!status && feed.watch)
		status = draw(&saving, input, &setup, feed.watch, options);
	if (!status)
		status = conclude(
			input, &setup, kept.older_bytes, feed.detail, options, expects);
	if (feed.watch)
		mr_watch_free(feed.watch);
	else
		mr_detail_free(feed.detail);
	mr_torch_case_fini(&kept);
	mr_saving_abort(&saving);
	return status;
}

/* Whether --plot goes with the rest; says why not. */
static bool
check_plot(const struct mr_command *self, const struct options *options)
{
	enum mr_plot_format format;
	struct mr_error err;

	if (options->own.plot && mr_plot_format_of(&format, options->own.plot, &err)) {
		mr_say_usage(self->name, "%s: --plot: %s", self->name, err.text);
		return false;
	}
	return true;
}

static int
run(const struct mr_command *self, int argc, char **argv)
{
	struct options options = {0}; /* what is no option too */
	struct mr_expects expects;
	struct mr_setup unused;
	struct mr_source input;
	struct mr_error err;
	bool is_snapshot = false;
	int status;
	char **operands = mr_command_parse(self, &options, argc, argv, &status);

	if (!operands)
		return status;
	if (!check_plot(self, &options) ||
		(mr_setup_is_torch(&options.policy) &&
			!mr_torch_accepts(self, &options, operands)))
		return MR_EXIT_USAGE;
	if (mr_setup_is_torch(&options.policy) &&
		((status = mr_torch_look(&is_snapshot, operands[0], &options.input)) ||
			is_snapshot))
		return status ? status
			      : mr_torch_run_simulate(&(struct mr_torch_call){
					.command = self->name,
					.path = operands[0],
					.input = &options.input,
					.policy = &options.policy,
					.format = &options.format,
					.expect = &options.expect,
					.start = (enum mr_torch_start)options.torch.start,
					.plot = options.own.plot,
				});
	if (mr_expects_parse(&expects, &options.expect,
		    mr_setup_is_torch(&options.policy)
			    ? MR_SECTION_TORCH
			    : MR_CACHE_SECTIONS | MR_SECTION_DETAIL,
		    &err) ||
		mr_setup_make(&unused, &options.policy, &options.limits, NULL, &err))
		return mr_say_refusal(self->name, &err);
	status = mr_source_open(&input, operands[0], &options.input);
	if (!status)
		status = run_trace(&input, &options, &expects);
	mr_source_close(&input);
	return status;
}

const struct mr_command mr_cmd_simulate = {
	.name = "simulate",
	.operands = "TRACE",
	.min_operands = 1,
	.max_operands = 1,
	.summary = "exact accounting of a policy on a trace, without memory",
	.description =
		"Counts what a caching allocator would have done with TRACE (a file, or "
		"- for standard input): hits, misses, rejected frees, evictions, peaks, "
		"and how the limits were held. The figures are those that the real "
		"allocator reaches in 'memreplay replay'.\n\n"
		"The cache limit is that of --cache-limit, otherwise that of the trace's "
		"header, otherwise the policy's own. Limit changes within the trace are "
		"obeyed unless --cache-limit is given.\n\n"
		"Findings are changes that have been simulated and do better: each tells "
		"what was seen, what to set, and what that gives.",
	.options = uses,
	.run = run,
};
