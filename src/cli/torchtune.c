/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alloc/torchconf.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/torch.h"
#include "report/torch.h"

/* What is tried where --alloc-conf does not say what to try. */
static const char *const usual[] = {
	"",
	"expandable_segments:True",
	"max_split_size_mb:64",
	"max_split_size_mb:128",
	"max_split_size_mb:512",
	"roundup_power2_divisions:4",
	"roundup_power2_divisions:8",
	"roundup_power2_divisions:16",
};
#define USUAL (sizeof(usual) / sizeof(usual[0]))

#define CHOICES (MR_TEXTS_MAX + USUAL + 1)

/* The settings tried; the first are those that the trace was recorded under. */
struct choices {
	const struct mr_torch_call *call;
	size_t count;
	struct mr_torch_study studies[CHOICES];
	size_t best;
};

static bool
is_tried(const struct choices *choices, const struct mr_torch_settings *settings)
{
	for (size_t i = 0; i < choices->count; i++)
		if (!memcmp(&choices->studies[i].settings, settings, sizeof(*settings)))
			return true;
	return false;
}

static enum mr_status
add_choice(struct choices *choices, const struct mr_torch_case *of, const char *conf,
	struct mr_error *err)
{
	const struct mr_torch_call *call = choices->call;
	struct mr_policy policy;
	enum mr_status st = mr_torch_policy(&policy, call, of, conf, of == NULL, err);

	if (call->device_memory.given)
		policy.memory = call->device_memory.value;
	mr_policy_resolve(&policy);
	if (st || is_tried(choices, &policy.torch))
		return st;
	choices->studies[choices->count++].settings = policy.torch;
	return MR_OK;
}

/* Lists what to try. of NULL: only to check the options. */
static enum mr_status
list_choices(
	struct choices *choices, const struct mr_torch_case *of, struct mr_error *err)
{
	const struct mr_texts *confs = &choices->call->policy->confs;
	enum mr_status st;

	choices->count = 0;
	st = add_choice(choices, of, NULL, err);
	for (size_t i = 0; i < confs->count && !st; i++)
		st = add_choice(choices, of, confs->items[i], err);
	for (size_t i = 0; i < USUAL && !st && !confs->count; i++)
		st = add_choice(choices, of, usual[i], err);
	return st;
}

/* Why settings are known to run away; NULL: they are not. */
static const char *
runs_away(const struct mr_torch_settings *settings)
{
	if (settings->expandable && settings->max_split_size != MR_UNLIMITED)
		return "a segment that grows is soon too large to be split";
	if (settings->max_split_size == settings->large_segment)
		return "a free segment is then too large to serve what it is for";
	return NULL;
}

/* Whether a is the better choice: it fits, with fewer retries, on less. */
static bool
is_better(const struct mr_torch_study *a, const struct mr_torch_study *b)
{
	const struct mr_result *one = &a->whatif.result, *other = &b->whatif.result;

	if (one->ooms != other->ooms)
		return one->ooms < other->ooms;
	if (!one->ooms && one->retries != other->retries)
		return one->retries < other->retries;
	return a->smallest.bytes < b->smallest.bytes;
}

/* Today's settings stay where they serve as well as any on this device. */
static void
choose(struct choices *choices)
{
	const struct mr_result *today = &choices->studies[0].whatif.result;

	choices->best = 0;
	if (choices->call->device_memory.given && !today->ooms && !today->retries)
		return;
	for (size_t i = 1; i < choices->count; i++)
		if (!runs_away(&choices->studies[i].settings) &&
			is_better(&choices->studies[i], &choices->studies[choices->best]))
			choices->best = i;
}

/* --- showing */

static void
add_margin(struct mr_doc *doc, const struct mr_torch_study *study)
{
	uint64_t memory = study->settings.memory, need = study->smallest.bytes;

	if (memory == MR_UNLIMITED || need > memory)
		mr_doc_none(doc, "margin_bytes");
	else
		mr_doc_bytes(doc, "margin_bytes", memory - need);
}

static void
add_smallest(struct mr_doc *doc, const struct mr_torch_study *study)
{
	if (study->smallest.bytes == MR_UNLIMITED)
		mr_doc_none(doc, "smallest_device_bytes");
	else
		mr_doc_bytes(doc, "smallest_device_bytes", study->smallest.bytes);
}

static void
add_recommendation(struct mr_doc *doc, const struct choices *choices)
{
	const struct mr_torch_study *best = &choices->studies[choices->best];
	char conf[MR_TORCH_CONF_SIZE], line[MR_TORCH_CONF_SIZE + 64];

	mr_torch_conf_print(conf, &best->settings);
	mr_doc_begin(doc, "recommendation", 0);
	mr_doc_text(doc, "alloc_conf", conf);
	if (choices->best == 0)
		snprintf(line, sizeof(line), "the settings stay as they are");
	else
		snprintf(line, sizeof(line), "export PYTORCH_CUDA_ALLOC_CONF=%s%s%s",
			strpbrk(conf, "[>") ? "'" : "", conf,
			strpbrk(conf, "[>") ? "'" : "");
	mr_doc_text(doc, "export", line);
	if (choices->call->device_memory.given) {
		mr_doc_bytes(doc, "device_memory_bytes", best->settings.memory);
		mr_doc_flag(doc, "fits", !best->whatif.result.ooms);
		mr_doc_count(doc, "retries", best->whatif.result.retries);
	}
	add_smallest(doc, best);
	add_margin(doc, best);
	mr_doc_bytes(
		doc, "peak_reserved_bytes", best->endless.result.peak_reserved_bytes);
	mr_doc_bytes(
		doc, "peak_allocated_bytes", best->endless.result.peak_allocated_bytes);
}

