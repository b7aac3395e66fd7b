/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_SPOOL_H
#define MR_TRACE_SPOOL_H

/*
 * Records put in any order and read back sorted, again and again, in bounded
 * memory: what does not fit is kept in a temporary file without a name, as
 * sorted runs. Equal records stay in the order in which they were put.
 *
 * Memory is up to MR_SPOOL_RUN records and, where there is a file,
 * MR_SPOOL_CHUNK records for each MR_SPOOL_RUN.
 */

#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"

#define MR_SPOOL_RUN   262144
#define MR_SPOOL_CHUNK 1024

/* A [memory] or [OutOfMemory] event of a profile; sorted by time and order. */
struct mr_spool_record {
	int64_t time_ns;
	uint64_t order; /* set by the spool */
	uint64_t address;
	uint64_t total;    /* Total Allocated */
	uint64_t reserved; /* Total Reserved */
	int64_t bytes;     /* negative: freed */
	uint32_t tid;
	uint16_t device; /* by the caller's table */
	uint16_t has;    /* MR_RECORD_* */
};
#define MR_RECORD_ADDRESS  0x01u
#define MR_RECORD_TOTAL    0x02u
#define MR_RECORD_RESERVED 0x04u
#define MR_RECORD_OOM      0x08u

struct mr_spool;

/* run: MR_SPOOL_RUN, or fewer to test. On success *out is the caller's. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_spool_new(
	struct mr_spool **out, size_t run, struct mr_error *err);

/* NULL is fine. */
void mr_spool_free(struct mr_spool *spool);

/* MR_EIO: the temporary file; MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_spool_put(struct mr_spool *spool,
	const struct mr_spool_record *record, struct mr_error *err);

/* Begins to read from the first record; nothing may be put afterwards. */
MR_MUST_CHECK enum mr_status mr_spool_rewind(
	struct mr_spool *spool, struct mr_error *err);

/*
 * Stores the next record.
 *   MR_END  there are no more
 *   MR_EIO, MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_spool_next(
	struct mr_spool *spool, struct mr_spool_record *record, struct mr_error *err);

#endif
