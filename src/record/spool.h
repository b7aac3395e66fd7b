/* SPDX-License-Identifier: MIT */
#ifndef MR_RECORD_SPOOL_H
#define MR_RECORD_SPOOL_H

/*
 * The spool: what the recorder inside a program leaves behind, and what is
 * made into a trace when the program has ended.
 *
 * A spool is one file for one process: a head, then chunks. The process maps
 * both shared, so that whatever a thread has written is the kernel's, however
 * the process ends. A chunk is written by one thread at a time; a record is
 * there when its `word` is not zero, which is stored last. A chunk that was
 * never used, or only partly, reads as zeros.
 *
 * Order: every event takes a number from `seq`, one counter for all threads: a
 * free before the real free, a malloc after the real malloc. The allocator
 * orders the two calls that hand an address from one thread to another, so the
 * numbers of one address are in the order in which it really changed hands.
 * In a chunk the numbers only grow.
 *
 * Knows only the C library: it is shared by the preloaded object and by the
 * program that finishes spools.
 */

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#define MR_SPOOL_MAGIC   "mrspool"
#define MR_SPOOL_VERSION 2
#define MR_SPOOL_SUFFIX  ".spool"

/* The variable that names the spool to the recorder. */
#define MR_SPOOL_VARIABLE "MEMREPLAY_SPOOL"

/* Multiples of every page size in use, since both are mapped. */
#define MR_SPOOL_HEAD  65536u
#define MR_SPOOL_CHUNK 262144u

enum mr_layer { MR_LAYER_AUTO, MR_LAYER_MALLOC, MR_LAYER_MLX };

/* Why recording ended before the program did. */
enum mr_stop {
	MR_STOP_NONE,
	MR_STOP_EVENTS, /* as many events as were asked for */
	MR_STOP_BYTES,  /* as large a spool as was allowed */
	MR_STOP_DISK,   /* as large a spool as the disk had room for at the start */
	MR_STOP_SLOW,   /* the disk held the program up for too long at once */
	MR_STOP_ERRNO   /* the file could not grow: stop_errno says why */
};

/* What a record is. 0 is "not written". */
enum mr_raw_op {
	MR_RAW_MALLOC = 1,       /* value: address, size, log2: of the alignment or 0 */
	MR_RAW_FREE,             /* value: address */
	MR_RAW_VOID,             /* a free that did not happen: its realloc failed */
	MR_RAW_THREAD,           /* value: small number of the thread from here on */
	MR_RAW_MARK,             /* size: bytes of the name, in the texts that follow */
	MR_RAW_TEXT,             /* 24 bytes of a name, in the other members */
	MR_RAW_MLX_MALLOC,       /* value: address, size, log2: MR_RAW_HIT, MR_RAW_CAP */
	MR_RAW_MLX_FREE,         /* value: address */
	MR_RAW_MLX_CACHE_LIMIT,  /* value: bytes */
	MR_RAW_MLX_MEMORY_LIMIT, /* value: bytes */
	MR_RAW_MLX_CLEAR,
	MR_RAW_MLX_RESET_PEAK,
	MR_RAW_MLX_COUNTERS, /* value: active, size: cached; + more: peak */
	MR_RAW_MORE          /* value: belongs to the record before it */
};

/* A record has a place in the order of events. */
#define MR_RAW_IS_EVENT(op)                                                              \
	((op) != MR_RAW_THREAD && (op) != MR_RAW_TEXT && (op) != MR_RAW_MORE)

struct mr_raw {
	uint64_t seq;
	uint64_t ticks;
	uint64_t value;
	_Atomic uint64_t word; /* op | log2 << 8 | size << 16 */
};

#define MR_RAW_HIT 1u /* it came from the cache */
#define MR_RAW_CAP 2u /* + more: its capacity, which is not the size */

#define MR_RAW_WORD(op, log2, size)                                                      \
	((uint64_t)(op) | (uint64_t)(log2) << 8 | (uint64_t)(size) << 16)
