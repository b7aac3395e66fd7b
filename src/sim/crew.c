/* SPDX-License-Identifier: MIT */
#include "sim/crew.h"

#include "base/error.h"

static enum mr_status
advance(struct mr_worker *worker, struct mr_group *group)
{
	const struct mr_batch *batch = worker->sweep->current;
	enum mr_status st = MR_OK;

	while (group && !st) {
		struct mr_group *rejecting;
		size_t from = group->at;

		st = mr_group_advance(group, &worker->sweep->scene, batch->steps,
			batch->count, &worker->spare, &rejecting, &worker->failure);
		worker->state_events += group->at - from;
		if (rejecting)
			mr_group_push(&worker->todo, rejecting);
		if (!st && group->at < batch->count)
			continue;
		if (!st && worker->sweep->joining)
			mr_group_hash(group, &worker->sweep->scene);
		mr_group_push(&worker->done, group);
		group = worker->todo;
		if (group)
			worker->todo = group->next;
	}
	return st;
}

static void
work(struct mr_worker *worker)
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
	struct mr_worker *worker = context;
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

enum mr_status
mr_crew_hire(struct mr_sweep *sweep, unsigned *started, struct mr_error *err)
{
	for (*started = 1; *started < sweep->jobs; ++*started)
		if (pthread_create(&sweep->workers[*started].thread, NULL, run_worker,
			    &sweep->workers[*started]))
			return mr_fail(err, MR_ENOMEM, "cannot start a thread");
	return MR_OK;
}

void
mr_crew_start(struct mr_sweep *sweep)
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

void
mr_crew_finish(struct mr_sweep *sweep)
{
	work(&sweep->workers[0]);
	if (sweep->jobs == 1)
		return;
	pthread_mutex_lock(&sweep->lock);
	while (sweep->busy)
		pthread_cond_wait(&sweep->change, &sweep->lock);
	pthread_mutex_unlock(&sweep->lock);
}

void
mr_crew_dismiss(struct mr_sweep *sweep, unsigned started)
{
	pthread_mutex_lock(&sweep->lock);
	sweep->stop = true;
	pthread_cond_broadcast(&sweep->change);
	pthread_mutex_unlock(&sweep->lock);
	for (unsigned j = 1; j < started; j++)
		pthread_join(sweep->workers[j].thread, NULL);
	sweep->stop = false;
}
