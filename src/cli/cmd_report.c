/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/draft.h"
#include "cli/command.h"
#include "cli/list.h"
#include "cli/saving.h"
#include "cli/setup.h"
#include "cli/study.h"
#include "cli/terminal.h"
#include "cli/torch.h"
#include "report/measured.h"
#include "report/page.h"

struct report_options {
	const char *output;
	struct mr_texts policies;
	struct mr_texts confs;
	struct mr_texts knobs;
	struct mr_texts replays;
	struct mr_number jobs;
};

struct options {
	struct mr_source_options input;
	struct mr_limit_options limits;
	struct report_options report;
	struct mr_torch_options torch;
};

static const struct mr_option rows[] = {
	{MR_OPTION_TEXT, 'o', "output", "FILE",
		.offset = offsetof(struct report_options, output),
		.help = "the page to write; - is standard output"},
	{MR_OPTION_LIST, 'p', "policy", "NAME", .choices = mr_setup_policy_at,
		.offset = offsetof(struct report_options, policies),
		.help = "the rules of the caching allocator; several are shown side by "
			"side (mlx-cpu if there is none)"},
	{MR_OPTION_LIST, 0, "alloc-conf", "STRING",
		.offset = offsetof(struct report_options, confs),
		.help = "PyTorch's own settings, to be compared with the recorded ones; "
			"may be given more than once; implies torch-cuda"},
	{MR_OPTION_LIST, 's', "set", "KNOB=VALUE", .choices = mr_setup_knob_at,
		.offset = offsetof(struct report_options, knobs),
		.help = "set a knob of all policies; may be given more than once; KNOB "
			"is"},
	{MR_OPTION_LIST, 'r', "replay", "FILE", .of_cache = true,
		.offset = offsetof(struct report_options, replays),
		.help = "the JSON that 'memreplay replay' printed of the first TRACE, to "
			"be shown on the page; given again, of the second, and so on"},
	{MR_OPTION_COUNT, 'j', "jobs", "N", "1", .min = 1, .max = 256,
		.offset = offsetof(struct report_options, jobs),
		.help = "threads to share the limits of the curve; the page is the same "
			"for any number"},
};
static const struct mr_option_group report_group = {
	"Report options", rows, sizeof(rows) / sizeof(rows[0])};

static const struct mr_option_use uses[] = {
	{&report_group, offsetof(struct options, report)},
	{&mr_source_group, offsetof(struct options, input)},
	{&mr_limit_group, offsetof(struct options, limits)},
	{&mr_torch_group, offsetof(struct options, torch)},
	{0},
};

#define MOST_SUBJECTS 16

struct job {
	const struct options *options;
	struct mr_policy_options policies[MOST_SUBJECTS];
	size_t policy_count;
	struct mr_study *studies; /* by trace, then by policy */
	size_t count;
	char *names[MOST_SUBJECTS];
	struct mr_how how[MOST_SUBJECTS];
	char *texts[MOST_SUBJECTS]; /* of how */
	struct mr_measured measured[MOST_SUBJECTS];
	struct mr_progress progress;
	double all, done; /* work, in bytes of traces */
};

/* --- options, checked and as text for a shell */

static bool
add_policy(struct job *job, const char *name)
{
	struct mr_policy_options *policy = &job->policies[job->policy_count];

	if (job->policy_count == MOST_SUBJECTS)
		return false;
	policy->knobs = job->options->report.knobs;
	for (policy->policy = 0; mr_setup_policy_at((size_t)policy->policy);
		policy->policy++) {
		if (strcmp(mr_setup_policy_at((size_t)policy->policy), name) != 0)
			continue;
		job->policy_count++;
		return true;
	}
	return false;
}

/* Whether any policy is of PyTorch's rules: those make a page of their own. */
static bool
wants_torch(const struct report_options *options)
{
	struct mr_policy policy;

	for (size_t i = 0; i < options->policies.count; i++)
		if (!mr_policy_init(&policy, options->policies.items[i], NULL) &&
			mr_policy_is_torch(&policy))
			return true;
	return options->confs.count > 0;
}

