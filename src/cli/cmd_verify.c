/* SPDX-License-Identifier: MIT */
#include <inttypes.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/setup.h"
#include "cli/source.h"
#include "cli/torch.h"
#include "memreplay/verify.h"
#include "report/result.h"

struct options {
	struct mr_source_options input;
	struct mr_policy_options policy;
	struct mr_format_options format;
};

static const struct mr_option_use uses[] = {
	{&mr_source_group, offsetof(struct options, input)},
	{&mr_policy_group, offsetof(struct options, policy)},
	{&mr_format_group, offsetof(struct options, format)},
	{0},
};

static enum mr_status
verify(void *verifier, const struct mr_event *events, size_t count, struct mr_error *err)
{
	enum mr_status status = MR_OK;

	for (size_t i = 0; i < count && !status; i++)
		status = mr_verifier_step(verifier, &events[i], err);
	return status;
}

static void
add_difference(struct mr_doc *doc, const struct mr_verdict *verdict)
{
	const struct mr_difference *first = &verdict->first;

	mr_doc_begin(doc, "result.first_difference", 0);
	if (!verdict->differs) {
		mr_doc_none(doc, "event");
		mr_doc_none(doc, "field");
		mr_doc_none(doc, "recorded");
		mr_doc_none(doc, "given");
		return;
	}
	mr_doc_count(doc, "event", first->event);
	mr_doc_text(doc, "field", first->field);
	mr_doc_count(doc, "recorded", first->recorded);
	mr_doc_count(doc, "given", first->given);
}

static int
print(const struct mr_source *input, const struct mr_policy *policy,
	const struct mr_verdict *verdict, const struct mr_format_options *format)
{
	struct mr_doc doc = {0};
	int status;

	mr_doc_add_trace(&doc, input->path, input->reader);
	mr_doc_add_policy(&doc, policy);
	mr_doc_begin(&doc, "result", 0);
	mr_doc_count(&doc, "differences",
		verdict->cap_differences + verdict->hit_differences +
			verdict->counters_differences);
	mr_doc_count(&doc, "caps_checked", verdict->caps_checked);
	mr_doc_count(&doc, "cap_differences", verdict->cap_differences);
	mr_doc_count(&doc, "hits_checked", verdict->hits_checked);
	mr_doc_count(&doc, "hit_differences", verdict->hit_differences);
	mr_doc_count(&doc, "counters_checked", verdict->counters_checked);
	mr_doc_count(&doc, "counters_differences", verdict->counters_differences);
	if (verdict->differs || format->format != MR_OUTPUT_TABLE)
		add_difference(&doc, verdict);
	status = mr_print_doc(&doc, format);
	mr_doc_fini(&doc);
	return status;
}

/* Says what the verdict comes to. Returns the exit status. */
static int
judge(const struct mr_source *input, const struct mr_verdict *verdict)
{
	const struct mr_difference *first = &verdict->first;
	const char *name = mr_path_name(input->path);

	if (verdict->differs) {
		mr_say("%s: event %" PRIu64 ": recorded %s %" PRIu64
		       ", the policy gives %" PRIu64,
			name, first->event, first->field, first->recorded, first->given);
		return MR_EXIT_UNMET;
	}
	if (verdict->caps_checked || verdict->hits_checked || verdict->counters_checked)
		return MR_EXIT_DONE;
	mr_say("%s: nothing to verify: no cap, hit or counters was recorded", name);
	return MR_EXIT_UNMET;
}

static int
run_trace(struct mr_source *input, const struct options *options)
{
	struct mr_verifier *verifier = NULL;
	struct mr_verdict verdict;
	struct mr_setup setup;
	int status;

	if (mr_setup_make(&setup, &options->policy, NULL, mr_reader_header(input->reader),
		    &input->err) ||
		mr_verifier_new(&verifier, &setup.policy, &input->err))
		return mr_source_failed(input);
	status = mr_source_each(input, verify, verifier);
	if (!status) {
		mr_verifier_verdict(verifier, &verdict);
		status = print(input, &setup.policy, &verdict, &options->format);
	}
	if (!status)
		status = judge(input, &verdict);
	mr_verifier_free(verifier);
	return status;
}

static int
run(const struct mr_command *self, int argc, char **argv)
{
	struct options options = {0}; /* what is no option too */
	struct mr_setup unused;
	struct mr_source input;
	struct mr_error err;
	bool is_snapshot;
	int status;
	char **operands = mr_command_parse(self, &options, argc, argv, &status);

	if (!operands)
		return status;
	status = mr_torch_look(&is_snapshot, operands[0], &options.input);
	if (status)
		return status;
	if (is_snapshot)
		return mr_torch_run_verify(&(struct mr_torch_call){
			.command = self->name,
			.path = operands[0],
			.input = &options.input,
			.policy = &options.policy,
			.format = &options.format,
		});
	if (mr_setup_make(&unused, &options.policy, NULL, NULL, &err))
		return mr_say_refusal(self->name, &err);
	status = mr_source_open(&input, operands[0], &options.input);
	if (!status)
		status = run_trace(&input, &options);
	mr_source_close(&input);
	return status;
}

const struct mr_command mr_cmd_verify = {
	.name = "verify",
	.operands = "TRACE",
	.min_operands = 1,
	.max_operands = 1,
	.summary = "what a trace recorded of its allocator against the policy",
	.description =
		"Runs TRACE (a file, or - for standard input) through the policy and "
		"compares, event by event, every capacity (cap), hit and counters line "
		"that was recorded. The trace's own limits are obeyed.\n\n"
		"A memory snapshot of PyTorch is run through PyTorch's rules: from the "
		"state that it begins in, found by walking back from its segments, every "
		"address, every segment asked for and given back, and the state at the "
		"end. Where memory ran out, the device is taken to be as large as the "
		"most that was reserved.\n\n"
		"Exit status 3, with the first difference named, if there is one, and "
		"also if the trace recorded nothing to compare: nothing checked is no "
		"proof.",
	.options = uses,
	.run = run,
};
