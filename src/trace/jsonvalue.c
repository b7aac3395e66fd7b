/* SPDX-License-Identifier: MIT */
#include "trace/jsonvalue.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/event.h"
#include "trace/jsonscan.h"

/* The range of a number and how to say its upper end. */
struct range {
	double min;
	double max;
	const char *max_text;
};

static const struct range range_u64 = {
	0, (double)MR_JSON_WHOLE_MAX, "JSON numbers above 2^53 are not exact"};
static const struct range range_u32 = {0, UINT32_MAX, "expected at most 4294967295"};
static const struct range range_i32 = {
	INT32_MIN, INT32_MAX, "expected at most 2147483647"};

enum mr_status
mr_json_parse(cJSON **tree, const char *text, size_t length, const char **end,
	struct mr_error *err)
{
	errno = 0; /* nothing in the parser sets it to ENOMEM but malloc */
	*tree = cJSON_ParseWithLengthOpts(text, length, end, 0);
	return !*tree && errno == ENOMEM ? mr_fail_memory(err) : MR_OK;
}

bool
mr_json_add(cJSON *to, const char *key, cJSON *item)
{
	if (key ? cJSON_AddItemToObject(to, key, item) : cJSON_AddItemToArray(to, item))
		return true;
	cJSON_Delete(item);
	return false;
}

enum mr_status
mr_object_parse(cJSON **tree, const struct mr_object *object, struct mr_error *err)
{
	const char *end = object->text + object->length;
	const char *at = NULL;

	if (mr_json_parse(tree, object->text, object->length, &at, err))
		return MR_ENOMEM;
	while (*tree && at < end && mr_json_space(*at))
		at++;
	if (*tree && at == end && cJSON_IsObject(*tree))
		return MR_OK;
	if (*tree && at == end) {
		mr_fail(err, MR_EFORMAT, "expected a JSON object");
	} else {
		mr_fail(err, MR_EFORMAT, "not valid JSON, at character %zu",
			(size_t)(at - object->text) + 1);
	}
	cJSON_Delete(*tree);
	*tree = NULL;
	return MR_EFORMAT;
}

static bool
find_raw(struct mr_member *raw, const cJSON *item, const struct mr_object *object)
{
	return mr_member_find(object->text, object->length, item->string, raw);
}

/* Fails with '"key" problem: raw value (hint)'. */
static enum mr_status
refuse(const cJSON *item, const struct mr_object *object, const char *problem,
	const char *hint, struct mr_error *err)
{
	char text[MR_QUOTE_SIZE] = "?";
	struct mr_member raw;

	if (find_raw(&raw, item, object))
		mr_text_quote(text, raw.value, raw.value_length);
	return mr_fail(err, MR_EFORMAT, "\"%s\" %s: %s%s%s%s", item->string, problem,
		text, hint ? " (" : "", hint ? hint : "", hint ? ")" : "");
}

/* Whether the text of a number whose double is 2^53 is exactly that. */
static bool
is_exact_maximum(const cJSON *item, const struct mr_object *object)
{
	static const char digits[] = "9007199254740992";
	struct mr_member raw;

	return find_raw(&raw, item, object) && raw.value_length == sizeof(digits) - 1 &&
		!memcmp(raw.value, digits, sizeof(digits) - 1);
}

static enum mr_status
check_whole(const cJSON *item, const struct mr_object *object, const struct range *range,
	struct mr_error *err)
{
	double value = item->valuedouble;

	if (!cJSON_IsNumber(item))
		return refuse(item, object, "is not a number", NULL, err);
	if (value < range->min)
		return refuse(item, object,
			range->min < 0 ? "is too small" : "is negative", NULL, err);
	if (value > range->max)
		return refuse(item, object, "is too large", range->max_text, err);
	if (value == (double)MR_JSON_WHOLE_MAX && !is_exact_maximum(item, object))
		return refuse(item, object, "is too large", range->max_text, err);
	if (value != (double)(int64_t)value)
		return refuse(item, object, "is not a whole number", NULL, err);
	return MR_OK;
}

bool
mr_json_whole(uint64_t *out, const cJSON *item)
{
	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) ||
		item->valuedouble > (double)MR_JSON_WHOLE_MAX)
		return false;
	*out = (uint64_t)item->valuedouble;
	return (double)*out >= item->valuedouble;
}

enum mr_status
mr_value_u64(uint64_t *out, const cJSON *item, const struct mr_object *object,
	struct mr_error *err)
{
	enum mr_status st = check_whole(item, object, &range_u64, err);

	if (!st)
		*out = (uint64_t)item->valuedouble;
	return st;
}

enum mr_status
mr_value_limit(uint64_t *out, const cJSON *item, const struct mr_object *object,
	struct mr_error *err)
{
	if (!cJSON_IsNull(item))
		return mr_value_u64(out, item, object, err);
	*out = MR_UNLIMITED;
	return MR_OK;
}

enum mr_status
mr_value_u32(uint32_t *out, const cJSON *item, const struct mr_object *object,
	struct mr_error *err)
{
	enum mr_status st = check_whole(item, object, &range_u32, err);

	if (!st)
		*out = (uint32_t)item->valuedouble;
	return st;
}

enum mr_status
mr_value_i32(int32_t *out, const cJSON *item, const struct mr_object *object,
	struct mr_error *err)
{
	enum mr_status st = check_whole(item, object, &range_i32, err);

	if (!st)
		*out = (int32_t)item->valuedouble;
	return st;
}
