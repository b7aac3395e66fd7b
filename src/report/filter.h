/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_FILTER_H
#define MR_REPORT_FILTER_H

/* Another program as a filter: text in, bytes out. No shell is involved. */

#include <stdbool.h>
#include <stddef.h>

#include "memreplay/base.h"

struct mr_filter {
	char *output; /* all of its standard output, NUL-terminated */
	size_t length;
	char complaint[256]; /* the beginning of its standard error */
	int status;          /* exit status; 128 + the signal that ended it */
};

/*
 * Looks for argv[0] in PATH and runs it with argv (ended by NULL), input on its
 * standard input, and the environment given. *out is the caller's, to be given
 * to mr_filter_fini() also on failure.
 *   MR_EINVAL  there is no such program
 *   MR_EIO     it could not be run, or its output not be read
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_filter_run(struct mr_filter *out, const char *const *argv,
	const char *input, char *const *environment, struct mr_error *err);

void mr_filter_fini(struct mr_filter *filter);

#endif