#define MR_RAW_OP(word)   ((enum mr_raw_op)((word)&0xff))
#define MR_RAW_LOG2(word) ((unsigned)((word) >> 8) & 0xff)
#define MR_RAW_SIZE(word) ((word) >> 16)

#define MR_MARK_MAX       240 /* bytes of a mark's name that are kept */
#define MR_RAW_TEXT_BYTES 24

/* The two clocks at one moment; ticks are the processor's, where it has them. */
struct mr_instant {
	uint64_t ticks;
	uint64_t ns;
};

/* Stands where a chunk's first record would; the records follow. */
struct mr_chunk {
	struct mr_instant start;
	uint64_t used; /* records written, while no thread owns the chunk */
	uint64_t reserved;
};

#define MR_CHUNK_RECORDS (MR_SPOOL_CHUNK / sizeof(struct mr_raw) - 1)

#define MR_SPOOL_TEXT 1024

struct mr_spool_head {
	char magic[8];
	uint32_t version;
	uint32_t chunk_bytes;

	/* what was asked for; set by whoever creates the spool */
	uint32_t layer; /* enum mr_layer */
	uint32_t follow_children;
	uint64_t min_size;
	uint64_t max_events;
	uint64_t max_bytes;
	uint64_t disk_bytes;     /* a bound like max_bytes, of the disk's */
	uint64_t counters_every; /* mlx: events between two counters; 0: at the end */
	uint64_t slow_ns;        /* one wait for the disk that ends the recording */

	/* the process; pid is 0 until one has made the spool its own */
	_Atomic int32_t pid;
	uint32_t images;        /* programs that the process has been; exec starts anew */
	uint64_t born;          /* when the process started, in the kernel's ticks */
	uint64_t pid_namespace; /* that pid is of; 0: unknown */
	uint32_t has_tsc;       /* what mr_raw.ticks counts: 1 processor ticks, 0 ns */
	uint32_t ended;         /* it went through exit() */
	struct mr_instant start;
	struct mr_instant end; /* zeros if nobody could tell */
	uint32_t has_status;
	int32_t status; /* as waitpid() tells it */

	/* how it went */
	uint32_t recorded_layer; /* enum mr_layer, never AUTO once a process is in */
	_Atomic uint32_t stop;   /* enum mr_stop */
	int32_t stop_errno;
	_Atomic uint32_t threads;
	_Atomic uint32_t other_processes; /* not recorded: 0 none, 1 some */
	_Atomic uint32_t chunks;          /* handed out; the file may hold fewer */
	uint64_t base_seq;                /* events before it are not counted */
	uint64_t skipped_bytes;           /* nor is what they took, by max_bytes */
	_Atomic uint64_t stop_seq;        /* events from it on are incomplete */
	_Atomic uint64_t failed;          /* mallocs that got nothing */
	_Atomic uint64_t stall_ns;        /* spent making room in the spool, in all */
	_Atomic uint64_t stall_max_ns;

	/* mlx: as the allocator stood at its first event */
	uint32_t mlx_found;
	uint32_t has_cache_limit;
	uint64_t cache_limit;
	uint64_t memory_limit;
	uint64_t missed_bytes;      /* active before the recorder came */
	_Atomic uint64_t unordered; /* events beside a limit change, order unsure */
	_Atomic uint64_t foreign;   /* make_buffer and release: no events */

	char own_malloc[MR_SPOOL_TEXT]; /* the file that brings its own malloc */
	char allocator[MR_SPOOL_TEXT];  /* the file whose malloc was recorded */
	char command[MR_SPOOL_TEXT];    /* arguments, parted by NUL */
	uint32_t own_operators; /* C++ uses that file's new and delete, not recorded */

	alignas(128) _Atomic uint64_t seq; /* the next event's number */
};

_Static_assert(sizeof(struct mr_spool_head) <= MR_SPOOL_HEAD, "head");
_Static_assert(sizeof(struct mr_chunk) == sizeof(struct mr_raw), "chunk");

#endif
