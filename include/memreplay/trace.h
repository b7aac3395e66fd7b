/* SPDX-License-Identifier: MIT */
#ifndef MEMREPLAY_TRACE_H
#define MEMREPLAY_TRACE_H

/*
 * Traces: what a program asked of its allocator, in order.
 *
 * A reader yields events one at a time, whatever the format, in memory that
 * depends on the number of live blocks and not on the length of the trace. It
 * has checked all that memreplay-trace(5) demands: ids grow, a free names a
 * live block, time does not go back.
 *
 * Readers and writers are independent of each other; use each from one thread
 * at a time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What happened. The numbers are those of the binary format. */
enum mr_op {
	MR_OP_MALLOC = 0,
	MR_OP_FREE = 1,
	MR_OP_SET_CACHE_LIMIT = 2,
	MR_OP_SET_MEMORY_LIMIT = 3,
	MR_OP_CLEAR_CACHE = 4,
	MR_OP_RESET_PEAK = 5,
	MR_OP_MARK = 6,
	MR_OP_COUNTERS = 7
};
#define MR_OP_COUNT 8

/* Which optional fields of an event are there (mr_event.has). */
#define MR_HAS_T      0x01u
#define MR_HAS_TID    0x02u
#define MR_HAS_CAP    0x04u
#define MR_HAS_HIT    0x08u
#define MR_HAS_ALIGN  0x10u
#define MR_HAS_STREAM 0x20u
#define MR_HAS_DEVICE 0x40u

/*
 * One event. Only the members that its op names are set, and of the optional
 * ones only those in `has`.
 */
struct mr_event {
	uint8_t op;      /* enum mr_op */
	uint8_t has;     /* MR_HAS_* */
	bool hit;        /* MR_HAS_HIT: the traced allocator served it from its cache */
	uint32_t tid;    /* MR_HAS_TID: small number of the thread */
	uint32_t slot;   /* malloc, free: set by the reader, see mr_reader_slots() */
	uint32_t stream; /* MR_HAS_STREAM: queue that asked */
	uint64_t t;      /* MR_HAS_T: ns since the trace began */
	MR_EXTENSION union {
		struct {                /* malloc, free */
			uint64_t id;    /* names the block from its malloc to its free */
			uint64_t size;  /* malloc: requested bytes */
			uint64_t cap;   /* MR_HAS_CAP: capacity that the program got */
			uint32_t align; /* MR_HAS_ALIGN: a power of two, in bytes */
			int32_t device; /* MR_HAS_DEVICE */
		};
		uint64_t bytes; /* set_cache_limit, set_memory_limit */
		struct {        /* counters, as the traced allocator reported them */
			uint64_t active;
			uint64_t cached;
			uint64_t peak;
		};
		struct
		{ /* mark: UTF-8, NUL-terminated, the reader's until its next call */
			const char *name;
			size_t name_length;
		};
	};
};

/*
 * What the first object of a trace says. `json` is that object as compact
 * JSON text, complete, so that keys unknown here survive a conversion. All
 * strings belong to the reader and live as long as it.
 */
struct mr_header {
	const char *json;
	const char *source;   /* who was traced: "mlx", "malloc"...; "" if not said */
	const char *workload; /* what it did; "" if not said */
	bool has_cache_limit;
	bool has_memory_limit;
	bool has_page_size;
	uint64_t cache_limit;  /* bytes, in force at the first event */
	uint64_t memory_limit; /* bytes */
	uint64_t page_size;    /* bytes */
};

/* What reading came to; final once mr_reader_next() has returned MR_END. */
struct mr_reader_summary {
	const char *format; /* name in the table of formats; static storage */
	uint64_t events;    /* handed out */
	bool cut;           /* ended before its end mark: a recorder was killed */
	/* lenient reading only: what was skipped */
	uint64_t skipped_lines;   /* not an event at all */
	uint64_t skipped_frees;   /* of blocks that are not live */
	uint64_t skipped_mallocs; /* with an id that is not larger */
	uint64_t clamped_times;   /* that went back */
	const char *trailer;      /* JSON text of the end mark; "" if none */
	/*
	 * What an import of another program's format came to, in a phrase:
	 * "imported from kineto: exact"; "" if it is none. The object "import" has
	 * the same as figures; it stands in the trailer, or in the header if all
	 * was known at the beginning.
	 */
	const char *import;
};

/* When a block that PyTorch freed can be used again. */
enum mr_free_at {
	MR_FREE_AT_COMPLETED, /* the last stream that used it was done with it */
	MR_FREE_AT_REQUESTED  /* the program gave it back */
};

/*
 * Called now and then while a file is read, also while it is opened, which can mean
 * to read all of it: with the bytes read and its length, 0 if that is not known.
 */
typedef void (*mr_read_progress)(void *context, uint64_t done, uint64_t length);

struct mr_reader_options {
	const char *from; /* name of a format; NULL: detect it by content */
	bool lenient;     /* skip what can be skipped, and count it */
	bool ahead;       /* others may help: see mr_reader_help() */
	/*
	 * An import: read a regular file twice, so that the header says what the
	 * import came to, and not only the trailer and the summary.
	 */
	bool foresee;
	/* for formats that record several devices: "1", "cpu", "cuda:0"; NULL: the
	   only one */
	const char *device;
	enum mr_free_at free_at;   /* of snapshots of PyTorch */
	mr_read_progress progress; /* NULL: nobody is told */
	void *progress_context;
};