static void
add_points(struct mr_doc *doc, const struct choices *choices)
{
	char conf[MR_TORCH_CONF_SIZE];

	mr_doc_begin(doc, "points", 13);
	for (size_t i = 0; i < choices->count; i++) {
		const struct mr_torch_study *study = &choices->studies[i];
		const struct mr_result *result = &study->endless.result;

		mr_doc_text(
			doc, "alloc_conf", mr_torch_conf_print(conf, &study->settings));
		mr_doc_text(doc, "choice",
			i == choices->best ? "recommended"
				: i        ? ""
					   : "today");
		mr_doc_flag(doc, "fits", !study->whatif.result.ooms);
		mr_doc_count(doc, "retries", study->whatif.result.retries);
		add_smallest(doc, study);
		add_margin(doc, study);
		mr_torch_add_peaks(doc, study, result);
		mr_doc_count(doc, "probes_fit_below", study->smallest.fits_below);
		mr_doc_count(doc, "probes_fail_above", study->smallest.fails_above);
	}
}

/* Settings that are known to run away, with what they do here. */
static void
warn(const struct choices *choices)
{
	uint64_t today = choices->studies[0].endless.result.peak_reserved_bytes;

	for (size_t i = 0; i < choices->count; i++) {
		const struct mr_torch_study *study = &choices->studies[i];
		const struct mr_torch_settings *settings = &study->settings;
		uint64_t peak = study->endless.result.peak_reserved_bytes;
		char conf[MR_TORCH_CONF_SIZE], text[MR_TEXT_SIZE], other[MR_TEXT_SIZE];
		const char *why = runs_away(settings);

		if (why)
			mr_say("%s is known to run away, for %s: here it reserves %s at "
			       "most, today's settings %s",
				mr_torch_conf_print(conf, settings), why,
				mr_size_print(text, peak), mr_size_print(other, today));
	}
}

static int
print(const struct choices *choices, const struct mr_torch_case *of)
{
	const struct mr_torch_call *call = choices->call;
	const struct mr_torch_study *best = &choices->studies[choices->best];
	struct mr_doc doc = {0};
	int status;

	add_recommendation(&doc, choices);
	mr_doc_add_torch_case(&doc, call->path, of);
	mr_doc_add_torch_start(&doc, call->start, of);
	add_points(&doc, choices);
	mr_doc_add_torch_shortage(&doc, &best->whatif, of);
	status = mr_print_doc(&doc, call->format);
	mr_doc_fini(&doc);
	return status;
}

/* --- what is expected */

#define MOST_METRICS 128

/* The result of the run, and behind it what tune says of the device. */
struct answer {
	struct mr_result result;
	uint64_t fits, smallest_device_bytes, margin_bytes;
};

static const struct mr_metric own_metrics[] = {
	{.name = "fits", .unit = MR_UNIT_COUNT, .offset = offsetof(struct answer, fits)},
	{.name = "smallest_device_bytes",
		.unit = MR_UNIT_BYTES,
		.offset = offsetof(struct answer, smallest_device_bytes)},
	{.name = "margin_bytes",
		.unit = MR_UNIT_BYTES,
		.offset = offsetof(struct answer, margin_bytes)},
};

struct expected {
	struct mr_metric metrics[MOST_METRICS];
	struct mr_expects expects;
};

static enum mr_status
parse_expected(
	struct expected *out, const struct mr_torch_call *call, struct mr_error *err)
{
	const size_t own = sizeof(own_metrics) / sizeof(own_metrics[0]);
	size_t count;
	const struct mr_metric *metrics = mr_metrics(&count);

	memcpy(out->metrics, metrics, count * sizeof(*metrics));
	memcpy(out->metrics + count, own_metrics, sizeof(own_metrics));
	return mr_expects_parse_on(&out->expects, call->expect, out->metrics, count + own,
		MR_SECTION_TORCH, err);
}

static int
check_expected(const struct expected *expected, const struct mr_torch_study *study)
{
	uint64_t memory = study->settings.memory, need = study->smallest.bytes;
	const struct answer answer = {
		.result = study->whatif.result,
		.fits = !study->whatif.result.ooms,
		.smallest_device_bytes = need,
		.margin_bytes = memory == MR_UNLIMITED ? memory
			: need > memory                ? 0
						       : memory - need,
	};

	return mr_expects_check(&expected->expects, NULL,
		(const struct mr_result *)(const void *)&answer);
}

int
mr_torch_run_tune(const struct mr_torch_call *call)
{
	struct mr_torch_case of = {0};
	struct choices choices = {.call = call};
	struct expected expected;
	struct mr_error err;
	int status = MR_EXIT_DONE;

	if (parse_expected(&expected, call, &err) || list_choices(&choices, NULL, &err))
		return mr_say_refusal(call->command, &err);
	status = mr_torch_read(&of, call);
	if (!status && list_choices(&choices, &of, &err))
		status = mr_say_error(call->path, &err);
	if (!status)
		status = mr_torch_study(choices.studies, choices.count, &of, call,
			MR_STUDY_SPREAD | MR_STUDY_ENDLESS | MR_STUDY_SMALLEST);
	if (!status) {
		choose(&choices);
		warn(&choices);
		status = print(&choices, &of);
	}
	if (!status)
		status = check_expected(&expected, &choices.studies[choices.best]);
	mr_torch_case_fini(&of);
	return status;
}
