/* SPDX-License-Identifier: MIT */
#ifndef MR_DRAFT_H
#define MR_DRAFT_H

/*
 * Text in memory that is printed to as a FILE. A stream of open_memstream() drops
 * what it finds no memory for and does not remember; that of a draft does.
 */

#include <stddef.h>
#include <stdio.h>

#include "memreplay/base.h"

struct mr_draft {
	FILE *file;    /* what is printed here ... */
	char *text;    /* ... is found here after mr_draft_sync(), and a NUL */
	size_t length; /* without the NUL */
	size_t space;
};

/* Opens an empty draft, which must not move in memory from here on. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_draft_open(struct mr_draft *draft, struct mr_error *err);

/* Brings the text up to date. MR_ENOMEM: a part of it was lost, now or before. */
MR_MUST_CHECK enum mr_status mr_draft_sync(struct mr_draft *draft, struct mr_error *err);

/* The text, which is the caller's from here on, to be given to free(). */
char *mr_draft_take(struct mr_draft *draft);

/* Closes it; one of zeros, or one that could not be opened, too. */
void mr_draft_fini(struct mr_draft *draft);

#endif
