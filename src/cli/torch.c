/* SPDX-License-Identifier: MIT */
#include "cli/torch.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "cli/command.h"
#include "report/result.h"
#include "report/torch.h"
#include "trace/pickle.h"

#define FORMAT "pytorch-snapshot"

static const char *
start_name(size_t index)
{
	static const char *const names[] = {
		[MR_TORCH_SEEDED] = "seeded", [MR_TORCH_REBUILT] = "rebuilt", NULL};

	return names[index];
}

static const struct mr_option torch_rows[] = {
	{MR_OPTION_CHOICE, 0, "start", "HOW", "rebuilt", .choices = start_name,
		.offset = offsetof(struct mr_torch_options, start),
		.help = "where a snapshot begins under PyTorch's rules: with the "
			"segments "
			"that were there, as this run goes on (seeded), or from scratch "
			"with the blocks older than the trace asked for first (rebuilt)"},
};
const struct mr_option_group mr_torch_group = {"PyTorch options", torch_rows, 1};

int
mr_torch_look(bool *is_snapshot, const char *path, const struct mr_source_options *input)
{
	struct mr_input *in = NULL;
	const unsigned char *data;
	size_t count, length;
	struct mr_error err;
	enum mr_status st;

	*is_snapshot =
		input->from >= 0 && !strcmp(mr_formats(&count)[input->from].name, FORMAT);
	if (input->from >= 0 || !mr_source_again(path))
		return MR_EXIT_DONE;
	st = mr_input_open(&in, path, &err);
	if (!st)
		st = mr_input_peek(in, 2, &data, &length, &err);
	if (!st)
		*is_snapshot = mr_pickle_probe(data, length);
	mr_input_close(in);
	return st ? mr_say_error(path, &err) : MR_EXIT_DONE;
}

bool
mr_torch_accepts(const struct mr_command *self, const void *values, char **operands)
{
	const struct mr_option *row = mr_options_of_cache(values, self->options);

	if (operands[0] && operands[1])
		mr_say_usage(self->name,
			"%s: PyTorch's rules are applied to one trace at a time",
			self->name);
	else if (row)
		mr_say_usage(self->name, "%s: --%s means nothing under PyTorch's rules",
			self->name, row->name);
	return !row && !(operands[0] && operands[1]);
}

/* --- reading */

static int
read_snapshot(struct mr_torch_case *out, const struct mr_torch_call *call)
{
	struct mr_snapshot *snapshot = NULL;
	struct mr_progress progress;
	struct mr_input *in = NULL;
	struct mr_error err;
	enum mr_status st = mr_input_open(&in, call->path, &err);

	mr_progress_start(&progress);
	if (!st) {
		mr_input_tell(in, mr_progress_show_read, &progress);
		st = mr_snapshot_read(&snapshot, in, true, &err);
	}
	mr_progress_hide(&progress);
	mr_input_close(in);
	if (!st)
		st = mr_torch_case_snapshot(out, snapshot, call->input->device, &err);
	return st ? mr_say_error(call->path, &err) : MR_EXIT_DONE;
}

static enum mr_status
add_events(
	void *context, const struct mr_event *events, size_t count, struct mr_error *err)
{
	enum mr_status st = MR_OK;

	for (size_t i = 0; i < count && !st; i++)
		st = mr_torch_case_add(context, &events[i], err);
	return st;
}

int
mr_torch_read(struct mr_torch_case *out, const struct mr_torch_call *call)
{
	struct mr_source input;
	bool is_snapshot;
	int status;

	memset(out, 0, sizeof(*out));
	status = mr_torch_look(&is_snapshot, call->path, call->input);
	if (status)
		return status;
	if (is_snapshot)
		return read_snapshot(out, call);
	status = mr_source_open(&input, call->path, call->input);
	if (!status && mr_source_older(&out->older_bytes, &input))
		status = mr_source_failed(&input);
	if (!status)
		status = mr_source_each(&input, add_events, out);
	mr_source_close(&input);
	return status;
}

