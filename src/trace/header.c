/* SPDX-License-Identifier: MIT */
#include "trace/header.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/event.h"
#include "trace/jsonscan.h"
#include "trace/jsonvalue.h"

enum key {
	FORMAT,
	VERSION,
	TIME_UNIT,
	SOURCE,
	WORKLOAD,
	CACHE_LIMIT,
	MEMORY_LIMIT,
	PAGE_SIZE
};

static const char *const key_names[] = {
	[FORMAT] = "format",
	[VERSION] = "version",
	[TIME_UNIT] = "time_unit",
	[SOURCE] = "source",
	[WORKLOAD] = "workload",
	[CACHE_LIMIT] = "cache_limit",
	[MEMORY_LIMIT] = "memory_limit",
	[PAGE_SIZE] = "page_size",
};
#define KEY_COUNT (sizeof(key_names) / sizeof(key_names[0]))

/* The known members of a header, NULL where missing, and its text. */
struct known {
	const cJSON *item[KEY_COUNT];
	struct mr_object object;
};

static enum mr_status
find_known(struct known *known, const cJSON *tree, struct mr_error *err)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, tree)
	{
		for (size_t key = 0; key < KEY_COUNT; key++) {
			if (strcmp(item->string, key_names[key]) != 0)
				continue;
			if (known->item[key])
				return mr_fail(err, MR_EFORMAT,
					"\"%s\" stands twice in the header",
					key_names[key]);
			known->item[key] = item;
		}
	}
	return MR_OK;
}

static enum mr_status
get_text(const char **out, const cJSON *item, struct mr_error *err)
{
	*out = "";
	if (!item)
		return MR_OK;
	if (!cJSON_IsString(item))
		return mr_fail(err, MR_EFORMAT, "\"%s\" is not a string", item->string);
	*out = item->valuestring;
	return MR_OK;
}

static enum mr_status
get_limit(bool *has, uint64_t *out, const cJSON *item, const struct mr_object *object,
	struct mr_error *err)
{
	*has = item != NULL;
	return item ? mr_value_limit(out, item, object, err) : MR_OK;
}

static enum mr_status
get_numbers(struct mr_header *header, const struct known *known, struct mr_error *err)
{
	const struct mr_object *object = &known->object;
	const cJSON *page = known->item[PAGE_SIZE];
	enum mr_status st;

	st = get_limit(&header->has_cache_limit, &header->cache_limit,
		known->item[CACHE_LIMIT], object, err);
	if (st)
		return st;
	st = get_limit(&header->has_memory_limit, &header->memory_limit,
		known->item[MEMORY_LIMIT], object, err);
	if (st)
		return st;
	header->has_page_size = page != NULL;
	return page ? mr_value_u64(&header->page_size, page, object, err) : MR_OK;
}

static enum mr_status
check_format(struct mr_header_store *store, const struct known *known, bool partial,
	struct mr_error *err)
{
	const cJSON *item = known->item[FORMAT];
	char text[MR_QUOTE_SIZE];

	store->has_format = store->has_format || item;
	if (!item && !partial && !store->has_format)
		return mr_fail(err, MR_EFORMAT,
			"no \"format\" in the header, expected \"" MR_TRACE_FORMAT "\"");
	if (!item)
		return MR_OK;
	if (!cJSON_IsString(item))
		return mr_fail(err, MR_EFORMAT,
			"\"format\" is not a string, expected \"" MR_TRACE_FORMAT "\"");
	if (strcmp(item->valuestring, MR_TRACE_FORMAT) != 0)
		return mr_fail(err, MR_EFORMAT,
			"format is \"%s\", expected \"" MR_TRACE_FORMAT "\"",
			mr_text_quote(
				text, item->valuestring, strlen(item->valuestring)));
	return MR_OK;
}

static enum mr_status
check_version(struct mr_header_store *store, const struct known *known, bool partial,
	struct mr_error *err)
{
	const cJSON *item = known->item[VERSION];
	uint64_t version;
	enum mr_status st;

	store->has_version = store->has_version || item;
	if (!item && !partial && !store->has_version)
		return mr_fail(err, MR_EFORMAT,
			"no \"version\" in the header, expected %d", MR_TRACE_VERSION);
	if (!item)
		return MR_OK;
	st = mr_value_u64(&version, item, &known->object, err);
	if (st)
		return st;
	if (version > MR_TRACE_VERSION)
		return mr_fail(err, MR_EFORMAT,
			"version %" PRIu64 " is newer than this program reads (%d)",
			version, MR_TRACE_VERSION);
	if (version < 1)
		return mr_fail(err, MR_EFORMAT, "version 0 does not exist, expected %d",
			MR_TRACE_VERSION);
	return MR_OK;
}

static enum mr_status
check_time_unit(const struct known *known, struct mr_error *err)
{
	const cJSON *item = known->item[TIME_UNIT];

	if (item && (!cJSON_IsString(item) || strcmp(item->valuestring, "ns") != 0))
		return mr_fail(err, MR_EFORMAT, "\"time_unit\" is not \"ns\"");
	return MR_OK;
}

/* Copies JSON without the white space between its tokens. */
static enum mr_status
compact(char **out, const char *text, size_t length, struct mr_error *err)
{
	bool in_string = false, escaped = false;
	size_t used = 0;
	char *copy;

	*out = copy = malloc(length + 1);
	if (!copy)
		return mr_fail_memory(err);
	for (size_t i = 0; i < length; i++) {
		char c = text[i];

		if (!in_string && mr_json_space(c))
			continue;
		if ((unsigned char)c < 0x20)
			return mr_fail(err, MR_EFORMAT,
				"not valid JSON: control character 0x%02x in the header",
				(unsigned)c);
		if (c == '"' && !escaped)
			in_string = !in_string;
		escaped = in_string && c == '\\' && !escaped;
		copy[used++] = c;
	}
	copy[used] = '\0';
	return MR_OK;
}

