/* SPDX-License-Identifier: MIT */
#include "sim/torchload.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/torchconf.h"
#include "base/error.h"
#include "trace/event.h"
#include "trace/jsonvalue.h"

#define MIB UINT64_C(1048576)

/* --- the settings that were in force */

static const cJSON *
member(const cJSON *settings, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(settings, key);
}

static void
read_roundup(struct mr_torch_settings *out, const cJSON *table)
{
	for (unsigned i = 0; i < 16; i++) {
		char key[16];
		uint64_t divisions;

		snprintf(key, sizeof(key), "%u", 1u << i);
		if (mr_json_whole(&divisions, member(table, key)) && divisions <= 64)
			out->roundup[i] = divisions;
	}
}

/* What the recorded settings say, on top of the string that made them. */
static void
read_settings(struct mr_torch_settings *out, const cJSON *settings)
{
	const cJSON *conf = member(settings, "PYTORCH_CUDA_ALLOC_CONF");
	const cJSON *split = member(settings, "max_split_size");
	const cJSON *threshold = member(settings, "garbage_collection_threshold");
	char remark[MR_TORCH_REMARK_SIZE];

	if (!cJSON_IsString(conf) ||
		mr_torch_conf_parse(out, remark, conf->valuestring, NULL))
		mr_torch_conf_defaults(out);
	if (!mr_json_whole(&out->max_split_size, split) || out->max_split_size < 20 * MIB)
		out->max_split_size = MR_UNLIMITED;
	out->gc_threshold = cJSON_IsNumber(threshold) && threshold->valuedouble >= 0 &&
			threshold->valuedouble <= 1
		? (uint64_t)(threshold->valuedouble * (double)MR_TORCH_SHARE + 0.5)
		: 0;
	out->expandable = cJSON_IsTrue(member(settings, "expandable_segments")) ? 1 : 0;
	read_roundup(out, member(settings, "roundup_power2_divisions"));
}

/* Where nothing was recorded, what the events show. */
static void
guess_settings(struct mr_torch_case *out)
{
	const struct mr_recording *recording = &out->recording;

	mr_torch_conf_defaults(&out->recording.settings);
	for (size_t i = 0; i < recording->segment_count; i++)
		out->recording.settings.expandable |= recording->segments[i].expandable;
	for (size_t i = 0; i < recording->event_count; i++)
		out->recording.settings.expandable |=
			recording->events[i].kind == MR_RECORDED_SEGMENT_MAP;
}

/* --- events and segments */

static void
copy_event(struct mr_recorded_event *out, const struct mr_snapshot_event *event)
{
	static const uint8_t kinds[MR_SNAPSHOT_ACTION_COUNT] = {
		[MR_SNAPSHOT_ALLOC] = MR_RECORDED_ALLOC,
		[MR_SNAPSHOT_FREE_REQUESTED] = MR_RECORDED_FREE_REQUESTED,
		[MR_SNAPSHOT_FREE_COMPLETED] = MR_RECORDED_FREE_COMPLETED,
		[MR_SNAPSHOT_FREE] = MR_RECORDED_FREE,
		[MR_SNAPSHOT_SEGMENT_ALLOC] = MR_RECORDED_SEGMENT_ALLOC,
		[MR_SNAPSHOT_SEGMENT_FREE] = MR_RECORDED_SEGMENT_FREE,
		[MR_SNAPSHOT_SEGMENT_MAP] = MR_RECORDED_SEGMENT_MAP,
		[MR_SNAPSHOT_SEGMENT_UNMAP] = MR_RECORDED_SEGMENT_UNMAP,
		[MR_SNAPSHOT_SNAPSHOT] = MR_RECORDED_OTHER,
		[MR_SNAPSHOT_OOM] = MR_RECORDED_OOM,
		[MR_SNAPSHOT_OTHER] = MR_RECORDED_OTHER,
	};

	*out = (struct mr_recorded_event){
		.kind = kinds[event->action],
		.stack = event->stack,
		.addr = event->address,
		.size = event->size,
		.queue = {.stream = event->stream},
	};
	if (!event->size && out->kind != MR_RECORDED_OTHER)
		out->kind = MR_RECORDED_OTHER;
}

