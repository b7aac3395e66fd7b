/* SPDX-License-Identifier: MIT */
#include "cli/share.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "base/units.h"
#include "cli/interrupt.h"
#include "cli/key.h"
#include "cli/locate.h"
#include "cli/message.h"
#include "fleet/join.h"

static const struct mr_option rows[] = {
	{MR_OPTION_FLAG, 0, "fail-fast", .of_cache = true,
		.offset = offsetof(struct mr_share_options, fail_fast),
		.help = "stop at the first trace that cannot be read, and print nothing; "
			"otherwise the others' results are printed, and the exit status "
			"is 1"},
	{MR_OPTION_TEXT, 0, "resume", "FILE", .of_cache = true,
		.offset = offsetof(struct mr_share_options, resume),
		.help = "keep what is done in FILE, unit by unit, and do only what is "
			"not kept there for the same trace, policy and limits"},
};
const struct mr_option_group mr_share_group = {
	"Options for many traces", rows, sizeof(rows) / sizeof(rows[0])};

/* A sweep of many traces while it runs. */
struct job {
	struct mr_method method;
	struct mr_share *share;
	struct mr_plan plan;
	size_t rows;                 /* of a trace: one a variant, or one for all */
	size_t groups;               /* of a row */
	struct mr_variants variants; /* whatever the trace */
	struct mr_journal *journal;  /* NULL: none */
	const char *journal_path;
	struct mr_account *parts; /* by unit */
	char **said;              /* of each trace, so far */
	struct mr_progress progress;
	FILE *terminal;     /* of it, if it is not standard error */
	char doing[64];     /* its label */
	size_t taken;       /* units */
	char words[2][256]; /* the last, should it be interrupted: these or the next */
};

/* --- units */

/* About how long a unit takes: to read and carry out so much at so many limits. */
static uint64_t
weight_of(const struct mr_work_unit *unit, uint64_t size)
{
	const uint64_t usual = 512; /* limits of a grid */

	return (size + 1) * (unit->width ? unit->width : usual);
}

/* What a unit is called in the journal. NULL: no memory. */
static char *
key_of(const struct job *job, const struct mr_work_unit *unit, size_t group,
	const char *path, const struct stat *about)
{
	const struct mr_variant *variant = &job->variants.items[unit->row];
	const struct mr_texts *all = &job->method.vary->texts;

	if (mr_limits_apart(&job->method.sweep))
		return mr_key_make(&job->method, path, about,
			(const char *const *)variant->texts, job->variants.varied, group);
	return mr_key_make(&job->method, path, about, all->items, all->count, group);
}

static enum mr_status
add_units(struct job *job, size_t source, const char *path, struct mr_error *err)
{
	struct stat about = {0};
	bool once = stat(path, &about) || !S_ISREG(about.st_mode);

	for (size_t row = 0; row < job->rows; row++) {
		for (size_t group = 0; group < job->groups; group++) {
			struct mr_work_unit *unit = &job->plan.units[job->plan.count++];

			unit->source = source;
			unit->row = row;
			unit->width = mr_limits_width(&job->method.sweep, group, 1);
			unit->once = once;
			unit->weight = weight_of(unit, (uint64_t)about.st_size);
			if (!job->journal || once)
				continue;
			unit->key = key_of(job, unit, group, path, &about);
			if (!unit->key)
				return mr_fail_memory(err);
		}
	}
	return MR_OK;
}

static enum mr_status
make_units(struct job *job, struct mr_error *err)
{
	const struct mr_sweep_options *sweep = &job->method.sweep;
	struct mr_policy_options policy = *job->method.policy;
	size_t sources = job->share->count, count;
	enum mr_status st;

	policy.quiet = true;
	st = mr_variants_make(&job->variants, job->method.vary, &policy, NULL, err);
	if (st)
		return st;
	job->rows = mr_limits_apart(sweep) ? job->variants.count : 1;
	job->groups = mr_limits_groups(sweep);
	count = sources * job->rows * job->groups;
	job->plan.units = calloc(count, sizeof(*job->plan.units));
	job->parts = calloc(count, sizeof(*job->parts));
	job->said = calloc(sources, sizeof(*job->said));
	if (!job->plan.units || !job->parts || !job->said)
		return mr_fail_memory(err);
	for (size_t i = 0; i < sources && !st; i++)
		st = add_units(job, i, job->share->traces[i].path, err);
	return st;
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
		.rows = !apart  ? job->variants.count
			: whole ? parcel->count / job->groups
				: 1,
		.group = first % job->groups,
		.groups = whole ? job->groups : parcel->count,
	};

	if (!job->share->transport)
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
	mr_progress_hide(&job->progress);
	fputs(text, stderr);
	free(*said);
	*said = strdup(text);
}

