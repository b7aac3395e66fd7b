/* SPDX-License-Identifier: MIT */

/*
 * Importing the events of one device of a PyTorch memory snapshot.
 *
 * A recording begins in the middle: blocks that were live before it are found
 * by walking back from the blocks of the final segments, and stand as mallocs
 * before its first event.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "trace/import.h"
#include "trace/jsonvalue.h"
#include "trace/pickle.h"
#include "trace/snapshot.h"

#define BATCH     256 /* events of the snapshot that one fill takes */
#define NAME_SIZE 128
#define NS_PER_US 1000

/* A block as the walk back knows it. */
struct seed {
	uint64_t address;
	uint64_t size;
	uint64_t stream;
	bool recorded; /* among the blocks of the final segments */
};

enum phase { BEFORE, SEEDS, EVENTS, BEHIND };

struct pytorch {
	struct mr_import import;
	struct mr_snapshot *snapshot;
	size_t device;
	enum mr_snapshot_action free; /* the event that frees a block */

	struct mr_slots live; /* while walking back */
	struct seed *seeds;   /* then: sorted by address */
	size_t seed_count, seed_space;

	bool many_streams; /* some have over 32 bits: they are numbered */
	struct mr_slots streams;
	cJSON *stream_list;

	enum phase phase;
	size_t at;   /* next seed or event */
	size_t note; /* next note */
	size_t name_count;
	char names[BATCH][NAME_SIZE]; /* of the marks queued */
	char *note_name;
};

static const struct mr_snapshot_device *
device_of(const struct pytorch *p)
{
	return &p->snapshot->devices[p->device];
}

static bool
frees(const struct pytorch *p, const struct mr_snapshot_event *event)
{
	return event->action == p->free || event->action == MR_SNAPSHOT_FREE;
}

/* --- what was live before the first event */

static enum mr_status
add_live(struct pytorch *p, struct seed seed, struct mr_error *err)
{
	size_t space = p->seed_space ? p->seed_space * 2 : 1024;
	struct seed *larger;
	uint32_t slot;
	enum mr_status st;

	if (mr_slots_remove(&p->live, &slot, seed.address))
		p->import.facts[MR_FACT_END_DIFFERENCES]++;
	st = mr_slots_add(&p->live, &slot, seed.address, err);
	if (st)
		return st;
	if (slot >= p->seed_space) {
		larger = realloc(p->seeds, space * sizeof(*larger));
		if (!larger)
			return mr_fail_memory(err);
		p->seeds = larger;
		p->seed_space = space;
	}
	p->seeds[slot] = seed;
	return MR_OK;
}

/* Begins with the blocks of the final segments. */
static enum mr_status
add_final_blocks(struct pytorch *p, struct mr_error *err)
{
	const struct mr_snapshot *snapshot = p->snapshot;
	enum mr_status st = MR_OK;

	for (size_t i = 0; i < snapshot->segment_count; i++) {
		const struct mr_snapshot_segment *segment = &snapshot->segments[i];
		const struct mr_snapshot_block *block = snapshot->blocks + segment->first;

		if ((size_t)segment->device != p->device)
			continue;
		for (size_t k = 0; k < segment->count && !st; k++, block++)
			if (block->state == MR_SNAPSHOT_ALLOCATED ||
				(block->state == MR_SNAPSHOT_PENDING &&
					p->free == MR_SNAPSHOT_FREE_COMPLETED))
				st = add_live(p,
					(struct seed){.address = block->address,
						.size = block->requested,
						.stream = segment->stream,
						.recorded = true},
					err);
	}
	return st;
}

static void
undo_alloc(struct pytorch *p, const struct mr_snapshot_event *event)
{
	const struct seed *seed;
	uint32_t slot;

	if (mr_slots_remove(&p->live, &slot, event->address)) {
		seed = &p->seeds[slot];
		if (!seed->recorded || seed->size == event->size)
			return;
	}
	p->import.facts[MR_FACT_END_DIFFERENCES]++;
}

static int
by_address(const void *a, const void *b)
{
	const struct seed *left = a, *right = b;

	return left->address < right->address ? -1 : left->address > right->address;
}

