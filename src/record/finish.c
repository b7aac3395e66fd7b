/* SPDX-License-Identifier: MIT */
#include "record/finish.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "memreplay/trace.h"
#include "record/clock.h"
#include "record/describe.h"
#include "record/merge.h"
#include "trace/format.h"
#include "trace/slots.h"

struct finishing {
	struct mr_merge *merge;
	const struct mr_spool_head *head;
	struct mr_writer *writer;
	struct mr_account *account;
	const struct mr_finish_guard *guard;
	struct mr_slots live; /* by address */
	uint64_t *ids;        /* by slot */
	size_t ids_capacity;
	uint64_t last_id;
	uint64_t present; /* numbers seen from base_seq on */
	bool *seen;       /* by tid, of those that the recorder counted */
	double ns_per_tick;
	uint64_t t; /* of the last event */
};

/* How long a tick is, when the spool knows only one moment: watch the clock. */
static double
measure_tick(int has_tsc)
{
	const struct timespec while_ticking = {.tv_nsec = 20000000};
	struct mr_instant start = mr_clock_instant(has_tsc), end;

	nanosleep(&while_ticking, NULL);
	end = mr_clock_instant(has_tsc);
	return (double)(end.ns - start.ns) / (double)(end.ticks - start.ticks);
}

static double
tick_length(const struct mr_merge *merge)
{
	const struct mr_spool_head *head = mr_merge_head(merge);
	struct mr_instant last = mr_merge_last_instant(merge);
	const uint64_t enough_ns = 1000000;

	if (!head->has_tsc || !MR_HAS_TSC)
		return 1;
	if (last.ns < head->start.ns + enough_ns || last.ticks <= head->start.ticks)
		return measure_tick(1);
	return (double)(last.ns - head->start.ns) /
		(double)(last.ticks - head->start.ticks);
}

/* ns since the start. Threads read the clock and take numbers at two moments. */
static uint64_t
time_of(struct finishing *finishing, const struct mr_moment *moment)
{
	uint64_t start = finishing->head->start.ticks, t = 0;

	if (moment->ticks > start)
		t = (uint64_t)((double)(moment->ticks - start) * finishing->ns_per_tick);
	if (t > finishing->t)
		finishing->t = t;
	return finishing->t;
}

static enum mr_status
put(struct finishing *finishing, const struct mr_event *event, struct mr_error *err)
{
	enum mr_status st = mr_writer_put(finishing->writer, event, err);

	if (st)
		return st;
	finishing->account->events++;
	if (event->tid < finishing->head->threads && !finishing->seen[event->tid]) {
		finishing->seen[event->tid] = true;
		finishing->account->threads++;
	}
	return MR_OK;
}

static enum mr_status
put_free(struct finishing *finishing, const struct mr_event *base, uint32_t slot,
	struct mr_error *err)
{
	struct mr_event event = {
		.op = MR_OP_FREE, .has = base->has, .t = base->t, .tid = base->tid};

	event.id = finishing->ids[slot];
	return put(finishing, &event, err);
}

static enum mr_status
name_block(struct finishing *finishing, uint64_t address, struct mr_error *err)
{
	uint32_t slot;
	uint64_t *ids;
	size_t capacity = finishing->ids_capacity;
	enum mr_status st = mr_slots_add(&finishing->live, &slot, address, err);

	if (st)
		return st;
	if (slot >= capacity) {
		capacity = capacity ? 2 * capacity : 1024;
		ids = realloc(finishing->ids, capacity * sizeof(*ids));
		if (!ids)
			return mr_fail_memory(err);
		finishing->ids = ids;
		finishing->ids_capacity = capacity;
	}
	finishing->ids[slot] = ++finishing->last_id;
	return MR_OK;
}

static enum mr_status
put_malloc(struct finishing *finishing, const struct mr_moment *moment,
	struct mr_event *event, struct mr_error *err)
{
	enum mr_status st = MR_OK;
	uint32_t slot;

