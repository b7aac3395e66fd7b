/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/draft.h"
#include "base/error.h"
#include "cli/command.h"
#include "cli/saving.h"
#include "cli/torch.h"
#include "report/torchpage.h"

/* The smallest device takes some sixty runs: not of longer traces. */
#define MOST_OPS 500000

struct job {
	const struct mr_torch_call *call;
	struct mr_torch_case of;
	struct mr_policy policy;
	struct mr_torch_peak peak;
	struct mr_torch_study studies[MR_TEXTS_MAX + 1];
	size_t count;
};

/* The settings recorded, then those given. of NULL: only to check the options. */
static enum mr_status
list_settings(struct job *job, const struct mr_torch_case *of, struct mr_error *err)
{
	const struct mr_texts *confs = &job->call->policy->confs;
	enum mr_status st =
		mr_torch_policy(&job->policy, job->call, of, NULL, of == NULL, err);

	job->count = 0;
	job->studies[job->count++].settings = job->policy.torch;
	for (size_t i = 0; i < confs->count && !st; i++) {
		struct mr_policy other;

		st = mr_torch_policy(
			&other, job->call, of, confs->items[i], of == NULL, err);
		job->studies[job->count++].settings = other.torch;
	}
	return st;
}

/* Returns an exit status. */
static int
study(struct job *job)
{
	const struct mr_torch_call *call = job->call;
	const struct mr_torch_script *script = &job->of.script;
	struct mr_torch_settings left;
	unsigned wanted = script->op_count > MOST_OPS ? 0 : MR_STUDY_SMALLEST;
	struct mr_error err;
	int status;

	if (list_settings(job, &job->of, &err))
		return mr_say_error(call->path, &err);
	status = mr_torch_study(job->studies, job->count, &job->of, call, wanted);
	left = job->policy.torch;
	mr_torch_leave(&left, job->of.older_bytes);
	if (!status && mr_torch_peak(&job->peak, script, &left, call->start, &err))
		status = mr_say_error(call->path, &err);
	return status;
}

/* What commands take, each with a blank before it; the settings, and a NUL, first. */
static void
print_arguments(FILE *out, const struct mr_torch_call *call)
{
	const struct mr_policy_options *policy = call->policy;
	size_t count;

	for (size_t i = 0; i < policy->confs.count; i++) {
		fputs(" --alloc-conf=", out);
		mr_print_quoted(out, policy->confs.items[i]);
	}
	putc('\0', out);
	fprintf(out, " --policy=%s", mr_setup_policy_at((size_t)policy->policy));
	for (size_t i = 0; i < policy->knobs.count; i++) {
		fputs(" --set=", out);
		mr_print_quoted(out, policy->knobs.items[i]);
	}
	if (call->start == MR_TORCH_SEEDED)
		fputs(" --start=seeded", out);
	if (call->input->from >= 0)
		fprintf(out, " --from=%s", mr_formats(&count)[call->input->from].name);
	mr_source_print(out, call->input);
	putc(' ', out);
	mr_print_quoted(out, call->path);
}

/* Prints the page. */
static enum mr_status
print_page(const struct job *job, FILE *out, struct mr_error *err)
{
	struct mr_draft arguments;
	struct mr_torch_page page = {
		.name = mr_path_name(job->call->path),
		.of = &job->of,
		.policy = &job->policy,
		.start = job->call->start,
		.peak = &job->peak,
		.studies = job->studies,
		.count = job->count,
		.smallest = job->of.script.op_count <= MOST_OPS,
		.environment = environ,
	};
	enum mr_status st = mr_draft_open(&arguments, err);

	if (st)
		return st;
	print_arguments(arguments.file, job->call);
	st = mr_draft_sync(&arguments, err);
	if (!st) {
		page.confs = arguments.text;
		page.arguments = arguments.text + strlen(arguments.text) + 1;
		st = mr_torch_page_print(&page, out, err);
	}
	mr_draft_fini(&arguments);
	return st;
}

static int
run(struct job *job, const char *path)
{
	struct mr_saving saving = {0};
	struct mr_draft page = {0};
	struct mr_error err;
	int status = mr_torch_read(&job->of, job->call);

	if (!status)
		status = mr_saving_open(&saving, path);
	if (!status)
		status = study(job);
	if (!status &&
		(mr_draft_open(&page, &err) || print_page(job, page.file, &err) ||
			mr_draft_sync(&page, &err)))
		status = mr_say_error(job->call->path, &err);
	if (!status)
		status = mr_saving_finish(&saving, page.text, page.length);
	mr_saving_abort(&saving);
	mr_draft_fini(&page);
	mr_torch_peak_fini(&job->peak);
	mr_torch_case_fini(&job->of);
	return status;
}

int
mr_torch_run_report(const struct mr_torch_call *call, const char *path)
{
	struct job *job = calloc(1, sizeof(*job));
	struct mr_error err;
	int status;

	if (!job) {
		mr_say("out of memory");
		return MR_EXIT_FAILED;
	}
	job->call = call;
	if (list_settings(job, NULL, &err))
		status = mr_say_usage(call->command, "%s: %s", call->command, err.text);
	else
		status = run(job, path);
	free(job);
	return status;
}
