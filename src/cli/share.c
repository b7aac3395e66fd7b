/* SPDX-License-Identifier: MIT */
#include "cli/share.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/error.h"
#include "cli/message.h"

static const struct mr_option rows[] = {
	{MR_OPTION_FLAG, 0, "fail-fast", .of_cache = true,
		.offset = offsetof(struct mr_share_options, fail_fast),
		.help = "stop at the first trace that cannot be read, and print nothing; "
			"otherwise the others' results are printed, and the exit status "
			"is 1"},
};
const struct mr_option_group mr_share_group = {
	"Options for many traces", rows, sizeof(rows) / sizeof(rows[0])};

/* A sweep of many traces while it runs. */
struct job {
	struct mr_method method;
	struct mr_share *share;
	struct mr_plan plan;
	size_t rows;   /* of a trace: one a variant, or one for all */
	size_t groups; /* of a row */
	size_t variants;
	struct mr_account *parts; /* by unit */
	char **said;              /* of each trace, so far */
	struct mr_progress progress;
	char doing[64]; /* its label */
};

/* --- units */

/* About how long a unit takes: to read and carry out so much at so many limits. */
static uint64_t
weight_of(const struct mr_work_unit *unit, uint64_t size)
{
	const uint64_t usual = 512; /* limits of a grid */

	return (size + 1) * (unit->width ? unit->width : usual);
}

static void
add_units(struct job *job, size_t source, const char *path)
{
	struct stat about = {0};
	bool there = !stat(path, &about);

	for (size_t row = 0; row < job->rows; row++) {
		for (size_t group = 0; group < job->groups; group++) {
			struct mr_work_unit *unit = &job->plan.units[job->plan.count++];

			unit->source = source;
			unit->row = row;
			unit->width = mr_limits_width(&job->method.sweep, group, 1);
			unit->once = !there || !S_ISREG(about.st_mode);
			unit->weight = weight_of(unit, (uint64_t)about.st_size);
		}
	}
}

/* How many variants there are, whatever the trace. */
static enum mr_status
count_variants(struct job *job, struct mr_error *err)
{
	struct mr_policy_options policy = *job->method.policy;
	struct mr_variants variants;
	enum mr_status st;

	policy.quiet = true;
	st = mr_variants_make(&variants, job->method.vary, &policy, NULL, err);

	job->variants = variants.count;
	mr_variants_fini(&variants);
	return st;
}

static enum mr_status
make_units(struct job *job, struct mr_error *err)
{
	const struct mr_sweep_options *sweep = &job->method.sweep;
	size_t sources = job->share->count, count;

	if (count_variants(job, err))
		return err->status;
	job->rows = mr_limits_apart(sweep) ? job->variants : 1;
	job->groups = mr_limits_groups(sweep);
	count = sources * job->rows * job->groups;
	job->plan.units = calloc(count, sizeof(*job->plan.units));
	job->parts = calloc(count, sizeof(*job->parts));
	job->said = calloc(sources, sizeof(*job->said));
	if (!job->plan.units || !job->parts || !job->said)
		return mr_fail_memory(err);
	for (size_t i = 0; i < sources; i++)
		add_units(job, i, job->share->traces[i].path);
	return MR_OK;
}

/* --- carrying them out */

/* Work on a parcel begins: which part of all it is. */
static void
show_stretch(struct job *job, const struct mr_parcel *parcel)
{
	const struct mr_plan *plan = &job->plan;
	double all = (double)plan->weight, done = (double)plan->weight_done;

	if (plan->parcel_count < 2)
		return;
	snprintf(job->doing, sizeof(job->doing), "%zu of %zu units", plan->done,
		plan->count);
	mr_progress_stretch(
		&job->progress, done / all, (done + (double)parcel->weight) / all);
}

static void
describe(void *context, const struct mr_parcel *parcel, struct mr_packet *out)
{
	struct job *job = context;
	bool apart = mr_limits_apart(&job->method.sweep);
	size_t own = job->rows * job->groups; /* units of a trace */
	size_t first = parcel->first % own;
	bool whole = parcel->count >= job->groups;
	struct mr_piece piece = {
		.path = job->share->traces[parcel->first / own].path,
		.row = first / job->groups,
		.rows = !apart  ? job->variants
			: whole ? parcel->count / job->groups
				: 1,
		.group = first % job->groups,
		.groups = whole ? job->groups : parcel->count,
	};

	show_stretch(job, parcel);
	mr_piece_put(out, &piece);
}

static void
work(void *context, struct mr_errand *errand)
{
	mr_piece_work(&((struct job *)context)->method, errand);
}