	if (mr_slots_remove(&finishing->live, &slot, moment->value)) {
		finishing->account->missed_frees++;
		st = put_free(finishing, event, slot, err);
	}
	if (!st)
		st = name_block(finishing, moment->value, err);
	if (st)
		return st;
	event->op = MR_OP_MALLOC;
	event->id = finishing->last_id;
	event->size = moment->size;
	if (moment->op == MR_RAW_MLX_MALLOC) {
		event->has |= MR_HAS_CAP | MR_HAS_HIT;
		event->cap = moment->log2 & MR_RAW_CAP ? moment->more : moment->size;
		event->hit = moment->log2 & MR_RAW_HIT;
	} else if (moment->log2 && moment->log2 < 32) {
		event->has |= MR_HAS_ALIGN;
		event->align = UINT32_C(1) << moment->log2;
	}
	return put(finishing, event, err);
}

static enum mr_status
put_freed(struct finishing *finishing, const struct mr_moment *moment,
	const struct mr_event *event, struct mr_error *err)
{
	uint32_t slot;

	if (mr_slots_remove(&finishing->live, &slot, moment->value))
		return put_free(finishing, event, slot, err);
	finishing->account->unknown_frees++;
	return MR_OK;
}

static enum mr_status
put_mark(struct finishing *finishing, struct mr_moment *moment, struct mr_event *event,
	struct mr_error *err)
{
	size_t kept = strlen(moment->name);
	size_t length = mr_text_mend(moment->name, kept, kept == MR_MARK_MAX);

	moment->name[length] = '\0';
	event->op = MR_OP_MARK;
	event->name = moment->name;
	event->name_length = length;
	return put(finishing, event, err);
}

/* What MLX was told, or told itself. */
static enum mr_status
put_plain(struct finishing *finishing, const struct mr_moment *moment, enum mr_op op,
	struct mr_event *event, struct mr_error *err)
{
	event->op = (uint8_t)op;
	if (op == MR_OP_COUNTERS) {
		event->active = moment->value;
		event->cached = moment->size;
		event->peak = moment->more;
	} else {
		event->bytes = moment->value;
	}
	return put(finishing, event, err);
}

static enum mr_status
put_moment(struct finishing *finishing, struct mr_moment *moment, struct mr_error *err)
{
	bool mlx = finishing->account->layer == MR_LAYER_MLX;
	struct mr_event event = {.has = MR_HAS_T | MR_HAS_TID, .tid = moment->tid};

	finishing->present += moment->seq >= finishing->head->base_seq;
	if ((moment->op == MR_RAW_MALLOC || moment->op == MR_RAW_FREE) && mlx)
		return MR_OK;
	if (moment->op == MR_RAW_VOID)
		return MR_OK;
	event.t = time_of(finishing, moment);
	switch (moment->op) {
	case MR_RAW_MALLOC:
	case MR_RAW_MLX_MALLOC:
		return put_malloc(finishing, moment, &event, err);
	case MR_RAW_FREE:
	case MR_RAW_MLX_FREE:
		return put_freed(finishing, moment, &event, err);
	case MR_RAW_MARK:
		return put_mark(finishing, moment, &event, err);
	case MR_RAW_MLX_CACHE_LIMIT:
		return put_plain(finishing, moment, MR_OP_SET_CACHE_LIMIT, &event, err);
	case MR_RAW_MLX_MEMORY_LIMIT:
		return put_plain(finishing, moment, MR_OP_SET_MEMORY_LIMIT, &event, err);
	case MR_RAW_MLX_CLEAR:
		return put_plain(finishing, moment, MR_OP_CLEAR_CACHE, &event, err);
	case MR_RAW_MLX_RESET_PEAK:
		return put_plain(finishing, moment, MR_OP_RESET_PEAK, &event, err);
	case MR_RAW_MLX_COUNTERS:
		return put_plain(finishing, moment, MR_OP_COUNTERS, &event, err);
	case MR_RAW_VOID:
	case MR_RAW_THREAD:
	case MR_RAW_TEXT:
	case MR_RAW_MORE:
		break;
	}
	return mr_fail(err, MR_EFORMAT, "the spool is damaged: there is no record %d",
		(int)moment->op);
}

