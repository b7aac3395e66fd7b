/* SPDX-License-Identifier: MIT */
#include "report/torch.h"

#include <inttypes.h>
#include <stdio.h>

#include "base/units.h"

static void
bytes_or_none(struct mr_doc *doc, const char *key, uint64_t bytes)
{
	if (bytes == MR_UNLIMITED)
		mr_doc_none(doc, key);
	else
		mr_doc_bytes(doc, key, bytes);
}

void
mr_doc_add_torch_case(
	struct mr_doc *doc, const char *path, const struct mr_torch_case *of)
{
	const struct mr_torch_script *script = &of->script;
	uint64_t bytes = 0;

	mr_doc_begin(doc, "trace", 0);
	mr_doc_text(doc, "file", path);
	mr_doc_count(doc, "events", script->event_count);
	mr_doc_count(doc, "streams", script->streams);
	if (of->older_bytes)
		mr_doc_bytes(doc, "older_bytes", of->older_bytes);
	if (!of->snapshot)
		return;
	for (size_t i = 0; i < script->older_count; i++)
		bytes += script->older[i].part.requested;
	mr_doc_begin(doc, "recording", 0);
	mr_doc_count(doc, "device", of->device);
	mr_doc_flag(doc, "settings_known", of->settings_known);
	mr_doc_bytes(doc, "peak_reserved_bytes", script->peak_reserved);
	mr_doc_count(doc, "segment_events", script->device_count);
	mr_doc_count(doc, "retries", script->retries);
	mr_doc_count(doc, "ooms", script->refused);
	mr_doc_count(doc, "empty_cache_calls", script->empties);
	mr_doc_count(doc, "older_segments", script->segment_count);
	mr_doc_count(doc, "older_blocks", script->older_count);
	mr_doc_bytes(doc, "older_bytes", bytes);
	mr_doc_count(doc, "strange_events", script->strange);
}

void
mr_doc_add_torch_start(
	struct mr_doc *doc, enum mr_torch_start start, const struct mr_torch_case *of)
{
	bool seeded = start == MR_TORCH_SEEDED;
	const char *means;

	if (of->older_bytes)
		means = "the bytes older than the trace, of which nothing more is known, "
			"are taken from the device and in no other figure";
	else if (seeded)
		means = of->script.segment_count
			? "this run goes on: it begins with the segments and blocks that "
			  "were there"
			: "this run goes on: nothing was there before it";
	else
		means = of->script.older_count
			? "a run from scratch: the older blocks are asked for first, "
			  "lowest address first"
			: "a run from scratch: there are no older blocks";
	mr_doc_begin(doc, "start", 0);
	mr_doc_text(doc, "name", seeded ? "seeded" : "rebuilt");
	mr_doc_text(doc, "means", means);
}

/* --- verify */

static void
add_difference(struct mr_doc *doc, const struct mr_torch_verdict *verdict)
{
	const struct mr_torch_difference *first = &verdict->first;

	mr_doc_begin(doc, "result.first_difference", 0);
	if (!verdict->differs) {
		mr_doc_none(doc, "event");
		mr_doc_none(doc, "field");
		mr_doc_none(doc, "at");
		mr_doc_none(doc, "recorded");
		mr_doc_none(doc, "given");
		return;
	}
	if (first->event)
		mr_doc_count(doc, "event", first->event);
	else
		mr_doc_none(doc, "event");
	mr_doc_text(doc, "field", first->field);
	mr_doc_count(doc, "at", first->at);
	if (first->recorded == MR_UNLIMITED)
		mr_doc_none(doc, "recorded");
	else
		mr_doc_count(doc, "recorded", first->recorded);
	if (first->given == MR_UNLIMITED)
		mr_doc_none(doc, "given");
	else
		mr_doc_count(doc, "given", first->given);
}

void
mr_doc_add_torch_verdict(struct mr_doc *doc, const struct mr_torch_verdict *verdict,
	const struct mr_torch_case *of, bool first)
{
	bool ran_out = of->script.device_below != MR_UNLIMITED;

	mr_doc_begin(doc, "result", 0);
	mr_doc_flag(doc, "exact", !verdict->differs);
	mr_doc_count(doc, "differences",
		verdict->alloc_differences + verdict->device_differences +
			verdict->oom_differences + verdict->block_differences);
	mr_doc_count(doc, "addresses_checked", verdict->allocs);
	mr_doc_count(doc, "address_differences", verdict->alloc_differences);
	mr_doc_count(doc, "segment_events_checked", verdict->devices);
	mr_doc_count(doc, "segment_event_differences", verdict->device_differences);
	mr_doc_count(doc, "final_blocks_checked", verdict->blocks);
	mr_doc_count(doc, "final_block_differences", verdict->block_differences);
	mr_doc_count(doc, "ooms_checked", verdict->ooms);
	mr_doc_count(doc, "oom_differences", verdict->oom_differences);
	mr_doc_count(doc, "retries", verdict->retries);
	bytes_or_none(doc, "device_bytes", verdict->memory);
	bytes_or_none(doc, "device_from_bytes",
		ran_out ? of->script.peak_reserved : MR_UNLIMITED);
	bytes_or_none(doc, "device_below_bytes", of->script.device_below);
	if (first || verdict->differs)
		add_difference(doc, verdict);
}

