/* SPDX-License-Identifier: MIT */
#include "cli/command.h"
#include "cli/output.h"
#include "cli/setup.h"
#include "cli/source.h"
#include "cli/torch.h"
#include "memreplay/sim.h"
#include "report/result.h"

struct options {
	struct mr_source_options input;
	struct mr_policy_options policy;
	struct mr_limit_options limits;
	struct mr_torch_options torch;
	struct mr_format_options format;
	struct mr_expect_options expect;
	struct mr_number jobs;
};

static const struct mr_option job_rows[] = {
	{MR_OPTION_COUNT, 'j', "jobs", "N", "1", .min = 1, .max = 1024,
		.help = "accepted for the sake of scripts; one trace under one policy is "
			"one core's work"},
};
static const struct mr_option_group jobs = {"Output options", job_rows, 1};

static const struct mr_option_use uses[] = {
	{&mr_source_group, offsetof(struct options, input)},
	{&mr_policy_group, offsetof(struct options, policy)},
	{&mr_limit_group, offsetof(struct options, limits)},
	{&mr_torch_group, offsetof(struct options, torch)},
	{&mr_format_group, offsetof(struct options, format)},
	{&mr_expect_group, offsetof(struct options, expect)},
	{&jobs, offsetof(struct options, jobs)},
	{0},
};

static enum mr_status
simulate(void *sim, const struct mr_event *events, size_t count, struct mr_error *err)
{
	return mr_sim_run(sim, events, count, err);
}

static int
print(const struct mr_source *input, const struct mr_setup *setup,
	const struct mr_sim *sim, const struct mr_format_options *format)
{
	struct mr_doc doc = {0};
	struct mr_result result;
	int status;

	mr_sim_result(sim, &result);
	mr_doc_add_trace(&doc, input->path, input->reader);
	mr_doc_add_policy(&doc, &setup->policy);
	mr_doc_add_results(&doc, &setup->policy, &result);
	if (!mr_policy_is_torch(&setup->policy))
		mr_doc_count(&doc, "first_event_over_memory_limit",
			mr_sim_first_over_memory(sim));
	status = mr_print_doc(&doc, format);
	mr_doc_fini(&doc);
	return status;
}

static int
run_trace(struct mr_source *input, const struct options *options,
	const struct mr_expects *expects)
{
	struct mr_sim *sim = NULL;
	struct mr_setup setup;
	struct mr_result result;
	int status;

	if (mr_setup_make(&setup, &options->policy, &options->limits,
		    mr_reader_header(input->reader), &input->err) ||
		mr_sim_new(&sim, &setup.policy, setup.keep_limits, &input->err))
		return mr_source_failed(input);
	status = mr_source_each(input, simulate, sim);
	if (!status) {
		mr_setup_say_ignored(mr_sim_ignored_limits(sim));
		mr_sim_result(sim, &result);
		status = print(input, &setup, sim, &options->format);
	}
	if (!status)
		status = mr_expects_check(expects, &result);
	mr_sim_free(sim);
	return status;
}

static int
run(const struct mr_command *self, int argc, char **argv)
{
	struct options options;
	struct mr_expects expects;
	struct mr_setup unused;
	struct mr_source input;
	struct mr_error err;
	int status;
	char **operands = mr_command_parse(self, &options, argc, argv, &status);

	if (!operands)
		return status;
	if (mr_setup_is_torch(&options.policy) &&
		mr_torch_is_snapshot(operands[0], &options.input))
		return mr_torch_run_simulate(&(struct mr_torch_call){
			.command = self->name,
			.path = operands[0],
			.input = &options.input,
			.policy = &options.policy,
			.format = &options.format,
			.expect = &options.expect,
			.start = (enum mr_torch_start)options.torch.start,
		});
	if (mr_expects_parse(&expects, &options.expect, &err) ||
		mr_setup_make(&unused, &options.policy, &options.limits, NULL, &err))
		return mr_say_usage(self->name, "%s: %s", self->name, err.text);
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
		"obeyed unless --cache-limit is given.",
	.options = uses,
	.run = run,
};
