/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_SAVING_H
#define MR_CLI_SAVING_H

/*
 * A file that is written at the end of long work: it can be created, or the work
 * does not begin; it takes its name when it is complete; and an interrupted
 * program leaves nothing of it.
 */

#include "cli/message.h"
#include "trace/output.h"

struct mr_saving {
	const char *path;
	struct mr_output *output; /* NULL: nothing is to be saved */
};

/* Creates it. Returns an exit status, having said what failed. */
int mr_saving_open(struct mr_saving *saving, const char *path);

/* Writes all of it and gives it its name. Returns an exit status. */
int mr_saving_finish(struct mr_saving *saving, const void *data, size_t length);

/* Removes what is not finished; one that is not open is fine. */
void mr_saving_abort(struct mr_saving *saving);

#endif