/* What is said if the program is interrupted now. */
static void
set_last_words(struct job *job)
{
	char *words = job->words[job->taken % 2];
	const char *path = job->journal_path;

	if (job->plan.count < 2 && !path)
		return;
	snprintf(words, sizeof(job->words[0]),
		"memreplay: stopped when %zu of %zu units were done%s%.160s\n",
		job->taken, job->plan.count, path ? "; they are kept in " : "",
		path ? path : "");
	mr_interrupt_say(words);
}

static bool
take(void *context, size_t unit, struct mr_packet *result)
{
	struct job *job = context;

	say(job, unit / (job->rows * job->groups), mr_packet_get_text(result, NULL));
	if (!mr_account_get(result, &job->parts[unit]))
		return false;
	job->taken++;
	set_last_words(job);
	return true;
}

static void
fail(void *context, size_t source, int status, const char *why)
{
	struct job *job = context;

	say(job, source, why);
	job->share->traces[source].status = status;
	job->share->failed++;
}

static void
show_progress(void *context, double part)
{
	struct job *job = context;

	snprintf(job->doing, sizeof(job->doing), "%zu of %zu units by %d ranks",
		job->plan.done, job->plan.count, job->share->transport->size);
	mr_progress_show(&job->progress, part, job->doing);
}

/* Progress is for the terminal, which mpirun does not hand on as standard error. */
static void
start_progress(struct job *job)
{
	if (job->share->transport)
		job->terminal = fopen("/dev/tty", "we");
	if (job->terminal)
		mr_progress_start_on(&job->progress, job->terminal);
	else
		mr_progress_start(&job->progress);
}

/* --- putting together */

/*
 * Units read the trace each for itself, on other nodes or days: it may have changed in
 * between. Says so, and returns false, where its length shows that.
 */
static bool
is_one_trace(struct job *job, size_t source)
{
	size_t own = job->rows * job->groups;
	const struct mr_account *parts = &job->parts[source * own];
	struct mr_swept *trace = &job->share->traces[source];

	for (size_t i = 1; i < own; i++) {
		if (parts[i].sweep.events == parts[0].sweep.events)
			continue;
		mr_progress_hide(&job->progress);
		mr_say("%s: is not the same file for all units: some read %" PRIu64
		       " events, some %" PRIu64,
			mr_path_name(trace->path), parts[0].sweep.events,
			parts[i].sweep.events);
		trace->status = MR_EXIT_FAILED;
		job->share->failed++;
		return false;
	}
	return true;
}

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

/* Takes what the journal has. */
static void
restore(struct job *job)
{
	struct mr_packet result;

	for (size_t i = 0; i < job->plan.count; i++) {
		struct mr_work_unit *unit = &job->plan.units[i];

		if (!unit->key || !mr_journal_find(job->journal, unit->key, &result))
			continue;
		unit->done = take(job, i, &result);
		if (!unit->done)
			mr_account_fini(&job->parts[i]);
	}
	if (job->taken)
		mr_say("%s: %zu of %zu units are done already", job->journal_path,
			job->taken, job->plan.count);
}

static enum mr_status
carry_out(struct job *job, struct mr_fleet *fleet, struct mr_error *err)
{
	enum mr_status st = make_units(job, err);

	if (st)
		return st;
	set_last_words(job);
	if (job->journal)
		restore(job);
	st = mr_fleet_lead(fleet, &job->plan, err);
	for (size_t i = 0; i < job->share->count && !st && !fleet->stopped; i++) {
		if (job->share->traces[i].status)
			continue;
		if (is_one_trace(job, i))
			st = join(job, i, err);
		else
			fleet->stopped = fleet->fail_fast;
	}
	return st;
}

static void
job_fini(struct job *job)
{
	mr_interrupt_say(NULL);
	if (job->terminal)
		fclose(job->terminal);
	for (size_t i = 0; i < job->plan.count; i++)
		mr_account_fini(&job->parts[i]);
	for (size_t i = 0; job->said && i < job->share->count; i++)
		free(job->said[i]);
	free(job->said);
	free(job->parts);
	mr_variants_fini(&job->variants);
	mr_plan_fini(&job->plan);
	mr_journal_close(job->journal);
}

/* Returns an exit status. */
static int
open_journal(struct job *job, const char *path)
{
	struct mr_error err;
	uint64_t lost;

	job->journal_path = path;
	if (path && mr_journal_open(&job->journal, path, &lost, &err))
		return mr_say_error(path, &err);
	if (path && lost)
		mr_say("%s: its last %" PRIu64
		       " bytes were not written whole and are cut off",
			path, lost);
	return MR_EXIT_DONE;
}

