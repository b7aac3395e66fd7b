/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_FORMAT_H
#define MR_TRACE_FORMAT_H

/*
 * The table of formats. A row tells how to recognise, read and, if it can be
 * written, write a format; detection, --from, --to and help follow from it.
 * A new format is one row in format.c and the operations it names.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/trace.h"
#include "trace/input.h"
#include "trace/output.h"

/*
 * A trace being read. The format sets what is below `state`; the reader above
 * it checks the events, keeps the slots and adds the place to errors.
 */
struct mr_import;

struct mr_source {
	struct mr_input *input;
	bool lenient;
	const struct mr_reader_options *options; /* while open runs; never NULL */
	const char *foreseen; /* what an import will come to, if that is known */
	void *state;          /* the format's own */

	const char *format; /* name; set by open */
	struct mr_header header;
	struct mr_event *events; /* what fill found, to be changed by the reader */
	size_t count;
	enum mr_place place;    /* what `where` counts */
	uint64_t where;         /* of events[0]; the next follow if it counts events */
	uint64_t element;       /* number of events[0] in a document; 0: not one */
	uint64_t skipped_lines; /* when lenient */
	/* where all of the input is read before the first event: steps made towards
	   the last one, of all; 0: the bytes read tell */
	uint64_t step, steps;
	bool cut;
	const char *trailer;      /* NULL: none */
	struct mr_import *import; /* NULL: the format is one of ours */
};

/* The options of struct mr_reader_options that only some formats know. */
#define MR_TAKES_DEVICE  0x01u
#define MR_TAKES_FREE_AT 0x02u

struct mr_reading {
	/* Whether an input beginning with these bytes, gunzipped, is meant. */
	bool (*probe)(const unsigned char *data, size_t length);
	/* Reads the header. On failure close is called all the same. */
	enum mr_status (*open)(struct mr_source *source, struct mr_error *err);
	/*
	 * Reads at least one event, or returns MR_END. Mark names stay valid until
	 * the next call. Errors have their place.
	 */
	enum mr_status (*fill)(struct mr_source *source, struct mr_error *err);
	void (*close)(struct mr_source *source);
	unsigned takes; /* MR_TAKES_* */
};

/* A trace being written. */
struct mr_sink {
	struct mr_output *output;
	void *state; /* the format's own */
	uint64_t events;
};

struct mr_writing {
	bool always_gzip;
	/* header is complete JSON text of one line. On failure close is called. */
	enum mr_status (*open)(
		struct mr_sink *sink, const char *header, struct mr_error *err);
	enum mr_status (*put)(
		struct mr_sink *sink, const struct mr_event *event, struct mr_error *err);
	/* trailer is complete JSON text of one line. */
	enum mr_status (*finish)(
		struct mr_sink *sink, const char *trailer, struct mr_error *err);
	void (*close)(struct mr_sink *sink);
};

struct mr_format {
	const struct mr_reading *reading;
	const struct mr_writing *writing; /* NULL: cannot be written */
};

/* How to read and write the row of mr_formats() with the same index. */
const struct mr_format *mr_format_at(size_t row);

/* The row of the format called name. False: there is none. */
bool mr_format_by_name(size_t *row, const char *name);

/* The row of ours whose suffix ends path, .gz left aside. False: there is none. */
bool mr_format_by_suffix(size_t *row, const char *path);

/* The row that recognises the first bytes of an input. False: none does. */
bool mr_format_by_content(size_t *row, const unsigned char *data, size_t length);

/* Lists the names of all formats, or of those that can be written. Returns out. */
#define MR_FORMAT_NAMES_SIZE 400
char *mr_format_names(char out[MR_FORMAT_NAMES_SIZE], bool writable);

/*
 * How to write a trace to path: in the format of this name, or (NULL) in the one that
 * its suffix tells. MR_EINVAL: there is none, or it can only be read.
 */
MR_MUST_CHECK enum mr_status mr_format_writing(const struct mr_writing **out,
	const char *path, const char *format, struct mr_error *err);

extern const struct mr_reading mr_android_reading;
extern const struct mr_reading mr_heaptrack_reading;
extern const struct mr_reading mr_intervals_reading;
extern const struct mr_reading mr_json_reading;
extern const struct mr_writing mr_jsonl_writing;
extern const struct mr_reading mr_kineto_reading;
extern const struct mr_reading mr_logalloc_reading;
extern const struct mr_reading mr_mrt_reading;
extern const struct mr_writing mr_mrt_writing;
extern const struct mr_reading mr_mtrace_reading;
extern const struct mr_reading mr_pytorch_reading;
extern const struct mr_reading mr_rmm_reading;

#endif
