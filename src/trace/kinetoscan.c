/* SPDX-License-Identifier: MIT */
#include "trace/kinetoscan.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "trace/jsonvalue.h"

#define NS_PER_US  1000
#define TIME_MAX   INT64_C(4000000000000000000) /* ns */
#define HASH_BEGIN UINT64_C(0xcbf29ce484222325) /* FNV-1a */
#define HASH_PRIME UINT64_C(0x100000001b3)

/* Names of c10::DeviceType by number. */
static const char *const type_names[] = {"cpu", "cuda", "mkldnn", "opengl", "opencl",
	"ideep", "hip", "fpga", "maia", "xla", "vulkan", "metal", "xpu", "mps", "meta",
	"hpu", "ve", "lazy", "ipu", "mtia", "privateuseone"};
#define TYPE_COUNT ((int64_t)(sizeof(type_names) / sizeof(type_names[0])))

static bool
contains(const char *text, size_t length, const char *what)
{
	return memmem(text, length, what, strlen(what)) != NULL;
}

bool
mr_kineto_probe(const unsigned char *data, size_t length)
{
	static const char *const keys[] = {"\"traceEvents\"", "\"schemaVersion\"",
		"\"deviceProperties\"", "\"displayTimeUnit\"", "\"baseTimeNanoseconds\""};
	const char *text = (const char *)data;
	size_t at = 0;

	while (at < length && mr_json_space(text[at]))
		at++;
	if (at == length || contains(text, length, "\"alloc-trace\""))
		return false;
	if (text[at] == '[')
		return contains(text, length, "\"ph\"") ||
			contains(text, length, "\"name\"");
	for (size_t i = 0; text[at] == '{' && i < sizeof(keys) / sizeof(keys[0]); i++)
		if (contains(text, length, keys[i]))
			return true;
	return false;
}

char *
mr_kineto_device_name(
	char text[MR_KINETO_NAME_SIZE], const struct mr_kineto_device *device)
{
	char type[32];

	if (device->type >= 0 && device->type < TYPE_COUNT)
		snprintf(type, sizeof(type), "%s", type_names[device->type]);
	else
		snprintf(type, sizeof(type), "type%" PRId64, device->type);
	if (device->id < 0)
		snprintf(text, MR_KINETO_NAME_SIZE, "%s", type);
	else
		snprintf(text, MR_KINETO_NAME_SIZE, "%.20s:%" PRId64, type, device->id);
	return text;
}

/* --- one event */