enum mr_status
mr_torch_policy(struct mr_policy *out, const struct mr_torch_call *call,
	const struct mr_torch_case *of, const char *conf, bool say, struct mr_error *err)
{
	enum mr_status st = mr_setup_policy(out, call->policy, err);
	struct mr_torch_settings own;

	if (!st && !mr_policy_is_torch(out))
		st = mr_policy_init(out, "torch-cuda", err);
	if (st)
		return st;
	own = out->torch;
	if (of && of->snapshot) {
		out->torch = of->recording.settings;
		out->torch.extra = own.extra;
		out->torch.align = own.align;
	}
	st = mr_setup_knobs(out, call->policy, conf, say, err);
	mr_policy_resolve(out);
	return st;
}

void
mr_torch_add_peaks(struct mr_doc *doc, const struct mr_torch_study *study,
	const struct mr_result *result)
{
	mr_doc_bytes(doc, "peak_reserved_bytes", result->peak_reserved_bytes);
	mr_doc_bytes(doc, "lowest_peak_reserved_bytes", study->low);
	mr_doc_bytes(doc, "highest_peak_reserved_bytes", study->high);
	mr_doc_bytes(doc, "peak_allocated_bytes", result->peak_allocated_bytes);
	mr_doc_ratio(doc, "fragmentation_at_peak", result->unused_at_peak_bytes,
		result->peak_reserved_bytes);
}

static const char *
first_conf(const struct mr_torch_call *call)
{
	return call->policy->confs.count ? call->policy->confs.items[0] : NULL;
}

static void
show_part(void *progress, double part)
{
	mr_progress_show(progress, part, "");
}

int
mr_torch_study(struct mr_torch_study *studies, size_t count,
	const struct mr_torch_case *of, const struct mr_torch_call *call, unsigned wanted)
{
	struct mr_progress progress;
	struct mr_error err;
	const struct mr_torch_course course = {
		.script = &of->script,
		.start = call->start,
		.older_bytes = of->older_bytes,
		.wanted = wanted,
		.jobs = call->jobs,
		.progress = show_part,
		.context = &progress,
	};
	enum mr_status st;

	mr_progress_start(&progress);
	st = mr_torch_studies(studies, count, &course, &err);
	mr_progress_hide(&progress);
	return st ? mr_say_error(call->path, &err) : MR_EXIT_DONE;
}

/* Reads the trace and makes the policy, having checked the options before. */
static int
prepare(struct mr_torch_case *out, struct mr_policy *policy,
	const struct mr_torch_call *call)
{
	struct mr_error err;
	int status;

	memset(out, 0, sizeof(*out));
	if (call->policy->confs.count > 1)
		return mr_say_usage(call->command,
			"%s: --alloc-conf: given more than once; sweep compares",
			call->command);
	if (mr_torch_policy(policy, call, NULL, first_conf(call), false, &err))
		return mr_say_refusal(call->command, &err);
	status = mr_torch_read(out, call);
	if (!status &&
		mr_torch_policy(
			policy, call, out, first_conf(call), !call->policy->quiet, &err))
		status = mr_say_error(call->path, &err);
	return status;
}

/* --- verify */

static void
describe(char *text, size_t size, uint64_t number, bool as_address)
{
	char bytes[MR_TEXT_SIZE];

	if (number == MR_UNLIMITED)
		snprintf(text, size, "nothing");
	else if (as_address)
		snprintf(text, size, "0x%" PRIx64, number);
	else
		snprintf(text, size, "%s", mr_size_print(bytes, number));
}

