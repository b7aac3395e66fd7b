/* SPDX-License-Identifier: MIT */
#include "sim/sweep.h"

#include <stdlib.h>
#include <string.h>

#include "alloc/core.h"
#include "base/error.h"
#include "sim/spread.h"

/*
 * Events are read in batches. Each batch is carried out group by group, so that
 * one state stays in the processor's cache for the length of a batch, and by as
 * many threads as there are jobs, each taking the next group from the list;
 * meanwhile the calling thread reads the next batch. Between batches equal
 * groups are joined. Batches are short where states multiply in them, so that
 * they are joined in time, and long elsewhere; but never so short that making
 * states ready for new sizes, which looks at each size there is, would cost an
 * event more than a constant. By runs, whose states are copied for each batch, they
 * are longer where these are large, for the same reason.
 */
#define BATCH_MIN       256
#define BATCH_MAX       16384
#define SIZES_PER_EVENT 4
#define SLOTS_PER_EVENT 8

/* --- between batches */

static uint32_t
roomier(uint32_t space, uint32_t count)
{
	return count > space ? count + count / 2 + 64 : space;
}

/* Forgets sizes that neither a state nor the next batch has blocks of. */
static enum mr_status
forget_sizes(struct mr_sweep *sweep, struct mr_error *err)
{
	struct mr_scene *scene = &sweep->scene;
	const struct mr_batch *batch = sweep->current;
	enum mr_status st;
	bool *used;

	if (!mr_ranks_crowded(&scene->ranks, scene->slot_count))
		return MR_OK;
	used = calloc(scene->ranks.sizes.class_count, sizeof(*used));
	if (!used)
		return mr_fail_memory(err);
	for (size_t i = 0; i < sweep->group_count; i++)
		mr_group_mark(sweep->groups[i], scene, used);
	for (size_t i = 0; i < batch->count; i++)
		if (batch->steps[i].op == MR_OP_MALLOC)
			used[batch->steps[i].class] = true;
	st = mr_ranks_forget(&scene->ranks, used, err);
	free(used);
	return st;
}

/* Makes every state ready for the sizes and slots of the next batch. */
static enum mr_status
settle(struct mr_sweep *sweep, struct mr_error *err)
{
	struct mr_scene old = sweep->scene, *scene = &sweep->scene;
	enum mr_status st;
	bool changed;

	if ((st = forget_sizes(sweep, err)) ||
		(st = mr_ranks_settle(&scene->ranks, &changed, err)))
		return st;
	scene->slot_count = sweep->current->slot_count;
	scene->class_space = roomier(old.class_space, scene->ranks.count);
	scene->slot_space = roomier(old.slot_space, scene->slot_count);
	scene->word_space = roomier(old.word_space, scene->ranks.word_count);
	for (size_t i = 0; i < sweep->group_count && !st; i++) {
		struct mr_group *group = sweep->groups[i];

		st = mr_group_resize(group, scene, &old, err);
		if (!st && changed)
			mr_group_rerank(group, scene);
		group->at = 0;
	}
	for (unsigned j = 0; j < sweep->jobs; j++)
		for (struct mr_group *g = sweep->workers[j].spare; g && !st; g = g->next)
			st = mr_group_resize(g, scene, &old, err);
	return st;
}

static enum mr_status
add_group(struct mr_sweep *sweep, struct mr_group *group, struct mr_error *err)
{
	size_t space = sweep->group_space * 2 + 64;
	struct mr_group **groups;

	if (sweep->group_count == sweep->group_space) {
		groups = realloc(sweep->groups, space * sizeof(struct mr_group *));
		if (!groups)
			return mr_fail_memory(err);
		sweep->groups = groups;
		sweep->group_space = space;
	}
	sweep->groups[sweep->group_count++] = group;
	return MR_OK;
}

/* Gathers the groups that the workers have advanced. */
static enum mr_status
collect(struct mr_sweep *sweep, struct mr_error *err)
{
	enum mr_status st = MR_OK;

	for (unsigned j = 0; j < sweep->jobs && !st; j++) {
		struct mr_worker *worker = &sweep->workers[j];

		while (worker->done && !st) {
			struct mr_group *group = worker->done;

			st = add_group(sweep, group, err);
			if (!st)
				worker->done = group->next;
		}
	}
	return st;
}

static int
by_hash(const void *a, const void *b)
{
	const struct mr_group *x = *(struct mr_group *const *)a;
	const struct mr_group *y = *(struct mr_group *const *)b;

	return (x->hash > y->hash) - (x->hash < y->hash);
}

