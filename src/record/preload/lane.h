/* SPDX-License-Identifier: MIT */
#ifndef MR_PRELOAD_LANE_H
#define MR_PRELOAD_LANE_H

/*
 * Writing records from inside the program. Part of the preloaded object: plain
 * C, never allocates, takes no lock, and leaves errno and signals alone.
 *
 * Each thread writes to a lane of its own, a chunk of the spool that it owns.
 * What interrupts a thread in the middle of a record (a signal handler) or
 * comes after the thread's lane was given back (late destructors) writes to a
 * spare lane, borrowed for one call.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "record/clock.h"
#include "record/preload/mlxlock.h"
#include "record/spool.h"

#define MR_LIKELY(x)   __builtin_expect(!!(x), 1)
#define MR_UNLIKELY(x) __builtin_expect(!!(x), 0)
#define MR_EXPORT      __attribute__((visibility("default")))

enum mr_mode {
	MR_MODE_ASLEEP, /* nobody has looked for a spool in this process yet */
	MR_MODE_ON,
	MR_MODE_COUNT, /* stopped: events only get a number */
	MR_MODE_OFF
};

#define MR_PARKED 32

/*
 * What a forked child must not inherit: a page of its own, which the kernel
 * hands to a child as zeros. So a child is asleep, however it came to be, and
 * its locks, which are zeros when they are free, are free.
 */
struct mr_state {
	alignas(65536) _Atomic int mode;
	_Atomic int malloc_mode; /* MR_MODE_OFF where the layer does not want it */
	_Atomic uint64_t limit;  /* the first event's number that is too many */
	uint64_t min_size;
	_Atomic int waking;
	struct mr_mlx_lock mlx_lock;
	uint64_t mlx_since_counters;                /* events; inside that lock */
	struct mr_chunk *_Atomic parked[MR_PARKED]; /* chunks with room, unowned */
};

extern struct mr_state mr_state;

/* What a forked child may see, if only to leave it alone. */
struct mr_process {
	struct mr_spool_head *head; /* mapped; never unmapped */
	int has_tsc;
	char main_path[MR_SPOOL_TEXT]; /* of the spool that the variable names */
	char path[MR_SPOOL_TEXT];      /* of this process's spool */
	uint64_t device, inode;        /* of the file at path */
};

extern struct mr_process mr_process;

struct mr_lane {
	struct mr_raw *at;
	struct mr_raw *end;
	struct mr_chunk *chunk;
	uint32_t tid;
	bool has_tid;
	bool busy;    /* a record is being written */
	bool exiting; /* given back for good */
};

extern __thread struct mr_lane mr_lane __attribute__((tls_model("initial-exec")));

/*
 * Opens the lane for records that belong together, `slots` of them (at most
 * 16). NULL: recording has stopped. spare is the caller's and may become the
 * lane. Until mr_lane_close(), events from signal handlers go elsewhere.
 */
struct mr_lane *mr_lane_open(struct mr_lane *spare, unsigned slots);
void mr_lane_close(struct mr_lane *lane);

/* Forgets what a forked child inherited from the thread that forked. */
void mr_lane_reset(void);

/* Creates what gives lanes back when threads end. Once in a process's life. */
bool mr_lane_setup(void);

/* Ends the recording: events from seq on are incomplete. The first one wins. */
void mr_stop(uint64_t seq, enum mr_stop why, int errno_value);

/* Takes a number for an event that is not recorded any more. */
void mr_count_event(void);

/* One event that is not in line with the fast path below. */
void mr_note_slowly(uint64_t value, uint64_t word);

/*
 * Writes the record that is to stand `ahead` places behind the next event. What
 * belongs to an event is written before it: an event that is there is whole.
 */
static inline void
mr_put_ahead(struct mr_lane *lane, unsigned ahead, uint64_t value, uint64_t word)
{
	struct mr_raw *raw = lane->at + ahead;

	raw->value = value;
	atomic_store_explicit(&raw->word, word, memory_order_release);
}

/* Writes the next event of an open lane. */
static inline struct mr_raw *
mr_put(struct mr_lane *lane, uint64_t value, uint64_t word)
{
	struct mr_raw *raw = lane->at++;
	uint64_t seq;

	seq = atomic_fetch_add_explicit(&mr_process.head->seq, 1, memory_order_relaxed);
	raw->seq = seq;
	raw->ticks = mr_clock_ticks(mr_process.has_tsc);
	raw->value = value;
	atomic_store_explicit(&raw->word, word, memory_order_release);
	if (MR_UNLIKELY(
		    seq >= atomic_load_explicit(&mr_state.limit, memory_order_relaxed)))
		mr_stop(seq, MR_STOP_EVENTS, 0);
	return raw;
}

/* Records one event. */
static inline void
mr_note(uint64_t value, uint64_t word)
{
	struct mr_lane *lane = &mr_lane;

	if (MR_UNLIKELY(lane->busy)) {
		mr_note_slowly(value, word);
		return;
	}
	lane->busy = true;
	atomic_signal_fence(memory_order_seq_cst);
	/* only now: until here a handler could take the last slot */
	if (MR_UNLIKELY(lane->at == lane->end)) {
		lane->busy = false;
		mr_note_slowly(value, word);
		return;
	}
	mr_put(lane, value, word);
	atomic_signal_fence(memory_order_seq_cst);
	lane->busy = false;
}

#endif
