/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_OUTPUT_H
#define MR_TRACE_OUTPUT_H

/*
 * A file being written, gzipped or not, that takes its name only when it is
 * complete. The same bytes in give the same bytes out.
 *
 * A path that names something else than a regular file (a device, a pipe), or what
 * a descriptor of the process is open for (/dev/stdout), is written in place. After
 * a failure every further call fails the same way.
 */

#include <stdbool.h>
#include <stddef.h>

#include "memreplay/base.h"

struct mr_output;

/*
 * Opens path ("-": standard output) for writing.
 *   MR_EIO, MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_output_open(
	struct mr_output **out, const char *path, bool gzip, struct mr_error *err);

/* The name it has until it is finished; NULL: it is written in place. */
const char *mr_output_temporary(const struct mr_output *output);

/* MR_EIO */
MR_MUST_CHECK enum mr_status mr_output_write(
	struct mr_output *output, const void *data, size_t length, struct mr_error *err);

/*
 * Ends the gzip member, so that what follows is decompressed on its own, and
 * hands everything so far to the system. Plain output is only handed over.
 *   MR_EIO
 */
MR_MUST_CHECK enum mr_status mr_output_end_member(
	struct mr_output *output, struct mr_error *err);

/*
 * Completes the file, gives it its name, and frees output, also on failure.
 *   MR_EIO
 */
MR_MUST_CHECK enum mr_status mr_output_finish(
	struct mr_output *output, struct mr_error *err);

/* Frees output and removes what it wrote; NULL is fine. */
void mr_output_abort(struct mr_output *output);

#endif
