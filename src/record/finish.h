/* SPDX-License-Identifier: MIT */
#ifndef MR_RECORD_FINISH_H
#define MR_RECORD_FINISH_H

/*
 * Making a trace of a spool: events in order, addresses turned into ids that
 * grow, ticks into nanoseconds, and an account of what is missing.
 */

#include <stdint.h>

#include "memreplay/base.h"
#include "record/spool.h"

struct mr_account {
	uint64_t events; /* in the trace */
	uint32_t threads;
	enum mr_layer layer;
	/* what the trace does not hold, or had to add */
	uint64_t dropped;       /* events after the recording had stopped */
	enum mr_stop stop;      /* why it had */
	int stop_errno;         /* MR_STOP_ERRNO */
	uint64_t unwritten;     /* begun when the process was killed */
	uint64_t unknown_frees; /* of blocks that were not recorded */
	uint64_t missed_frees;  /* added: the address was handed out again */
	uint64_t failed_mallocs;
	uint64_t unordered; /* beside a change of limit, order unsure */
	uint64_t foreign;   /* mlx: make_buffer and release */
	uint64_t missed_bytes;
	uint64_t stall_ns, stall_max_ns;
};

/*
 * Whether mr_finish() can write to a path of this name, which is asked before there is
 * anything to write. MR_EINVAL: its format can only be read.
 */
MR_MUST_CHECK enum mr_status mr_finish_check(const char *path, struct mr_error *err);

/* For who answers signals: what is called around the time in which they may come. */
struct mr_finish_guard {
	void (*release)(const char *temporary); /* the trace's name so far, or NULL */
	void (*hold)(void);                     /* before it is renamed or removed */
};

/*
 * Writes the spool at spool_path, which no process may be writing any more, as
 * a trace to path, in the format that its name ends in or else the binary one,
 * and tells in *account what is in it. The spool stays. The guard can be NULL.
 *   MR_END      it has no event, and no trace is written
 *   MR_EIO, MR_ENOMEM
 *   MR_EINVAL   the format of its name can only be read
 *   MR_EFORMAT  it is no spool, or damaged
 */
MR_MUST_CHECK enum mr_status mr_finish(const char *spool_path, const char *path,
	struct mr_account *account, const struct mr_finish_guard *guard,
	struct mr_error *err);

#endif
