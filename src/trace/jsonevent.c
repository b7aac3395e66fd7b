/* SPDX-License-Identifier: MIT */
#include "trace/jsonevent.h"

#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/event.h"
#include "trace/jsonscan.h"

/* The rows of mr_fields, by name; find_field() rests on their order. */
enum row {
	ID,
	SIZE,
	CAP,
	HIT,
	BYTES,
	ACTIVE,
	CACHED,
	PEAK,
	NAME,
	T,
	TID,
	ALIGN,
	STREAM,
	DEVICE,
	OP, /* no field: the key "op" */
	NONE
};
_Static_assert(OP == MR_FIELD_COUNT, "one row for each field");

static enum row
pick(const char *key, enum row a, enum row b)
{
	if (!strcmp(key, mr_fields[a].name))
		return a;
	return !strcmp(key, mr_fields[b].name) ? b : NONE;
}

/* No first letter is shared by more than two keys. */
static enum row
find_row(const char *key)
{
	switch (key[0]) {
	case 'a':
		return pick(key, ACTIVE, ALIGN);
	case 'b':
		return pick(key, BYTES, BYTES);
	case 'c':
		return pick(key, CAP, CACHED);
	case 'd':
		return pick(key, DEVICE, DEVICE);
	case 'h':
		return pick(key, HIT, HIT);
	case 'i':
		return pick(key, ID, ID);
	case 'n':
		return pick(key, NAME, NAME);
	case 'o':
		return !strcmp(key, "op") ? OP : NONE;
	case 'p':
		return pick(key, PEAK, PEAK);
	case 's':
		return pick(key, SIZE, STREAM);
	case 't':
		return pick(key, T, TID);
	default:
		return NONE;
	}
}

static enum mr_status
find_op(uint8_t *op, const cJSON *item, struct mr_error *err)
{
	char text[MR_QUOTE_SIZE];

	if (!item)
		return mr_fail(err, MR_EFORMAT, "the event has no \"op\"");
	if (!cJSON_IsString(item))
		return mr_fail(err, MR_EFORMAT, "\"op\" is not a string");
	for (uint8_t i = 0; i < MR_OP_COUNT; i++) {
		if (!strcmp(item->valuestring, mr_op_names[i])) {
			*op = i;
			return MR_OK;
		}
	}
	return mr_fail(err, MR_EFORMAT, "unknown op \"%s\"",
		mr_text_quote(text, item->valuestring, strlen(item->valuestring)));
}

static enum mr_status
get_bool(bool *out, const cJSON *item, struct mr_error *err)
{
	if (!cJSON_IsBool(item) &&
		!(cJSON_IsNumber(item) &&
			(item->valuedouble == 0 || item->valuedouble == 1)))
		return mr_fail(err, MR_EFORMAT, "\"%s\" is not 0, 1, true or false",
			item->string);
	*out = cJSON_IsTrue(item) || (cJSON_IsNumber(item) && item->valuedouble == 1);
	return MR_OK;
}

/* Whether the text of a string holds the escape of NUL. */
static bool
escapes_nul(const struct mr_member *raw)
{
	for (size_t i = 0; i + 6 <= raw->value_length; i++) {
		if (raw->value[i] != '\\')
			continue;
		i++;
		if (!memcmp(raw->value + i, "u0000", 5))
			return true;
	}
	return false;
}

static enum mr_status
get_text(struct mr_event *event, const cJSON *item, const struct mr_object *object,
	struct mr_error *err)
{
	struct mr_member raw;

	if (!cJSON_IsString(item))
		return mr_fail(err, MR_EFORMAT, "\"%s\" is not a string", item->string);
	/* where the key itself is escaped, a NUL anywhere */
	if (!mr_member_find(object->text, object->length, item->string, &raw))
		raw = (struct mr_member){
			.value = object->text, .value_length = object->length};
	/* cJSON ends the string there and says nothing */
	if (escapes_nul(&raw))
		return mr_fail(err, MR_EFORMAT, "\"%s\" holds a NUL", item->string);
	event->name = item->valuestring;
	event->name_length = strlen(item->valuestring);
	return MR_OK;
}

static enum mr_status
get_field(struct mr_event *event, const struct mr_field *field, const cJSON *item,
	const struct mr_object *object, struct mr_error *err)
{
	void *to = (char *)event + field->offset;

	switch (field->kind) {
	case MR_FIELD_U64:
		return mr_value_u64(to, item, object, err);
	case MR_FIELD_LIMIT:
		return mr_value_limit(to, item, object, err);
	case MR_FIELD_U32:
		return mr_value_u32(to, item, object, err);
	case MR_FIELD_I32:
		return mr_value_i32(to, item, object, err);
	case MR_FIELD_BOOL:
		return get_bool(to, item, err);
	case MR_FIELD_TEXT:
		break;
	}
	return get_text(event, item, object, err);
}

