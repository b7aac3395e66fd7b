/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_LIST_H
#define MR_CLI_LIST_H

/*
 * The operands TRACE..., of which "@LIST" stands for the paths in the file LIST
 * ("@-": standard input), one a line, relative to the working directory. Blank lines
 * and those that begin with "#" are passed over.
 */

#include <stddef.h>

struct mr_list {
	char **items; /* ended by NULL */
	size_t count;
};

/*
 * Makes the list of all paths; *out is to be given to mr_list_fini() in any case.
 * Returns an exit status, having said what failed.
 */
int mr_list_make(struct mr_list *out, char **operands);

void mr_list_fini(struct mr_list *list);

#endif