static int
say_no_output(const char *self)
{
	return mr_say_usage(self, "report: where to? --output=FILE names the page");
}

/* Returns an exit status. */
static int
report_torch(const struct mr_command *self, struct job *job, char **paths)
{
	const struct options *options = job->options;
	const struct report_options *report = &options->report;
	const char *name =
		report->policies.count ? report->policies.items[0] : "torch-cuda";

	if (!report->output)
		return say_no_output(self->name);
	if (!add_policy(job, name))
		return mr_say_usage(
			self->name, "report: --policy: \"%s\" is no policy", name);
	job->policies[0].confs = report->confs;
	if (report->policies.count > 1)
		return mr_say_usage(self->name,
			"report: PyTorch's rules make a page of one policy; "
			"--alloc-conf compares settings");
	if (!mr_torch_accepts(self, options, paths))
		return MR_EXIT_USAGE;
	return mr_torch_run_report(
		&(struct mr_torch_call){
			.command = "report",
			.path = paths[0],
			.input = &options->input,
			.policy = &job->policies[0],
			.start = (enum mr_torch_start)options->torch.start,
			.jobs = (unsigned)report->jobs.value,
		},
		report->output);
}

/* Returns an exit status. */
static int
check(const char *self, struct job *job, char **paths)
{
	const struct options *options = job->options;
	const struct mr_texts *names = &options->report.policies;
	struct mr_setup unused;
	struct mr_error err;
	size_t traces = 0;

	if (!options->report.output)
		return say_no_output(self);
	for (size_t i = 0; i < (names->count ? names->count : 1); i++) {
		const char *name = names->count ? names->items[i] : "mlx-cpu";

		if (!add_policy(job, name))
			return mr_say_usage(self,
				"report: --policy: \"%s\" is no policy, or one too many",
				name);
		if (mr_setup_make(
			    &unused, &job->policies[i], &options->limits, NULL, &err))
			return mr_say_refusal(self, &err);
	}
	for (; paths[traces]; traces++)
		if (!strcmp(paths[traces], "-") && job->policy_count > 1)
			return mr_say_usage(self,
				"report: standard input can be read once only, for one "
				"policy");
	if (options->report.replays.count > traces)
		return mr_say_usage(self, "report: --replay: there are more than traces");
	if (traces * job->policy_count > MOST_SUBJECTS)
		return mr_say_usage(self,
			"report: %zu traces under %zu policies are too many for a page: "
			"expected %d at most in all",
			traces, job->policy_count, MOST_SUBJECTS);
	return MR_EXIT_DONE;
}

/* Four texts one behind the other, each with its NUL. */
static void
print_how(FILE *out, const struct job *job, const char *path, size_t policy)
{
	const struct options *options = job->options;

	mr_print_quoted(out, path);
	putc('\0', out);
	if (options->report.policies.count)
		fprintf(out, " --policy=%s",
			mr_setup_policy_at((size_t)job->policies[policy].policy));
	for (size_t i = 0; i < options->report.knobs.count; i++) {
		fputs(" --set=", out);
		mr_print_quoted(out, options->report.knobs.items[i]);
	}
	putc('\0', out);
	if (options->limits.cache_limit.given) {
		if (options->limits.cache_limit.value == MR_UNLIMITED)
			fputs(" --cache-limit=unlimited", out);
		else
			fprintf(out, " --cache-limit=%" PRIu64,
				options->limits.cache_limit.value);
	}
	if (options->limits.keep_limit_events)
		fputs(" --keep-limit-events", out);
	putc('\0', out);
	mr_source_print(out, &options->input);
	putc('\0', out);
}

