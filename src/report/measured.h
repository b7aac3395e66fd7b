/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_MEASURED_H
#define MR_REPORT_MEASURED_H

/* What a replay measured, read back from its JSON. */

#include "report/doc.h"

struct mr_measured {
	/* of each backend a section: its name, how it ended, every figure of a process */
	struct mr_doc backends;
	uint64_t events; /* of the trace */
	/* what the command took beside the trace, as far as it is told: for a shell, each
	   with a blank before it */
	char *options;
};

/*
 * Reads the JSON of 'memreplay replay'. *out is the caller's in any case, for
 * mr_measured_fini().
 *   MR_EFORMAT  it is not such JSON
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_measured_parse(
	struct mr_measured *out, const char *json, struct mr_error *err);

/* One of zeros is fine. */
void mr_measured_fini(struct mr_measured *measured);

#endif
