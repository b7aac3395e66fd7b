/* SPDX-License-Identifier: MIT */
#include "trace/import.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"
#include "trace/event.h"

enum fact_kind { COUNT, BYTES, FLAG };

/* A fact's key in the "import" object and its words. */
static const struct {
	const char *key;
	enum fact_kind kind;
	bool harmless; /* an import with it can still be exact */
	const char *words;
} rows[MR_FACT_COUNT] = {
	[MR_FACT_SEEDED_BLOCKS] = {"seeded_blocks", COUNT, false,
		"seeded with blocks older than the trace"},
	[MR_FACT_SEEDED_BYTES] = {"seeded_bytes", BYTES, false, "bytes in them"},
	[MR_FACT_OLDER_BYTES] = {"older_bytes", BYTES, false,
		"bytes older than the trace of which nothing more is known"},
	[MR_FACT_PAIRED_FREES] = {"paired_frees", COUNT, false,
		"frees without an address, paired by size"},
	[MR_FACT_ROUNDED_SIZES] = {"rounded_sizes", FLAG, false,
		"sizes as the allocator rounded them"},
	[MR_FACT_UNKNOWN_FREES] = {"unknown_frees", COUNT, false,
		"frees of blocks not in the trace, left out"},
	[MR_FACT_IMPLIED_FREES] = {"implied_frees", COUNT, false,
		"frees added where an address was handed out again"},
	[MR_FACT_LOST_EVENTS] = {"lost_events", FLAG, false, "first events lost"},
	[MR_FACT_END_DIFFERENCES] = {"end_differences", COUNT, false,
		"blocks at the end that differ from those recorded"},
	[MR_FACT_OTHER_SIZES] = {"other_sizes", COUNT, false,
		"frees of another size than their malloc"},
	[MR_FACT_TOTAL_BREAKS] = {"total_breaks", COUNT, false,
		"breaks in the recorded totals"},
	[MR_FACT_SIZE_BREAKS] = {"size_breaks", COUNT, false,
		"frees that tell another size than the malloc"},
	[MR_FACT_OTHER_CALLS] = {"other_calls", COUNT, false,
		"calls of other processes, left out"},
	[MR_FACT_GAPS] = {"gaps", COUNT, false,
		"gaps in the life of blocks, passed over"},
	[MR_FACT_SKIPPED_LINES] = {"skipped_lines", COUNT, false, "lines skipped"},
	[MR_FACT_LATE_TIMES] = {"late_times", COUNT, true,
		"times that went back, raised"},
};

enum mr_status
mr_import_init(struct mr_source *source, struct mr_import *import, const char *name,
	struct mr_error *err)
{
	source->import = import;
	source->format = name;
	import->format = name;
	return mr_slots_init(&import->addresses, err);
}

enum mr_status
mr_import_restart(struct mr_import *import, struct mr_error *err)
{
	import->count = 0;
	import->last_id = 0;
	import->any_t = false;
	import->next = (struct mr_event){0};
	mr_slots_fini(&import->addresses);
	return mr_slots_init(&import->addresses, err);
}

void
mr_import_fini(struct mr_import *import)
{
	free(import->events);
	free(import->blocks);
	mr_slots_fini(&import->addresses);
	mr_header_fini(&import->header);
}

enum mr_status
mr_import_header(struct mr_source *source, const char *traced, const cJSON *more,
	struct mr_error *err)
{
	struct mr_import *import = source->import;
	char facts[MR_IMPORT_TEXT_SIZE];
	enum mr_status st = MR_ENOMEM;
	char *text = NULL, *header = NULL;
	cJSON *tree;

	if (source->foreseen)
		snprintf(facts, sizeof(facts), "%s", source->foreseen);
	else if (import->complete)
		mr_import_json(facts, import);
	else
		snprintf(facts, sizeof(facts), "{\"format\":\"%s\"}", import->format);
	tree = more ? cJSON_Duplicate(more, 1) : cJSON_CreateObject();
	if (!tree || !cJSON_AddStringToObject(tree, "source", traced) ||
		!cJSON_AddRawToObject(tree, "import", facts) ||
		!(text = cJSON_PrintUnformatted(tree)))
		goto out;
	st = mr_header_print(&header, text, err);
	if (!st)
		st = mr_header_parse(&import->header, header, strlen(header), false, err);
	if (!st)
		source->header = import->header.header;
out:
	if (st == MR_ENOMEM)
		mr_fail_memory(err);
	cJSON_Delete(tree);
	cJSON_free(text);
	free(header);
	return st;
}

static void
count(struct mr_import *import, enum mr_fact fact)
{
	if (!import->complete)
		import->facts[fact]++;
}

void
mr_import_time(struct mr_import *import, uint64_t ns)
{
	struct mr_event *next = &import->next;
	uint64_t t;

	if (!import->any_t)
		import->first_t = ns;
	import->any_t = true;
	t = ns >= import->first_t ? ns - import->first_t : 0;
	if (ns < import->first_t || (next->has & MR_HAS_T && t < next->t)) {
		count(import, MR_FACT_LATE_TIMES);
		t = next->t;
	}
	next->t = t;
	next->has |= MR_HAS_T;
}

/* A new event at the end of the queue; NULL if there is no memory. */
static struct mr_event *
new_event(struct mr_import *import, uint8_t op)
{
	size_t space = import->space ? import->space * 2 : 64;
	struct mr_event *event;

	if (import->count == import->space) {
		event = realloc(import->events, space * sizeof(*event));
		if (!event)
			return NULL;
		import->events = event;
		import->space = space;
	}
	event = &import->events[import->count++];
	*event = (struct mr_event){.op = op,
		.has = import->next.has & mr_op_optional[op],
		.t = import->next.t,
		.tid = import->next.tid};
	return event;
}

