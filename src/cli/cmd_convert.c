/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/selection.h"
#include "cli/setup.h"
#include "cli/source.h"
#include "report/chrome.h"

#define CHROME "chrome-trace"

struct options {
	struct mr_source_options input;
	struct mr_selection_options selection;
	struct mr_policy_options policy;
	struct mr_limit_options limits;
	int to; /* row of writable(), or -1 */
};

/* The names of what can be written. */
static const char *
writable(size_t index)
{
	size_t count;
	const struct mr_format_info *formats = mr_formats(&count);

	for (size_t i = 0; i < count; i++)
		if (formats[i].writable && !index--)
			return formats[i].name;
	return !index ? CHROME : NULL;
}

static const struct mr_option own_rows[] = {
	{MR_OPTION_CHOICE, 't', "to", "FORMAT", .choices = writable,
		.offset = offsetof(struct options, to),
		.help = "format to write, if the end of OUT's name should not decide"},
};
static const struct mr_option_group own_group = {"Output options", own_rows, 1};

static const struct mr_option_use uses[] = {
	{&mr_source_group, offsetof(struct options, input)},
	{&own_group, 0},
	{&mr_selection_group, offsetof(struct options, selection)},
	{&mr_policy_group, offsetof(struct options, policy)},
	{&mr_limit_group, offsetof(struct options, limits)},
	{0},
};

/* A conversion under way: from input, through select, to one of two outputs. */
struct conversion {
	const struct options *options;
	struct mr_selection selection;
	struct mr_source input;
	const char *path; /* OUT */
	const char *name; /* for people */
	const char *format;
	struct mr_select *select; /* NULL: everything is wanted */
	struct mr_writer *writer; /* one of these two */
	struct mr_chrome *chrome;
	bool output_failed; /* what failed is the output */
	uint64_t events;    /* written */
};

/* Writes an event. */
static enum mr_status
put(void *context, const struct mr_event *event, struct mr_error *err)
{
	struct conversion *job = context;
	enum mr_status status = job->chrome ? mr_chrome_put(job->chrome, event, err)
					    : mr_writer_put(job->writer, event, err);

	job->output_failed = status;
	job->events += !status;
	return status;
}

/* Says what failed. Returns an exit status. */
static int
fail(struct conversion *job)
{
	return job->output_failed ? mr_say_error(job->name, &job->input.err)
				  : mr_source_failed(&job->input);
}

/* Takes the whole input, or what of it is wanted. */
static int
copy(struct conversion *job)
{
	struct mr_source *input = &job->input;
	enum mr_status status;

	while (!(status = mr_source_next(input))) {
		for (size_t i = 0; i < input->count && !status; i++)
			status = job->select ? mr_select_add(job->select,
						       &input->events[i], &input->err)
					     : put(job, &input->events[i], &input->err);
		if (status)
			break;
	}
	return status == MR_END ? MR_EXIT_DONE : fail(job);
}

static int
open_writer(struct conversion *job)
{
	struct mr_error *err = &job->input.err;
	const struct mr_header *header = mr_reader_header(job->input.reader);
	char *selected = NULL;
	int status;

	if (job->select &&
		mr_select_header(&selected, header, &job->selection.options,
			job->selection.tools, err))
		return mr_source_failed(&job->input);
	if (!mr_writer_open(&job->writer, job->path, job->format,
		    selected ? selected : header->json, err)) {
		free(selected);
		return MR_EXIT_DONE;
	}
	free(selected);
	status = mr_say_error(job->name, err);
	if (status == MR_EXIT_USAGE)
		mr_say("--to=FORMAT tells it");
	return status;
}

static int
open_chrome(struct conversion *job)
{
	const struct mr_header *header = mr_reader_header(job->input.reader);
	struct mr_error *err = &job->input.err;
	struct mr_setup setup;
	bool named = *header->workload && !job->options->selection.strip;

	if (mr_setup_make(
		    &setup, &job->options->policy, &job->options->limits, header, err))
		return mr_source_failed(&job->input);
	if (!mr_chrome_open(&job->chrome, job->path, &setup.policy, setup.keep_limits,
		    named ? header->workload : "memreplay", err))
		return MR_EXIT_DONE;
	return mr_say_error(job->name, err);
}

/* What there is to say of a selection. */
static void
say_selected(const char *name, const struct mr_select_result *result)
{
	char count[MR_TEXT_SIZE], bytes[MR_TEXT_SIZE];

	if (result->seeded_blocks)
		mr_say("%s: %s blocks (%s) that were live there stand in front; what was "
		       "cached there is not known",
			name, mr_count_print(count, result->seeded_blocks),
			mr_size_print(bytes, result->seeded_bytes));
	if (result->dropped_truth)
		mr_say("%s: without the traced allocator's own capacities, hits and "
		       "counters, which are those of the whole trace",
			name);
}