struct mr_reader;

/*
 * Opens path ("-": standard input), detecting format and gzip by content, and
 * reads the header. options may be NULL. On success *out is the caller's, to
 * be given to mr_reader_close(); on failure *out is NULL.
 *   MR_EIO      it cannot be opened or read
 *   MR_EFORMAT  no known format, a bad header, or a version newer than ours
 *   MR_EINVAL   options->from names no format, or another option is not one
 *               of the format found
 *   MR_ENOMEM
 */
MR_API MR_MUST_CHECK enum mr_status mr_reader_open(struct mr_reader **out,
	const char *path, const struct mr_reader_options *options, struct mr_error *err);

/* The header; the reader's. */
MR_API const struct mr_header *mr_reader_header(const struct mr_reader *reader);

/*
 * Stores the next event in *event.
 *   MR_OK       there was one
 *   MR_END      there are no more; *event is unchanged
 *   MR_EFORMAT  what follows is not a valid event; err says where and why
 *   MR_EIO, MR_ENOMEM
 * After anything but MR_OK every further call returns the same status.
 */
MR_API MR_MUST_CHECK enum mr_status mr_reader_next(
	struct mr_reader *reader, struct mr_event *event, struct mr_error *err);

/*
 * At least 1 + the largest slot of the events so far, and never more than the
 * most blocks that are live at once in the trace. A slot is a small number
 * that one live block has at a time; it is handed on when the
 * block is freed. Whoever keeps something for each live block can use a plain
 * array, indexed by slot.
 */
MR_API uint32_t mr_reader_slots(const struct mr_reader *reader);

/*
 * Reads some more of a gzipped file ahead, if the reader was opened to be
 * helped. Unlike everything else it may be called from other threads at any
 * time until the reader is closed. False: there was nothing to help with.
 */
MR_API bool mr_reader_help(struct mr_reader *reader);

MR_API void mr_reader_summary(
	const struct mr_reader *reader, struct mr_reader_summary *out);

/*
 * How far the events handed out have come: bytes read from the file and its
 * length; or where all of the file is read before the first event, as some
 * imports do, steps made and all there are. length is 0 where it is not known (a
 * pipe). For progress bars.
 */
MR_API void mr_reader_progress(
	const struct mr_reader *reader, uint64_t *done, uint64_t *length);

/* Closes and frees; NULL is fine. */
MR_API void mr_reader_close(struct mr_reader *reader);

struct mr_writer;

/*
 * Opens a trace for writing. format is the name of a format that can be
 * written ("jsonl", "mrt"), or NULL: by the path's suffix. Text is gzipped if
 * the path ends in .gz, binary always. header_json is one JSON object; format
 * and version in it are set, the rest is kept.
 *
 * The trace is written beside path under a temporary name and takes its own
 * only in mr_writer_finish(). path "-" is standard output (format must then be
 * given). On failure *out is NULL.
 *   MR_EIO, MR_ENOMEM
 *   MR_EINVAL   no such format, or header_json is not a JSON object
 */
MR_API MR_MUST_CHECK enum mr_status mr_writer_open(struct mr_writer **out,
	const char *path, const char *format, const char *header_json,
	struct mr_error *err);

/*
 * The temporary name, for who wants to remove the file in a signal handler;
 * NULL if the trace is written in place. The writer's, until it is freed.
 */
MR_API const char *mr_writer_temporary(const struct mr_writer *writer);

/*
 * Appends an event (slot is ignored). That ids rise, times do not fall and only
 * live ids are freed is for the caller to see to: a reader refuses other traces,
 * and the binary format refuses to write them.
 *   MR_EIO
 *   MR_EFORMAT  no trace can hold it: a number above 2^53 in JSON, an op that does
 *               not exist, a size above 2^63 - 1, an align that is no power of two,
 *               a name that is not UTF-8 or too long
 *   MR_ENOMEM
 */
MR_API MR_MUST_CHECK enum mr_status mr_writer_put(
	struct mr_writer *writer, const struct mr_event *event, struct mr_error *err);

/*
 * Completes the file, gives it its name and frees the writer, also on failure;
 * then nothing is left under either name. trailer_json (NULL: none) is one
 * JSON object for the end mark of the binary format; text does not hold it.
 *   MR_EIO, MR_ENOMEM
 *   MR_EINVAL  trailer_json is not a JSON object
 */
MR_API MR_MUST_CHECK enum mr_status mr_writer_finish(
	struct mr_writer *writer, const char *trailer_json, struct mr_error *err);

/* Frees the writer and removes what it wrote; NULL is fine. */
MR_API void mr_writer_abort(struct mr_writer *writer);

/* One row of the table of formats. */
struct mr_format_info {
	const char *name;    /* as --from and --to take it */
	const char *suffix;  /* usual end of a file name, without .gz */
	const char *summary; /* a few words */
	bool writable;
	bool foreign; /* another program's: reading it is an import */
};

/* The table of formats, *count rows; static storage. */
MR_API const struct mr_format_info *mr_formats(size_t *count);

#ifdef __cplusplus
}
#endif
#endif
