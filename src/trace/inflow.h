/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_INFLOW_H
#define MR_TRACE_INFLOW_H

/*
 * The bytes of a file or of standard input as they come in, unpacked if they are
 * gzip or, where libzstd is there, zstd. Whatever can be decompressed before a
 * defect is delivered before it.
 */

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <zlib.h>

#include "memreplay/base.h"

/* A struct of zeros is closed. */
struct mr_inflow {
	int fd;
	bool own_fd;
	bool read_all;                /* read() has said so */
	uint64_t file_length;         /* 0: not a regular file */
	_Atomic(uint64_t) bytes_read; /* from fd; another thread may ask */
	unsigned char *packed;        /* what was read and is not delivered yet... */
	z_stream z;                   /* ...of which next_in, avail_in are left */
	bool gzip;
	void *zstd;     /* ZSTD_DStream; NULL: it is not zstd */
	bool in_member; /* between the first and last byte of a member or frame */
	bool truncated; /* packed data were found to end in the middle */
	uint64_t made;  /* bytes delivered */
};

/*
 * Opens path ("-": standard input) and looks whether it is packed.
 * mr_inflow_close() also after failure.
 *   MR_EFORMAT  with zstd, and there is no libzstd
 *   MR_EIO, MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_inflow_open(
	struct mr_inflow *flow, const char *path, struct mr_error *err);

/*
 * Delivers the next *got bytes, at most room. What it returns is what comes
 * after them: no more calls unless MR_OK.
 *   MR_OK       there may be more
 *   MR_END      there are no more
 *   MR_EFORMAT  a defect in the packed data
 *   MR_EIO, MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_inflow_take(struct mr_inflow *flow, unsigned char *to,
	size_t room, size_t *got, struct mr_error *err);

void mr_inflow_close(struct mr_inflow *flow);

#endif