/* Joins the groups whose states are equal; if some cannot be, they and the rest stay. */
static enum mr_status
join(struct mr_sweep *sweep, struct mr_error *err)
{
	struct mr_group **groups = sweep->groups;
	size_t kept = 0, end;
	enum mr_status st = MR_OK;

	qsort(groups, sweep->group_count, sizeof(struct mr_group *), by_hash);
	for (size_t i = 0; i < sweep->group_count; i = end) {
		end = i + 1;
		while (!st && end < sweep->group_count &&
			mr_group_equal(groups[i], groups[end], &sweep->scene))
			end++;
		if (end > i + 1)
			st = mr_group_join(&groups[i], end - i, err);
		groups[kept++] = groups[i];
		for (size_t k = i + 1; k < end; k++)
			if (st)
				groups[kept++] = groups[k];
			else
				mr_group_push(&sweep->workers[0].spare, groups[k]);
	}
	sweep->group_count = kept;
	return st;
}

/* The last limit at which anything has changed so far: below it is the rest. */
static uint64_t
top(const struct mr_sweep *sweep)
{
	uint64_t peak = 0;

	for (size_t i = 0; i < sweep->group_count; i++) {
		const struct mr_group *group = sweep->groups[i];
		const struct mr_lane *last = group->lanes[group->lane_count - 1];

		if (last->last != MR_UNLIMITED)
			continue;
		peak = last->tally.peak_cached > group->tally.peak_cached
			? last->tally.peak_cached
			: group->tally.peak_cached;
	}
	return peak;
}

/* Makes the grid coarse enough to have few enough points. */
static void
coarsen(struct mr_sweep *sweep)
{
	uint64_t from = sweep->set.from, step = mr_limit_step(&sweep->set, top(sweep));
	size_t kept = 0;

	if (step == sweep->set.step)
		return;
	sweep->scene.resolution = sweep->set.step = step;
	for (size_t i = 0; i < sweep->group_count; i++) {
		struct mr_group *group = sweep->groups[i];

		mr_group_thin(group, from, step);
		if (group->lane_count)
			sweep->groups[kept++] = group;
		else
			mr_group_push(&sweep->workers[0].spare, group);
	}
	sweep->group_count = kept;
}

static size_t
larger(size_t a, size_t b)
{
	return a > b ? a : b;
}

/* Longer batches as long as states do not multiply in them, else shorter. */
static void
set_batch_size(struct mr_sweep *sweep, size_t parted)
{
	size_t then = sweep->states_then + 64;
	size_t by_sizes = sweep->scene.ranks.count / SIZES_PER_EVENT;
	size_t most = larger(by_sizes, BATCH_MAX);

	if (parted > 2 * then)
		sweep->batch_size = larger(sweep->batch_size / 2, BATCH_MIN);
	else if (parted < then + then / 4)
		sweep->batch_size *= 4;
	sweep->batch_size = larger(sweep->batch_size, by_sizes);
	if (sweep->batch_size > most)
		sweep->batch_size = most;
	sweep->states_then = sweep->group_count;
}

static enum mr_status
tidy(struct mr_sweep *sweep, struct mr_error *err)
{
	size_t parted = sweep->group_count;
	enum mr_status st = MR_OK;

	coarsen(sweep);
	if (sweep->joining && sweep->group_count > 1)
		st = join(sweep, err);
	set_batch_size(sweep, parted);
	return st;
}

/* Makes of what was advanced what the next batch begins with. */
static enum mr_status
gather(struct mr_sweep *sweep, struct mr_error *err)
{
	enum mr_status st;

	if (sweep->by_runs) {
		mr_spread_gather(sweep);
		sweep->batch_size =
			larger(BATCH_MAX, sweep->current->slot_count / SLOTS_PER_EVENT);
		return MR_OK;
	}
	st = collect(sweep, err);
	return st ? st : tidy(sweep, err);
}

/* Looking for equal states costs as much as some events: not too often. */
static void
plan_joining(struct mr_sweep *sweep)
{
	uint64_t cost = (uint64_t)sweep->scene.ranks.count + sweep->scene.slot_count;

	sweep->since_join += sweep->current->count;
	sweep->joining = sweep->since_join >= cost / 4;
	if (sweep->joining)
		sweep->since_join = 0;
}

/* --- the run */

