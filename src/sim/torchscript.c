/* SPDX-License-Identifier: MIT */
#include "sim/torchscript.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/torchfree.h"
#include "base/error.h"
#include "sim/torchback.h"

void
mr_torch_script_fini(struct mr_torch_script *script)
{
	free(script->ops);
	free(script->segments);
	free(script->older);
	free(script->device);
	free(script->queues);
	free(script->ranges);
	memset(script, 0, sizeof(*script));
}

static bool
same_queue(const struct mr_torch_queue *a, const struct mr_torch_queue *b)
{
	return a->stream == b->stream && a->pool[0] == b->pool[0] &&
		a->pool[1] == b->pool[1];
}

uint32_t
mr_torch_script_queue(struct mr_torch_script *script, const struct mr_torch_queue *queue)
{
	struct mr_torch_queue *queues;

	for (uint32_t i = script->queue_count; i-- > 0;)
		if (same_queue(&script->queues[i], queue))
			return i;
	if (script->queue_count == script->queue_space) {
		uint32_t space = 2 * script->queue_space + 4;

		queues = realloc(script->queues, space * sizeof(*queues));
		if (!queues)
			return MR_TORCH_NONE;
		script->queues = queues;
		script->queue_space = space;
	}
	script->queues[script->queue_count] = *queue;
	return script->queue_count++;
}

static bool
is_device(const struct mr_recorded_event *event)
{
	return event->kind >= MR_RECORDED_SEGMENT_ALLOC &&
		event->kind <= MR_RECORDED_SEGMENT_UNMAP;
}

static bool
gives_back(const struct mr_recorded_event *event)
{
	return event->kind == MR_RECORDED_SEGMENT_FREE ||
		event->kind == MR_RECORDED_SEGMENT_UNMAP;
}

static bool
asks(const struct mr_recorded_event *event)
{
	return event->kind == MR_RECORDED_SEGMENT_ALLOC ||
		event->kind == MR_RECORDED_SEGMENT_MAP || event->kind == MR_RECORDED_OOM;
}

/*
 * Whether the run of memory given back that ends before events[end] was the
 * allocator's own doing: it then asks the device anew, from the same place.
 */
static bool
is_retry(const struct mr_recording *recording, size_t start, size_t end)
{
	const struct mr_recorded_event *first = &recording->events[start];
	const struct mr_recorded_event *next = &recording->events[end];

	if (first->stack && recording->empties(recording->context, first->stack))
		return false;
	return end < recording->event_count && asks(next) &&
		(next->stack == first->stack || next->kind == MR_RECORDED_OOM);
}

/* What a script is being made from. */
struct making {
	struct mr_torch_script *script;
	const struct mr_recording *recording;
	const uint32_t *lives; /* of each event */
	uint64_t reserved;     /* as recorded, so far */
};

static void
put(struct making *making, enum mr_torch_op_kind kind, size_t event, uint32_t queue)
{
	struct mr_torch_script *script = making->script;

	script->ops[script->op_count++] = (struct mr_torch_op){
		.kind = (uint8_t)kind,
		.life = making->lives[event],
		.queue = queue,
		.event = (uint32_t)event,
		.size = making->recording->events[event].size,
	};
}

/* Memory that the device gave or got back. */
static void
note_device(struct making *making, size_t at)
{
	static const enum mr_torch_action actions[] = {
		[MR_RECORDED_SEGMENT_ALLOC] = MR_TORCH_SEGMENT_ALLOC,
		[MR_RECORDED_SEGMENT_FREE] = MR_TORCH_SEGMENT_FREE,
		[MR_RECORDED_SEGMENT_MAP] = MR_TORCH_SEGMENT_MAP,
		[MR_RECORDED_SEGMENT_UNMAP] = MR_TORCH_SEGMENT_UNMAP,
	};
	struct mr_torch_script *script = making->script;
	const struct mr_recorded_event *event = &making->recording->events[at];

	script->device[script->device_count++] = (struct mr_torch_device_event){
		actions[event->kind], (uint32_t)at, event->addr, event->size};
	if (gives_back(event))
		making->reserved -= event->size;
	else
		making->reserved += event->size;
	if (making->reserved > script->peak_reserved)
		script->peak_reserved = making->reserved;
}

/*
 * A run of memory given back, from `start`: a call of empty_cache(), or memory
 * was short. Returns where it ends.
 */
