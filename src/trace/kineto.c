/* SPDX-License-Identifier: MIT */

/*
 * Importing the memory events of one device from a profile of PyTorch.
 *
 * They are not in the order of time in the file, so they go through a spool.
 * They are gone through twice: once to find the blocks that are freed and were
 * never seen to be allocated, which are older than the profile, and all else
 * that the import comes to; then to hand them out.
 */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "trace/import.h"
#include "trace/kinetoscan.h"
#include "trace/pairs.h"

#define BATCH     256 /* records that one fill takes */
#define NAME_SIZE 128

/* A block that is older than the profile. */
struct seed {
	uint64_t address;
	uint64_t size;
	bool has_address;
};

struct kineto {
	struct mr_import import;
	struct mr_kineto scan;
	size_t device;
	struct mr_pairs pairs; /* blocks without an address, by size */

	bool counting; /* the first time through */
	bool any_total;
	uint64_t total; /* as the next record should have it, before its bytes */
	struct seed *seeds;
	size_t seed_count, seed_space;
	size_t at; /* next seed; seed_count + 1: records */

	size_t name_count;
	char names[BATCH][NAME_SIZE]; /* of the marks queued */
};

static enum mr_status
add_seed(struct kineto *k, const struct mr_spool_record *record, struct mr_error *err)
{
	size_t space = k->seed_space ? k->seed_space * 2 : 64;
	uint64_t size = (uint64_t)-record->bytes;
	struct seed *larger;

	if (k->seed_count == k->seed_space) {
		larger = realloc(k->seeds, space * sizeof(*larger));
		if (!larger)
			return mr_fail_memory(err);
		k->seeds = larger;
		k->seed_space = space;
	}
	k->seeds[k->seed_count++] = (struct seed){.address = record->address,
		.size = size,
		.has_address = record->has & MR_RECORD_ADDRESS};
	k->import.facts[MR_FACT_SEEDED_BYTES] += size;
	k->import.facts[MR_FACT_SEEDED_BLOCKS]++;
	return MR_OK;
}

/* Queues a malloc, of which the address may not be known. */
static enum mr_status
put_malloc(struct kineto *k, const uint64_t *address, uint64_t size, struct mr_error *err)
{
	enum mr_status st;
	uint64_t id;

	if (address)
		return mr_import_malloc(&k->import, *address, size, err);
	st = mr_import_new_id(&k->import, &id, size, err);
	return st ? st : mr_pairs_push(&k->pairs, size, id, err);
}

static enum mr_status
put_free(struct kineto *k, const struct mr_spool_record *record, struct mr_error *err)
{
	const struct mr_import_block *block;
	uint64_t size = (uint64_t)-record->bytes, id;

	if (record->has & MR_RECORD_ADDRESS) {
		block = mr_import_find(&k->import, record->address);
		if (!block)
			return add_seed(k, record, err);
		if (k->counting && block->size != size)
			k->import.facts[MR_FACT_OTHER_SIZES]++;
		return mr_import_free(&k->import, record->address, err);
	}
	if (!mr_pairs_pop(&k->pairs, size, &id))
		return add_seed(k, record, err);
	if (k->counting)
		k->import.facts[MR_FACT_PAIRED_FREES]++;
	return mr_import_free_id(&k->import, id, err);
}

static enum mr_status
put_oom(struct kineto *k, const struct mr_spool_record *record, struct mr_error *err)
{
	char *name = k->names[k->name_count++ % BATCH];
	struct mr_event mark = {.op = MR_OP_MARK, .name = name};

	mark.name_length = (size_t)snprintf(name, NAME_SIZE,
		"oom size=%" PRId64 " allocated=%" PRIu64 " reserved=%" PRIu64,
		record->bytes, record->total, record->reserved);
	return mr_import_put(&k->import, &mark, err);
}

/* Holds the running sum against the total recorded. */
static void
check_total(struct kineto *k, const struct mr_spool_record *record)
{
	uint64_t bytes = (uint64_t)record->bytes;

	if (!(record->has & MR_RECORD_TOTAL) || !k->counting) {
		k->total += bytes;
		return;
	}
	if (!k->any_total)
		k->import.facts[MR_FACT_OLDER_BYTES] = record->total - bytes - k->total;
	else if (k->total + bytes != record->total)
		k->import.facts[MR_FACT_TOTAL_BREAKS]++;
	k->any_total = true;
	k->total = record->total;
}

static enum mr_status
put_record(struct kineto *k, const struct mr_spool_record *record, struct mr_error *err)
{
	if (record->device != k->device)
		return MR_OK;
	mr_import_time(&k->import, (uint64_t)record->time_ns + (UINT64_C(1) << 63));
	k->import.next.tid = record->tid;
	if (record->has & MR_RECORD_OOM)
		return put_oom(k, record, err);
	check_total(k, record);
	if (record->bytes < 0)
		return put_free(k, record, err);
	if (!record->bytes)
		return MR_OK; /* nothing: neither a block nor a free */
	return put_malloc(k, record->has & MR_RECORD_ADDRESS ? &record->address : NULL,
		(uint64_t)record->bytes, err);
}

static void
set_next(struct kineto *k)
{
	const struct mr_kineto_device *device = &k->scan.devices[k->device];
	struct mr_event *next = &k->import.next;

	next->has = MR_HAS_TID;
	if (device->id >= 0 && device->id <= INT32_MAX) {
		next->has |= MR_HAS_DEVICE;
		next->device = (int32_t)device->id;
	}
}

