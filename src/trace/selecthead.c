/* SPDX-License-Identifier: MIT */

/* The header and the end mark of a part of a trace. */

#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/error.h"
#include "trace/header.h"
#include "trace/jsonvalue.h"
#include "trace/select.h"

static bool
add_limit(cJSON *object, const char *key, bool has, uint64_t bytes)
{
	if (!has)
		return true;
	return bytes == MR_UNLIMITED
		? cJSON_AddNullToObject(object, key) != NULL
		: cJSON_AddNumberToObject(object, key, (double)bytes) != NULL;
}

/* Copies an "import" object's numbers and flags, which name nobody. */
static bool
add_figures(cJSON *object, const cJSON *import)
{
	const cJSON *item;
	cJSON *copy;

	if (!cJSON_IsObject(import))
		return true;
	copy = cJSON_AddObjectToObject(object, "import");
	cJSON_ArrayForEach(item, import)
	{
		cJSON *figure;

		if (!cJSON_IsNumber(item) && !cJSON_IsBool(item))
			continue;
		figure = cJSON_Duplicate(item, 0);
		if (!mr_json_add(copy, item->string, figure))
			return false;
	}
	return copy != NULL;
}

static cJSON *
stripped(const struct mr_header *header, const cJSON *tree)
{
	const cJSON *import = cJSON_GetObjectItemCaseSensitive(tree, "import");
	cJSON *object = cJSON_CreateObject();

	if (object &&
		add_limit(object, "cache_limit", header->has_cache_limit,
			header->cache_limit) &&
		add_limit(object, "memory_limit", header->has_memory_limit,
			header->memory_limit) &&
		add_limit(
			object, "page_size", header->has_page_size, header->page_size) &&
		add_figures(object, import))
		return object;
	cJSON_Delete(object);
	return NULL;
}

/* The array "tools" of tree, with more texts, as JSON text. */
static char *
print_tools(const cJSON *tree, const char *const *tools)
{
	const cJSON *old = cJSON_GetObjectItemCaseSensitive(tree, "tools");
	cJSON *array = cJSON_IsArray(old) ? cJSON_Duplicate(old, 1) : cJSON_CreateArray();
	bool good = array != NULL;
	char *text = NULL;

	for (; good && *tools; tools++)
		good = mr_json_add(array, NULL, cJSON_CreateString(*tools));
	if (good)
		text = cJSON_PrintUnformatted(array);
	cJSON_Delete(array);
	return text;
}

enum mr_status
mr_select_header(char **out, const struct mr_header *header,
	const struct mr_select_options *options, const char *const *tools,
	struct mr_error *err)
{
	cJSON *tree = cJSON_Parse(header->json), *object = NULL;
	enum mr_status st = MR_OK;
	char *text = NULL;

	*out = NULL;
	if (tree && options->strip) {
		object = stripped(header, tree);
		text = object ? cJSON_PrintUnformatted(object) : NULL;
		*out = text ? strdup(text) : NULL;
	} else if (tree) {
		text = print_tools(tree, tools);
		if (text)
			st = mr_header_set(out, header->json, "tools", text, err);
	}
	if (!st && !*out)
		st = mr_fail_memory(err);
	cJSON_free(text);
	cJSON_Delete(object);
	cJSON_Delete(tree);
	return st;
}

enum mr_status
mr_select_trailer(char **out, const char *trailer_json, struct mr_error *err)
{
	cJSON *tree, *object = NULL;
	enum mr_status st =
		mr_json_parse(&tree, trailer_json, strlen(trailer_json), NULL, err);
	const cJSON *import = cJSON_GetObjectItemCaseSensitive(tree, "import");
	char *text = NULL;

	*out = NULL;
	if (cJSON_IsObject(import)) {
		object = cJSON_CreateObject();
		if (object && add_figures(object, import))
			text = cJSON_PrintUnformatted(object);
		*out = text ? strdup(text) : NULL;
		if (!*out)
			st = mr_fail_memory(err);
	}
	cJSON_free(text);
	cJSON_Delete(object);
	cJSON_Delete(tree);
	return st;
}
