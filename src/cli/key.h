/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_KEY_H
#define MR_CLI_KEY_H

/*
 * What a unit of work is called in a journal: all that its result depends on, as text.
 * A trace is its path, size and time of change; a policy is what the options say, for
 * the rest of it is in the trace.
 */

#include <sys/stat.h>

#include "cli/piece.h"

/*
 * The key of one group of limits under one variant (texts and count: what is varied
 * there; none if all variants go together). NULL: no memory. The caller frees it.
 */
char *mr_key_make(const struct mr_method *method, const char *path,
	const struct stat *about, const char *const *varied, size_t count, size_t group);

#endif
