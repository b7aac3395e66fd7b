/* SPDX-License-Identifier: MIT */
#include "memreplay/sweep.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sim/group.h"

/*
 * Events are read in batches. Each batch is carried out group by group, so that
 * one state stays in the processor's cache for the length of a batch, and by as
 * many threads as there are jobs, each taking the next group from the list;
 * meanwhile the calling thread reads the next batch. Between batches equal
 * groups are joined. Batches are short where states multiply in them, so that
 * they are joined in time, and long elsewhere.
 */
#define BATCH_MIN   256
#define BATCH_MAX   16384
#define MOST_POINTS 512 /* of a grid whose resolution is not given */

struct batch {
	struct mr_step *steps;
	size_t count;
	uint32_t slot_count; /* so far */
	bool last;           /* the source has no more */
};

struct worker {
	struct mr_sweep *sweep;
	pthread_t thread;
	struct mr_group *todo;  /* parted off, to be advanced */
	struct mr_group *done;  /* advanced to the end of the batch */
	struct mr_group *spare; /* memory of groups out of use */
	uint64_t state_events;
	struct mr_error failure; /* MR_OK: none */
};

struct mr_sweep {
	struct mr_scene scene;
	uint64_t to;
	bool is_list;
	bool find_resolution;
	uint64_t events, mallocs, frees, requested_bytes, ignored_limits;
	uint64_t memory_limit;
	uint64_t state_events;

	struct mr_group **groups;
	size_t group_count;
	size_t group_space;
	bool joining;        /* after this batch */
	uint64_t since_join; /* events */
	size_t states_then;  /* after the last batch */

	struct batch batches[2];
	size_t batch_size;
	struct batch *current;

	unsigned jobs;
	struct worker *workers; /* the first is the calling thread */
	atomic_size_t next_group;
	pthread_mutex_t lock; /* over the three below */
	pthread_cond_t change;
	uint64_t round; /* of the workers' work */
	unsigned busy;  /* workers still in it */
	bool stop;

	struct mr_point *points;
	size_t point_count;
};

/* --- one batch on one thread */

static void
push(struct mr_group **list, struct mr_group *group)
{
	group->next = *list;
	*list = group;
}

static enum mr_status
advance(struct worker *worker, struct mr_group *group)
{
	const struct batch *batch = worker->sweep->current;
	enum mr_status st = MR_OK;

	while (group && !st) {
		struct mr_group *rejecting;
		size_t from = group->at;

		st = mr_group_advance(group, &worker->sweep->scene, batch->steps,
			batch->count, &worker->spare, &rejecting, &worker->failure);
		worker->state_events += group->at - from;
		if (rejecting)
			push(&worker->todo, rejecting);
		if (!st && group->at < batch->count)
			continue;
		if (!st && worker->sweep->joining)
			mr_group_hash(group, &worker->sweep->scene);
		push(&worker->done, group);
		group = worker->todo;
		if (group)
			worker->todo = group->next;
	}
	return st;
}

static void
work(struct worker *worker)
{
	struct mr_sweep *sweep = worker->sweep;

	while (!worker->failure.status) {
		size_t i = atomic_fetch_add(&sweep->next_group, 1);

		if (i >= sweep->group_count)
			return;
		struct mr_group *group = sweep->groups[i];

		sweep->groups[i] = NULL;
		advance(worker, group);
	}
}

static void *
run_worker(void *context)
{
	struct worker *worker = context;
	struct mr_sweep *sweep = worker->sweep;
	uint64_t round = 0;

	pthread_mutex_lock(&sweep->lock);
	for (;;) {
		while (sweep->round == round && !sweep->stop)
			pthread_cond_wait(&sweep->change, &sweep->lock);
		if (sweep->stop)
			break;
		round = sweep->round;
		pthread_mutex_unlock(&sweep->lock);
		work(worker);
		pthread_mutex_lock(&sweep->lock);
		if (--sweep->busy == 0)
			pthread_cond_broadcast(&sweep->change);
	}
	pthread_mutex_unlock(&sweep->lock);
	return NULL;
}

