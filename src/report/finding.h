/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_FINDING_H
#define MR_REPORT_FINDING_H

/* Findings: as sentences for people, or as rows of a document. */

#include <stdio.h>

#include "memreplay/diagnose.h"
#include "report/doc.h"

/* Prints the section "findings" in 80 columns, with what to set below each. */
void mr_findings_print(const struct mr_finding *findings, size_t count, FILE *out);

/* Adds the section "findings", a row each. */
void mr_doc_add_findings(
	struct mr_doc *doc, const struct mr_finding *findings, size_t count);

#endif
