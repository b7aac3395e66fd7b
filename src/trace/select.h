/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_SELECT_H
#define MR_TRACE_SELECT_H

/*
 * A part of a trace, as a trace of its own: a window of it, one thread, large
 * blocks only; sizes scaled; names taken out.
 *
 * The rules apply in this order, each to what the one before has left, and all
 * numbers and names are those of the whole trace: window, thread, size, scale,
 * strip. What comes out is a valid trace. Memory grows with the blocks live at
 * once, and for a stripped trace with its threads, streams and distinct names.
 */

#include <stdbool.h>
#include <stdint.h>

#include "memreplay/trace.h"

/* Zeros choose everything. */
struct mr_select_options {
	const char *from_mark; /* window: from the first mark of this name... */
	const char *to_mark;   /* ... up to before the next of this name */
	uint64_t from_event;   /* window: from this event; 0: no such window */
	uint64_t to_event;     /* to this one, with it */
	bool has_thread;
	uint32_t thread;        /* mallocs of this thread, and their frees */
	uint64_t min_size;      /* mallocs of at least so many bytes, and their frees */
	uint64_t scale;         /* sizes become size * scale / scale_divisor, rounded */
	uint64_t scale_divisor; /* at most MR_SCALE_MAX, as scale / it; 0: no scaling */
	bool strip;             /* threads and streams numbered anew, names too */
};
#define MR_SCALE_MAX UINT64_C(1000000)

/* Whether anything is asked for. */
bool mr_select_any(const struct mr_select_options *options);

/*
 * Whether the traced allocator's own cap, hit and counters are left out because
 * they no longer follow from the events: all but a window from the beginning and
 * --strip do that.
 */
bool mr_select_drops_truth(const struct mr_select_options *options);

/*
 * The header of the result, from that of the trace: `tools`, texts, are added to
 * the array of that name. Stripped, only limits, page size and the figures of
 * an import are left. *out is the caller's.
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_select_header(char **out, const struct mr_header *header,
	const struct mr_select_options *options, const char *const *tools,
	struct mr_error *err);

/*
 * The end mark of the result: of the trace's only the figures of an import.
 * *out is the caller's; NULL: none.
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_select_trailer(
	char **out, const char *trailer_json, struct mr_error *err);

/* Takes an event of the result; it is valid during the call. */
typedef enum mr_status mr_select_put(
	void *context, const struct mr_event *event, struct mr_error *err);

/* What has come out so far. */
struct mr_select_result {
	uint64_t events;        /* with the seeds */
	uint64_t seeded_blocks; /* live where the window begins: mallocs before it */
	uint64_t seeded_bytes;  /* as they stand in the result */
	bool dropped_truth;     /* some cap, hit or counters were left out */
};

struct mr_select;

/*
 * options must outlive it. On success *out is the caller's, for mr_select_free().
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_select_new(struct mr_select **out,
	const struct mr_select_options *options, mr_select_put *put, void *context,
	struct mr_error *err);

/*
 * Takes the next event of a reader, and gives put what comes of it.
 *   MR_END      the window is over; no more events are wanted
 *   MR_EFORMAT  a size becomes too large
 *   MR_ENOMEM, and whatever put returns
 */
MR_MUST_CHECK enum mr_status mr_select_add(
	struct mr_select *select, const struct mr_event *event, struct mr_error *err);

/*
 * To be called at the end.
 *   MR_EFORMAT  the window was not found, or nothing is left
 */
MR_MUST_CHECK enum mr_status mr_select_finish(const struct mr_select *select,
	struct mr_select_result *result, struct mr_error *err);

/* NULL is fine. */
void mr_select_free(struct mr_select *select);

#endif