static enum mr_status
copy_events(struct mr_torch_case *out, struct mr_error *err)
{
	const struct mr_snapshot_device *device = &out->snapshot->devices[out->device];
	struct mr_recorded_event *events = malloc((device->count + 1) * sizeof(*events));

	if (!events)
		return mr_fail_memory(err);
	out->recording.events = events;
	out->recording.event_count = device->count;
	for (size_t i = 0; i < device->count; i++) {
		if (device->events[i].size > MR_SIZE_MAX)
			return mr_fail_at(err, MR_EFORMAT, MR_PLACE_EVENT, i + 1,
				"size is above %llu", (unsigned long long)MR_SIZE_MAX);
		copy_event(&events[i], &device->events[i]);
	}
	return MR_OK;
}

static void
copy_blocks(struct mr_recorded_block *out, const struct mr_snapshot_block *blocks,
	size_t count)
{
	static const uint8_t states[] = {
		[MR_SNAPSHOT_INACTIVE] = MR_TORCH_FREE,
		[MR_SNAPSHOT_ALLOCATED] = MR_TORCH_ACTIVE,
		[MR_SNAPSHOT_PENDING] = MR_TORCH_WAITING,
	};

	for (size_t i = 0; i < count; i++)
		out[i] = (struct mr_recorded_block){blocks[i].address, blocks[i].size,
			blocks[i].requested, states[blocks[i].state]};
}

static enum mr_status
copy_segments(struct mr_torch_case *out, struct mr_error *err)
{
	const struct mr_snapshot *snapshot = out->snapshot;
	struct mr_recorded_segment *segments =
		malloc((snapshot->segment_count + 1) * sizeof(*segments));
	struct mr_recorded_block *blocks =
		malloc((snapshot->block_count + 1) * sizeof(*blocks));
	size_t count = 0, block_count = 0;

	out->recording.segments = segments;
	out->recording.blocks = blocks;
	if (!segments || !blocks)
		return mr_fail_memory(err);
	for (size_t i = 0; i < snapshot->segment_count; i++) {
		const struct mr_snapshot_segment *from = &snapshot->segments[i];

		if ((size_t)from->device != out->device)
			continue;
		segments[count++] = (struct mr_recorded_segment){
			.addr = from->address,
			.size = from->total_size,
			.queue = {from->stream, {from->pool[0], from->pool[1]}},
			.small = from->small,
			.expandable = from->expandable,
			.first_block = block_count,
			.block_count = from->count,
		};
		copy_blocks(&blocks[block_count], &snapshot->blocks[from->first],
			from->count);
		block_count += from->count;
	}
	out->recording.segment_count = count;
	out->recording.block_count = block_count;
	return MR_OK;
}

/* Whether some frame is a call of empty_cache(). */
static bool
empties(void *context, uint32_t stack)
{
	const struct mr_snapshot *snapshot = context;
	size_t depth = mr_snapshot_stack_depth(snapshot, stack);

	for (size_t i = 0; i < depth; i++) {
		const char *name = mr_snapshot_stack_frame(snapshot, stack, i).name;

		if (name && (strstr(name, "empty_cache") || strstr(name, "emptyCache")))
			return true;
	}
	return false;
}

enum mr_status
mr_torch_case_snapshot(struct mr_torch_case *out, struct mr_snapshot *snapshot,
	const char *text, struct mr_error *err)
{
	enum mr_status st;

	memset(out, 0, sizeof(*out));
	out->snapshot = snapshot;
	out->recording.empties = empties;
	out->recording.context = snapshot;
	if ((st = mr_snapshot_find_device(snapshot, &out->device, text, err)) ||
		(st = copy_events(out, err)) || (st = copy_segments(out, err)))
		return st;
	out->recording.settings.memory = MR_UNLIMITED;
	out->settings_known = snapshot->settings != NULL;
	if (out->settings_known)
		read_settings(&out->recording.settings, snapshot->settings);
	else
		guess_settings(out);
	return mr_torch_script_make(&out->script, &out->recording, err);
}

/* --- other traces */