/* Says what there is to say of a trace, once: each of its units brings it along. */
static void
say(struct job *job, size_t source, const char *text)
{
	char **said = &job->said[source];

	if (*said && !strcmp(*said, text))
		return;
	fputs(text, stderr);
	free(*said);
	*said = strdup(text);
}

static bool
take(void *context, size_t unit, struct mr_packet *result)
{
	struct job *job = context;

	say(job, unit / (job->rows * job->groups), mr_packet_get_text(result, NULL));
	return mr_account_get(result, &job->parts[unit]);
}

static void
fail(void *context, size_t source, int status, const char *why)
{
	struct job *job = context;

	say(job, source, why);
	job->share->traces[source].status = status;
	job->share->failed++;
}

/* --- putting together */

/* Joins what the units of a trace came to; the first one also tells of the trace. */
static enum mr_status
join(struct job *job, size_t source, struct mr_error *err)
{
	size_t own = job->rows * job->groups, total = 0;
	struct mr_account *parts = &job->parts[source * own], *all = &parts[0];
	struct mr_point *points;

	for (size_t i = 0; i < own; i++)
		total += parts[i].count;
	points = malloc(total * sizeof(*points) + 1);
	if (!points)
		return mr_fail_memory(err);
	total = 0;
	for (size_t i = 0; i < own; i++) {
		if (parts[i].count)
			memcpy(points + total, parts[i].points,
				parts[i].count * sizeof(*points));
		total += parts[i].count;
	}
	free(all->points);
	all->points = points;
	all->count = total;
	job->share->traces[source].account = *all;
	*all = (struct mr_account){0};
	return MR_OK;
}

/* Says how many traces failed. Returns the exit status that this calls for. */
static int
count_failed(struct mr_share *share, bool stopped)
{
	int status = MR_EXIT_DONE;

	for (size_t i = 0; i < share->count && !status; i++)
		status = share->traces[i].status;
	if (share->failed && share->count > 1)
		mr_say("%zu of %zu traces failed", share->failed, share->count);
	if (share->failed && share->failed < share->count && !stopped)
		return MR_EXIT_FAILED;
	if (stopped)
		share->failed = share->count;
	return status;
}

static enum mr_status
carry_out(struct job *job, struct mr_fleet *fleet, struct mr_error *err)
{
	enum mr_status st = make_units(job, err);

	if (!st)
		st = mr_plan_make(&job->plan, 1, err);
	if (!st)
		st = mr_fleet_lead(fleet, &job->plan, err);
	for (size_t i = 0; i < job->share->count && !st && !fleet->stopped; i++)
		if (!job->share->traces[i].status)
			st = join(job, i, err);
	return st;
}

static void
job_fini(struct job *job)
{
	for (size_t i = 0; i < job->plan.count; i++)
		mr_account_fini(&job->parts[i]);
	for (size_t i = 0; job->said && i < job->share->count; i++)
		free(job->said[i]);
	free(job->said);
	free(job->parts);
	mr_plan_fini(&job->plan);
}

int
mr_share_run(struct mr_share *share, const struct mr_method *method,
	const struct mr_share_options *options)
{
	struct job job = {.method = *method, .share = share};
	struct mr_fleet fleet = {.fail_fast = options->fail_fast,
		.describe = describe,
		.work = work,
		.take = take,
		.fail = fail,
		.context = &job};
	struct mr_error err;
	int status;

	job.method.input.progress = &job.progress;
	job.method.input.doing = job.doing;
	mr_progress_start(&job.progress);
	if (carry_out(&job, &fleet, &err)) {
		share->failed = share->count;
		status = mr_say_error(NULL, &err);
	} else {
		status = count_failed(share, fleet.stopped);
	}
	job_fini(&job);
	return status;
}

int
mr_share_begin(struct mr_share *out, char **operands)
{
	int status;

	*out = (struct mr_share){0};
	if ((status = mr_list_make(&out->list, operands)))
		return status;
	out->traces = calloc(out->list.count, sizeof(*out->traces));
	if (!out->traces) {
		mr_say("out of memory");
		return MR_EXIT_FAILED;
	}
	out->count = out->list.count;
	for (size_t i = 0; i < out->count; i++)
		out->traces[i].path = out->list.items[i];
	return MR_EXIT_DONE;
}

void
mr_share_fini(struct mr_share *share)
{
	for (size_t i = 0; i < share->count; i++)
		mr_account_fini(&share->traces[i].account);
	free(share->traces);
	mr_list_fini(&share->list);
}
