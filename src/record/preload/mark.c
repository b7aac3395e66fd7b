/* SPDX-License-Identifier: MIT */
/* The function behind <memreplay/mark.h>. */
#include <string.h>

#include "record/preload/lane.h"
#include "record/preload/wake.h"

MR_EXPORT void memreplay_record_mark(const char *name);

static void
put_name(struct mr_lane *lane, const char *name, size_t length)
{
	unsigned texts = 0;

	for (size_t i = 0; i < length; i += MR_RAW_TEXT_BYTES) {
		struct mr_raw *raw = lane->at + ++texts;
		size_t part = length - i;

		memcpy(raw, name + i,
			part < MR_RAW_TEXT_BYTES ? part : MR_RAW_TEXT_BYTES);
		atomic_store_explicit(
			&raw->word, MR_RAW_WORD(MR_RAW_TEXT, 0, 0), memory_order_release);
	}
	mr_put(lane, 0, MR_RAW_WORD(MR_RAW_MARK, 0, length));
	lane->at += texts;
}

void
memreplay_record_mark(const char *name)
{
	struct mr_lane spare, *lane;
	size_t length = name ? strnlen(name, MR_MARK_MAX) : 0;

	if (atomic_load(&mr_state.mode) == MR_MODE_ASLEEP)
		mr_wake();
	if (atomic_load(&mr_state.mode) == MR_MODE_COUNT)
		mr_count_event();
	lane = mr_lane_open(
		&spare, 1 + (MR_MARK_MAX + MR_RAW_TEXT_BYTES - 1) / MR_RAW_TEXT_BYTES);
	if (!lane)
		return;
	put_name(lane, name, length);
	mr_lane_close(lane);
}