/* A whole number with a sign, exactly as it is written. */
static bool
parse_whole(const struct mr_member *member, int64_t *out)
{
	const char *at = member->value, *end = at + member->value_length;
	bool negative = at < end && *at == '-';
	uint64_t value = 0;

	at += negative;
	if (at == end)
		return false;
	for (; at < end; at++)
		if (*at < '0' || *at > '9' || __builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
			return false;
	/* addresses may use all 64 bits; they are kept as they are */
	*out = negative ? (int64_t)(0 - value) : (int64_t)value;
	return !negative || value <= (uint64_t)INT64_MAX + 1;
}

/* Microseconds with up to three digits behind a point, in ns. */
static bool
parse_time(const struct mr_member *member, int64_t *ns)
{
	const char *point = memchr(member->value, '.', member->value_length);
	struct mr_member whole = *member;
	int64_t us, scale = NS_PER_US / 10;
	bool negative = *member->value == '-';

	if (point)
		whole.value_length = (size_t)(point - member->value);
	if (!parse_whole(&whole, &us) || us > TIME_MAX / NS_PER_US ||
		us < -(TIME_MAX / NS_PER_US))
		return false;
	*ns = us * NS_PER_US;
	for (const char *at = point ? point + 1 : NULL;
		at && at < member->value + member->value_length; at++) {
		if (*at < '0' || *at > '9')
			return false;
		*ns += negative ? -(*at - '0') * scale : (*at - '0') * scale;
		scale /= 10;
	}
	return true;
}

enum { DEVICE_TYPE, DEVICE_ID, BYTES, ADDRESS, TOTAL, RESERVED, ARG_COUNT };

static const char *const arg_names[ARG_COUNT] = {[DEVICE_TYPE] = "Device Type",
	[DEVICE_ID] = "Device Id",
	[BYTES] = "Bytes",
	[ADDRESS] = "Addr",
	[TOTAL] = "Total Allocated",
	[RESERVED] = "Total Reserved"};

/* The numbers in an event's "args"; those that are missing are not in has. */
static enum mr_status
parse_args(const struct mr_member *args, int64_t numbers[ARG_COUNT], bool has[ARG_COUNT],
	struct mr_error *err)
{
	char text[MR_QUOTE_SIZE];
	struct mr_member member;

	for (size_t i = 0; i < ARG_COUNT; i++) {
		has[i] = mr_member_find(
			args->value, args->value_length, arg_names[i], &member);
		if (has[i] && !parse_whole(&member, &numbers[i]))
			return mr_fail(err, MR_EFORMAT,
				"\"%s\" is not a whole number of 64 bits: %s",
				arg_names[i],
				mr_text_quote(text, member.value, member.value_length));
		if (!has[i] && i <= BYTES)
			return mr_fail(err, MR_EFORMAT, "a memory event without \"%s\"",
				arg_names[i]);
	}
	if (numbers[BYTES] == INT64_MIN)
		return mr_fail(err, MR_EFORMAT, "\"Bytes\" is below -2^63 + 1");
	return MR_OK;
}

/* The index of a device, which is new if need be. */
static enum mr_status
find_device(struct mr_kineto *kineto, struct mr_spool_record *record, int64_t type,
	int64_t id, struct mr_error *err)
{
	size_t i = 0;

	while (i < kineto->device_count &&
		(kineto->devices[i].type != type || kineto->devices[i].id != id))
		i++;
	if (i == MR_KINETO_DEVICES)
		return mr_fail(err, MR_EFORMAT, "over %d devices", MR_KINETO_DEVICES);
	if (i == kineto->device_count)
		kineto->devices[kineto->device_count++] =
			(struct mr_kineto_device){.type = type, .id = id};
	kineto->devices[i].events++;
	record->device = (uint16_t)i;
	return MR_OK;
}

/* Numbers the thread, which is a number or a name. */
static enum mr_status
find_thread(struct mr_kineto *kineto, struct mr_spool_record *record,
	const struct mr_member *tid, struct mr_error *err)
{
	uint64_t hash = HASH_BEGIN;

	for (size_t i = 0; i < tid->value_length; i++)
		hash = (hash ^ (unsigned char)tid->value[i]) * HASH_PRIME;
	if (mr_slots_find(&kineto->threads, &record->tid, hash))
		return MR_OK;
	return mr_slots_add(&kineto->threads, &record->tid, hash, err);
}

static enum mr_status
parse_event(struct mr_kineto *kineto, const char *text, size_t length, uint16_t oom,
	struct mr_error *err)
{
	struct mr_spool_record record = {.has = oom};
	int64_t numbers[ARG_COUNT] = {0};
	struct mr_member ts, tid, args;
	bool has[ARG_COUNT];
	enum mr_status st;

	if (!mr_member_find(text, length, "ts", &ts) || !parse_time(&ts, &record.time_ns))
		return mr_fail(err, MR_EFORMAT,
			"a memory event without \"ts\", a time in microseconds");
	if (!mr_member_find(text, length, "args", &args) || *args.value != '{')
		return mr_fail(err, MR_EFORMAT, "a memory event without \"args\"");
	if ((st = parse_args(&args, numbers, has, err)) ||
		(st = find_device(
			 kineto, &record, numbers[DEVICE_TYPE], numbers[DEVICE_ID], err)))
		return st;
	if (mr_member_find(text, length, "tid", &tid) &&
		(st = find_thread(kineto, &record, &tid, err)))
		return st;
	record.bytes = numbers[BYTES];
	record.address = (uint64_t)numbers[ADDRESS];
	record.total = (uint64_t)numbers[TOTAL];
	record.reserved = (uint64_t)numbers[RESERVED];
	record.has |= (uint16_t)((has[ADDRESS] ? MR_RECORD_ADDRESS : 0) |
		(has[TOTAL] ? MR_RECORD_TOTAL : 0) |
		(has[RESERVED] ? MR_RECORD_RESERVED : 0));
	return mr_spool_put(kineto->spool, &record, err);
}

static bool
is_name(const struct mr_member *name, const char *text)
{
	return name->value_length == strlen(text) &&
		!memcmp(name->value, text, name->value_length);
}

/* Takes in one element of the list, if it is a memory event. */
static enum mr_status
take_element(
	struct mr_kineto *kineto, const char *text, size_t length, struct mr_error *err)
{
	struct mr_object object = {text, length};
	struct mr_member name;
	cJSON *tree = NULL;
	uint16_t oom = 0;
	enum mr_status st;

	if (!contains(text, length, "[memory]\"") &&
		!contains(text, length, "[OutOfMemory]\""))
		return MR_OK;
	st = mr_object_parse(&tree, &object, err);
	cJSON_Delete(tree);
	if (!st && mr_member_find(text, length, "name", &name)) {
		if (is_name(&name, "\"[OutOfMemory]\""))
			oom = MR_RECORD_OOM;
		if (oom || is_name(&name, "\"[memory]\""))
			st = parse_event(kineto, text, length, oom, err);
	}
	if (st == MR_EFORMAT && err && err->place == MR_PLACE_NONE) {
		err->place = MR_PLACE_LINE;
		err->where = kineto->walk.line;
	}
	return st;
}

/* --- all of them */

static enum mr_status
scan_elements(struct mr_kineto *kineto, bool lenient, struct mr_error *err)
{
	struct mr_jsonwalk *walk = &kineto->walk;
	enum mr_scan_result result;
	enum mr_status st;
	const char *text;
	bool any = false;

	for (;;) {
		struct mr_scan scan = {0};

		st = mr_jsonwalk_element(walk, &any, err);
		if (!st)
			st = mr_jsonwalk_value(walk, &scan, &text, &result, err);
		if (st)
			return st;
		st = take_element(kineto, text, scan.at, err);
		if (st == MR_EFORMAT && lenient) {
			kineto->skipped++;
			err->place = MR_PLACE_NONE;
			st = MR_OK;
		}
		if (st)
			return st;
		mr_jsonwalk_pass(walk, &scan);
	}
}

/* Nothing but white space may follow. */
static enum mr_status
end_file(struct mr_kineto *kineto, struct mr_error *err)
{
	enum mr_status st = mr_jsonwalk_space(&kineto->walk, err);

	if (!st)
		return mr_jsonwalk_fail(
			&kineto->walk, err, "trailing text after the profile");
	return st == MR_END ? MR_OK : st;
}

static enum mr_status
scan_object(struct mr_kineto *kineto, bool lenient, struct mr_error *err)
{
	struct mr_scan scan = {.find = "\"traceEvents\""};
	enum mr_scan_result result = MR_SCAN_MORE;
	enum mr_status st;
	const char *text;

	st = mr_jsonwalk_value(&kineto->walk, &scan, &text, &result, err);
	if (st)
		return st;
	if (result != MR_SCAN_FOUND)
		return mr_jsonwalk_fail(&kineto->walk, err,
			"not a profile: no list \"traceEvents\" in the object");
	mr_jsonwalk_pass(&kineto->walk, &scan);
	st = scan_elements(kineto, lenient, err);
	if (st == MR_END)
		st = mr_jsonwalk_close(&kineto->walk, err);
	return st ? st : end_file(kineto, err);
}

static enum mr_status
scan_list(struct mr_kineto *kineto, bool lenient, struct mr_error *err)
{
	enum mr_status st;

	mr_input_skip(kineto->walk.input, 1);
	st = scan_elements(kineto, lenient, err);
	return st == MR_END ? end_file(kineto, err) : st;
}

enum mr_status
mr_kineto_scan(struct mr_kineto *kineto, bool lenient, struct mr_error *err)
{
	const unsigned char *data;
	enum mr_status st;
	size_t length;

	if ((st = mr_slots_init(&kineto->threads, err)))
		return st;
	st = mr_jsonwalk_space(&kineto->walk, err);
	if (!st)
		st = mr_input_peek(kineto->walk.input, 1, &data, &length, err);
	if (st)
		return st == MR_END
			? mr_jsonwalk_fail(&kineto->walk, err, "nothing but blanks")
			: st;
	if (*data == '{')
		st = scan_object(kineto, lenient, err);
	else if (*data == '[')
		st = scan_list(kineto, lenient, err);
	else
		st = mr_jsonwalk_fail(
			&kineto->walk, err, "not a profile: neither object nor list");
	/* what came before the end of a file that is cut can be used */
	if (st == MR_EFORMAT && lenient && kineto->device_count) {
		kineto->cut = true;
		st = MR_OK;
	}
	return st;
}

void
mr_kineto_fini(struct mr_kineto *kineto)
{
	mr_spool_free(kineto->spool);
	mr_slots_fini(&kineto->threads);
}

/* --- devices */

/* Lists the devices. */
static void
list_devices(const struct mr_kineto *kineto, char *list, size_t size)
{
	char name[MR_KINETO_NAME_SIZE];
	size_t used = 0;

	*list = '\0';
	for (size_t i = 0; i < kineto->device_count && used < size; i++)
		used += (size_t)snprintf(list + used, size - used, "%s%s", i ? ", " : "",
			mr_kineto_device_name(name, &kineto->devices[i]));
}

/* Whether text is the device's name, or what stands in it before the colon. */
static bool
is_device(const struct mr_kineto_device *device, const char *text)
{
	char name[MR_KINETO_NAME_SIZE];
	size_t type = strcspn(mr_kineto_device_name(name, device), ":");

	return !strcmp(text, name) ||
		(strlen(text) == type && !strncmp(text, name, type));
}

enum mr_status
mr_kineto_find_device(const struct mr_kineto *kineto, size_t *device, const char *text,
	struct mr_error *err)
{
	char list[128], quoted[MR_QUOTE_SIZE];
	size_t found = 0;

	if (!kineto->device_count)
		return mr_fail(err, MR_EFORMAT,
			"no events: the profile was not taken with profile_memory=True");
	list_devices(kineto, list, sizeof(list));
	for (size_t i = 0; i < kineto->device_count; i++) {
		if (text && !is_device(&kineto->devices[i], text))
			continue;
		*device = i;
		found++;
	}
	if (found == 1)
		return MR_OK;
	if (text && !found)
		return mr_fail(err, MR_EINVAL,
			"no events of a device \"%s\"; there are some of: %s",
			mr_text_quote(quoted, text, strlen(text)), list);
	return mr_fail(err, text ? MR_EINVAL : MR_EFORMAT,
		"events of several devices, name one of: %s", list);
}
