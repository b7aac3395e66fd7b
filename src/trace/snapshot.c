/* SPDX-License-Identifier: MIT */
#include "trace/snapshot.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"
#include "trace/jsonvalue.h"
#include "trace/pickle.h"
#include "trace/snapshotfold.h"

#define SETTINGS_DEPTH 8
#define SETTINGS_MAX   4096 /* values in all */
#define DEVICES_MAX    4096

static const char *const action_names[MR_SNAPSHOT_ACTION_COUNT] = {
	[MR_SNAPSHOT_ALLOC] = "alloc",
	[MR_SNAPSHOT_FREE_REQUESTED] = "free_requested",
	[MR_SNAPSHOT_FREE_COMPLETED] = "free_completed",
	[MR_SNAPSHOT_FREE] = "free",
	[MR_SNAPSHOT_SEGMENT_ALLOC] = "segment_alloc",
	[MR_SNAPSHOT_SEGMENT_FREE] = "segment_free",
	[MR_SNAPSHOT_SEGMENT_MAP] = "segment_map",
	[MR_SNAPSHOT_SEGMENT_UNMAP] = "segment_unmap",
	[MR_SNAPSHOT_SNAPSHOT] = "snapshot",
	[MR_SNAPSHOT_OOM] = "oom",
	[MR_SNAPSHOT_OTHER] = "other",
};

const char *
mr_snapshot_action_name(enum mr_snapshot_action action)
{
	return action_names[action];
}

/* Checks that a list holds the rows of a table one after the other, from `from`. */
static enum mr_status
check_rows(const struct mr_pickle *pickle, mr_value list, enum mr_fold what,
	const char *name, size_t from, size_t *count, struct mr_error *err)
{
	const mr_value *items = mr_value_items(pickle, list, count);
	uint64_t number;

	if (mr_value_kind(pickle, list) != MR_VALUE_LIST)
		return mr_fail(err, MR_EFORMAT, "the %ss are not a list", name);
	for (size_t i = 0; i < *count; i++) {
		if (!mr_value_folded(pickle, items[i], what, &number))
			return mr_fail(err, MR_EFORMAT,
				"among the %ss is something that is none", name);
		if (number != from + i)
			return mr_fail(
				err, MR_EFORMAT, "one %s stands in two places", name);
	}
	return MR_OK;
}

static enum mr_status
take_devices(struct mr_snapshot *snapshot, const struct mr_pickle *pickle, mr_value list,
	struct mr_error *err)
{
	size_t count, from = 0;
	const mr_value *items = mr_value_items(pickle, list, &count);
	enum mr_status st = MR_OK;

	if (count > DEVICES_MAX)
		return mr_fail(err, MR_EFORMAT, "%zu devices are too many", count);
	snapshot->devices = calloc(count + 1, sizeof(*snapshot->devices));
	if (!snapshot->devices)
		return mr_fail_memory(err);
	snapshot->device_count = count;
	for (size_t i = 0; i < count && !st; i++) {
		struct mr_snapshot_device *device = &snapshot->devices[i];

		st = check_rows(pickle, items[i], MR_FOLD_EVENT, "event", from,
			&device->count, err);
		if (!st && device->count)
			device->events = snapshot->store->events + from;
		from += device->count;
	}
	return st;
}

static enum mr_status
copy_text(const char **out, const struct mr_pickle *pickle, mr_value dict,
	const char *key, struct mr_error *err)
{
	const char *text = NULL;
	size_t length;
	mr_value value;

	if (mr_value_find(pickle, dict, key, &value))
		text = mr_value_text(pickle, value, &length);
	if (!text || !mr_text_is_utf8(text, length)) {
		text = "?";
		length = 1;
	}
	*out = strndup(text, length);
	return *out ? MR_OK : mr_fail_memory(err);
}

static enum mr_status
take_note(struct mr_snapshot_store *store, const struct mr_pickle *pickle, mr_value dict,
	struct mr_error *err)
{
	struct mr_snapshot_note *note = &store->notes[store->note_count++];
	enum mr_status st;
	uint64_t number;
	mr_value value;

	if ((st = copy_text(&note->stage, pickle, dict, "stage", err)) ||
		(st = copy_text(&note->name, pickle, dict, "name", err)))
		return st;
	if (mr_value_find(pickle, dict, "time_us", &value) &&
		mr_value_get_u64(pickle, value, &number))
		note->time_us = number;
	if (mr_value_find(pickle, dict, "device", &value) &&
		mr_value_get_u64(pickle, value, &number) && number <= INT32_MAX)
		note->device = (int32_t)number;
	return MR_OK;
}

