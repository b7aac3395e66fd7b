/* SPDX-License-Identifier: MIT */
#include "sim/spread.h"

#include <stdlib.h>

#include "base/error.h"
#include "sim/runs.h"

static void
push(struct mr_run **list, struct mr_run *run)
{
	run->next = *list;
	*list = run;
}

static void
add(struct mr_sweep *sweep, struct mr_run *run)
{
	push(&sweep->runs, run);
	sweep->run_count++;
}

enum mr_status
mr_spread_start(struct mr_sweep *sweep, const struct mr_policy *policies, size_t count,
	struct mr_error *err)
{
	const struct mr_limit_set *set = &sweep->set;
	uint64_t first = set->list ? set->list[0] : set->from;
	uint64_t last = set->list ? set->list[set->count - 1] : sweep->to;

	for (size_t i = 0; i < count; i++) {
		struct mr_run *run = mr_run_new(&policies[i], i, first, last, err);

		if (!run)
			return MR_ENOMEM;
		add(sweep, run);
	}
	return MR_OK;
}

void
mr_spread_begin(struct mr_sweep *sweep)
{
	for (struct mr_run *run = sweep->runs, *next; run; run = next) {
		next = run->next;
		mr_crew_add(&sweep->crew, &run->task);
	}
	sweep->runs = NULL;
}

/* There is a new run, to be carried out by whoever is free; or one too many. */
static void
part(struct mr_sweep *sweep, struct mr_worker *worker, struct mr_run *low)
{
	if (atomic_fetch_add(&sweep->run_count, 1) < MR_RUNS_MOST) {
		mr_crew_add(&sweep->crew, &low->task);
		return;
	}
	(void)mr_fail(&worker->failure, MR_EINVAL,
		"limits behave in more than %d ways under this policy: try fewer",
		MR_RUNS_MOST);
	push(&worker->runs, low);
}

void
mr_spread_advance(void *context, unsigned number, struct mr_task *task)
{
	struct mr_sweep *sweep = context;
	struct mr_worker *worker = &sweep->workers[number];
	const struct mr_batch *batch = sweep->current;
	struct mr_run *run = (struct mr_run *)task, *low = NULL;

	if (!worker->failure.status)
		worker->failure.status = mr_run_advance(run, &sweep->set, batch->events,
			batch->count, &low, &worker->failure);
	worker->state_events += batch->count;
	push(&worker->runs, run);
	if (low)
		part(sweep, worker, low);
}

/* Makes the grid coarse enough for each policy to have few enough points. */
static void
coarsen(struct mr_sweep *sweep)
{
	struct mr_limit_set *set = &sweep->set;
	struct mr_run *runs = sweep->runs, *next;
	uint64_t top = 0, from, to, step;

	for (struct mr_run *run = runs; run; run = run->next) {
		mr_sim_valid_range(run->sim, &from, &to);
		if (run->last == MR_UNLIMITED && from > top)
			top = from;
	}
	step = mr_limit_step(set, top);
	if (step == set->step)
		return;
	set->step = step;
	sweep->runs = NULL;
	sweep->run_count = 0;
	for (struct mr_run *run = runs; run; run = next) {
		next = run->next;
		if (mr_run_thin(run, set))
			add(sweep, run);
		else
			mr_run_free(run);
	}
}

void
mr_spread_gather(struct mr_sweep *sweep)
{
	sweep->run_count = 0;
	for (unsigned j = 0; j < sweep->jobs; j++) {
		struct mr_run *run = sweep->workers[j].runs, *next;

		sweep->workers[j].runs = NULL;
		for (; run; run = next) {
			next = run->next;
			add(sweep, run);
		}
	}
	coarsen(sweep);
}

/* How many points a run gets; see mr_sweep_points(). */
static uint64_t
points_of(const struct mr_sweep *sweep, const struct mr_run *run)
{
	const struct mr_limit_set *set = &sweep->set;
	uint64_t count = 0;

	if (!set->list && (set->step == 1 || run->last == MR_UNLIMITED))
		return 1;
	if (!set->list)
		return (run->last - run->first) / set->step + 1;
	for (size_t i = 0; i < set->count; i++)
		count += set->list[i] >= run->first && set->list[i] <= run->last;
	return count;
}

enum mr_status
mr_spread_points(struct mr_sweep *sweep, struct mr_error *err)
{
	uint64_t total = 0;

	for (const struct mr_run *run = sweep->runs; run; run = run->next)
		total += points_of(sweep, run);
	free(sweep->points);
	sweep->points = total < SIZE_MAX / sizeof(*sweep->points)
		? malloc((size_t)(total + 1) * sizeof(*sweep->points))
		: NULL;
	if (!sweep->points)
		return mr_fail_memory(err);
	sweep->point_count = 0;
	for (const struct mr_run *run = sweep->runs; run; run = run->next) {
		uint64_t limit = run->first;

		for (uint64_t left = points_of(sweep, run); left; left--) {
			struct mr_point *point = &sweep->points[sweep->point_count++];

			mr_run_point(run, limit, point);
			if (left > 1)
				(void)mr_limit_up(&sweep->set, limit + 1, &limit);
		}
	}
	return MR_OK;
}

static void
free_list(struct mr_run *run)
{
	while (run) {
		struct mr_run *next = run->next;

		mr_run_free(run);
		run = next;
	}
}

void
mr_spread_free(struct mr_sweep *sweep)
{
	free_list(sweep->runs);
	for (unsigned j = 0; sweep->workers && j < sweep->jobs; j++)
		free_list(sweep->workers[j].runs);
	free(sweep->list);
}