/* Goes through all records for what they come to, and back to the first. */
static enum mr_status
count_all(struct mr_source *source, struct mr_error *err)
{
	struct kineto *k = source->state;
	struct mr_import *import = &k->import;
	struct mr_spool_record record;
	enum mr_status st;

	k->counting = true;
	if (!(st = mr_pairs_init(&k->pairs, err)))
		st = mr_spool_rewind(k->scan.spool, err);
	while (!st && !(st = mr_spool_next(k->scan.spool, &record, err))) {
		st = put_record(k, &record, err);
		import->count = 0;
		source->steps++;
	}
	if (st != MR_END)
		return st;
	k->counting = false;
	/* what is known of the older blocks is not to be told twice */
	if (import->facts[MR_FACT_OLDER_BYTES] >= import->facts[MR_FACT_SEEDED_BYTES])
		import->facts[MR_FACT_OLDER_BYTES] -= import->facts[MR_FACT_SEEDED_BYTES];
	else
		import->facts[MR_FACT_OLDER_BYTES] = 0;
	mr_pairs_fini(&k->pairs);
	if ((st = mr_pairs_init(&k->pairs, err)) || (st = mr_import_restart(import, err)))
		return st;
	return mr_spool_rewind(k->scan.spool, err);
}

static enum mr_status
make_header(struct mr_source *source, struct mr_error *err)
{
	struct kineto *k = source->state;
	char name[MR_KINETO_NAME_SIZE];
	cJSON *more = cJSON_CreateObject();
	enum mr_status st;

	mr_kineto_device_name(name, &k->scan.devices[k->device]);
	if (more && cJSON_AddStringToObject(more, "device", name))
		st = mr_import_header(source, "pytorch", more, err);
	else
		st = mr_fail_memory(err);
	cJSON_Delete(more);
	return st;
}

static enum mr_status
open_kineto(struct mr_source *source, struct mr_error *err)
{
	struct kineto *k = calloc(1, sizeof(*k));
	uint64_t *facts;
	enum mr_status st;

	if (!k)
		return mr_fail_memory(err);
	source->state = k;
	source->place = MR_PLACE_EVENT;
	facts = k->import.facts;
	k->scan.walk = (struct mr_jsonwalk){source->input, 1};
	if ((st = mr_import_init(source, &k->import, "kineto", err)) ||
		(st = mr_spool_new(&k->scan.spool, MR_SPOOL_RUN, err)) ||
		(st = mr_kineto_scan(&k->scan, source->lenient, err)) ||
		(st = mr_kineto_find_device(
			 &k->scan, &k->device, source->options->device, err)))
		return st;
	source->skipped_lines = facts[MR_FACT_SKIPPED_LINES] = k->scan.skipped;
	source->cut = k->scan.cut;
	/* only the CPU's allocator reports sizes as they were requested */
	facts[MR_FACT_ROUNDED_SIZES] = k->scan.devices[k->device].type != 0;
	set_next(k);
	st = count_all(source, err);
	if (st)
		return st;
	k->import.complete = true;
	set_next(k);
	return make_header(source, err);
}

static enum mr_status
put_mark(struct kineto *k, const char *name, struct mr_error *err)
{
	struct mr_event mark = {
		.op = MR_OP_MARK, .name = name, .name_length = strlen(name)};

	return mr_import_put(&k->import, &mark, err);
}

/* The older blocks, between two marks. */
static enum mr_status
put_seeds(struct kineto *k, struct mr_error *err)
{
	enum mr_status st = MR_OK;

	if (!k->at)
		st = put_mark(k, "blocks older than the trace", err);
	for (size_t n = 0; n < BATCH && k->at < k->seed_count && !st; n++) {
		const struct seed *seed = &k->seeds[k->at++];

		st = put_malloc(
			k, seed->has_address ? &seed->address : NULL, seed->size, err);
	}
	if (!st && k->at == k->seed_count) {
		k->at++;
		st = put_mark(k, "the trace begins", err);
	}
	return st;
}

static enum mr_status
put_records(struct mr_source *source, struct mr_error *err)
{
	struct kineto *k = source->state;
	struct mr_spool_record record;
	enum mr_status st = MR_OK;

	for (size_t n = 0; n < BATCH && !st; n++) {
		st = mr_spool_next(k->scan.spool, &record, err);
		if (!st) {
			source->step++;
			st = put_record(k, &record, err);
		}
	}
	return st;
}

static enum mr_status
fill_kineto(struct mr_source *source, struct mr_error *err)
{
	struct kineto *k = source->state;
	enum mr_status st = MR_OK;

	k->name_count = 0;
	while (!st && !k->import.count)
		st = k->seed_count && k->at <= k->seed_count ? put_seeds(k, err)
							     : put_records(source, err);
	source->where = source->where ? source->where + source->count : 1;
	if (st == MR_END && k->import.count)
		st = MR_OK;
	if (!st)
		mr_import_hand_over(source);
	return st;
}

static void
close_kineto(struct mr_source *source)
{
	struct kineto *k = source->state;

	if (!k)
		return;
	mr_kineto_fini(&k->scan);
	mr_pairs_fini(&k->pairs);
	free(k->seeds);
	mr_import_fini(&k->import);
	free(k);
}

const struct mr_reading mr_kineto_reading = {
	.probe = mr_kineto_probe,
	.open = open_kineto,
	.fill = fill_kineto,
	.close = close_kineto,
	.takes = MR_TAKES_DEVICE,
};
