/* SPDX-License-Identifier: MIT */
#ifndef MR_RECORD_LAUNCH_H
#define MR_RECORD_LAUNCH_H

/*
 * Running a program with the recorder before its libraries, and waiting for it
 * without getting in its way.
 */

#include "memreplay/base.h"
#include "record/spool.h"

/* The two variables that make a process load the recorder and find its spool. */
struct mr_launch_variables {
	char *preload; /* "LD_PRELOAD=..." */
	char *spool;   /* "MEMREPLAY_SPOOL=..." */
};

/*
 * Makes them, keeping what is to be preloaded already (NULL: nothing).
 *   MR_EINVAL  the recorder's path has a blank or colon, which parts libraries
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_launch_variables_make(struct mr_launch_variables *out,
	const char *recorder, const char *spool_path, const char *preloaded,
	struct mr_error *err);
void mr_launch_variables_fini(struct mr_launch_variables *variables);

struct mr_launch_result {
	int exec_errno; /* the program could not be started; 0: it was */
	int status;     /* as waitpid() tells it */
};

/*
 * Runs argv[0], found as a shell would, with environ and the variables, and
 * waits. Meanwhile the keyboard's signals reach the program alone; SIGTERM and
 * SIGHUP are passed on to it. The head is told the process, and how it ended.
 *   MR_EIO, MR_ENOMEM  there is no process to be had
 */
MR_MUST_CHECK enum mr_status mr_launch(struct mr_launch_result *out, char *const *argv,
	const struct mr_launch_variables *variables, struct mr_spool_head *head,
	struct mr_error *err);

#endif