/* Keeps the seeds that are still live, in order. */
static enum mr_status
gather_seeds(struct pytorch *p, struct mr_error *err)
{
	struct seed *seeds = malloc((p->live.live + 1) * sizeof(*seeds));
	uint64_t *facts = p->import.facts;

	if (!seeds)
		return mr_fail_memory(err);
	for (size_t i = 0; i <= p->live.mask; i++) {
		uint32_t slot = p->live.table[i].slot;

		if (slot == MR_SLOT_NONE)
			continue;
		seeds[p->seed_count++] = p->seeds[slot];
		facts[MR_FACT_SEEDED_BYTES] += p->seeds[slot].size;
	}
	facts[MR_FACT_SEEDED_BLOCKS] = p->seed_count;
	free(p->seeds);
	p->seeds = seeds;
	qsort(seeds, p->seed_count, sizeof(*seeds), by_address);
	return MR_OK;
}

static enum mr_status
walk_back(struct pytorch *p, struct mr_error *err)
{
	const struct mr_snapshot_device *device = device_of(p);
	enum mr_status st;

	if ((st = mr_slots_init(&p->live, err)) || (st = add_final_blocks(p, err)))
		return st;
	for (size_t i = device->count; i-- > 0 && !st;) {
		const struct mr_snapshot_event *event = &device->events[i];

		if (i && event->time_us && event->time_us < event[-1].time_us)
			p->import.facts[MR_FACT_LATE_TIMES]++;
		if (event->action == MR_SNAPSHOT_ALLOC)
			undo_alloc(p, event);
		else if (frees(p, event))
			st = add_live(p,
				(struct seed){.address = event->address,
					.size = event->size,
					.stream = event->stream},
				err);
	}
	return st ? st : gather_seeds(p, err);
}

/* --- the header */

/* Numbers a stream in order of appearance, and lists it. */
static enum mr_status
number_stream(struct pytorch *p, uint64_t stream, struct mr_error *err)
{
	char text[24];
	uint32_t slot;
	enum mr_status st;

	if (mr_slots_find(&p->streams, &slot, stream))
		return MR_OK;
	snprintf(text, sizeof(text), "%" PRIu64, stream);
	st = mr_slots_add(&p->streams, &slot, stream, err);
	if (!st && !mr_json_add(p->stream_list, NULL, cJSON_CreateRaw(text)))
		st = mr_fail_memory(err);
	return st;
}

/* Streams are kept as they are if all have 32 bits. */
static enum mr_status
look_at_streams(struct pytorch *p, struct mr_error *err)
{
	const struct mr_snapshot_device *device = device_of(p);
	enum mr_status st;

	for (size_t i = 0; i < p->seed_count; i++)
		p->many_streams |= p->seeds[i].stream > UINT32_MAX;
	for (size_t i = 0; i < device->count; i++)
		p->many_streams |= device->events[i].stream > UINT32_MAX;
	if (!p->many_streams)
		return MR_OK;
	p->stream_list = cJSON_CreateArray();
	if (!p->stream_list)
		return mr_fail_memory(err);
	st = mr_slots_init(&p->streams, err);
	for (size_t i = 0; i < p->seed_count && !st; i++)
		st = number_stream(p, p->seeds[i].stream, err);
	for (size_t i = 0; i < device->count && !st; i++)
		st = number_stream(p, device->events[i].stream, err);
	return st;
}

static enum mr_status
make_header(struct mr_source *source, struct mr_error *err)
{
	struct pytorch *p = source->state;
	const cJSON *settings = p->snapshot->settings;
	cJSON *more = cJSON_CreateObject();
	enum mr_status st = MR_ENOMEM;

	if (!more || !cJSON_AddNumberToObject(more, "device", (double)p->device) ||
		!cJSON_AddStringToObject(more, "free_at",
			p->free == MR_SNAPSHOT_FREE_COMPLETED ? "completed"
							      : "requested"))
		goto out;
	if (settings &&
		!mr_json_add(more, "allocator_settings", cJSON_Duplicate(settings, 1)))
		goto out;
	if (p->stream_list &&
		!mr_json_add(more, "streams", cJSON_Duplicate(p->stream_list, 1)))
		goto out;
	st = mr_import_header(source, "pytorch", more, err);
out:
	cJSON_Delete(more);
	return st == MR_ENOMEM ? mr_fail_memory(err) : st;
}

