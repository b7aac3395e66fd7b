/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_DETAIL_H
#define MR_REPORT_DETAIL_H

/* A detailed simulation's phases and histogram as sections of a document. */

#include "memreplay/detail.h"
#include "report/doc.h"

/* Adds the section "phases", a row each; nothing if there are no marks. */
void mr_doc_add_phases(struct mr_doc *doc, const struct mr_phase *phases, size_t count);

/* Adds the section "cached_at_peak", a row for each bucket that is not empty. */
void mr_doc_add_histogram(
	struct mr_doc *doc, const struct mr_detail_bucket buckets[MR_DETAIL_BUCKETS]);

#endif