static size_t
put_run(struct making *making, size_t start)
{
	struct mr_torch_script *script = making->script;
	const struct mr_recorded_event *events = making->recording->events;
	size_t end = start;
	uint64_t before = making->reserved, need;

	while (end < making->recording->event_count && gives_back(&events[end]) &&
		events[end].stack == events[start].stack)
		note_device(making, end++);
	if (!is_retry(making->recording, start, end)) {
		put(making, MR_TORCH_OP_EMPTY, start, 0);
		script->ops[script->op_count - 1].size = end - start;
		script->empties++;
		return end;
	}
	script->retries++;
	need = before +
		(events[end].kind == MR_RECORDED_OOM
				? mr_torch_segment_size(&making->recording->settings,
					  mr_torch_round(&making->recording->settings,
						  events[end].size))
				: events[end].size);
	if (need < script->device_below)
		script->device_below = need;
	return end;
}

/* Puts one event of the program; false: memory. */
static bool
put_event(struct making *making, size_t at)
{
	const struct mr_recorded_event *event = &making->recording->events[at];
	struct mr_torch_script *script = making->script;
	uint32_t queue = 0;

	if (event->kind == MR_RECORDED_OTHER)
		return true;
	if (event->kind != MR_RECORDED_OOM && making->lives[at] == MR_TORCH_NONE) {
		script->strange++;
		return true;
	}
	if (event->kind == MR_RECORDED_ALLOC || event->kind == MR_RECORDED_OOM) {
		queue = mr_torch_script_queue(script, &event->queue);
		if (queue == MR_TORCH_NONE)
			return false;
	}
	if (event->kind == MR_RECORDED_ALLOC)
		put(making, MR_TORCH_OP_MALLOC, at, queue);
	if (event->kind == MR_RECORDED_FREE_REQUESTED || event->kind == MR_RECORDED_FREE)
		put(making, MR_TORCH_OP_FREE, at, 0);
	if (event->kind == MR_RECORDED_FREE_COMPLETED || event->kind == MR_RECORDED_FREE)
		put(making, MR_TORCH_OP_DONE, at, 0);
	if (event->kind == MR_RECORDED_OOM) {
		put(making, MR_TORCH_OP_REFUSED, at, queue);
		script->refused++;
	}
	return true;
}

static bool
put_events(struct making *making)
{
	const struct mr_recording *recording = making->recording;

	for (size_t i = 0; i < making->script->segment_count; i++)
		making->reserved += making->script->segments[i].size;
	making->script->peak_reserved = making->reserved;
	for (size_t i = 0; i < recording->event_count;) {
		const struct mr_recorded_event *event = &recording->events[i];

		if (gives_back(event)) {
			i = put_run(making, i);
			continue;
		}
		if (is_device(event))
			note_device(making, i);
		else if (!put_event(making, i))
			return false;
		i++;
	}
	return true;
}

/* The queues of the older blocks, and what the queues tell. */
static bool
sum_queues(struct mr_torch_script *script)
{
	for (size_t i = 0; i < script->older_count; i++) {
		struct mr_torch_older *older = &script->older[i];

		older->queue = mr_torch_script_queue(
			script, &script->segments[older->segment].queue);
		if (older->queue == MR_TORCH_NONE)
			return false;
	}
	for (uint32_t i = 0; i < script->queue_count; i++) {
		const struct mr_torch_queue *queue = &script->queues[i];
		bool first = true;

		script->private_pools |= queue->pool[0] || queue->pool[1];
		for (uint32_t j = 0; j < i; j++)
			first &= script->queues[j].stream != queue->stream;
		script->streams += first;
	}
	return true;
}

enum mr_status
mr_torch_script_make(struct mr_torch_script *out, const struct mr_recording *recording,
	struct mr_error *err)
{
	struct making making = {.script = out, .recording = recording};
	uint32_t *lives = malloc((recording->event_count + 1) * sizeof(*lives));
	enum mr_status st;

	memset(out, 0, sizeof(*out));
	out->device_below = MR_UNLIMITED;
	out->event_count = recording->event_count;
	out->ops = malloc((2 * recording->event_count + 1) * sizeof(*out->ops));
	out->device = malloc((recording->event_count + 1) * sizeof(*out->device));
	if (!lives || !out->ops || !out->device) {
		st = mr_fail_memory(err);
		goto out;
	}
	st = mr_torch_walk_back(out, lives, recording, err);
	if (st)
		goto out;
	making.lives = lives;
	if (!put_events(&making) || !sum_queues(out))
		st = mr_fail_memory(err);
out:
	free(lives);
	if (st)
		mr_torch_script_fini(out);
	return st;
}
