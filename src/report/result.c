/* SPDX-License-Identifier: MIT */
#include "report/result.h"

#include "alloc/torchconf.h"

static void
add_number(struct mr_doc *doc, const char *key, enum mr_unit unit, uint64_t number)
{
	switch (unit) {
	case MR_UNIT_COUNT:
	case MR_UNIT_RATIO:
		mr_doc_count(doc, key, number);
		break;
	case MR_UNIT_BYTES:
		mr_doc_bytes(doc, key, number);
		break;
	case MR_UNIT_NS:
		mr_doc_ns(doc, key, number);
		break;
	}
}

void
mr_doc_add_origin(struct mr_doc *doc, const char *path, const struct mr_header *header,
	const struct mr_reader_summary *summary)
{
	mr_doc_begin(doc, "trace", 0);
	mr_doc_text(doc, "file", path);
	mr_doc_text(doc, "format", summary->format);
	mr_doc_text(doc, "source", header->source);
	mr_doc_text(doc, "workload", header->workload);
	mr_doc_count(doc, "events", summary->events);
	mr_doc_flag(doc, "cut", summary->cut);
}

void
mr_doc_add_trace(struct mr_doc *doc, const char *path, const struct mr_reader *reader)
{
	struct mr_reader_summary summary;

	mr_reader_summary(reader, &summary);
	mr_doc_add_origin(doc, path, mr_reader_header(reader), &summary);
}

void
mr_doc_add_policy(struct mr_doc *doc, const struct mr_policy *policy)
{
	char conf[MR_TORCH_CONF_SIZE];
	size_t count;
	const struct mr_knob *knobs = mr_knobs(&count);

	mr_doc_begin(doc, "policy", 0);
	mr_doc_text(doc, "name", mr_policy_name(policy));
	if (mr_policy_is_torch(policy))
		mr_doc_text(doc, "alloc_conf", mr_torch_conf_print(conf, &policy->torch));
	for (size_t i = 0; i < count; i++) {
		uint64_t value = mr_knob_get(&knobs[i], policy);
		const char *choice = mr_knob_choice(&knobs[i], value);

		if (!mr_knob_applies(&knobs[i], policy))
			continue;
		if (knobs[i].unit == MR_UNIT_RATIO)
			mr_doc_ratio(doc, knobs[i].name, value, MR_TORCH_SHARE);
		else if (choice)
			mr_doc_text(doc, knobs[i].name, choice);
		else
			add_number(doc, knobs[i].name, knobs[i].unit, value);
	}
}

void
mr_doc_add_result(struct mr_doc *doc, const char *name, enum mr_section part,
	const struct mr_result *result)
{
	size_t count;
	const struct mr_metric *metrics = mr_detail_metrics(&count);

	mr_doc_begin(doc, name, 0);
	for (size_t i = 0; i < count; i++) {
		const struct mr_metric *metric = &metrics[i];
		uint64_t number = mr_metric_count(metric, result);

		if (!(metric->sections & part))
			continue;
		if (metric->unit == MR_UNIT_RATIO)
			mr_doc_ratio(doc, metric->name, number,
				mr_metric_divisor(metric, result));
		else
			add_number(doc, metric->name, metric->unit, number);
	}
}

void
mr_doc_add_results(struct mr_doc *doc, const struct mr_policy *policy,
	const struct mr_result *result)
{
	if (mr_policy_is_torch(policy)) {
		mr_doc_add_result(doc, "result", MR_SECTION_TORCH, result);
		return;
	}
	mr_doc_add_result(doc, "result", MR_SECTION_RESULT, result);
	mr_doc_add_result(doc, "result.limit_enforcement", MR_SECTION_LIMITS, result);
}