/* Names the subject and tells how commands take it. */
static bool
describe(struct job *job, size_t i, const char *path, size_t policy)
{
	struct mr_how *how = &job->how[i];
	struct mr_draft draft;
	size_t formats;

	if (mr_draft_open(&draft, NULL))
		return false;
	print_how(draft.file, job, path, policy);
	if (!mr_draft_sync(&draft, NULL))
		job->texts[i] = mr_draft_take(&draft);
	mr_draft_fini(&draft);
	if (!job->texts[i])
		return false;
	how->trace = job->texts[i];
	how->policy = how->trace + strlen(how->trace) + 1;
	how->limits = how->policy + strlen(how->policy) + 1;
	how->reading = how->limits + strlen(how->limits) + 1;
	how->from = job->options->input.from < 0
		? ""
		: mr_formats(&formats)[job->options->input.from].name;
	if (asprintf(&job->names[i], "%s%s%s", mr_path_name(path),
		    job->policy_count > 1 ? ", " : "",
		    job->policy_count > 1
			    ? mr_setup_policy_at((size_t)job->policies[policy].policy)
			    : "") < 0) {
		job->names[i] = NULL;
		return false;
	}
	job->studies[i].subject.name = job->names[i];
	return true;
}

/* --- what replays measured */

#define MOST_JSON ((size_t)16 << 20)

/* Reads a whole file. NULL: it cannot be read, and it is said. */
static char *
read_text(const char *path)
{
	FILE *in = fopen(path, "re");
	char *text = in ? malloc(MOST_JSON + 1) : NULL;
	size_t length;

	if (!text) {
		mr_say("%s: %s", path, strerror(errno));
		if (in)
			fclose(in);
		return NULL;
	}
	length = fread(text, 1, MOST_JSON, in);
	text[length] = '\0';
	if (ferror(in)) {
		mr_say("%s: %s", path, strerror(errno));
		free(text);
		text = NULL;
	}
	fclose(in);
	return text;
}

/* One for each trace, shown with its first policy. Returns an exit status. */
static int
read_replays(struct job *job)
{
	const struct mr_texts *paths = &job->options->report.replays;
	int status = MR_EXIT_DONE;

	for (size_t i = 0; i < paths->count && !status; i++) {
		char *text = read_text(paths->items[i]);
		struct mr_error err = {0};

		if (!text)
			return MR_EXIT_FAILED;
		if (mr_measured_parse(&job->measured[i * job->policy_count], text, &err))
			status = mr_say_error(paths->items[i], &err);
		free(text);
	}
	return status;
}

/* Whether they are of the traces that they were given for. Returns an exit status. */
static int
check_replays(const struct job *job)
{
	const struct mr_texts *paths = &job->options->report.replays;

	for (size_t i = 0; i < paths->count; i++) {
		const struct mr_subject *subject =
			&job->studies[i * job->policy_count].subject;
		uint64_t events = job->measured[i * job->policy_count].events;

		if (events == subject->result.events)
			continue;
		mr_say("%s: \"trace\": \"events\" is %" PRIu64 ", but %s has %" PRIu64
		       ": it is of another trace",
			paths->items[i], events, mr_path_name(subject->path),
			subject->result.events);
		return MR_EXIT_FAILED;
	}
	return MR_EXIT_DONE;
}

/* --- the page */

/* What it takes to draw a subject, in bytes of a trace to be read: about. */
#define DRAWING 262144.0

/* What is done next is so much of all the work. */
static void
begin_stretch(struct job *job, double work)
{
	double before = job->done;

	job->done += work;
	mr_progress_stretch(&job->progress, before / job->all, job->done / job->all);
}

static int
study_all(struct job *job, char **paths)
{
	int status = MR_EXIT_DONE;

	for (size_t t = 0; paths[t]; t++)
		job->all += ((double)mr_source_length(paths[t]) + DRAWING) *
			(double)job->policy_count;
	for (size_t t = 0; paths[t] && !status; t++) {
		for (size_t p = 0; p < job->policy_count && !status; p++) {
			const struct mr_study_options how = {
				.source = &job->options->input,
				.policy = &job->policies[p],
				.limits = &job->options->limits,
				.curve = true,
				.jobs = (unsigned)job->options->report.jobs.value,
			};
			size_t i = job->count++;

			begin_stretch(job, (double)mr_source_length(paths[t]));
			status = mr_study_run(&job->studies[i], paths[t], &how);
			if (!status && !describe(job, i, paths[t], p)) {
				mr_say("out of memory");
				status = MR_EXIT_FAILED;
			}
		}
	}
	return status;
}

