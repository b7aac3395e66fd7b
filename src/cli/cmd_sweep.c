/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/draft.h"
#include "base/error.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/curves.h"
#include "cli/limits.h"
#include "cli/output.h"
#include "cli/setup.h"
#include "cli/share.h"
#include "cli/torch.h"
#include "cli/vary.h"
#include "cli/walk.h"
#include "report/curve.h"
#include "report/result.h"

struct options {
	struct mr_source_options input;
	struct mr_policy_options policy;
	struct mr_vary_options vary;
	struct mr_sweep_group_options sweep;
	struct mr_share_options share;
	struct mr_torch_options torch;
	struct mr_format_options format;
	struct mr_expect_options expect;
	const char *plot;
};

static const struct mr_option plot_rows[] = {
	{MR_OPTION_TEXT, 0, "plot", "FILE", .offset = offsetof(struct options, plot),
		.of_cache = true,
		.help = "also draw the curves, by gnuplot; FILE ends in .svg, .png or "
			".pdf"},
};
static const struct mr_option_group plot_group = {"Output options", plot_rows, 1};

static const struct mr_option_use uses[] = {
	{&mr_source_other_group, offsetof(struct options, input)},
	{&mr_policy_group, offsetof(struct options, policy)},
	{&mr_vary_group, offsetof(struct options, vary)},
	{&mr_sweep_group, offsetof(struct options, sweep)},
	{&mr_share_group, offsetof(struct options, share)},
	{&mr_torch_group, offsetof(struct options, torch)},
	{&mr_format_group, offsetof(struct options, format)},
	{&mr_point_expect_group, offsetof(struct options, expect)},
	{&plot_group, 0},
	{0},
};

/* What all traces of one call share. */
struct job {
	const struct options *options;
	const struct mr_limits *limits;
	const struct mr_point_expects *expects;
	FILE *out;    /* in memory until all is done: no half results */
	size_t shown; /* curves printed so far */
	bool several; /* traces */
	struct mr_curves curves;
};

static enum mr_status
print_curve(struct job *job, const struct mr_curve *curve, struct mr_error *err)
{
	bool first = !job->shown++;
	struct mr_screen screen;

	switch ((enum mr_output_format)job->options->format.format) {
	case MR_OUTPUT_TABLE:
		if (!first)
			putc('\n', job->out);
		mr_screen_init(&screen, stdout);
		return mr_curve_table(curve, &screen, job->out, err);
	case MR_OUTPUT_JSON:
		if (!first)
			fputs(",\n", job->out);
		return mr_curve_json(curve, job->out, err);
	case MR_OUTPUT_CSV:
		if (first)
			mr_curve_csv_names(curve, job->out);
		mr_curve_csv(curve, job->out);
		break;
	}
	return MR_OK;
}

/* Shows the points of one variant, which are the caller's to change. */
static int
show(struct job *job, const struct mr_swept *trace, const struct mr_variants *variants,
	struct mr_point *points, size_t count)
{
	const struct mr_variant *variant = &variants->items[points->policy];
	const struct mr_account *account = &trace->account;
	struct mr_doc doc = {0};
	struct mr_error err;
	struct mr_curve curve = {.path = mr_path_name(trace->path),
		.doc = &doc,
		.summary = &account->sweep,
		.points = points,
		.count = count,
		.varied = (const char *const *)variant->texts,
		.varied_count = variants->varied};
	int status = mr_point_expects_check(
		job->expects, job->several ? trace->path : NULL, points, count);

	if (job->options->plot &&
		mr_curves_keep(&job->curves, &curve, &variant->setup.policy, &err))
		return mr_say_error(trace->path, &err);
	if (job->limits->is_auto && mr_limits_thin(points, &curve.count, &err))
		return mr_say_error(trace->path, &err);
	mr_doc_add_origin(&doc, trace->path, &account->header, &account->summary);
	mr_doc_add_policy(&doc, &variant->setup.policy);
	if (print_curve(job, &curve, &err))
		status = mr_say_error(trace->path, &err);
	mr_doc_fini(&doc);
	return status;
}

static int
worse(int worst, int status)
{
	return status == MR_EXIT_FAILED || worst == MR_EXIT_DONE ? status : worst;
}

/* Shows what one trace came to, variant by variant. */
static int
show_trace(struct job *job, const struct mr_swept *trace)
{
	const struct options *options = job->options;
	const struct mr_account *account = &trace->account;
	struct mr_variants variants;
	struct mr_error err;
	int worst = MR_EXIT_DONE;
	size_t own;

	if (mr_variants_make(&variants, &options->vary, &options->policy,
		    &account->header, &err)) {
		worst = mr_say_error(trace->path, &err);
	} else {
		for (size_t i = 0; i < account->count && worst != MR_EXIT_FAILED;
			i += own) {
			struct mr_point *points = &account->points[i];

			for (own = 1; i + own < account->count &&
				points[own].policy == points->policy;)
				own++;
			worst = worse(worst, show(job, trace, &variants, points, own));
		}
	}
	mr_variants_fini(&variants);
	return worst;
}

