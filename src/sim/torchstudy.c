/* SPDX-License-Identifier: MIT */
#include "sim/torchstudy.h"

#include "base/error.h"

struct course {
	const struct mr_torch_script *script;
	enum mr_torch_start start;
	unsigned wanted;
};

static enum mr_status
study(const struct course *course, struct mr_torch_study *it)
{
	struct mr_torch_settings settings = it->settings;
	enum mr_status st = mr_torch_whatif(
		&it->whatif, course->script, &settings, course->start, &it->err);

	if (course->wanted & MR_STUDY_ENDLESS) {
		settings.memory = MR_UNLIMITED;
		if (!st)
			st = mr_torch_whatif(&it->endless, course->script, &settings,
				course->start, &it->err);
	}
	if (!st && (course->wanted & MR_STUDY_SPREAD))
		st = mr_torch_spread(&it->low, &it->high, course->script, &settings,
			course->start, &it->err);
	if (!st && (course->wanted & MR_STUDY_SMALLEST))
		st = mr_torch_smallest(&it->smallest, course->script, &it->settings,
			course->start, &it->err);
	return st;
}

static void
work(void *context, unsigned worker, struct mr_task *task)
{
	struct mr_torch_study *it = (struct mr_torch_study *)(void *)task;

	(void)worker;
	it->status = study(context, it);
}

enum mr_status
mr_torch_studies(struct mr_torch_study *studies, size_t count,
	const struct mr_torch_script *script, enum mr_torch_start start, unsigned wanted,
	unsigned jobs, struct mr_error *err)
{
	struct course course = {script, start, wanted};
	struct mr_crew crew = {.work = work, .context = &course};
	enum mr_status st = mr_crew_hire(&crew, jobs ? jobs : 1, err);

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