static int
judge(const struct mr_torch_call *call, const struct mr_torch_case *of,
	const struct mr_policy *policy, const struct mr_torch_verdict *verdict)
{
	char reasons[MR_TORCH_REASONS][MR_TORCH_REASON_SIZE];
	const struct mr_torch_difference *first = &verdict->first;
	const char *name = mr_path_name(call->path);
	char recorded[40], given[40], where[40] = "after the last event";
	bool as_address;
	size_t count;

	if (!verdict->allocs && !verdict->devices) {
		mr_say("%s: nothing to verify: no request was recorded", name);
		return MR_EXIT_UNMET;
	}
	if (!verdict->differs)
		return MR_EXIT_DONE;
	as_address = !strcmp(first->field, "address");
	describe(recorded, sizeof(recorded), first->recorded, as_address);
	describe(given, sizeof(given), first->given, as_address);
	if (first->event)
		snprintf(where, sizeof(where), "event %" PRIu64, first->event);
	mr_say("%s: %s: %s: recorded %s, the policy gives %s", name, where, first->field,
		recorded, given);
	count = mr_torch_reasons(reasons, of, policy);
	for (size_t i = 0; i < count; i++)
		mr_say("%s: %s", name, reasons[i]);
	return MR_EXIT_UNMET;
}

int
mr_torch_run_verify(const struct mr_torch_call *call)
{
	struct mr_torch_case of;
	struct mr_torch_verdict verdict;
	struct mr_policy policy;
	struct mr_doc doc = {0};
	struct mr_error err;
	int status = prepare(&of, &policy, call);

	if (!status &&
		mr_torch_verify(&verdict, &of.recording, &of.script, &policy.torch, &err))
		status = mr_say_error(call->path, &err);
	if (!status) {
		policy.memory = verdict.memory;
		mr_doc_add_torch_case(&doc, call->path, &of);
		mr_doc_add_policy(&doc, &policy);
		mr_doc_add_torch_start(&doc, MR_TORCH_SEEDED, &of);
		mr_doc_add_torch_verdict(
			&doc, &verdict, &of, call->format->format != MR_OUTPUT_TABLE);
		status = mr_print_doc(&doc, call->format);
		mr_doc_fini(&doc);
	}
	if (!status)
		status = judge(call, &of, &policy, &verdict);
	mr_torch_case_fini(&of);
	return status;
}

/* --- simulate */

int
mr_torch_run_simulate(const struct mr_torch_call *call)
{
	struct mr_torch_case of;
	struct mr_torch_study study;
	struct mr_policy policy;
	struct mr_saving saving = {0};
	struct mr_expects expects;
	struct mr_doc doc = {0};
	struct mr_error err;
	int status = prepare(&of, &policy, call);

	if (!status && mr_expects_parse(&expects, call->expect, MR_SECTION_TORCH, &err))
		status = mr_say_refusal(call->command, &err);
	if (!status && call->plot)
		status = mr_saving_open(&saving, call->plot);
	if (!status) {
		study.settings = policy.torch;
		status = mr_torch_study(&study, 1, &of, call, MR_STUDY_SPREAD);
	}
	if (!status && call->plot)
		status = mr_torch_draw(&of, &policy, call->start, &saving, call->plot);
	if (!status) {
		mr_doc_add_torch_case(&doc, call->path, &of);
		mr_doc_add_policy(&doc, &policy);
		mr_doc_add_torch_start(&doc, call->start, &of);
		mr_doc_add_results(&doc, &policy, &study.whatif.result);
		mr_doc_begin(&doc, "addresses", 0);
		mr_doc_bytes(&doc, "lowest_peak_reserved_bytes", study.low);
		mr_doc_bytes(&doc, "highest_peak_reserved_bytes", study.high);
		mr_doc_add_torch_timeline(&doc, &study.whatif);
		mr_doc_add_torch_shortage(&doc, &study.whatif, &of);
		status = mr_print_doc(&doc, call->format);
		mr_doc_fini(&doc);
	}
	if (!status)
		status = mr_expects_check(&expects, NULL, &study.whatif.result);
	mr_saving_abort(&saving);
	mr_torch_case_fini(&of);
	return status;
}

int
mr_torch_run_once(struct mr_policy *policy, struct mr_result *result,
	const struct mr_torch_call *call)
{
	struct mr_torch_case of;
	struct mr_torch_study study;
	int status = prepare(&of, policy, call);

	if (!status) {
		study.settings = policy->torch;
		status = mr_torch_study(&study, 1, &of, call, 0);
	}
	if (!status)
		*result = study.whatif.result;
	mr_torch_case_fini(&of);
	return status;
}