/* Advances a group to the end of the batch; what is parted off, others may take. */
static void
advance(void *context, unsigned number, struct mr_task *task)
{
	struct mr_sweep *sweep = context;
	struct mr_worker *worker = &sweep->workers[number];
	struct mr_group *group = (struct mr_group *)task, *rejecting;
	const struct mr_batch *batch = sweep->current;

	while (group->at < batch->count && !worker->failure.status) {
		size_t from = group->at;

		worker->failure.status =
			mr_group_advance(group, &sweep->scene, batch->steps, batch->count,
				&worker->spare, &rejecting, &worker->failure);
		worker->state_events += group->at - from;
		if (rejecting)
			mr_crew_add(&sweep->crew, &rejecting->task);
	}
	if (sweep->joining)
		mr_group_hash(group, &sweep->scene);
	mr_group_push(&worker->done, group);
}

static void
begin_groups(struct mr_sweep *sweep)
{
	for (size_t i = 0; i < sweep->group_count; i++)
		mr_crew_add(&sweep->crew, &sweep->groups[i]->task);
	sweep->group_count = 0;
}

/* Advances all groups or runs through the current batch, and reads the next meanwhile. */
static enum mr_status
run_batch(struct mr_sweep *sweep, struct mr_batch *ahead, mr_next_event next,
	void *source, struct mr_error *err)
{
	enum mr_status st;

	if (sweep->by_runs)
		mr_spread_begin(sweep);
	else
		begin_groups(sweep);
	st = mr_batch_read(sweep, ahead, next, source, err);
	mr_crew_finish(&sweep->crew);
	for (unsigned j = 0; j < sweep->jobs; j++) {
		const struct mr_error *failure = &sweep->workers[j].failure;

		if (failure->status)
			return mr_fail(err, failure->status, "%s", failure->text);
	}
	return st;
}

static enum mr_status
run_batches(
	struct mr_sweep *sweep, mr_next_event next, void *source, struct mr_error *err)
{
	struct mr_batch *ahead = &sweep->batches[1];
	enum mr_status st;

	sweep->current = &sweep->batches[0];
	sweep->current->last = ahead->last = false;
	st = mr_batch_read(sweep, sweep->current, next, source, err);
	while (!st && sweep->current->count) {
		if (!sweep->by_runs && (st = settle(sweep, err)))
			break;
		ahead->slot_count = sweep->current->slot_count;
		ahead->last = sweep->current->last;
		plan_joining(sweep);
		if ((st = run_batch(sweep, ahead, next, source, err)) ||
			(st = gather(sweep, err)))
			break;
		struct mr_batch *swap = sweep->current;

		sweep->current = ahead;
		ahead = swap;
	}
	return st;
}

enum mr_status
mr_sweep_run(
	struct mr_sweep *sweep, mr_next_event next, void *source, struct mr_error *err)
{
	enum mr_status st;

	sweep->crew =
		(struct mr_crew){.work = sweep->by_runs ? mr_spread_advance : advance,
			.context = sweep,
			.spare = sweep->help,
			.spare_context = source};
	st = mr_crew_hire(&sweep->crew, sweep->jobs, err);
	if (!st)
		st = run_batches(sweep, next, source, err);
	mr_crew_dismiss(&sweep->crew);
	for (unsigned j = 0; j < sweep->jobs; j++) {
		sweep->state_events += sweep->workers[j].state_events;
		sweep->workers[j].state_events = 0;
	}
	return st;
}

/* --- making and freeing */