static enum mr_status
take_notes(struct mr_snapshot *snapshot, struct mr_pickle *pickle, mr_value list,
	struct mr_error *err)
{
	struct mr_snapshot_store *store = snapshot->store;
	size_t count;
	const mr_value *items = mr_value_items(pickle, list, &count);
	enum mr_status st;

	st = mr_pickle_charge(pickle, count * (sizeof(*store->notes) + 32), err);
	if (st)
		return st;
	store->notes = calloc(count + 1, sizeof(*store->notes));
	if (!store->notes)
		return mr_fail_memory(err);
	for (size_t i = 0; i < count && !st; i++)
		st = take_note(store, pickle, items[i], err);
	snapshot->notes = store->notes;
	snapshot->note_count = store->note_count;
	return st;
}

static cJSON *settings_tree(
	const struct mr_pickle *pickle, mr_value value, int depth, int *left);

/* The items of a list or dict as JSON; NULL if there is no memory. */
static cJSON *
settings_items(const struct mr_pickle *pickle, mr_value value, int depth, int *left)
{
	bool dict = mr_value_kind(pickle, value) == MR_VALUE_DICT;
	size_t count, length;
	const mr_value *items = mr_value_items(pickle, value, &count);
	cJSON *tree = dict ? cJSON_CreateObject() : cJSON_CreateArray();

	for (size_t i = 0; i < count && tree; i += dict ? 2 : 1) {
		const char *key = dict ? mr_value_text(pickle, items[i], &length) : "";
		cJSON *item;

		if (!key || (dict && !mr_text_is_utf8(key, length)))
			continue;
		item = settings_tree(pickle, items[dict ? i + 1 : i], depth, left);
		if (!mr_json_add(tree, dict ? key : NULL, item)) {
			cJSON_Delete(tree);
			return NULL;
		}
	}
	return tree;
}

/* A value as JSON, cut where it is too deep or too much. */
static cJSON *
settings_tree(const struct mr_pickle *pickle, mr_value value, int depth, int *left)
{
	const char *text;
	size_t length;
	int64_t number = 0;

	if (depth == SETTINGS_DEPTH || --*left < 0)
		return cJSON_CreateNull();
	switch (mr_value_kind(pickle, value)) {
	case MR_VALUE_BOOL:
		return cJSON_CreateBool(mr_value_is_true(pickle, value));
	case MR_VALUE_INT:
		/* above 2^53 a double would not hold it */
		return mr_value_get_i64(pickle, value, &number) &&
				number < INT64_C(1) << 53 && number > -(INT64_C(1) << 53)
			? cJSON_CreateNumber((double)number)
			: cJSON_CreateNull();
	case MR_VALUE_REAL:
		return cJSON_CreateNumber(mr_value_real(pickle, value));
	case MR_VALUE_TEXT:
		text = mr_value_text(pickle, value, &length);
		return mr_text_is_utf8(text, length) ? cJSON_CreateString(text)
						     : cJSON_CreateNull();
	case MR_VALUE_LIST:
	case MR_VALUE_DICT:
		return settings_items(pickle, value, depth + 1, left);
	case MR_VALUE_NONE:
	case MR_VALUE_FOLDED:
		break;
	}
	return cJSON_CreateNull();
}

static enum mr_status
take_settings(struct mr_snapshot *snapshot, const struct mr_pickle *pickle,
	mr_value value, struct mr_error *err)
{
	int left = SETTINGS_MAX;

	snapshot->settings = settings_tree(pickle, value, 0, &left);
	return snapshot->settings ? MR_OK : mr_fail_memory(err);
}

/* Takes what the root holds. */
static enum mr_status
take_root(struct mr_snapshot *snapshot, struct mr_pickle *pickle, struct mr_error *err)
{
	struct mr_snapshot_store *store = snapshot->store;
	mr_value root = mr_pickle_root(pickle), segments = root, value;
	enum mr_value_kind kind = mr_value_kind(pickle, root);
	enum mr_status st = MR_OK;

	if ((kind != MR_VALUE_LIST && kind != MR_VALUE_DICT) ||
		(kind == MR_VALUE_DICT &&
			!mr_value_find(pickle, root, "segments", &segments) &&
			!mr_value_find(pickle, root, "device_traces", &value)))
		return mr_fail(err, MR_EFORMAT,
			"a pickle, but not a memory snapshot of PyTorch: no \"segments\" "
			"and no \"device_traces\"");
	if (segments != root || kind == MR_VALUE_LIST)
		st = check_rows(pickle, segments, MR_FOLD_SEGMENT, "segment", 0,
			&snapshot->segment_count, err);
	if (!st && mr_value_find(pickle, root, "device_traces", &value))
		st = take_devices(snapshot, pickle, value, err);
	if (!st && mr_value_find(pickle, root, "external_annotations", &value))
		st = take_notes(snapshot, pickle, value, err);
	if (!st && mr_value_find(pickle, root, "allocator_settings", &value))
		st = take_settings(snapshot, pickle, value, err);
	snapshot->segments = store->segments;
	snapshot->blocks = store->blocks;
	snapshot->block_count = store->blocks_claimed;
	return st;
}

