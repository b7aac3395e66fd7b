/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_RESULT_H
#define MR_REPORT_RESULT_H

/* The library's results as sections of a document. */

#include "memreplay/policy.h"
#include "memreplay/result.h"
#include "memreplay/trace.h"
#include "report/doc.h"

/* Begins the section "trace": where it is from and what was read of it. */
void mr_doc_add_trace(
	struct mr_doc *doc, const char *path, const struct mr_reader *reader);

/* The same of a trace that was read before, or elsewhere. */
void mr_doc_add_origin(struct mr_doc *doc, const char *path,
	const struct mr_header *header, const struct mr_reader_summary *summary);

/* Begins the section "policy": its name and every knob. */
void mr_doc_add_policy(struct mr_doc *doc, const struct mr_policy *policy);

/* What results have under policies with a cache limit, but for what is in detail. */
#define MR_CACHE_SECTIONS (MR_SECTION_RESULT | MR_SECTION_LIMITS)

/*
 * Begins a section called name with the metrics of one part of the report,
 * MR_SECTION_RESULT, MR_SECTION_LIMITS or MR_SECTION_DETAIL.
 */
void mr_doc_add_result(struct mr_doc *doc, const char *name, enum mr_section part,
	const struct mr_result *result);

/*
 * Begins the section "result" and what is within it, with the metrics that are
 * of use under the policy.
 */
void mr_doc_add_results(struct mr_doc *doc, const struct mr_policy *policy,
	const struct mr_result *result);

#endif