static int
by_value(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* Keeps the list of limits in order, each once. */
static enum mr_status
keep_list(struct mr_sweep *sweep, const struct mr_sweep_options *options,
	struct mr_error *err)
{
	size_t count = options->limit_count, kept = 0;
	uint64_t *limits = malloc(count * sizeof(*limits));

	if (!limits)
		return mr_fail_memory(err);
	memcpy(limits, options->limits, count * sizeof(*limits));
	qsort(limits, count, sizeof(*limits), by_value);
	for (size_t i = 0; i < count; i++)
		if (!i || limits[i] != limits[i - 1])
			limits[kept++] = limits[i];
	sweep->list = limits;
	sweep->set.list = limits;
	sweep->set.count = kept;
	return MR_OK;
}

static enum mr_status
set_limits(struct mr_sweep *sweep, const struct mr_sweep_options *options,
	struct mr_error *err)
{
	struct mr_limit_set *set = &sweep->set;

	sweep->is_list = options->limits;
	sweep->to = options->to;
	set->from = options->from;
	set->step = options->resolution ? options->resolution : 1;
	set->most = sweep->is_list || options->resolution ? 0 : MR_SWEEP_POINTS;
	if (sweep->is_list ? !options->limit_count : options->from > options->to)
		return mr_fail(err, MR_EINVAL, "there are no limits between from and to");
	if (sweep->is_list)
		return keep_list(sweep, options, err);
	/* the next limit would be above 2^64 - 1, so there is this one only */
	if (sweep->to == MR_UNLIMITED && set->from > UINT64_MAX - set->step)
		sweep->to = set->from;
	if (sweep->to != MR_UNLIMITED) {
		set->step = mr_limit_step(set, sweep->to);
		sweep->to -= (sweep->to - set->from) % set->step;
	}
	return MR_OK;
}

static enum mr_status
start_groups(struct mr_sweep *sweep, const struct mr_policy *policy, struct mr_error *err)
{
	struct mr_scene *scene = &sweep->scene;
	struct mr_group *group;
	enum mr_status st;

	sweep->memory_limit = policy->memory_limit;
	if ((st = mr_ranks_init(&scene->ranks, policy, err)))
		return st;
	scene->grid_from = sweep->set.from;
	scene->resolution = sweep->set.step;
	scene->class_space = scene->slot_space = scene->word_space = 64;
	group = mr_group_new(scene);
	if (!group || (st = add_group(sweep, group, err))) {
		mr_group_free(group);
		return mr_fail_memory(err);
	}
	if (!sweep->is_list)
		return mr_group_add_lane(group, sweep->set.from, sweep->to, err);
	for (size_t i = 0; i < sweep->set.count && !st; i++)
		st = mr_group_add_lane(group, sweep->list[i], sweep->list[i], err);
	return st;
}

static enum mr_status
start(struct mr_sweep *sweep, const struct mr_policy *policies, size_t count,
	const struct mr_sweep_options *options, struct mr_error *err)
{
	enum mr_status st;

	sweep->jobs = options->jobs ? options->jobs : 1;
	sweep->help = options->help;
	sweep->by_runs = count != 1 || !mr_core_is_plain(policies);
	sweep->workers = calloc(sweep->jobs, sizeof(*sweep->workers));
	if (!sweep->workers)
		return mr_fail_memory(err);
	sweep->batch_size = sweep->by_runs ? BATCH_MAX : BATCH_MIN;
	if ((st = set_limits(sweep, options, err)))
		return st;
	return sweep->by_runs ? mr_spread_start(sweep, policies, count, err)
			      : start_groups(sweep, policies, err);
}

enum mr_status
mr_sweep_new_grid(struct mr_sweep **out, const struct mr_policy *policies, size_t count,
	const struct mr_sweep_options *options, struct mr_error *err)
{
	struct mr_sweep *sweep;
	enum mr_status st;

	*out = NULL;
	if (!count)
		return mr_fail(err, MR_EINVAL, "there is no policy to sweep");
	for (size_t i = 0; i < count; i++) {
		if ((st = mr_policy_check(&policies[i], err)))
			return st;
		if (policies[i].kind == MR_POLICY_NONE ||
			mr_policy_is_torch(&policies[i]))
			return mr_fail(err, MR_EINVAL, "the policy %s has no cache limit",
				mr_policy_name(&policies[i]));
	}
	sweep = calloc(1, sizeof(*sweep));
	if (!sweep)
		return mr_fail_memory(err);
	st = start(sweep, policies, count, options, err);
	if (st)
		mr_sweep_free(sweep);
	else
		*out = sweep;
	return st;
}

enum mr_status
mr_sweep_new(struct mr_sweep **out, const struct mr_policy *policy,
	const struct mr_sweep_options *options, struct mr_error *err)
{
	return mr_sweep_new_grid(out, policy, 1, options, err);
}

static void
free_list(struct mr_group *list)
{
	while (list) {
		struct mr_group *next = list->next;

		mr_group_free(list);
		list = next;
	}
}

void
mr_sweep_free(struct mr_sweep *sweep)
{
	if (!sweep)
		return;
	for (size_t i = 0; i < sweep->group_count; i++)
		mr_group_free(sweep->groups[i]);
	for (unsigned j = 0; sweep->workers && j < sweep->jobs; j++) {
		free_list(sweep->workers[j].done);
		free_list(sweep->workers[j].spare);
	}
	mr_spread_free(sweep);
	mr_ranks_fini(&sweep->scene.ranks);
	for (int b = 0; b < 2; b++) {
		free(sweep->batches[b].steps);
		free(sweep->batches[b].events);
	}
	free(sweep->workers);
	free(sweep->groups);
	free(sweep->points);
	free(sweep);
}
