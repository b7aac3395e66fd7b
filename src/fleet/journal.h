/* SPDX-License-Identifier: MIT */
#ifndef MR_FLEET_JOURNAL_H
#define MR_FLEET_JOURNAL_H

/*
 * Results kept in a file as they come, so that a run that was ended before it was
 * done can be taken up again. A result is found by its key only, which says all that
 * it depends on.
 *
 * The file begins with a line that names it and its version. Then come records: two
 * numbers of 4 bytes, the lowest byte first, namely the length of what follows and
 * its CRC-32; then a packet of two texts, key and result. Records are only appended.
 * What a killed writer or a full disk left at the end is cut off.
 */

#include "fleet/packet.h"
#include "memreplay/base.h"

struct mr_journal;

/*
 * Opens the journal at path, or makes one, and reads it. It is this process's alone
 * until it is closed. *lost: bytes that were cut off, from the first wrong record on.
 *   MR_EIO      it cannot be opened, read or written, or another process has it
 *   MR_EFORMAT  it is something else, or a journal of another version
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_journal_open(
	struct mr_journal **out, const char *path, uint64_t *lost, struct mr_error *err);

/* The result that was kept under a key when the journal was opened. False: none. */
bool mr_journal_find(
	const struct mr_journal *journal, const char *key, struct mr_packet *result);

/* Appends a result. MR_EIO, MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_journal_add(struct mr_journal *journal, const char *key,
	const struct mr_packet *result, struct mr_error *err);

/* NULL is fine. */
void mr_journal_close(struct mr_journal *journal);

#endif