/* --- reading */

static enum mr_status
add_step(struct mr_sweep *sweep, struct batch *batch, const struct mr_event *event,
	struct mr_error *err)
{
	struct mr_step *step = &batch->steps[batch->count];

	step->op = event->op;
	step->slot = event->slot;
	switch ((enum mr_op)event->op) {
	case MR_OP_MALLOC:
		sweep->mallocs++;
		sweep->requested_bytes += event->size;
		if (event->slot >= batch->slot_count)
			batch->slot_count = event->slot + 1;
		batch->count++;
		return mr_ranks_class(
			&sweep->scene.ranks, event->size, &step->class, err);
	case MR_OP_FREE:
		sweep->frees++;
		batch->count++;
		return MR_OK;
	case MR_OP_SET_MEMORY_LIMIT:
		sweep->memory_limit = step->bytes = event->bytes;
		batch->count++;
		return MR_OK;
	case MR_OP_CLEAR_CACHE:
	case MR_OP_RESET_PEAK:
		batch->count++;
		return MR_OK;
	case MR_OP_SET_CACHE_LIMIT:
		sweep->ignored_limits++;
		return MR_OK;
	case MR_OP_MARK:
	case MR_OP_COUNTERS:
		break;
	}
	return MR_OK;
}

static enum mr_status
read_batch(struct mr_sweep *sweep, struct batch *batch, mr_next_event next, void *source,
	struct mr_error *err)
{
	struct mr_event event;
	enum mr_status st = MR_OK;

	batch->count = 0;
	while (!st && !batch->last && batch->count < sweep->batch_size) {
		st = next(source, &event, err);
		if (st == MR_END) {
			batch->last = true;
			return MR_OK;
		}
		if (!st) {
			sweep->events++;
			st = add_step(sweep, batch, &event, err);
		}
	}
	return st;
}

/* --- between batches */

static uint32_t
roomier(uint32_t space, uint32_t count)
{
	return count > space ? count + count / 2 + 64 : space;
}