static void
put_reason(char texts[MR_TORCH_REASONS][MR_TORCH_REASON_SIZE], size_t *count, bool holds,
	const char *text)
{
	if (holds && *count < MR_TORCH_REASONS)
		snprintf(texts[(*count)++], MR_TORCH_REASON_SIZE, "%s", text);
}

size_t
mr_torch_reasons(char texts[MR_TORCH_REASONS][MR_TORCH_REASON_SIZE],
	const struct mr_torch_case *of, const struct mr_policy *policy)
{
	const struct mr_torch_script *script = &of->script;
	size_t count = 0;

	put_reason(texts, &count, !of->settings_known,
		"the snapshot does not say its settings: give them with --alloc-conf");
	put_reason(texts, &count,
		!of->settings_known && policy->kind == MR_POLICY_TORCH_CUDA &&
			of->recording.settings.expandable,
		"torch_npu writes such snapshots: try --policy=torch-npu");
	put_reason(texts, &count, script->strange > 0,
		"some events do not fit the others: events were lost, or are of another "
		"allocator");
	put_reason(texts, &count, script->streams > 1,
		"several streams: no recording with ground truth has held these rules");
	put_reason(texts, &count, script->private_pools,
		"private pools: when a graph gives its pool back is not recorded");
	put_reason(texts, &count, script->retries || script->refused,
		"memory ran out: the device may be larger than the most that was "
		"reserved; try --set memory=");
	return count;
}

/* --- out of memory */

static void
add_holders(struct mr_doc *doc, const struct mr_torch_shortage *shortage)
{
	size_t count = shortage->holder_count < MR_TORCH_HOLDERS ? shortage->holder_count
								 : MR_TORCH_HOLDERS;

	mr_doc_begin(doc, "shortage.fragments", 8);
	for (size_t i = 0; i < count; i++) {
		const struct mr_torch_holder *holder = &shortage->holders[i];
		char address[24];

		snprintf(address, sizeof(address), "0x%" PRIx64, holder->addr);
		mr_doc_text(doc, "address", address);
		mr_doc_text(doc, "pool", holder->small ? "small" : "large");
		mr_doc_count(doc, "stream", holder->stream);
		mr_doc_bytes(doc, "segment_bytes", holder->size);
		mr_doc_bytes(doc, "unused_bytes", holder->unused);
		mr_doc_bytes(doc, "largest_free_bytes", holder->largest);
		mr_doc_count(doc, "live_blocks", holder->live_blocks);
		mr_doc_bytes(doc, "live_bytes", holder->live_bytes);
	}
}

void
mr_doc_add_torch_shortage(struct mr_doc *doc, const struct mr_torch_whatif *whatif,
	const struct mr_torch_case *of)
{
	const struct mr_torch_shortage *shortage = &whatif->shortage;
	char place[MR_TORCH_PLACE_SIZE] = "";

	if (!whatif->result.ooms)
		return;
	if (!whatif->oom_before)
		mr_torch_case_place(place, of, whatif->oom_index);
	mr_doc_begin(doc, "shortage", 0);
	if (whatif->oom_before)
		mr_doc_none(doc, "event");
	else
		mr_doc_count(doc, "event", whatif->result.oom_event);
	mr_doc_flag(doc, "before_first_event", whatif->oom_before);
	mr_doc_bytes(doc, "requested_bytes", shortage->oom.requested);
	mr_doc_bytes(doc, "rounded_bytes", shortage->oom.size);
	mr_doc_bytes(doc, "segment_bytes", shortage->oom.segment);
	mr_doc_count(doc, "stream", shortage->oom.stream);
	bytes_or_none(doc, "device_free_bytes", shortage->oom.device_free);
	mr_doc_bytes(doc, "reserved_bytes", shortage->oom.reserved);
	mr_doc_bytes(doc, "allocated_bytes", shortage->oom.allocated);
	mr_doc_bytes(doc, "unused_bytes", shortage->unused);
	mr_doc_bytes(doc, "unused_in_pool_bytes", shortage->unused_here);
	mr_doc_bytes(doc, "largest_free_bytes", shortage->largest);
	mr_doc_count(doc, "segments_with_unused", shortage->holder_count);
	if (*place)
		mr_doc_text(doc, "asked_for_by", place);
	else
		mr_doc_none(doc, "asked_for_by");
	add_holders(doc, shortage);
}

void
mr_doc_add_torch_timeline(struct mr_doc *doc, const struct mr_torch_whatif *whatif)
{
	mr_doc_begin(doc, "timeline", 6);
	for (size_t i = 0; i < whatif->sample_count; i++) {
		const struct mr_torch_sample *sample = &whatif->samples[i];

		mr_doc_count(doc, "event", sample->event);
		mr_doc_bytes(doc, "reserved_bytes", sample->reserved);
		mr_doc_bytes(doc, "allocated_bytes", sample->allocated);
		mr_doc_bytes(doc, "requested_bytes", sample->requested);
		mr_doc_ratio(doc, "fragmentation", sample->reserved - sample->allocated,
			sample->reserved);
		mr_doc_bytes(doc, "peak_reserved_bytes", sample->peak_reserved);
	}
}
