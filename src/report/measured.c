/* SPDX-License-Identifier: MIT */
#include "report/measured.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/draft.h"
#include "base/error.h"
#include "memreplay/policy.h"
#include "memreplay/replay.h"
#include "trace/jsonvalue.h"

static void
add_text(struct mr_doc *doc, const char *key, const cJSON *value)
{
	const char *text = cJSON_GetStringValue(value);

	if (text)
		mr_doc_text(doc, key, text);
	else
		mr_doc_none(doc, key);
}

/* Which figures are told: of threads there is nothing to tell where there were none. */
static void
find_told(bool told[MR_FIGURE_COUNT], const cJSON *backends)
{
	const cJSON *backend;

	for (int i = 0; i < MR_FIGURE_COUNT; i++) {
		const char *group = mr_figures()[i].group;

		told[i] = !group;
		cJSON_ArrayForEach(backend, backends)
		{
			if (group && cJSON_GetObjectItemCaseSensitive(backend, group))
				told[i] = true;
		}
	}
}

/* All have the same rows, as these will stand side by side. */
static void
add_backend(struct mr_doc *doc, const cJSON *backend, const bool told[MR_FIGURE_COUNT])
{
	const struct mr_figure *figures = mr_figures();

	mr_doc_begin(doc, "backend", 0);
	add_text(doc, "backend", cJSON_GetObjectItemCaseSensitive(backend, "name"));
	add_text(doc, "exit", cJSON_GetObjectItemCaseSensitive(backend, "exit"));
	for (int i = 0; i < MR_FIGURE_COUNT; i++) {
		const struct mr_figure *figure = &figures[i];
		const cJSON *from = figure->group
			? cJSON_GetObjectItemCaseSensitive(backend, figure->group)
			: backend;
		const cJSON *value = cJSON_GetObjectItemCaseSensitive(from, figure->key);

		if (!told[i])
			continue;
		/* counts are whole unless they are medians of two runs */
		if (cJSON_IsNumber(value) && figure->unit == MR_UNIT_COUNT &&
			value->valuedouble >= 0 && value->valuedouble < 1e15 &&
			(double)(uint64_t)value->valuedouble >= value->valuedouble)
			mr_doc_count(doc, figure->name, (uint64_t)value->valuedouble);
		else if (cJSON_IsNumber(value))
			mr_doc_real(doc, figure->name, figure->unit, value->valuedouble);
		else
			mr_doc_none(doc, figure->name);
	}
}

/* --- the command that measured */

static const cJSON *
member(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* Prints an option, if its value is a number or a text that a shell leaves alone. */
static void
print_option(FILE *out, const char *option, const cJSON *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789_./-";
	const char *text =
		cJSON_IsNull(value) ? "unlimited" : cJSON_GetStringValue(value);

	if (cJSON_IsNumber(value))
		fprintf(out, "%s%.0f", option, value->valuedouble);
	else if (text && *text && strspn(text, plain) == strlen(text))
		fprintf(out, "%s%s", option, text);
}

/* The policy, and those of its knobs that are not as it has them by itself. */
static void
print_policy(FILE *out, const cJSON *told)
{
	const char *name = cJSON_GetStringValue(member(told, "name"));
	struct mr_policy policy;
	size_t count;
	const struct mr_knob *knobs = mr_knobs(&count);

	if (!name || mr_policy_init(&policy, name, NULL))
		return;
	mr_policy_resolve(&policy);
	print_option(out, " --policy=", member(told, "name"));
	for (size_t i = 0; i < count; i++) {
		const cJSON *value = member(told, knobs[i].name);
		uint64_t usual = mr_knob_get(&knobs[i], &policy);
		const char *choice = mr_knob_choice(&knobs[i], usual);
		const char *text = cJSON_GetStringValue(value);
		char option[64];

		if (!value || !mr_knob_matters(&knobs[i], &policy) ||
			!strcmp(knobs[i].name, "cache_limit") ||
			(choice && text && !strcmp(choice, text)) ||
			(cJSON_IsNull(value) && usual == MR_UNLIMITED) ||
			(cJSON_IsNumber(value) && value->valuedouble == (double)usual))
			continue;
		snprintf(option, sizeof(option), " --set=%s=", knobs[i].name);
		print_option(out, option, value);
	}
}

static void
print_options(FILE *out, const cJSON *tree)
{
	const cJSON *replay = member(tree, "replay"), *policy = member(tree, "policy");
	const cJSON *first = cJSON_GetArrayItem(member(tree, "backends"), 0), *backend;
	const cJSON *changes = member(
		member(member(first, "result"), "limit_enforcement"), "limit_changes");
	int index = 0;

	print_policy(out, policy);
	if (cJSON_IsNumber(changes))
		print_option(out, " --cache-limit=", member(policy, "cache_limit"));
	/* those of the trace were obeyed */
	if (cJSON_IsNumber(changes) && changes->valuedouble > 0)
		fputs(" --keep-limit-events", out);
	print_option(out, " --touch=", member(replay, "touch"));
	print_option(out, " --timing=", member(replay, "timing"));
	print_option(out, " --runs=", member(replay, "runs"));
	if (member(first, "threads"))
		fputs(" --threads", out);
	/* ours, the C library's, and then those asked for */
	cJSON_ArrayForEach(backend, member(tree, "backends"))
	{
		if (index++ >= 2)
			print_option(out, " --baseline=", member(backend, "name"));
	}
}

static enum mr_status
take_options(struct mr_measured *out, const cJSON *tree, struct mr_error *err)
{
	struct mr_draft draft;
	enum mr_status st = mr_draft_open(&draft, err);

	if (st)
		return st;
	print_options(draft.file, tree);
	st = mr_draft_sync(&draft, err);
	if (!st)
		out->options = mr_draft_take(&draft);
	mr_draft_fini(&draft);
	return st;
}

enum mr_status
mr_measured_parse(struct mr_measured *out, const char *json, struct mr_error *err)
{
	const cJSON *backends, *backend;
	bool told[MR_FIGURE_COUNT];
	cJSON *tree;
	enum mr_status st = mr_json_parse(&tree, json, strlen(json), NULL, err);

	memset(out, 0, sizeof(*out));
	if (st)
		return st;
	backends = member(tree, "backends");
	if (mr_json_whole(&out->events, member(member(tree, "trace"), "events")) &&
		cJSON_IsArray(backends)) {
		find_told(told, backends);
		cJSON_ArrayForEach(backend, backends)
		{
			if (cJSON_IsObject(backend))
				add_backend(&out->backends, backend, told);
		}
	}
	if (out->backends.failed)
		st = mr_fail_memory(err);
	else if (!out->backends.count)
		st = mr_fail(err, MR_EFORMAT,
			"it is not what 'memreplay replay --format=json' prints");
	else
		st = take_options(out, tree, err);
	cJSON_Delete(tree);
	return st;
}

void
mr_measured_fini(struct mr_measured *measured)
{
	mr_doc_fini(&measured->backends);
	free(measured->options);
}
