/* SPDX-License-Identifier: MIT */
#include "report/measured.h"

#include <string.h>

#include <cjson/cJSON.h>

#include "base/error.h"
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

static void
add_backend(struct mr_doc *doc, const cJSON *backend)
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

		/* of threads there is nothing to tell where there were none */
		if (!from)
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

enum mr_status
mr_measured_parse(struct mr_doc *doc, const char *json, struct mr_error *err)
{
	const cJSON *backends, *backend;
	size_t count = 0;
	cJSON *tree;
	enum mr_status st = mr_json_parse(&tree, json, strlen(json), NULL, err);

	if (st)
		return st;
	backends = cJSON_GetObjectItemCaseSensitive(tree, "backends");
	if (cJSON_IsArray(backends)) {
		cJSON_ArrayForEach(backend, backends)
		{
			if (cJSON_IsObject(backend)) {
				add_backend(doc, backend);
				count++;
			}
		}
	}
	cJSON_Delete(tree);
	if (doc->failed)
		return mr_fail_memory(err);
	return count ? MR_OK
		     : mr_fail(err, MR_EFORMAT,
			       "it is not what 'memreplay replay --format=json' prints");
}
