/* SPDX-License-Identifier: MIT */

/* Reading a sweep's events, a batch at a time. */

#include <stdlib.h>

#include "base/error.h"
#include "sim/sweep.h"

static enum mr_status
add_step(struct mr_sweep *sweep, struct mr_batch *batch, const struct mr_event *event,
	struct mr_error *err)
{
	struct mr_step *step = &batch->steps[batch->count];

	step->op = event->op;
	step->slot = event->slot;
	switch ((enum mr_op)event->op) {
	case MR_OP_MALLOC:
		sweep->mallocs++;
		sweep->requested_bytes += event->size;
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

/* Runs take events as they are: they count them, and ignore limits themselves. */
static enum mr_status
add_event(struct mr_sweep *sweep, struct mr_batch *batch, const struct mr_event *event)
{
	sweep->ignored_limits += event->op == MR_OP_SET_CACHE_LIMIT;
	batch->events[batch->count++] = *event;
	return MR_OK;
}

/* Makes room for that many steps or events in a batch out of use. */
static enum mr_status
reserve_batch(struct mr_batch *batch, size_t size, bool by_runs, struct mr_error *err)
{
	size_t each = by_runs ? sizeof(*batch->events) : sizeof(*batch->steps);
	void **array = by_runs ? (void **)&batch->events : (void **)&batch->steps;

	if (size <= batch->space)
		return MR_OK;
	free(*array);
	batch->space = size;
	*array = malloc(size * each);
	if (*array)
		return MR_OK;
	batch->space = 0;
	return mr_fail_memory(err);
}

enum mr_status
mr_batch_read(struct mr_sweep *sweep, struct mr_batch *batch, mr_next_event next,
	void *source, struct mr_error *err)
{
	struct mr_event event;
	enum mr_status st = reserve_batch(batch, sweep->batch_size, sweep->by_runs, err);

	batch->count = 0;
	while (!st && !batch->last && batch->count < sweep->batch_size) {
		st = next(source, &event, err);
		if (st == MR_END) {
			batch->last = true;
			return MR_OK;
		}
		if (!st) {
			sweep->events++;
			if (event.op == MR_OP_MALLOC && event.slot >= batch->slot_count)
				batch->slot_count = event.slot + 1;
			st = sweep->by_runs ? add_event(sweep, batch, &event)
					    : add_step(sweep, batch, &event, err);
		}
	}
	return st;
}
