/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_RECORDED_H
#define MR_CLI_RECORDED_H

/* Finishing what a recording has left, and saying what came of it. */

#include <stdbool.h>

/*
 * Finishes the spool of the recorded program and those of its children that
 * have ended, says on standard error what each trace holds and lacks, and
 * removes the spools. command names the program, for messages; NULL: whatever
 * the spool says. Returns an exit status: failed if the program's own trace
 * did not come about.
 */
int mr_recorded_finish(const char *spool_path, const char *command);

/*
 * The same for a user's file: a trace that was never finished, or its spool.
 */
int mr_recorded_finish_named(const char *path);

#endif
