/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_EVENT_H
#define MR_TRACE_EVENT_H

/*
 * The event model as tables: the names of the ops, and for each field its
 * name, its place in struct mr_event and the ops that have it. The text
 * formats read and write by these tables alone.
 */

#include <stddef.h>
#include <stdint.h>

#include "memreplay/trace.h"

/* Bounds that every format shares. */
#define MR_ID_MAX         ((uint64_t)INT64_MAX)
#define MR_SIZE_MAX       ((uint64_t)INT64_MAX)
#define MR_NAME_MAX       65535         /* bytes in the name of a mark */
#define MR_HEADER_MAX     (1024 * 1024) /* bytes of header JSON */
#define MR_TRACE_VERSION  1             /* of the event model, in text headers */
#define MR_TRACE_FORMAT   "alloc-trace"
#define MR_JSON_WHOLE_MAX (UINT64_C(1) << 53)

enum mr_field_kind {
	MR_FIELD_U64,
	MR_FIELD_LIMIT, /* as U64, or null for MR_UNLIMITED */
	MR_FIELD_U32,
	MR_FIELD_I32,
	MR_FIELD_BOOL,
	MR_FIELD_TEXT
};

/* One field of events, in the order in which they are written. */
struct mr_field {
	const char *name;
	enum mr_field_kind kind;
	uint8_t has;   /* MR_HAS_* of an optional field; 0: required */
	uint8_t ops;   /* bit 1 << op for each op that has it */
	size_t offset; /* in struct mr_event */
};

#define MR_FIELD_COUNT 14
extern const struct mr_field mr_fields[MR_FIELD_COUNT];

extern const char *const mr_op_names[MR_OP_COUNT];

/* The optional fields that an op can have: MR_HAS_* */
extern const uint8_t mr_op_optional[MR_OP_COUNT];

#endif
