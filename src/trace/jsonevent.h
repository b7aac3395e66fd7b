/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_JSONEVENT_H
#define MR_TRACE_JSONEVENT_H

/* One event from the text of a JSON object, and back. */

#include <stddef.h>

#include <cjson/cJSON.h>

#include "memreplay/trace.h"
#include "trace/jsonvalue.h"

/*
 * Parses one event. *held keeps what event->name points into; it is the
 * caller's, to be given to cJSON_Delete() when the event is done with, and NULL
 * on failure. Errors have no place.
 *   MR_EFORMAT
 */
MR_MUST_CHECK enum mr_status mr_json_event(struct mr_event *event, cJSON **held,
	const struct mr_object *object, struct mr_error *err);

/*
 * Longest text of an event: every byte of a name may become six, the rest is
 * names of fields and numbers.
 */
#define MR_JSON_EVENT_MAX (6 * 65535 + 1024)

/*
 * Writes the event and a newline into text, which has room for
 * MR_JSON_EVENT_MAX bytes, and stores the length. The op exists, a name is UTF-8
 * and not above MR_NAME_MAX bytes.
 *   MR_EFORMAT  a number above 2^53
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_json_event_print(
	char *text, size_t *length, const struct mr_event *event, struct mr_error *err);

#endif
