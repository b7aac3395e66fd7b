/* SPDX-License-Identifier: MIT */
#include "report/detail.h"

static void
add_phase(struct mr_doc *doc, const struct mr_phase *phase)
{
	const struct mr_result *own = &phase->result;

	mr_doc_text(doc, "name", phase->name);
	mr_doc_count(doc, "marks", phase->marks);
	mr_doc_count(doc, "entries", phase->entries);
	mr_doc_count(doc, "first_event", phase->first_event);
	mr_doc_count(doc, "events", own->events);
	mr_doc_count(doc, "mallocs", own->mallocs);
	mr_doc_ratio(doc, "hit_rate", own->hits, own->mallocs);
	mr_doc_ratio(doc, "byte_hit_rate", own->hit_bytes, own->requested_bytes);
	mr_doc_count(doc, "misses_by_limit", own->misses_by_limit);
	mr_doc_count(doc, "rejected_frees", own->rejected_frees);
	mr_doc_bytes(doc, "peak_active_bytes", own->peak_active_bytes);
	mr_doc_bytes(doc, "peak_cached_bytes", own->peak_cached_bytes);
	mr_doc_bytes(doc, "inherited_bytes", phase->inherited_bytes);
	mr_doc_bytes(doc, "inherited_idle_bytes", phase->inherited_idle_bytes);
}

void
mr_doc_add_phases(struct mr_doc *doc, const struct mr_phase *phases, size_t count)
{
	if (!count || (count == 1 && !*phases->name))
		return;
	mr_doc_begin(doc, "phases", 14);
	for (size_t i = 0; i < count; i++)
		add_phase(doc, &phases[i]);
}

void
mr_doc_add_histogram(
	struct mr_doc *doc, const struct mr_detail_bucket buckets[MR_DETAIL_BUCKETS])
{
	mr_doc_begin(doc, "cached_at_peak", 3);
	for (size_t i = 1; i < MR_DETAIL_BUCKETS; i++) {
		if (!buckets[i].blocks)
			continue;
		mr_doc_bytes(doc, "capacity_from", UINT64_C(1) << (i - 1));
		mr_doc_count(doc, "blocks", buckets[i].blocks);
		mr_doc_bytes(doc, "bytes", buckets[i].bytes);
	}
}