static struct mr_torch_op *
add_op(struct mr_torch_case *out, enum mr_torch_op_kind kind)
{
	struct mr_torch_script *script = &out->script;
	struct mr_torch_op *op;

	if (script->op_count == out->op_space) {
		size_t space = 2 * out->op_space + 1024;
		struct mr_torch_op *ops = realloc(script->ops, space * sizeof(*ops));

		if (!ops)
			return NULL;
		script->ops = ops;
		out->op_space = space;
	}
	op = &script->ops[script->op_count++];
	*op = (struct mr_torch_op){
		.kind = (uint8_t)kind, .event = (uint32_t)script->event_count};
	return op;
}

static struct mr_torch_op *
add_malloc(struct mr_torch_case *out, const struct mr_event *event)
{
	struct mr_torch_queue queue = {
		.stream = event->has & MR_HAS_STREAM ? event->stream : 0};
	uint32_t index = mr_torch_script_queue(&out->script, &queue);
	struct mr_torch_op *op = add_op(out, MR_TORCH_OP_MALLOC);

	if (!op || index == MR_TORCH_NONE)
		return NULL;
	/* here they differ in the stream alone */
	out->script.streams = out->script.queue_count;
	op->queue = index;
	op->size = event->size;
	return op;
}

enum mr_status
mr_torch_case_add(
	struct mr_torch_case *out, const struct mr_event *event, struct mr_error *err)
{
	struct mr_torch_script *script = &out->script;
	struct mr_torch_op *op;

	if (event->op == MR_OP_MALLOC)
		op = add_malloc(out, event);
	else if (event->op == MR_OP_FREE)
		op = add_op(out, MR_TORCH_OP_FREED);
	else if (event->op == MR_OP_CLEAR_CACHE)
		op = add_op(out, MR_TORCH_OP_EMPTY);
	else
		op = add_op(out, MR_TORCH_OP_NONE);
	if (!op)
		return mr_fail_memory(err);
	if (event->op == MR_OP_MALLOC || event->op == MR_OP_FREE)
		op->life = event->slot;
	if (op->life >= script->lives)
		script->lives = op->life + 1;
	script->event_count++;
	script->device_below = MR_UNLIMITED;
	return MR_OK;
}

void
mr_torch_case_fini(struct mr_torch_case *out)
{
	mr_torch_script_fini(&out->script);
	free(out->recording.events);
	free((void *)(uintptr_t)out->recording.segments);
	free((void *)(uintptr_t)out->recording.blocks);
	mr_snapshot_free(out->snapshot);
	memset(out, 0, sizeof(*out));
}

/* --- who asked */

/* Frames of C++ and of the allocator itself tell a user little. */
static bool
tells(const struct mr_snapshot_frame *frame)
{
	size_t length = strlen(frame->filename);

	return length > 3 && !strcmp(frame->filename + length - 3, ".py");
}

static size_t
print_frame(char *text, size_t size, const struct mr_snapshot_frame *frame, bool first)
{
	const char *file = strrchr(frame->filename, '/');
	int length;

	file = file ? file + 1 : frame->filename;
	if (*file)
		length = snprintf(text, size, "%s%s:%llu %s", first ? "" : " < ", file,
			(unsigned long long)frame->line, frame->name);
	else
		length = snprintf(text, size, "%s%s", first ? "" : " < ", frame->name);
	return length < 0 ? 0 : (size_t)length >= size ? size - 1 : (size_t)length;
}

char *
mr_torch_case_place(
	char text[MR_TORCH_PLACE_SIZE], const struct mr_torch_case *of, size_t event)
{
	uint32_t stack;
	size_t depth, length = 0, shown = 0;

	*text = '\0';
	if (!of->snapshot || event >= of->recording.event_count)
		return text;
	stack = of->recording.events[event].stack;
	depth = mr_snapshot_stack_depth(of->snapshot, stack);
	for (int pass = 0; pass < 2 && !shown; pass++)
		for (size_t i = 0; i < depth && shown < 3; i++) {
			struct mr_snapshot_frame frame =
				mr_snapshot_stack_frame(of->snapshot, stack, i);

			if (!frame.name || !frame.filename || (!pass && !tells(&frame)))
				continue;
			length += print_frame(text + length, MR_TORCH_PLACE_SIZE - length,
				&frame, !shown);
			shown++;
		}
	return text;
}