enum mr_status
mr_snapshot_read(struct mr_snapshot **out, struct mr_input *input, bool stacks,
	struct mr_error *err)
{
	struct mr_snapshot *snapshot = calloc(1, sizeof(*snapshot));
	struct mr_pickle *pickle = NULL;
	enum mr_status st = MR_ENOMEM;

	*out = NULL;
	if (snapshot)
		snapshot->store = calloc(1, sizeof(*snapshot->store));
	if (!snapshot || !snapshot->store) {
		mr_fail_memory(err);
		goto out;
	}
	snapshot->store->with_stacks = stacks;
	st = mr_pickle_read(&pickle, input, mr_snapshot_fold, snapshot->store, err);
	if (!st)
		st = take_root(snapshot, pickle, err);
out:
	mr_pickle_free(pickle);
	if (st)
		mr_snapshot_free(snapshot);
	else
		*out = snapshot;
	return st;
}

void
mr_snapshot_free(struct mr_snapshot *snapshot)
{
	struct mr_snapshot_store *store;

	if (!snapshot)
		return;
	store = snapshot->store;
	for (size_t i = 0; store && i < store->note_count; i++) {
		free((char *)store->notes[i].stage);
		free((char *)store->notes[i].name);
	}
	if (store) {
		free(store->events);
		free(store->blocks);
		free(store->segments);
		free(store->notes);
		free(store->frames);
		mr_stacks_fini(&store->stacks);
	}
	free(store);
	cJSON_Delete(snapshot->settings);
	free(snapshot->devices);
	free(snapshot);
}

/* "0", "cuda:0", "npu:0" */
static bool
parse_device(uint64_t *number, const char *text)
{
	const char *colon = strrchr(text, ':');

	return !mr_count_parse(number, colon ? colon + 1 : text, NULL);
}

enum mr_status
mr_snapshot_find_device(const struct mr_snapshot *snapshot, size_t *device,
	const char *text, struct mr_error *err)
{
	char list[128] = "", quoted[MR_QUOTE_SIZE];
	size_t used = 0, found = 0;
	uint64_t number;

	for (size_t i = 0; i < snapshot->device_count; i++) {
		if (!snapshot->devices[i].count)
			continue;
		if (!found++)
			*device = i;
		if (used < sizeof(list))
			used += (size_t)snprintf(list + used, sizeof(list) - used,
				"%s%zu", used ? ", " : "", i);
	}
	if (text) {
		if (!parse_device(&number, text) || number >= snapshot->device_count ||
			!snapshot->devices[number].count)
			return mr_fail(err, MR_EINVAL,
				"no events of a device \"%s\"; there are some of: %s",
				mr_text_quote(quoted, text, strlen(text)),
				found ? list : "none");
		*device = (size_t)number;
		return MR_OK;
	}
	if (!found)
		return mr_fail(err, MR_EFORMAT,
			"no events: a snapshot of %zu segments, taken without "
			"recording the history of memory",
			snapshot->segment_count);
	if (found > 1)
		return mr_fail(err, MR_EFORMAT,
			"events of several devices, name one of: %s", list);
	return MR_OK;
}

size_t
mr_snapshot_stack_depth(const struct mr_snapshot *snapshot, uint32_t stack)
{
	return stack ? snapshot->store->stacks.stacks[stack - 1].depth : 0;
}

struct mr_snapshot_frame
mr_snapshot_stack_frame(const struct mr_snapshot *snapshot, uint32_t stack, size_t at)
{
	const struct mr_stacks *stacks = &snapshot->store->stacks;
	const struct mr_stacks_frame *frame =
		&stacks->frames[stacks->parts[stacks->stacks[stack - 1].first + at]];

	return (struct mr_snapshot_frame){.name = stacks->texts + frame->name,
		.filename = stacks->texts + frame->filename,
		.line = frame->line};
}
