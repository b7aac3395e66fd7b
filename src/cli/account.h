/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_ACCOUNT_H
#define MR_CLI_ACCOUNT_H

/* What sweeping a trace, or a part of that, came to: exact, and small enough to send. */

#include "fleet/packet.h"
#include "memreplay/sweep.h"

struct mr_account {
	struct mr_header header;          /* without json */
	struct mr_reader_summary summary; /* format, events and cut */
	struct mr_sweep_summary sweep;    /* events and resolution */
	struct mr_result today;           /* at the limit that the trace itself sets */
	struct mr_point *points;
	size_t count;
	char *texts; /* that the above point into */
};

void mr_account_put(struct mr_packet *packet, const struct mr_account *account);

/*
 * Takes an account out of a packet; *out is to be given to mr_account_fini() in any
 * case. False: there is none.
 */
bool mr_account_get(struct mr_packet *packet, struct mr_account *out);

void mr_account_fini(struct mr_account *account);

#endif
