/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_INPUT_H
#define MR_TRACE_INPUT_H

/*
 * The bytes of a file or of standard input, unpacked if they are gzip or, where
 * libzstd is there, zstd.
 *
 * Bytes are looked at in place and then skipped. Whatever can be decompressed
 * before a defect is delivered before the defect is reported. The buffer grows
 * only as bytes arrive, so a length claimed by a hostile file costs nothing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "memreplay/trace.h"

struct mr_input;

/*
 * Opens path ("-": standard input) and looks whether it is packed.
 *   MR_EIO, MR_ENOMEM
 *   MR_EFORMAT  with zstd, and there is no libzstd
 */
MR_MUST_CHECK enum mr_status mr_input_open(
	struct mr_input **out, const char *path, struct mr_error *err);

/*
 * Lets others help with a gzipped file; of other input it changes nothing.
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_input_read_ahead(
	struct mr_input *input, struct mr_error *err);

/* Tells how much has been read whenever something was; progress may be NULL. */
void mr_input_tell(struct mr_input *input, mr_read_progress progress, void *context);

/* As mr_reader_help(). */
bool mr_input_help(struct mr_input *input);

/*
 * Makes *data point to the next *length bytes: at least want, or fewer where
 * the input ends before. They stay valid until the next peek.
 *   MR_EFORMAT  fewer than want bytes stand before a defect in the gzip data
 *   MR_EIO, MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_input_peek(struct mr_input *input, size_t want,
	const unsigned char **data, size_t *length, struct mr_error *err);

/* Moves on by count bytes, which must have been peeked. */
void mr_input_skip(struct mr_input *input, size_t count);

/* The place of the next byte, counted after gunzip. */
uint64_t mr_input_position(const struct mr_input *input);

/* Whether gzip data were found to end in the middle. */
bool mr_input_truncated(const struct mr_input *input);

/* Bytes read from the file and its length (0: not known), before gunzip. */
void mr_input_progress(const struct mr_input *input, uint64_t *done, uint64_t *length);

/* NULL is fine. */
void mr_input_close(struct mr_input *input);

#endif