/* Newer snapshots say whether older events were overwritten. */
static bool
lost_events(const struct mr_snapshot *snapshot)
{
	return cJSON_IsTrue(
		cJSON_GetObjectItem(snapshot->settings, "trace_alloc_overflowed"));
}

static enum mr_status
open_pytorch(struct mr_source *source, struct mr_error *err)
{
	struct pytorch *p = calloc(1, sizeof(*p));
	enum mr_status st;

	if (!p)
		return mr_fail_memory(err);
	source->state = p;
	source->place = MR_PLACE_EVENT;
	p->free = source->options->free_at == MR_FREE_AT_REQUESTED
		? MR_SNAPSHOT_FREE_REQUESTED
		: MR_SNAPSHOT_FREE_COMPLETED;
	if ((st = mr_import_init(source, &p->import, "pytorch-snapshot", err)) ||
		(st = mr_snapshot_read(&p->snapshot, source->input, false, err)) ||
		(st = mr_snapshot_find_device(
			 p->snapshot, &p->device, source->options->device, err)) ||
		(st = walk_back(p, err)) || (st = look_at_streams(p, err)))
		return st;
	p->import.facts[MR_FACT_LOST_EVENTS] = lost_events(p->snapshot);
	p->import.complete = true;
	source->steps = p->seed_count + device_of(p)->count;
	return make_header(source, err);
}

/* --- events */

static void
set_stream(struct pytorch *p, uint64_t stream)
{
	struct mr_event *next = &p->import.next;
	uint32_t slot;

	next->stream = (uint32_t)stream;
	if (p->many_streams && mr_slots_find(&p->streams, &slot, stream))
		next->stream = slot;
}

static enum mr_status
put_mark(struct pytorch *p, const char *name, struct mr_error *err)
{
	struct mr_event mark = {
		.op = MR_OP_MARK, .name = name, .name_length = strlen(name)};

	return mr_import_put(&p->import, &mark, err);
}

/* Puts a mark made of an event that is no malloc or free, with its figures. */
static enum mr_status
put_event_mark(
	struct pytorch *p, const struct mr_snapshot_event *event, struct mr_error *err)
{
	char *name = p->names[p->name_count++];
	const char *action =
		mr_snapshot_action_name((enum mr_snapshot_action)event->action);

	if (event->action == MR_SNAPSHOT_OOM)
		snprintf(name, NAME_SIZE,
			"oom size=%" PRIu64 " device_free=%" PRIu64 " stream=%" PRIu64,
			event->size, event->address, event->stream);
	else
		snprintf(name, NAME_SIZE,
			"%s addr=0x%" PRIx64 " size=%" PRIu64 " stream=%" PRIu64, action,
			event->address, event->size, event->stream);
	return put_mark(p, name, err);
}

static enum mr_status
put_event(struct pytorch *p, const struct mr_snapshot_event *event, struct mr_error *err)
{
	struct mr_import *import = &p->import;

	if (event->time_us)
		mr_import_time(import, event->time_us * NS_PER_US);
	set_stream(p, event->stream);
	switch ((enum mr_snapshot_action)event->action) {
	case MR_SNAPSHOT_ALLOC:
		return mr_import_malloc(import, event->address, event->size, err);
	case MR_SNAPSHOT_FREE_REQUESTED:
	case MR_SNAPSHOT_FREE_COMPLETED:
	case MR_SNAPSHOT_FREE:
		return frees(p, event) ? mr_import_free(import, event->address, err)
				       : MR_OK;
	case MR_SNAPSHOT_SEGMENT_ALLOC:
	case MR_SNAPSHOT_SEGMENT_FREE:
	case MR_SNAPSHOT_SEGMENT_MAP:
	case MR_SNAPSHOT_SEGMENT_UNMAP:
	case MR_SNAPSHOT_SNAPSHOT:
	case MR_SNAPSHOT_OOM:
	case MR_SNAPSHOT_OTHER:
	case MR_SNAPSHOT_ACTION_COUNT:
		break;
	}
	return put_event_mark(p, event, err);
}

/* The next note of this device, or NULL. */
static const struct mr_snapshot_note *
next_note(struct pytorch *p)
{
	const struct mr_snapshot *snapshot = p->snapshot;

	while (p->note < snapshot->note_count &&
		(size_t)snapshot->notes[p->note].device != p->device)
		p->note++;
	return p->note < snapshot->note_count ? &snapshot->notes[p->note] : NULL;
}

