/* SPDX-License-Identifier: MIT */
#include "trace/check.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/event.h"

enum mr_status
mr_check_init(struct mr_check *check, bool lenient, struct mr_error *err)
{
	memset(check, 0, sizeof(*check));
	check->lenient = lenient;
	return mr_slots_init(&check->slots, err);
}

void
mr_check_fini(struct mr_check *check)
{
	mr_slots_fini(&check->slots);
}

static enum mr_status
bad_id(struct mr_check *check, const struct mr_event *event, struct mr_error *err)
{
	check->skipped_mallocs++;
	if (event->id > MR_ID_MAX)
		return mr_fail(
			err, MR_EFORMAT, "id %" PRIu64 " is above 2^63 - 1", event->id);
	return mr_fail(err, MR_EFORMAT,
		"malloc with id %" PRIu64 ", which is not larger than the ids before "
		"(up to %" PRIu64 ")",
		event->id, check->last_id);
}

static bool
can_be(const struct mr_event *event)
{
	uint32_t align = event->align;

	return event->size <= MR_SIZE_MAX &&
		!(event->has & MR_HAS_CAP && event->cap > MR_SIZE_MAX) &&
		!(event->has & MR_HAS_ALIGN && (!align || align & (align - 1)));
}

enum mr_status
mr_check_malloc(const struct mr_event *event, struct mr_error *err)
{
	if (can_be(event))
		return MR_OK;
	if (event->size > MR_SIZE_MAX)
		return mr_fail(err, MR_EFORMAT, "size %" PRIu64 " is above 2^63 - 1",
			event->size);
	if (event->has & MR_HAS_CAP && event->cap > MR_SIZE_MAX)
		return mr_fail(
			err, MR_EFORMAT, "cap %" PRIu64 " is above 2^63 - 1", event->cap);
	return mr_fail(
		err, MR_EFORMAT, "align %" PRIu32 " is not a power of two", event->align);
}

static enum mr_status
check_malloc(struct mr_check *check, struct mr_event *event, struct mr_error *err)
{
	uint64_t id = event->id;

	if (id > MR_ID_MAX || (check->any_malloc && id <= check->last_id))
		return bad_id(check, event, err);
	if (!can_be(event)) {
		check->skipped_events++;
		return mr_check_malloc(event, err);
	}
	if (!check->any_malloc)
		check->first_id = id;
	else if (id != check->last_id + 1)
		check->gaps = true;
	check->any_malloc = true;
	check->last_id = id;
	return mr_slots_add(&check->slots, &event->slot, id, err);
}

static enum mr_status
check_free(struct mr_check *check, struct mr_event *event, struct mr_error *err)
{
	uint64_t id = event->id;

	if (mr_slots_remove(&check->slots, &event->slot, id))
		return MR_OK;
	check->skipped_frees++;
	if (!check->any_malloc || id > check->last_id || id < check->first_id)
		return mr_fail(err, MR_EFORMAT,
			"free of id %" PRIu64 ", which was never allocated", id);
	if (!check->gaps)
		return mr_fail(err, MR_EFORMAT,
			"free of id %" PRIu64 ", which was already freed", id);
	return mr_fail(err, MR_EFORMAT,
		"free of id %" PRIu64
		", which is not live: never allocated, or already freed",
		id);
}

static enum mr_status
check_mark(struct mr_check *check, const struct mr_event *event, struct mr_error *err)
{
	if (event->name_length <= MR_NAME_MAX &&
		mr_text_is_utf8(event->name, event->name_length))
		return MR_OK;
	check->skipped_events++;
	if (event->name_length > MR_NAME_MAX)
		return mr_fail(err, MR_EFORMAT, "the name of a mark has over %d bytes",
			MR_NAME_MAX);
	return mr_fail(err, MR_EFORMAT, "the name of a mark is not valid UTF-8");
}

static enum mr_status
check_time(struct mr_check *check, struct mr_event *event, struct mr_error *err)
{
	if (event->t >= check->last_t) {
		check->last_t = event->t;
		return MR_OK;
	}
	if (check->lenient) {
		event->t = check->last_t;
		check->clamped_times++;
		return MR_OK;
	}
	return mr_fail(err, MR_EFORMAT,
		"time goes back from %" PRIu64 " to %" PRIu64 " ns", check->last_t,
		event->t);
}

static enum mr_status
check_event(struct mr_check *check, struct mr_event *event, struct mr_error *err)
{
	if (event->has & MR_HAS_T) {
		enum mr_status st = check_time(check, event, err);

		if (st)
			return st;
	}
	switch ((enum mr_op)event->op) {
	case MR_OP_MALLOC:
		return check_malloc(check, event, err);
	case MR_OP_FREE:
		return check_free(check, event, err);
	case MR_OP_MARK:
		return check_mark(check, event, err);
	case MR_OP_SET_CACHE_LIMIT:
	case MR_OP_SET_MEMORY_LIMIT:
	case MR_OP_CLEAR_CACHE:
	case MR_OP_RESET_PEAK:
	case MR_OP_COUNTERS:
		break;
	}
	return MR_OK;
}

enum mr_status
mr_check_events(struct mr_check *check, struct mr_event *events, size_t *count,
	size_t *failed, struct mr_error *err)
{
	size_t given = *count, good = 0;
	enum mr_status st = MR_OK;

	for (size_t i = 0; i < given; i++) {
		st = check_event(check, &events[i], err);
		if (st == MR_EFORMAT && check->lenient) {
			st = MR_OK;
			continue;
		}
		if (st) {
			*failed = i;
			break;
		}
		if (good != i)
			events[good] = events[i];
		good++;
	}
	*count = good;
	return st;
}