static void
count_missing(const struct finishing *finishing)
{
	const struct mr_spool_head *head = finishing->head;
	struct mr_account *account = finishing->account;
	uint64_t end = head->seq < head->stop_seq ? head->seq : head->stop_seq;

	account->dropped = head->seq - end;
	if (end > head->base_seq + finishing->present)
		account->unwritten = end - head->base_seq - finishing->present;
}

static enum mr_status
put_all(struct finishing *finishing, struct mr_error *err)
{
	const struct mr_finish_guard *guard = finishing->guard;
	struct mr_moment moment;
	enum mr_status st;

	if (guard)
		guard->release(mr_writer_temporary(finishing->writer));
	while (!(st = mr_merge_next(finishing->merge, &moment, err)) &&
		!(st = put_moment(finishing, &moment, err)))
		;
	if (guard)
		guard->hold();
	return st == MR_END ? MR_OK : st;
}

static void
start_account(struct mr_account *account, const struct mr_spool_head *head)
{
	*account = (struct mr_account){
		.layer = head->recorded_layer,
		.stop = head->stop,
		.stop_errno = head->stop_errno,
		.failed_mallocs = head->failed,
		.unordered = head->unordered,
		.foreign = head->foreign,
		.missed_bytes = head->missed_bytes,
		.stall_ns = head->stall_ns,
		.stall_max_ns = head->stall_max_ns,
	};
}

/* The name of the format that path does not tell; NULL: it does. */
static const char *
format_for(const char *path)
{
	size_t row;

	return mr_format_by_suffix(&row, path) ? NULL : "mrt";
}

enum mr_status
mr_finish_check(const char *path, struct mr_error *err)
{
	const struct mr_writing *writing;

	return mr_format_writing(&writing, path, format_for(path), err);
}

static enum mr_status
write_trace(struct finishing *finishing, const char *path, struct mr_error *err)
{
	char *text = NULL;
	enum mr_status st = mr_describe_spool(&text, finishing->head, err);

	if (!st)
		st = mr_writer_open(
			&finishing->writer, path, format_for(path), text, err);
	free(text);
	text = NULL;
	if (!st)
		st = put_all(finishing, err);
	if (!st) {
		count_missing(finishing);
		if (!finishing->account->events)
			return MR_END;
		st = mr_describe_account(&text, finishing->head, finishing->account, err);
	}
	if (!st) {
		st = mr_writer_finish(finishing->writer, text, err);
		finishing->writer = NULL;
	}
	free(text);
	return st;
}

enum mr_status
mr_finish(const char *spool_path, const char *path, struct mr_account *account,
	const struct mr_finish_guard *guard, struct mr_error *err)
{
	struct finishing finishing = {.account = account, .guard = guard};
	enum mr_status st = mr_merge_open(&finishing.merge, spool_path, err);

	if (st)
		return st;
	finishing.head = mr_merge_head(finishing.merge);
	finishing.ns_per_tick = tick_length(finishing.merge);
	start_account(account, finishing.head);
	finishing.seen = calloc((size_t)finishing.head->threads + 1, sizeof(bool));
	st = mr_slots_init(&finishing.live, err);
	if (!st && !finishing.seen)
		st = mr_fail_memory(err);
	if (!st)
		st = write_trace(&finishing, path, err);
	mr_writer_abort(finishing.writer);
	mr_slots_fini(&finishing.live);
	free(finishing.ids);
	free(finishing.seen);
	mr_merge_close(finishing.merge);
	return st;
}