enum mr_status
mr_import_new_id(
	struct mr_import *import, uint64_t *id, uint64_t size, struct mr_error *err)
{
	struct mr_event *event = new_event(import, MR_OP_MALLOC);

	if (!event)
		return mr_fail_memory(err);
	event->hit = import->next.hit;
	event->stream = import->next.stream;
	event->cap = import->next.cap;
	event->align = import->next.align;
	event->device = import->next.device;
	event->size = size;
	event->id = *id = ++import->last_id;
	return MR_OK;
}

enum mr_status
mr_import_free_id(struct mr_import *import, uint64_t id, struct mr_error *err)
{
	struct mr_event *event = new_event(import, MR_OP_FREE);

	if (!event)
		return mr_fail_memory(err);
	event->id = id;
	return MR_OK;
}

static enum mr_status
keep_block(struct mr_import *import, uint32_t slot, struct mr_import_block block,
	struct mr_error *err)
{
	size_t space = import->block_space ? import->block_space * 2 : 1024;
	struct mr_import_block *larger;

	if (slot >= import->block_space) {
		larger = realloc(import->blocks, space * sizeof(*larger));
		if (!larger)
			return mr_fail_memory(err);
		import->blocks = larger;
		import->block_space = space;
	}
	import->blocks[slot] = block;
	return MR_OK;
}

enum mr_status
mr_import_malloc(
	struct mr_import *import, uint64_t address, uint64_t size, struct mr_error *err)
{
	struct mr_import_block block = {.size = size};
	uint32_t slot;
	enum mr_status st;

	if (mr_slots_remove(&import->addresses, &slot, address)) {
		count(import, MR_FACT_IMPLIED_FREES);
		st = mr_import_free_id(import, import->blocks[slot].id, err);
		if (st)
			return st;
	}
	if ((st = mr_import_new_id(import, &block.id, size, err)) ||
		(st = mr_slots_add(&import->addresses, &slot, address, err)))
		return st;
	return keep_block(import, slot, block, err);
}

enum mr_status
mr_import_free(struct mr_import *import, uint64_t address, struct mr_error *err)
{
	uint32_t slot;

	if (mr_slots_remove(&import->addresses, &slot, address))
		return mr_import_free_id(import, import->blocks[slot].id, err);
	count(import, MR_FACT_UNKNOWN_FREES);
	return MR_OK;
}

struct mr_import_block *
mr_import_find(struct mr_import *import, uint64_t address)
{
	uint32_t slot;

	return mr_slots_find(&import->addresses, &slot, address) ? &import->blocks[slot]
								 : NULL;
}

enum mr_status
mr_import_put(
	struct mr_import *import, const struct mr_event *event, struct mr_error *err)
{
	struct mr_event *put = new_event(import, event->op);
	uint8_t has;

	if (!put)
		return mr_fail_memory(err);
	has = put->has;
	*put = *event;
	put->has = has;
	put->t = import->next.t;
	put->tid = import->next.tid;
	return MR_OK;
}

void
mr_import_hand_over(struct mr_source *source)
{
	struct mr_import *import = source->import;

	source->events = import->events;
	source->count = import->count;
	import->count = 0;
}

static bool
is_exact(const struct mr_import *import)
{
	for (size_t i = 0; i < MR_FACT_COUNT; i++)
		if (import->facts[i] && !rows[i].harmless)
			return false;
	return true;
}

char *
mr_import_json(char text[MR_IMPORT_TEXT_SIZE], const struct mr_import *import)
{
	size_t used;

	used = (size_t)snprintf(text, MR_IMPORT_TEXT_SIZE,
		"{\"format\":\"%s\",\"exact\":%s", import->format,
		is_exact(import) ? "true" : "false");
	for (size_t i = 0; i < MR_FACT_COUNT; i++) {
		if (!import->facts[i])
			continue;
		used += (size_t)snprintf(
			text + used, MR_IMPORT_TEXT_SIZE - used, ",\"%s\":", rows[i].key);
		if (rows[i].kind == FLAG)
			used += (size_t)snprintf(
				text + used, MR_IMPORT_TEXT_SIZE - used, "true");
		else
			used += (size_t)snprintf(text + used, MR_IMPORT_TEXT_SIZE - used,
				"%" PRIu64, import->facts[i]);
	}
	snprintf(text + used, MR_IMPORT_TEXT_SIZE - used, "}");
	return text;
}

char *
mr_import_phrase(char text[MR_IMPORT_TEXT_SIZE], const struct mr_import *import)
{
	bool exact = is_exact(import);
	char number[MR_TEXT_SIZE];
	size_t used;

	used = (size_t)snprintf(text, MR_IMPORT_TEXT_SIZE, "imported from %s%s",
		import->format, exact ? ": exact" : "");
	for (size_t i = 0, said = exact; i < MR_FACT_COUNT; i++) {
		if (!import->facts[i])
			continue;
		used += (size_t)snprintf(text + used, MR_IMPORT_TEXT_SIZE - used, "%s%s",
			said++ ? ", " : ": ", rows[i].words);
		if (rows[i].kind == FLAG)
			continue;
		if (rows[i].kind == BYTES)
			mr_size_print(number, import->facts[i]);
		else
			mr_count_print(number, import->facts[i]);
		used += (size_t)snprintf(
			text + used, MR_IMPORT_TEXT_SIZE - used, " (%s)", number);
	}
	return text;
}