/* Makes every state ready for the sizes and slots of the next batch. */
static enum mr_status
settle(struct mr_sweep *sweep, struct mr_error *err)
{
	struct mr_scene old = sweep->scene, *scene = &sweep->scene;
	enum mr_status st;
	bool changed;

	if ((st = mr_ranks_settle(&scene->ranks, &changed, err)))
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

/* Gathers what the workers have advanced, or why they could not. */
static enum mr_status
collect(struct mr_sweep *sweep, struct mr_error *err)
{
	enum mr_status st = MR_OK;

	for (unsigned j = 0; j < sweep->jobs; j++)
		if (sweep->workers[j].failure.status)
			return mr_fail_memory(err);
	sweep->group_count = 0;
	for (unsigned j = 0; j < sweep->jobs && !st; j++) {
		struct worker *worker = &sweep->workers[j];

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

/* Joins the groups whose states are equal. */
static enum mr_status
join(struct mr_sweep *sweep, struct mr_error *err)
{
	size_t kept = 0;
	enum mr_status st = MR_OK;

	qsort(sweep->groups, sweep->group_count, sizeof(struct mr_group *), by_hash);
	for (size_t i = 1; i < sweep->group_count && !st; i++) {
		struct mr_group *group = sweep->groups[i];

		if (!mr_group_equal(sweep->groups[kept], group, &sweep->scene)) {
			sweep->groups[++kept] = group;
			continue;
		}
		st = mr_group_join(sweep->groups[kept], group, err);
		push(&sweep->workers[0].spare, group);
	}
	if (!st)
		sweep->group_count = kept + 1;
	return st;
}

static size_t
count_ranges(const struct mr_sweep *sweep)
{
	size_t count = 0;

	for (size_t i = 0; i < sweep->group_count; i++)
		count += sweep->groups[i]->lane_count;
	return count;
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

/* Doubles the resolution until the grid has few enough points. */
static void
coarsen(struct mr_sweep *sweep)
{
	uint64_t from = sweep->scene.grid_from, end = top(sweep), step;
	size_t kept = 0;

	step = sweep->scene.resolution;
	while (end > from && (end - from) / step > MOST_POINTS)
		step *= 2;
	if (step == sweep->scene.resolution)
		return;
	sweep->scene.resolution = step;
	for (size_t i = 0; i < sweep->group_count; i++) {
		struct mr_group *group = sweep->groups[i];

		mr_group_thin(group, from, step);
		if (group->lane_count)
			sweep->groups[kept++] = group;
		else
			push(&sweep->workers[0].spare, group);
	}
	sweep->group_count = kept;
}

/* Longer batches as long as states do not multiply in them, else shorter. */
static void
set_batch_size(struct mr_sweep *sweep, size_t parted)
{
	size_t then = sweep->states_then + 64;

	if (parted > 2 * then && sweep->batch_size > BATCH_MIN)
		sweep->batch_size /= 2;
	else if (parted < then + then / 4 && sweep->batch_size < BATCH_MAX)
		sweep->batch_size *= 2;
	sweep->states_then = sweep->group_count;
}

static enum mr_status
tidy(struct mr_sweep *sweep, struct mr_error *err)
{
	size_t parted = sweep->group_count;
	enum mr_status st = MR_OK;

	if (sweep->find_resolution)
		coarsen(sweep);
	if (sweep->joining && sweep->group_count > 1)
		st = join(sweep, err);
	set_batch_size(sweep, parted);
	return st;
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

static void
start_round(struct mr_sweep *sweep)
{
	atomic_store(&sweep->next_group, 0);
	if (sweep->jobs == 1)
		return;
	pthread_mutex_lock(&sweep->lock);
	sweep->round++;
	sweep->busy = sweep->jobs - 1;
	pthread_cond_broadcast(&sweep->change);
	pthread_mutex_unlock(&sweep->lock);
}

static void
end_round(struct mr_sweep *sweep)
{
	work(&sweep->workers[0]);
	if (sweep->jobs == 1)
		return;
	pthread_mutex_lock(&sweep->lock);
	while (sweep->busy)
		pthread_cond_wait(&sweep->change, &sweep->lock);
	pthread_mutex_unlock(&sweep->lock);
}

static void
stop_workers(struct mr_sweep *sweep, unsigned started)
{
	pthread_mutex_lock(&sweep->lock);
	sweep->stop = true;
	pthread_cond_broadcast(&sweep->change);
	pthread_mutex_unlock(&sweep->lock);
	for (unsigned j = 1; j < started; j++)
		pthread_join(sweep->workers[j].thread, NULL);
	sweep->stop = false;
}

static enum mr_status
run_batches(
	struct mr_sweep *sweep, mr_next_event next, void *source, struct mr_error *err)
{
	struct batch *ahead = &sweep->batches[1];
	enum mr_status st, reading;

	sweep->current = &sweep->batches[0];
	sweep->current->last = ahead->last = false;
	st = read_batch(sweep, sweep->current, next, source, err);
	while (!st && sweep->current->count) {
		if ((st = settle(sweep, err)))
			break;
		ahead->slot_count = sweep->current->slot_count;
		ahead->last = sweep->current->last;
		plan_joining(sweep);
		start_round(sweep);
		reading = read_batch(sweep, ahead, next, source, err);
		end_round(sweep);
		if (reading)
			return reading;
		if ((st = collect(sweep, err)) || (st = tidy(sweep, err)))
			break;
		struct batch *swap = sweep->current;

		sweep->current = ahead;
		ahead = swap;
	}
	return st;
}

enum mr_status
mr_sweep_run(
	struct mr_sweep *sweep, mr_next_event next, void *source, struct mr_error *err)
{
	enum mr_status st = MR_OK;
	unsigned started = 1;

	for (; started < sweep->jobs && !st; started++)
		if (pthread_create(&sweep->workers[started].thread, NULL, run_worker,
			    &sweep->workers[started]))
			st = mr_fail(err, MR_ENOMEM, "cannot start a thread");
	if (st)
		started--;
	else
		st = run_batches(sweep, next, source, err);
	stop_workers(sweep, started);
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

static enum mr_status
add_list(struct mr_group *group, const struct mr_sweep_options *options,
	struct mr_error *err)
{
	size_t count = options->limit_count;
	uint64_t *limits = malloc(count * sizeof(*limits));
	enum mr_status st = MR_OK;

	if (!limits)
		return mr_fail_memory(err);
	memcpy(limits, options->limits, count * sizeof(*limits));
	qsort(limits, count, sizeof(*limits), by_value);
	for (size_t i = 0; i < count && !st; i++)
		if (!i || limits[i] != limits[i - 1])
			st = mr_group_add_lane(group, limits[i], limits[i], err);
	free(limits);
	return st;
}

static enum mr_status
set_limits(struct mr_sweep *sweep, const struct mr_sweep_options *options,
	struct mr_error *err)
{
	struct mr_scene *scene = &sweep->scene;
	struct mr_group *group;
	enum mr_status st;

	sweep->is_list = options->limits;
	sweep->find_resolution = !sweep->is_list && !options->resolution;
	sweep->to = options->to;
	scene->grid_from = options->from;
	scene->resolution = options->resolution ? options->resolution : 1;
	if (sweep->is_list ? !options->limit_count : options->from > options->to)
		return mr_fail(err, MR_EINVAL, "there are no limits between from and to");
	if (!sweep->is_list && sweep->to != MR_UNLIMITED)
		sweep->to -= (sweep->to - options->from) % scene->resolution;
	scene->class_space = scene->slot_space = scene->word_space = 64;
	group = mr_group_new(scene);
	if (!group || (st = add_group(sweep, group, err))) {
		mr_group_free(group);
		return mr_fail_memory(err);
	}
	if (sweep->is_list)
		return add_list(group, options, err);
	return mr_group_add_lane(group, options->from, sweep->to, err);
}

enum mr_status
mr_sweep_new(struct mr_sweep **out, const struct mr_policy *policy,
	const struct mr_sweep_options *options, struct mr_error *err)
{
	struct mr_sweep *sweep;
	enum mr_status st;

	*out = NULL;
	if (policy->kind == MR_POLICY_NONE)
		return mr_fail(err, MR_EINVAL, "the policy none has no cache limit");
	sweep = calloc(1, sizeof(*sweep));
	if (!sweep)
		return mr_fail_memory(err);
	pthread_mutex_init(&sweep->lock, NULL);
	pthread_cond_init(&sweep->change, NULL);
	sweep->jobs = options->jobs ? options->jobs : 1;
	sweep->batch_size = BATCH_MIN;
	sweep->memory_limit = policy->memory_limit;
	sweep->workers = calloc(sweep->jobs, sizeof(*sweep->workers));
	for (int b = 0; b < 2; b++)
		sweep->batches[b].steps = malloc(BATCH_MAX * sizeof(struct mr_step));
	if (!sweep->workers || !sweep->batches[0].steps || !sweep->batches[1].steps) {
		st = mr_fail_memory(err);
		goto out;
	}
	for (unsigned j = 0; j < sweep->jobs; j++)
		sweep->workers[j].sweep = sweep;
	if (!(st = mr_ranks_init(&sweep->scene.ranks, policy, err)))
		st = set_limits(sweep, options, err);
out:
	if (st)
		mr_sweep_free(sweep);
	else
		*out = sweep;
	return st;
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
		free_list(sweep->workers[j].todo);
		free_list(sweep->workers[j].done);
		free_list(sweep->workers[j].spare);
	}
	pthread_cond_destroy(&sweep->change);
	pthread_mutex_destroy(&sweep->lock);
	mr_ranks_fini(&sweep->scene.ranks);
	free(sweep->batches[0].steps);
	free(sweep->batches[1].steps);
	free(sweep->workers);
	free(sweep->groups);
	free(sweep->points);
	free(sweep);
}

/* --- points */

static void
make_point(const struct mr_sweep *sweep, const struct mr_group *group,
	const struct mr_lane *lane, struct mr_point *point)
{
	const struct mr_tally *tally = &lane->tally;
	struct mr_result *result = &point->result;

	memset(point, 0, sizeof(*point));
	point->cache_limit = lane->first;
	point->valid_from = tally->peak_cached;
	point->valid_to = tally->rejected_at;
	result->events = sweep->events;
	result->mallocs = sweep->mallocs;
	result->frees = sweep->frees;
	result->hits = tally->hits;
	result->misses = sweep->mallocs - tally->hits;
	result->larger_hits = tally->larger_hits;
	result->slack_bytes = tally->slack_bytes;
	result->requested_bytes = sweep->requested_bytes;
	result->hit_bytes = tally->hit_bytes;
	result->rejected_frees = tally->rejected_frees;
	result->rejected_bytes = tally->rejected_bytes;
	result->evicted_blocks = result->cleared_blocks = tally->cleared_blocks;
	result->evicted_bytes = result->cleared_bytes = tally->cleared_bytes;
	result->stale_bytes = tally->cleared_bytes + group->cached;
	result->active_bytes = group->active;
	result->cached_bytes = group->cached;
	result->live_blocks = sweep->mallocs - sweep->frees;
	result->cached_blocks = group->cached_blocks;
	result->peak_active_bytes =
		tally->peak > tally->peak_active ? tally->peak : tally->peak_active;
	result->peak_since_reset_bytes = tally->peak;
	result->peak_cached_bytes = tally->peak_cached;
	result->peak_total_bytes = tally->peak_total;
	result->memory_limit = sweep->memory_limit;
	result->events_over_memory_limit = tally->over_memory;
}

static int
by_limit(const void *a, const void *b)
{
	return by_value(&((const struct mr_point *)a)->cache_limit,
		&((const struct mr_point *)b)->cache_limit);
}

/* How many points a range gets; see mr_sweep_points(). */
static uint64_t
points_of(const struct mr_sweep *sweep, const struct mr_lane *lane)
{
	uint64_t last = lane->last;

	if (sweep->is_list || sweep->scene.resolution == 1)
		return 1;
	/* Up to the first multiple at which nothing changes any more. */
	if (last == MR_UNLIMITED)
		return 1;
	return (last - lane->first) / sweep->scene.resolution + 1;
}

enum mr_status
mr_sweep_points(struct mr_sweep *sweep, const struct mr_point **points, size_t *count,
	struct mr_error *err)
{
	uint64_t total = 0;
	size_t n = 0;

	for (size_t i = 0; i < sweep->group_count; i++) {
		mr_group_flush(sweep->groups[i]);
		for (size_t k = 0; k < sweep->groups[i]->lane_count; k++)
			total += points_of(sweep, sweep->groups[i]->lanes[k]);
	}
	free(sweep->points);
	sweep->points = total < SIZE_MAX / sizeof(*sweep->points)
		? malloc(total * sizeof(*sweep->points))
		: NULL;
	if (!sweep->points)
		return mr_fail_memory(err);
	for (size_t i = 0; i < sweep->group_count; i++) {
		const struct mr_group *group = sweep->groups[i];

		for (size_t k = 0; k < group->lane_count; k++) {
			uint64_t own = points_of(sweep, group->lanes[k]);

			for (uint64_t m = 0; m < own; m++) {
				struct mr_point *point = &sweep->points[n++];

				make_point(sweep, group, group->lanes[k], point);
				point->cache_limit += m * sweep->scene.resolution;
				point->result.cache_limit = point->cache_limit;
			}
		}
	}
	qsort(sweep->points, n, sizeof(*sweep->points), by_limit);
	sweep->point_count = n;
	*points = sweep->points;
	*count = n;
	return MR_OK;
}

void
mr_sweep_summary(const struct mr_sweep *sweep, struct mr_sweep_summary *out)
{
	out->events = sweep->events;
	out->resolution = sweep->is_list ? 0 : sweep->scene.resolution;
	out->ignored_limits = sweep->ignored_limits;
	out->ranges = count_ranges(sweep);
	out->states = sweep->group_count;
	out->state_events = sweep->state_events;
}
