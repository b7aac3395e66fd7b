/* SPDX-License-Identifier: MIT */
#include "trace/event.h"

#define ON(op) (1u << MR_OP_##op)
#define ANY    0xffu
#define MALLOC_HAS                                                                       \
	(MR_HAS_T | MR_HAS_TID | MR_HAS_CAP | MR_HAS_HIT | MR_HAS_ALIGN |                \
		MR_HAS_STREAM | MR_HAS_DEVICE)
#define OTHER_HAS (MR_HAS_T | MR_HAS_TID)
#define AT(name)  offsetof(struct mr_event, name)

const struct mr_field mr_fields[MR_FIELD_COUNT] = {
	{"id", MR_FIELD_U64, 0, ON(MALLOC) | ON(FREE), AT(id)},
	{"size", MR_FIELD_U64, 0, ON(MALLOC), AT(size)},
	{"cap", MR_FIELD_U64, MR_HAS_CAP, ON(MALLOC), AT(cap)},
	{"hit", MR_FIELD_BOOL, MR_HAS_HIT, ON(MALLOC), AT(hit)},
	{"bytes", MR_FIELD_LIMIT, 0, ON(SET_CACHE_LIMIT) | ON(SET_MEMORY_LIMIT),
		AT(bytes)},
	{"active", MR_FIELD_U64, 0, ON(COUNTERS), AT(active)},
	{"cached", MR_FIELD_U64, 0, ON(COUNTERS), AT(cached)},
	{"peak", MR_FIELD_U64, 0, ON(COUNTERS), AT(peak)},
	{"name", MR_FIELD_TEXT, 0, ON(MARK), AT(name)},
	{"t", MR_FIELD_U64, MR_HAS_T, ANY, AT(t)},
	{"tid", MR_FIELD_U32, MR_HAS_TID, ANY, AT(tid)},
	{"align", MR_FIELD_U32, MR_HAS_ALIGN, ON(MALLOC), AT(align)},
	{"stream", MR_FIELD_U32, MR_HAS_STREAM, ON(MALLOC), AT(stream)},
	{"device", MR_FIELD_I32, MR_HAS_DEVICE, ON(MALLOC), AT(device)},
};

const char *const mr_op_names[MR_OP_COUNT] = {
	[MR_OP_MALLOC] = "malloc",
	[MR_OP_FREE] = "free",
	[MR_OP_SET_CACHE_LIMIT] = "set_cache_limit",
	[MR_OP_SET_MEMORY_LIMIT] = "set_memory_limit",
	[MR_OP_CLEAR_CACHE] = "clear_cache",
	[MR_OP_RESET_PEAK] = "reset_peak_memory",
	[MR_OP_MARK] = "mark",
	[MR_OP_COUNTERS] = "counters",
};

const uint8_t mr_op_optional[MR_OP_COUNT] = {
	[MR_OP_MALLOC] = MALLOC_HAS,
	[MR_OP_FREE] = OTHER_HAS,
	[MR_OP_SET_CACHE_LIMIT] = OTHER_HAS,
	[MR_OP_SET_MEMORY_LIMIT] = OTHER_HAS,
	[MR_OP_CLEAR_CACHE] = OTHER_HAS,
	[MR_OP_RESET_PEAK] = OTHER_HAS,
	[MR_OP_MARK] = OTHER_HAS,
	[MR_OP_COUNTERS] = OTHER_HAS,
};