static int
show_all(struct job *job, const struct mr_share *share)
{
	bool json = job->options->format.format == MR_OUTPUT_JSON;
	bool several = share->count > 1 || job->options->vary.texts.count;
	int worst = MR_EXIT_DONE;

	if (several && json)
		fputs("{\"sweeps\":[\n", job->out);
	for (size_t i = 0; i < share->count && worst != MR_EXIT_FAILED; i++)
		if (!share->traces[i].status)
			worst = worse(worst, show_trace(job, &share->traces[i]));
	if (json)
		fputs(several ? "\n]}\n" : "\n", job->out);
	return worst;
}

/* Holds what is printed back until all of it is there. */
static int
print(struct job *job, const struct mr_share *share)
{
	struct mr_draft draft;
	struct mr_error err;
	int status;

	if (mr_draft_open(&draft, &err))
		return mr_say_error(NULL, &err);
	job->out = draft.file;
	job->several = share->count > 1;
	status = show_all(job, share);
	if (status != MR_EXIT_FAILED && mr_draft_sync(&draft, &err))
		status = mr_say_error(NULL, &err);
	if (status != MR_EXIT_FAILED && job->options->plot &&
		mr_curves_save(&job->curves))
		status = MR_EXIT_FAILED;
	if (status != MR_EXIT_FAILED)
		fwrite(draft.text, 1, draft.length, stdout);
	mr_draft_fini(&draft);
	return status;
}

/* Sweeps all traces, and prints what there is even if some failed. */
static int
sweep_and_print(struct job *job, char **operands)
{
	const struct options *options = job->options;
	const struct mr_method method = {
		.input = options->input,
		.policy = &options->policy,
		.vary = &options->vary,
		.sweep = job->limits->options,
		.estimate = true,
	};
	struct mr_share share;
	int status = mr_share_begin(&share, operands);

	if (!status && options->plot && !mr_share_follows(&share))
		status = mr_saving_open(&job->curves.saving, options->plot);
	if (!status) {
		status = mr_share_run(&share, &method, &options->share);
		if (share.failed < share.count)
			status = worse(status, print(job, &share));
	}
	mr_share_fini(&share);
	return status;
}

/* Under PyTorch's rules it is settings and devices that are swept. */
static int
sweep_torch(const struct mr_command *self, const struct options *options, char **operands)
{
	if (!mr_torch_accepts(self, options, operands))
		return MR_EXIT_USAGE;
	return mr_torch_run_sweep(&(struct mr_torch_call){
		.command = self->name,
		.path = operands[0],
		.input = &options->input,
		.policy = &options->policy,
		.format = &options->format,
		.expect = &options->expect,
		.start = (enum mr_torch_start)options->torch.start,
		.jobs = (unsigned)options->sweep.jobs.value,
	});
}

static int
run(const struct mr_command *self, int argc, char **argv)
{
	struct options options = {0}; /* what is no option too */
	struct mr_limits limits = {0};
	struct mr_point_expects expects;
	struct mr_variants unused = {0};
	struct job job = {.options = &options, .limits = &limits, .expects = &expects};
	struct mr_error err;
	int status;
	char **operands = mr_command_parse(self, &options, argc, argv, &status);

	if (!operands)
		return status;
	if (mr_setup_is_torch(&options.policy))
		return sweep_torch(self, &options, operands);
	if (mr_limits_make(&limits, &options.sweep, &err) ||
		mr_point_expects_parse(&expects, &options.expect, &err) ||
		mr_variants_make(&unused, &options.vary, &options.policy, NULL, &err)) {
		status = mr_say_refusal(self->name, &err);
	} else if (options.plot &&
		mr_plot_format_of(&job.curves.format, options.plot, &err)) {
		status = mr_say_usage(self->name, "%s: --plot: %s", self->name, err.text);
	} else {
		limits.options.help = mr_walk_help;
		options.input.ahead = limits.options.jobs > 1;
		status = sweep_and_print(&job, operands);
	}
	mr_variants_fini(&unused);
	mr_curves_fini(&job.curves);
	mr_limits_fini(&limits);
	return status;
}

const struct mr_command mr_cmd_sweep = {
	.name = "sweep",
	.operands = "TRACE...",
	.min_operands = 1,
	.max_operands = 1024,
	.summary = "many cache limits in one reading of a trace: the curve",
	.description =
		"Runs TRACE at many cache limits at once and prints a point for each: "
		"what "
		"the allocator does there, and the range of limits at which it does just "
		"the same. Each point is exact. The curve is not monotone in general, so "
		"nothing is said of limits that no range covers, and every place where "
		"more cache means fewer hits is named.\n\n"
		"The trace's own set_cache_limit events are ignored. --expect takes "
		"METRIC@LIMIT here: 'hit_rate@32MiB>=0.9'.",
	.options = uses,
	.run = run,
};