static void
show_progress(void *context, double part)
{
	mr_progress_show(context, part, "drawing");
}

static enum mr_status
print_page(struct job *job, FILE *out, struct mr_error *err)
{
	struct mr_subject subjects[MOST_SUBJECTS];
	struct mr_doc facts[MOST_SUBJECTS];
	const struct mr_page page = {
		.subjects = subjects,
		.count = job->count,
		.facts = facts,
		.measured = job->measured,
		.how = job->how,
		.environment = environ,
		.progress = show_progress,
		.context = &job->progress,
	};
	enum mr_status st;

	for (size_t i = 0; i < job->count; i++) {
		subjects[i] = job->studies[i].subject;
		facts[i] = job->studies[i].facts;
	}
	begin_stretch(job, job->all - job->done);
	st = mr_page_print(&page, out, err);
	mr_progress_hide(&job->progress);
	return st;
}

static int
write_page(struct job *job, struct mr_saving *saving)
{
	struct mr_draft draft;
	struct mr_error err;
	int status;

	if (mr_draft_open(&draft, &err))
		return mr_say_error(NULL, &err);
	if (print_page(job, draft.file, &err) || mr_draft_sync(&draft, &err))
		status = mr_say_error(NULL, &err);
	else
		status = mr_saving_finish(saving, draft.text, draft.length);
	mr_draft_fini(&draft);
	return status;
}

static int
make_page(struct job *job, char **paths)
{
	struct mr_saving saving = {0};
	int status;

	job->studies = calloc(MOST_SUBJECTS, sizeof(*job->studies));
	if (!job->studies) {
		mr_say("out of memory");
		return MR_EXIT_FAILED;
	}
	status = read_replays(job);
	if (!status)
		status = mr_saving_open(&saving, job->options->report.output);
	if (!status)
		status = study_all(job, paths);
	if (!status)
		status = check_replays(job);
	if (!status)
		status = write_page(job, &saving);
	mr_saving_abort(&saving);
	return status;
}

static int
run(const struct mr_command *self, int argc, char **argv)
{
	struct options options = {0}; /* what is no option too */
	struct job job = {.options = &options};
	struct mr_list list;
	int status;
	char **operands = mr_command_parse(self, &options, argc, argv, &status);

	if (!operands)
		return status;
	if (wants_torch(&options.report))
		return report_torch(self, &job, operands);
	options.input.ahead = options.report.jobs.value > 1;
	options.input.progress = &job.progress;
	mr_progress_start(&job.progress);
	status = mr_list_make(&list, operands);
	if (!status)
		status = check(self->name, &job, list.items);
	if (!status)
		status = make_page(&job, list.items);
	mr_list_fini(&list);
	for (size_t i = 0; i < job.count; i++) {
		mr_study_fini(&job.studies[i]);
		free(job.names[i]);
		free(job.texts[i]);
	}
	for (size_t i = 0; i < MOST_SUBJECTS; i++)
		mr_measured_fini(&job.measured[i]);
	free(job.studies);
	return status;
}

const struct mr_command mr_cmd_report = {
	.name = "report",
	.operands = "TRACE...",
	.min_operands = 1,
	.max_operands = MOST_SUBJECTS,
	.summary = "one HTML page that a person can look at",
	.description =
		"Writes a page with pictures and tables of what a policy does with each "
		"TRACE: memory over the trace, hit rates, the curve over the cache limit "
		"with the limit to set, sizes, lifetimes, how the limits were held, "
		"results by phase, and the commands that give each figure. Several "
		"traces, and several policies, are shown side by side on the same axes."
		"\n\n"
		"The page is one file that needs nothing else, and is the same for the "
		"same input. Pictures are drawn by gnuplot.\n\n"
		"Under PyTorch's rules the page is of one TRACE: reserved, allocated and "
		"requested memory and its fragmentation, the segments when most was "
		"reserved with the blocks in them, and a table of settings: the recorded "
		"ones and each --alloc-conf.",
	.options = uses,
	.run = run,
};
