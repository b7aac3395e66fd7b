/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_MEASURED_H
#define MR_REPORT_MEASURED_H

/* What a replay measured, read back from its JSON. */

#include "report/doc.h"

/*
 * Adds a section of facts for each backend in the JSON of 'memreplay replay': its
 * name, how it ended, and every figure of a process.
 *   MR_EFORMAT  it is not such JSON
 */
MR_MUST_CHECK enum mr_status mr_measured_parse(
	struct mr_doc *doc, const char *json, struct mr_error *err);

#endif
