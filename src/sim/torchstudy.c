/* SPDX-License-Identifier: MIT */
#include "sim/torchstudy.h"

#include "base/error.h"

/* About how long the search for the smallest device takes, in runs. */
#define SEARCH_RUNS 16

struct studying {
	const struct mr_torch_course *course;
	atomic_size_t done; /* runs, of all studies */
	size_t all;
};

/* So many runs more are done; the calling thread tells. */
static void
tell(struct studying *studying, unsigned worker, size_t runs)
{
	const struct mr_torch_course *course = studying->course;
	size_t done = atomic_fetch_add(&studying->done, runs) + runs;

	if (!worker && course->progress)
		course->progress(course->context, (double)done / (double)studying->all);
}

void
mr_torch_leave(struct mr_torch_settings *settings, uint64_t older)
{
	if (!older || settings->memory == MR_UNLIMITED)
		return;
	settings->range = mr_torch_range(settings);
	settings->memory = settings->memory > older ? settings->memory - older : 1;
}

static enum mr_status
study(struct studying *studying, unsigned worker, struct mr_torch_study *it)
{
	const struct mr_torch_course *course = studying->course;
	struct mr_torch_settings settings = it->settings;
	enum mr_status st;

	mr_torch_leave(&settings, course->older_bytes);
	st = mr_torch_whatif(
		&it->whatif, course->script, &settings, course->start, &it->err);
	tell(studying, worker, 1);
	if (course->wanted & MR_STUDY_ENDLESS) {
		/* the address space stays that of the device, if there is one */
		settings.range = mr_torch_range(&settings);
		settings.memory = MR_UNLIMITED;
		if (!st)
			st = mr_torch_whatif(&it->endless, course->script, &settings,
				course->start, &it->err);
		tell(studying, worker, 1);
	}
	if (!st && (course->wanted & MR_STUDY_SPREAD)) {
		st = mr_torch_spread(&it->low, &it->high, course->script, &settings,
			course->start, &it->err);
		tell(studying, worker, 2);
	}
	if (!st && (course->wanted & MR_STUDY_SMALLEST)) {
		st = mr_torch_smallest(&it->smallest, course->script, &it->settings,
			course->start, &it->err);
		if (!st && it->smallest.bytes != MR_UNLIMITED)
			it->smallest.bytes += course->older_bytes;
		tell(studying, worker, SEARCH_RUNS);
	}
	return st;
}

static void
work(void *context, unsigned worker, struct mr_task *task)
{
	struct mr_torch_study *it = (struct mr_torch_study *)(void *)task;

	it->status = study(context, worker, it);
}

static size_t
runs_of(unsigned wanted)
{
	size_t runs = 1;

	runs += wanted & MR_STUDY_ENDLESS ? 1 : 0;
	runs += wanted & MR_STUDY_SPREAD ? 2 : 0;
	runs += wanted & MR_STUDY_SMALLEST ? SEARCH_RUNS : 0;
	return runs;
}

enum mr_status
mr_torch_studies(struct mr_torch_study *studies, size_t count,
	const struct mr_torch_course *course, struct mr_error *err)
{
	struct studying studying = {
		.course = course, .all = count * runs_of(course->wanted)};
	struct mr_crew crew = {.work = work, .context = &studying};
	enum mr_status st = mr_crew_hire(&crew, course->jobs ? course->jobs : 1, err);

	if (!st) {
		for (size_t i = 0; i < count; i++)
			mr_crew_add(&crew, &studies[i].task);
		mr_crew_finish(&crew);
	}
	mr_crew_dismiss(&crew);
	for (size_t i = 0; i < count && !st; i++) {
		st = studies[i].status;
		if (st && err)
			*err = studies[i].err;
	}
	return st;
}