/* The members whose keys we know, in one pass, NULL where missing. */
static enum mr_status
sort_members(const cJSON *item[NONE], const cJSON *tree, struct mr_error *err)
{
	const cJSON *child;

	cJSON_ArrayForEach(child, tree)
	{
		enum row row = find_row(child->string);

		if (row == NONE)
			continue;
		if (item[row])
			return mr_fail(err, MR_EFORMAT,
				"\"%s\" stands twice in one event", child->string);
		item[row] = child;
	}
	return MR_OK;
}

static enum mr_status
fill_event(struct mr_event *event, const cJSON *tree, const struct mr_object *object,
	struct mr_error *err)
{
	const cJSON *item[NONE] = {NULL};
	enum mr_status st;

	st = sort_members(item, tree, err);
	if (!st)
		st = find_op(&event->op, item[OP], err);
	event->has = 0;
	for (size_t row = 0; !st && row < MR_FIELD_COUNT; row++) {
		const struct mr_field *field = &mr_fields[row];

		if (!(field->ops >> event->op & 1))
			continue;
		if (item[row]) {
			event->has |= field->has;
			st = get_field(event, field, item[row], object, err);
		} else if (!field->has) {
			st = mr_fail(err, MR_EFORMAT, "%s without \"%s\"",
				mr_op_names[event->op], field->name);
		}
	}
	return st;
}

enum mr_status
mr_json_event(struct mr_event *event, cJSON **held, const struct mr_object *object,
	struct mr_error *err)
{
	enum mr_status st;

	st = mr_object_parse(held, object, err);
	if (st)
		return st;
	st = fill_event(event, *held, object, err);
	if (st || event->op != MR_OP_MARK) {
		cJSON_Delete(*held);
		*held = NULL;
	}
	return st;
}

static char *
put_text(char *to, const char *text)
{
	size_t length = strlen(text);

	memcpy(to, text, length);
	return to + length;
}

static char *
put_number(char *to, uint64_t value)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value);
	memcpy(to, digits + at, sizeof(digits) - at);
	return to + sizeof(digits) - at;
}

static enum mr_status
put_u64(char **to, const struct mr_field *field, uint64_t value, struct mr_error *err)
{
	if (value > MR_JSON_WHOLE_MAX)
		return mr_fail(err, MR_EFORMAT,
			"\"%s\" is above 2^53, which JSON cannot hold exactly",
			field->name);
	*to = put_number(*to, value);
	return MR_OK;
}

static enum mr_status
put_name(char **to, const struct mr_event *event, struct mr_error *err)
{
	cJSON name = {.type = cJSON_String};
	char *quoted;

	name.valuestring = (char *)event->name; /* only read when printing */
	quoted = cJSON_PrintUnformatted(&name);
	if (!quoted)
		return mr_fail_memory(err);
	*to = put_text(*to, quoted);
	cJSON_free(quoted);
	return MR_OK;
}

static enum mr_status
put_field(char **to, const struct mr_field *field, const struct mr_event *event,
	struct mr_error *err)
{
	const void *from = (const char *)event + field->offset;
	int64_t number;

	switch (field->kind) {
	case MR_FIELD_LIMIT:
		if (*(const uint64_t *)from == MR_UNLIMITED) {
			*to = put_text(*to, "null");
			return MR_OK;
		}
		return put_u64(to, field, *(const uint64_t *)from, err);
	case MR_FIELD_U64:
		return put_u64(to, field, *(const uint64_t *)from, err);
	case MR_FIELD_U32:
		*to = put_number(*to, *(const uint32_t *)from);
		return MR_OK;
	case MR_FIELD_I32:
		number = *(const int32_t *)from;
		if (number < 0)
			*to = put_text(*to, "-");
		*to = put_number(*to, (uint64_t)(number < 0 ? -number : number));
		return MR_OK;
	case MR_FIELD_BOOL:
		*to = put_number(*to, *(const bool *)from);
		return MR_OK;
	case MR_FIELD_TEXT:
		break;
	}
	return put_name(to, event, err);
}

enum mr_status
mr_json_event_print(
	char *text, size_t *length, const struct mr_event *event, struct mr_error *err)
{
	enum mr_status st = MR_OK;
	char *to = text;

	to = put_text(put_text(to, "{\"op\":\""), mr_op_names[event->op]);
	to = put_text(to, "\"");
	for (size_t row = 0; !st && row < MR_FIELD_COUNT; row++) {
		const struct mr_field *field = &mr_fields[row];

		if (!(field->ops >> event->op & 1) ||
			(field->has && !(event->has & field->has)))
			continue;
		to = put_text(put_text(to, ",\""), field->name);
		to = put_text(to, "\":");
		st = put_field(&to, field, event, err);
	}
	to = put_text(to, "}\n");
	*length = (size_t)(to - text);
	return st;
}