/* A line on what a process did, or all of them. */
static void
say_speed(const char *who, const struct mr_member *member, uint64_t ns)
{
	double seconds = (double)(ns ? ns : 1) / 1e9;
	char time[MR_TEXT_SIZE], events[MR_TEXT_SIZE], rate[MR_TEXT_SIZE];
	char steps[MR_TEXT_SIZE];

	mr_say("%s: %" PRIu64 " units in %s; %s events read, %s a second; carried out "
	       "%s a second",
		who, member->units, mr_time_print(time, (double)ns),
		mr_count_print(events, member->events),
		mr_count_print(rate, (uint64_t)((double)member->events / seconds)),
		mr_count_print(steps, (uint64_t)((double)member->steps / seconds)));
}

static void
say_speeds(const struct mr_fleet *fleet, uint64_t ns)
{
	struct mr_member all = {.here = true};
	char who[128];

	for (int i = 0; fleet->members && i < fleet->transport->size; i++) {
		const struct mr_member *member = &fleet->members[i];

		snprintf(who, sizeof(who), "rank %d on %s", i, member->host);
		say_speed(who, member, member->ns);
		all.units += member->units;
		all.events += member->events;
		all.steps += member->steps;
	}
	snprintf(who, sizeof(who), "all %d ranks", fleet->transport->size);
	say_speed(who, &all, ns);
}

/* Parts with the other processes; ends them if that does not go well. */
static void
part(struct mr_share *share, bool lost)
{
	const struct mr_transport *transport = share->transport;

	share->transport = NULL;
	if (lost)
		transport->abort(MR_EXIT_FAILED);
	else if (transport->end())
		mr_say("MPI did not end well");
}

static int
lead(struct job *job, struct mr_fleet *fleet)
{
	struct mr_share *share = job->share;
	uint64_t start = mr_clock_ns();
	struct mr_error err;

	start_progress(job);
	if (carry_out(job, fleet, &err)) {
		mr_progress_hide(&job->progress);
		share->failed = share->count;
		return mr_say_error(
			err.status == MR_EIO ? job->journal_path : NULL, &err);
	}
	mr_progress_hide(&job->progress);
	if (fleet->transport)
		say_speeds(fleet, mr_clock_ns() - start);
	return count_failed(share, fleet->stopped);
}

static int
follow(struct mr_fleet *fleet)
{
	struct mr_error err;

	fleet->lost = mr_fleet_follow(fleet, &err) != MR_OK;
	return fleet->lost ? mr_say_error(NULL, &err) : MR_EXIT_DONE;
}

int
mr_share_run(struct mr_share *share, const struct mr_method *method,
	const struct mr_share_options *options)
{
	bool follows = mr_share_follows(share);
	struct job job = {.method = *method, .share = share};
	struct mr_fleet fleet = {.fail_fast = options->fail_fast,
		.transport = share->transport,
		.describe = describe,
		.work = work,
		.take = take,
		.fail = fail,
		.progress = show_progress,
		.context = &job};
	int status = follows ? MR_EXIT_DONE : open_journal(&job, options->resume);

	fleet.journal = job.journal;
	fleet.lost = share->transport; /* until they are let go */
	job.method.estimate &= !share->transport;
	job.method.input.progress = &job.progress;
	job.method.input.doing = job.doing;
	if (status)
		share->failed = share->count;
	else
		status = follows ? follow(&fleet) : lead(&job, &fleet);
	if (share->transport)
		part(share, fleet.lost);
	free(fleet.members);
	job_fini(&job);
	return status;
}

/* Meets the other processes, if there are any. Returns an exit status. */
static int
join_others(struct mr_share *share)
{
	char *path;
	struct mr_error err;
	int status = MR_EXIT_DONE;

	if (!mr_join_is_launched())
		return status;
	path = mr_locate_module(MR_LOCATE_MPI);
	if (!path || access(path, R_OK)) {
		mr_say("started as one of several processes, but built without MPI: "
		       "there is no " MR_LOCATE_MPI);
		status = MR_EXIT_FAILED;
	} else if (mr_join(&share->transport, path, &err)) {
		status = mr_say_error(path, &err);
	}
	free(path);
	return status;
}

bool
mr_share_follows(const struct mr_share *share)
{
	return share->transport && share->transport->rank != 0;
}

int
mr_share_begin(struct mr_share *out, char **operands)
{
	int status;

	*out = (struct mr_share){0};
	if ((status = join_others(out)) || mr_share_follows(out) ||
		(status = mr_list_make(&out->list, operands)))
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
	if (share->transport)
		part(share, true);
	for (size_t i = 0; i < share->count; i++)
		mr_account_fini(&share->traces[i].account);
	free(share->traces);
	mr_list_fini(&share->list);
}
