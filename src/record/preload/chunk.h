/* SPDX-License-Identifier: MIT */
#ifndef MR_PRELOAD_CHUNK_H
#define MR_PRELOAD_CHUNK_H

/*
 * Making room in the spool, one chunk at a time. The file is named, not held
 * open: a descriptor kept in a program can be closed, and its number given to
 * a file of the program's own.
 */

#include "record/spool.h"

/*
 * Maps a new chunk, with its room on the disk secured and its pages present.
 * NULL: recording has been stopped, and why is noted. errno is undefined.
 */
struct mr_chunk *mr_chunk_new(void);

void mr_chunk_unmap(struct mr_chunk *chunk);

/* open(2) and close(2) without being points where a thread can be cancelled. */
int mr_open(const char *path, int flags, unsigned mode);
void mr_close(int fd);

/*
 * Secures size bytes of the file from offset on, so that writing to a mapping
 * of them cannot fail. Returns 0 or an error number.
 */
int mr_secure(int fd, uint64_t offset, uint64_t size);

#endif