enum mr_status
mr_header_parse(struct mr_header_store *store, const char *text, size_t length,
	bool partial, struct mr_error *err)
{
	struct known known = {.object = {text, length}};
	enum mr_status st;

	if ((st = mr_object_parse(&store->tree, &known.object, err)) ||
		(st = compact(&store->json, text, length, err)) ||
		(st = find_known(&known, store->tree, err)) ||
		(st = check_format(store, &known, partial, err)) ||
		(st = check_version(store, &known, partial, err)) ||
		(st = check_time_unit(&known, err)) ||
		(st = get_text(&store->header.source, known.item[SOURCE], err)) ||
		(st = get_text(&store->header.workload, known.item[WORKLOAD], err)))
		return st;
	store->header.json = store->json;
	return get_numbers(&store->header, &known, err);
}

/* What decides how events are read must be known before them. */
static enum mr_status
refuse_late(const struct known *known, struct mr_error *err)
{
	static const enum key early[] = {
		TIME_UNIT, SOURCE, WORKLOAD, CACHE_LIMIT, MEMORY_LIMIT, PAGE_SIZE};

	for (size_t i = 0; i < sizeof(early) / sizeof(early[0]); i++)
		if (known->item[early[i]])
			return mr_fail(err, MR_EFORMAT,
				"\"%s\" stands behind \"events\", must stand before",
				key_names[early[i]]);
	return MR_OK;
}

enum mr_status
mr_header_parse_tail(struct mr_header_store *store, const char *text, size_t length,
	struct mr_error *err)
{
	struct known known = {.object = {text, length}};
	const char *twice;
	cJSON *tree = NULL;
	enum mr_status st;

	if ((st = mr_object_parse(&tree, &known.object, err)) ||
		(st = find_known(&known, tree, err)) || (st = refuse_late(&known, err)))
		goto out;
	twice = cJSON_GetObjectItemCaseSensitive(tree, "events") ? "events"
		: store->has_format && known.item[FORMAT]        ? "format"
		: store->has_version && known.item[VERSION]      ? "version"
								 : NULL;
	if (twice) {
		st = mr_fail(
			err, MR_EFORMAT, "\"%s\" stands twice in the document", twice);
		goto out;
	}
	st = check_format(store, &known, false, err);
	if (!st)
		st = check_version(store, &known, false, err);
out:
	cJSON_Delete(tree);
	return st;
}

void
mr_header_fini(struct mr_header_store *store)
{
	cJSON_Delete(store->tree);
	free(store->json);
	memset(store, 0, sizeof(*store));
}

/* Whether a member's key is one of two, which the caller writes itself. */
static bool
is_key(const struct mr_member *member, const char *a, const char *b)
{
	return (member->key_length == strlen(a) &&
		       !memcmp(member->key, a, member->key_length)) ||
		(member->key_length == strlen(b) &&
			!memcmp(member->key, b, member->key_length));
}

/* Makes "{first,rest}" with what json has beyond the keys a and b. */
static enum mr_status
rewrite(char **out, const char *json, const char *first, const char *const keys[2],
	struct mr_error *err)
{
	struct mr_object object = {json, strlen(json)};
	struct mr_member member;
	char *text = NULL, *result, *put;
	const char *at, *end;
	cJSON *tree = NULL;
	enum mr_status st;

	*out = NULL;
	if ((st = mr_object_parse(&tree, &object, err)) ||
		(st = compact(&text, json, object.length, err))) {
		if (st == MR_EFORMAT)
			st = mr_fail(err, MR_EINVAL, "the text is not a JSON object");
		goto out;
	}
	result = malloc(strlen(text) + strlen(first) + sizeof("{,}"));
	if (!result) {
		st = mr_fail_memory(err);
		goto out;
	}
	put = stpcpy(stpcpy(result, "{"), first);
	at = text + 1;
	end = text + strlen(text);
	while (mr_member_next(&at, end, &member)) {
		const char *begin = member.key - 1;

		if (is_key(&member, keys[0], keys[1]))
			continue;
		*put++ = ',';
		put = mempcpy(put, begin, (size_t)(at - begin));
	}
	stpcpy(put, "}");
	*out = result;
out:
	free(text);
	cJSON_Delete(tree);
	return st;
}

enum mr_status
mr_header_print(char **out, const char *json, struct mr_error *err)
{
	static const char *const keys[] = {"format", "version"};
	char first[64];

	snprintf(first, sizeof(first),
		"\"format\":\"" MR_TRACE_FORMAT "\",\"version\":%d", MR_TRACE_VERSION);
	return rewrite(out, json, first, keys, err);
}

enum mr_status
mr_trailer_print(char **out, const char *json, uint64_t events, struct mr_error *err)
{
	static const char *const keys[] = {"events", "events"};
	char first[64];

	snprintf(first, sizeof(first), "\"events\":%" PRIu64, events);
	return rewrite(out, json ? json : "{}", first, keys, err);
}

enum mr_status
mr_header_set(char **out, const char *json, const char *key, const char *value,
	struct mr_error *err)
{
	const char *const keys[] = {key, key};
	enum mr_status st;
	char *first;

	*out = NULL;
	first = malloc(strlen(key) + strlen(value) + sizeof("\"\":"));
	if (!first)
		return mr_fail_memory(err);
	stpcpy(stpcpy(stpcpy(stpcpy(first, "\""), key), "\":"), value);
	st = rewrite(out, json, first, keys, err);
	free(first);
	return st;
}