static enum mr_status
put_note(struct pytorch *p, const struct mr_snapshot_note *note, struct mr_error *err)
{
	size_t size = strlen(note->stage) + strlen(note->name) + 2;

	p->note++;
	free(p->note_name);
	p->note_name = malloc(size);
	if (!p->note_name)
		return mr_fail_memory(err);
	snprintf(p->note_name, size, "%s %s", note->stage, note->name);
	if (note->time_us)
		mr_import_time(&p->import, note->time_us * NS_PER_US);
	return put_mark(p, p->note_name, err);
}

/* The time at which all begins, if there is one. */
static void
begin_time(struct pytorch *p)
{
	const struct mr_snapshot_note *note = next_note(p);
	uint64_t first = device_of(p)->events[0].time_us;

	if (first && note && note->time_us && note->time_us < first)
		first = note->time_us;
	if (first)
		mr_import_time(&p->import, first * NS_PER_US);
}

static enum mr_status
begin(struct pytorch *p, struct mr_error *err)
{
	begin_time(p);
	p->import.next.device = (int32_t)p->device;
	p->import.next.has |= MR_HAS_DEVICE | MR_HAS_STREAM;
	p->phase = p->seed_count ? SEEDS : EVENTS;
	return p->seed_count ? put_mark(p, "blocks older than the trace", err) : MR_OK;
}

static enum mr_status
put_seeds(struct pytorch *p, struct mr_error *err)
{
	enum mr_status st = MR_OK;

	for (size_t n = 0; n < BATCH && p->at < p->seed_count && !st; n++) {
		const struct seed *seed = &p->seeds[p->at++];

		set_stream(p, seed->stream);
		st = mr_import_malloc(&p->import, seed->address, seed->size, err);
	}
	if (!st && p->at == p->seed_count) {
		st = put_mark(p, "the trace begins", err);
		p->phase = EVENTS;
		p->at = 0;
	}
	return st;
}

/* A batch of events, ended by a note that comes before the next of them. */
static enum mr_status
put_events(struct pytorch *p, struct mr_error *err)
{
	const struct mr_snapshot_device *device = device_of(p);
	const struct mr_snapshot_note *note = next_note(p);
	enum mr_status st = MR_OK;

	for (size_t n = 0; n < BATCH && p->at < device->count && !st; n++) {
		const struct mr_snapshot_event *event = &device->events[p->at];

		if (note && event->time_us && note->time_us <= event->time_us)
			return put_note(p, note, err);
		st = put_event(p, event, err);
		p->at++;
	}
	if (p->at == device->count)
		p->phase = BEHIND;
	return st;
}

static enum mr_status
fill_pytorch(struct mr_source *source, struct mr_error *err)
{
	struct pytorch *p = source->state;
	const struct mr_snapshot_note *note;
	enum mr_status st = MR_OK;

	p->name_count = 0;
	while (!st && !p->import.count) {
		switch (p->phase) {
		case BEFORE:
			st = begin(p, err);
			break;
		case SEEDS:
			st = put_seeds(p, err);
			break;
		case EVENTS:
			st = put_events(p, err);
			break;
		case BEHIND:
			note = next_note(p);
			st = note ? put_note(p, note, err) : MR_END;
			break;
		}
	}
	source->where = source->where ? source->where + source->count : 1;
	source->step = p->phase < EVENTS ? p->at : p->seed_count + p->at;
	if (!st)
		mr_import_hand_over(source);
	return st;
}

static void
close_pytorch(struct mr_source *source)
{
	struct pytorch *p = source->state;

	if (!p)
		return;
	mr_snapshot_free(p->snapshot);
	mr_slots_fini(&p->live);
	mr_slots_fini(&p->streams);
	cJSON_Delete(p->stream_list);
	free(p->seeds);
	free(p->note_name);
	mr_import_fini(&p->import);
	free(p);
}

const struct mr_reading mr_pytorch_reading = {
	.probe = mr_pickle_probe,
	.open = open_pytorch,
	.fill = fill_pytorch,
	.close = close_pytorch,
	.takes = MR_TAKES_DEVICE | MR_TAKES_FREE_AT,
};