/* Completes the output. The writer or chrome is gone then. */
static enum mr_status
close_output(struct conversion *job)
{
	struct mr_error *err = &job->input.err;
	struct mr_reader_summary summary;
	struct mr_chrome *chrome = job->chrome;
	struct mr_writer *writer = job->writer;
	char *trailer = NULL;
	enum mr_status status;

	job->chrome = NULL;
	job->writer = NULL;
	if (chrome) {
		if (!mr_chrome_timed(chrome))
			mr_say("%s: the trace has no times; an event takes a microsecond",
				job->name);
		mr_setup_say_ignored(mr_chrome_ignored_limits(chrome));
		return mr_chrome_finish(chrome, err);
	}
	mr_reader_summary(job->input.reader, &summary);
	if (job->select) {
		status = mr_select_trailer(&trailer, summary.trailer, err);
		if (status) {
			mr_writer_abort(writer);
			return status;
		}
		summary.trailer = trailer ? trailer : "";
	}
	status = mr_writer_finish(writer, *summary.trailer ? summary.trailer : NULL, err);
	free(trailer);
	return status;
}

static int
finish(struct conversion *job)
{
	struct mr_select_result result = {0};
	char text[MR_TEXT_SIZE];

	if (job->select && mr_select_finish(job->select, &result, &job->input.err))
		return mr_source_failed(&job->input);
	if (close_output(job))
		return mr_say_error(job->name, &job->input.err);
	mr_source_remark(&job->input);
	say_selected(job->name, &result);
	mr_say("%s: %s events written", job->name, mr_count_print(text, job->events));
	return MR_EXIT_DONE;
}

static const char *
temporary(const struct conversion *job)
{
	if (job->writer)
		return mr_writer_temporary(job->writer);
	return job->chrome ? mr_chrome_temporary(job->chrome) : NULL;
}

static int
convert(struct conversion *job)
{
	int status;

	if (mr_select_any(&job->selection.options) &&
		mr_select_new(
			&job->select, &job->selection.options, put, job, &job->input.err))
		return mr_source_failed(&job->input);
	mr_interrupt_hold();
	status = job->format && !strcmp(job->format, CHROME) ? open_chrome(job)
							     : open_writer(job);
	mr_interrupt_release(temporary(job));
	if (!status)
		status = copy(job);
	/* the name goes with the writer, so signals wait until both are gone */
	mr_interrupt_hold();
	if (!status)
		status = finish(job);
	mr_writer_abort(job->writer);
	mr_chrome_abort(job->chrome);
	mr_interrupt_release(NULL);
	mr_select_free(job->select);
	return status;
}

/* Whether the options go together; returns an exit status. */
static int
check(const char *self, struct conversion *job)
{
	const struct options *options = job->options;
	struct mr_setup unused;
	struct mr_error err;

	if (mr_selection_make(&job->selection, &options->selection, &err) ||
		mr_setup_make(&unused, &options->policy, &options->limits, NULL, &err))
		return mr_say_refusal(self, &err);
	if ((options->limits.cache_limit.given || options->limits.keep_limit_events ||
		    options->policy.knobs.count) &&
		(!job->format || strcmp(job->format, CHROME) != 0))
		return mr_say_usage(self,
			"%s: a trace has no policy; its options are for --to=" CHROME,
			self);
	return MR_EXIT_DONE;
}

static int
run(const struct mr_command *self, int argc, char **argv)
{
	struct options options = {0}; /* what is no option too */
	struct conversion job = {.options = &options};
	int status;
	char **operands = mr_command_parse(self, &options, argc, argv, &status);

	if (!operands)
		return status;
	job.format = options.to < 0 ? NULL : writable((size_t)options.to);
	job.path = operands[1];
	job.name = strcmp(job.path, "-") ? job.path : "standard output";
	if ((status = check(self->name, &job)))
		return status;
	options.input.foresee = true;
	status = mr_source_open(&job.input, operands[0], &options.input);
	if (!status)
		status = convert(&job);
	mr_source_close(&job.input);
	return status;
}

const struct mr_command mr_cmd_convert = {
	.name = "convert",
	.operands = "IN OUT",
	.min_operands = 2,
	.max_operands = 2,
	.summary = "any trace format in, alloc-trace out",
	.description =
		"Reads the trace IN, of any known format, and writes it to OUT as JSON "
		"Lines (.jsonl, .jsonl.gz) or in the binary format (.mrt.gz). - is "
		"standard input and standard output; the latter needs --to. Nothing is "
		"lost on the way between these formats.\n\n"
		"The selection options take a part of the trace; see memreplay(1) for "
		"how they go together. Blocks live where a window begins become mallocs "
		"before its first event.\n\n"
		"--to=chrome-trace writes what a policy does with the trace, for "
		"Perfetto and chrome://tracing; the policy and cache limit options are "
		"for it alone.\n\n"
		"OUT appears under its name only when it is complete.",
	.options = uses,
	.run = run,
};
