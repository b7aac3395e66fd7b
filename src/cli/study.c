/* SPDX-License-Identifier: MIT */
#include "cli/study.h"

#include <stdlib.h>
#include <string.h>

#include "cli/message.h"
#include "cli/walk.h"
#include "memreplay/sim.h"
#include "report/result.h"
#include "sim/diagnose.h"

/* The goal of 'memreplay tune' without options. */
#define TARGET 0.99

/* What the first of two readings takes, about, of the time of both. */
#define FIRST_READING 0.75

/* A study's stretch of the progress, and that of its first reading. */
struct stretch {
	struct mr_progress *progress; /* NULL: each reading has its own */
	double from, then, to;
};

static void
begin_stretch(const struct stretch *stretch, double from, double to)
{
	if (stretch->progress)
		mr_progress_stretch(stretch->progress, from, to);
}

/* One that looks for findings afterwards has only a part of the study to do. */
static struct stretch
make_stretch(const char *path, const struct mr_study_options *options)
{
	struct stretch stretch = {.progress = options->source->progress};

	if (!stretch.progress)
		return stretch;
	stretch.from = stretch.progress->from;
	stretch.then = stretch.to = stretch.progress->to;
	if (options->curve && mr_source_length(path))
		stretch.then = stretch.from + FIRST_READING * (stretch.to - stretch.from);
	return stretch;
}

/* The first reading, of a trace that turns out to be long or not. */
struct reading {
	struct mr_watch *watch;
	struct stretch *stretch;
};

static enum mr_status
watch(void *context, const struct mr_event *events, size_t count, struct mr_error *err)
{
	struct reading *reading = context;
	struct stretch *stretch = reading->stretch;

	if (reading->watch->events > MR_DIAGNOSIS_MANY && stretch->then < stretch->to) {
		stretch->then = stretch->to;
		begin_stretch(stretch, stretch->from, stretch->to);
	}
	return mr_watch_run(reading->watch, events, count, err);
}

/* Reads all events. Returns an exit status. */
static int
read_all(struct mr_subject *subject, struct mr_source *input, struct stretch *stretch)
{
	struct reading reading = {.watch = subject->watch, .stretch = stretch};

	begin_stretch(stretch, stretch->from, stretch->then);
	return subject->sweep ? mr_walk_beside(subject->sweep, input, watch, &reading)
			      : mr_source_each(input, watch, &reading);
}

/* What a limit gives; above the last point all are the same as it. */
static struct mr_result
result_at(const struct mr_subject *subject, uint64_t limit)
{
	const struct mr_point *point =
		mr_point_at(subject->points, subject->point_count, limit);
	struct mr_result result =
		point ? point->result : subject->points[subject->point_count - 1].result;

	result.cache_limit = limit;
	return result;
}

static enum mr_status
take_advice(struct mr_subject *subject, struct mr_error *err)
{
	const struct mr_tune_options goal = {.goal = MR_GOAL_TARGET, .target = TARGET};
	struct mr_sweep_summary summary;
	struct mr_tune_curve curve = {.weight = 1};
	enum mr_status st;

	if (!subject->sweep)
		return MR_OK;
	if ((st = mr_sweep_points(
		     subject->sweep, &subject->points, &subject->point_count, err)))
		return st;
	mr_sweep_summary(subject->sweep, &summary);
	subject->resolution = curve.resolution = summary.resolution;
	curve.points = subject->points;
	curve.count = subject->point_count;
	if ((st = mr_tune(&subject->advice, &curve, 1, &goal, err)))
		return st;
	subject->is_advised = true;
	subject->advised = result_at(subject, subject->advice.limit);
	subject->endless = result_at(subject, MR_UNLIMITED);
	return MR_OK;
}

static enum mr_status
set_up(struct mr_subject *subject, struct mr_setup *setup, struct mr_source *input,
	const struct mr_study_options *options)
{
	const struct mr_sweep_options grid = {
		.to = MR_UNLIMITED, .jobs = options->jobs, .help = mr_walk_help};
	struct mr_error *err = &input->err;
	enum mr_status st;

	if ((st = mr_setup_make(setup, options->policy, options->limits,
		     mr_reader_header(input->reader), err)) ||
		(st = mr_watch_new(
			 &subject->watch, &setup->policy, setup->keep_limits, err)))
		return st;
	subject->policy = setup->policy;
	if (!options->curve || setup->policy.kind == MR_POLICY_NONE)
		return MR_OK;
	return mr_sweep_new(&subject->sweep, &setup->policy, &grid, err);
}

static enum mr_status
diagnose(void *context, const struct mr_event *events, size_t count, struct mr_error *err)
{
	return mr_diagnosis_run(context, events, count, err);
}

/* Reads the trace a second time for findings, where that can be done. */
static int
find(struct mr_subject *subject, const struct mr_setup *setup,
	const struct mr_study_options *options)
{
	struct mr_source_options again = *options->source;
	struct mr_source *input;
	int status;

	if (!options->curve || subject->result.events > MR_DIAGNOSIS_MANY ||
		!mr_source_again(subject->path))
		return MR_EXIT_DONE;
	again.doing = "findings";
	input = malloc(sizeof(*input));
	if (!input) {
		mr_say("out of memory");
		return MR_EXIT_FAILED;
	}
	status = mr_source_open(input, subject->path, &again);
	if (!status)
		status = mr_diagnosis_new(&subject->diagnosis, subject->watch->detail,
				 &setup->policy, setup->keep_limits, &input->err)
			? mr_source_failed(input)
			: mr_source_each(input, diagnose, subject->diagnosis);
	mr_source_close(input);
	free(input);
	return status;
}

static int
finish(struct mr_study *study, struct mr_source *input)
{
	struct mr_subject *subject = &study->subject;

	mr_watch_finish(subject->watch);
	mr_setup_say_ignored(
		mr_sim_ignored_limits(mr_detail_sim(subject->watch->detail)));
	mr_detail_result(subject->watch->detail, &subject->result);
	if (take_advice(subject, &input->err))
		return mr_source_failed(input);
	study->workload = strdup(mr_reader_header(input->reader)->workload);
	subject->workload = study->workload ? study->workload : "";
	mr_doc_add_trace(&study->facts, input->path, input->reader);
	mr_doc_add_policy(&study->facts, &subject->policy);
	if (study->workload && !study->facts.failed)
		return MR_EXIT_DONE;
	mr_say("out of memory");
	return MR_EXIT_FAILED;
}

int
mr_study_run(
	struct mr_study *out, const char *path, const struct mr_study_options *options)
{
	struct stretch stretch = make_stretch(path, options);
	struct mr_source *input = malloc(sizeof(*input));
	struct mr_setup setup;
	int status;

	*out = (struct mr_study){.subject = {.name = path, .path = path}};
	if (!input) {
		mr_say("out of memory");
		return MR_EXIT_FAILED;
	}
	status = mr_source_open(input, path, options->source);
	if (!status) {
		status = set_up(&out->subject, &setup, input, options)
			? mr_source_failed(input)
			: read_all(&out->subject, input, &stretch);
		if (!status)
			status = finish(out, input);
	}
	mr_source_close(input);
	free(input);
	begin_stretch(&stretch, stretch.then, stretch.to);
	if (!status)
		status = find(&out->subject, &setup, options);
	return status;
}

void
mr_study_fini(struct mr_study *study)
{
	mr_diagnosis_free(study->subject.diagnosis);
	mr_watch_free(study->subject.watch);
	mr_sweep_free(study->subject.sweep);
	mr_doc_fini(&study->facts);
	free(study->workload);
}
