/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_SHARE_H
#define MR_CLI_SHARE_H

/*
 * Sweeping many traces: the work is parted into units, which are carried out and put
 * together again, whoever did them.
 */

#include "cli/list.h"
#include "cli/piece.h"

/* --fail-fast, --resume */
struct mr_share_options {
	bool fail_fast;
	const char *resume; /* NULL: keep nothing */
};
extern const struct mr_option_group mr_share_group;

/* What a trace came to. */
struct mr_swept {
	const char *path;
	int status;                /* an exit status; if 0: */
	struct mr_account account; /* points come variant by variant */
};

struct mr_share {
	const struct mr_transport *transport; /* NULL: there are no other processes */
	struct mr_swept *traces;              /* in the order of the traces */
	size_t count;
	size_t failed;
	struct mr_list list;
};

/*
 * Finds out which traces the operands name, and meets the processes that mpirun
 * started beside this one; *out is to be given to mr_share_fini() in any case. Returns
 * an exit status, having said what failed.
 */
int mr_share_begin(struct mr_share *out, char **operands);

/* Whether this process only works for another, which has the traces and prints. */
bool mr_share_follows(const struct mr_share *share);

/*
 * Sweeps all of them, with those other processes. Returns an exit status, having said
 * what failed. There is something to show if fewer failed than there are; all count as
 * failed if --fail-fast ended it.
 */
int mr_share_run(struct mr_share *share, const struct mr_method *method,
	const struct mr_share_options *options);

void mr_share_fini(struct mr_share *share);

#endif
