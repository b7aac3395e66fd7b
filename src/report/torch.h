/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_TORCH_H
#define MR_REPORT_TORCH_H

/* What the torch policies have to tell, as sections of a document. */

#include "report/doc.h"
#include "sim/torchload.h"
#include "sim/torchstudy.h"
#include "sim/torchverify.h"

/* Begins the sections "trace" and, where one was recorded, "recording". */
void mr_doc_add_torch_case(
	struct mr_doc *doc, const char *path, const struct mr_torch_case *of);

/* Begins the section "start": where a run begins, and what that means. */
void mr_doc_add_torch_start(
	struct mr_doc *doc, enum mr_torch_start start, const struct mr_torch_case *of);

/* Begins the sections of a verdict: result, and the first difference if asked for. */
void mr_doc_add_torch_verdict(struct mr_doc *doc, const struct mr_torch_verdict *verdict,
	const struct mr_torch_case *of, bool first);

/* Begins the sections that tell why memory ran out, if it did. */
void mr_doc_add_torch_shortage(struct mr_doc *doc, const struct mr_torch_whatif *whatif,
	const struct mr_torch_case *of);

/* Begins the section "timeline": memory from time to time, and its fragmentation. */
void mr_doc_add_torch_timeline(struct mr_doc *doc, const struct mr_torch_whatif *whatif);

/*
 * Why a recording can differ from the rules: the reasons that hold here, so many,
 * in texts of the caller's.
 */
#define MR_TORCH_REASONS     6
#define MR_TORCH_REASON_SIZE 160
size_t mr_torch_reasons(char texts[MR_TORCH_REASONS][MR_TORCH_REASON_SIZE],
	const struct mr_torch_case *of, const struct mr_policy *policy);

#endif
