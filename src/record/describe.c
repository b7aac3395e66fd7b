/* SPDX-License-Identifier: MIT */
#include "record/describe.h"

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/error.h"
#include "base/text.h"

#define EXACT_IN_JSON (UINT64_C(1) << 53)

static bool
add_number(cJSON *object, const char *key, uint64_t value)
{
	if (value >= EXACT_IN_JSON)
		return cJSON_AddNullToObject(object, key);
	return cJSON_AddNumberToObject(object, key, (double)value);
}

/* Only what there is something to say about. */
static bool
add_count(cJSON *object, const char *key, uint64_t value)
{
	return !value || add_number(object, key, value);
}

/* File names and arguments are bytes, and long ones are cut; JSON is UTF-8. */
static bool
add_text(cJSON *object, const char *key, const char *text)
{
	size_t length = strnlen(text, MR_SPOOL_TEXT - 1);
	char copy[MR_SPOOL_TEXT];

	if (!length)
		return true;
	memcpy(copy, text, length);
	copy[mr_text_mend(copy, length, length == MR_SPOOL_TEXT - 1)] = '\0';
	return cJSON_AddStringToObject(object, key, copy);
}

/* The arguments as one line: "python3 train.py". */
static void
join_command(char out[MR_SPOOL_TEXT], const struct mr_spool_head *head)
{
	size_t length = sizeof(head->command) - 1;

	memcpy(out, head->command, sizeof(head->command));
	while (length && !out[length - 1])
		length--;
	for (size_t i = 0; i < length; i++)
		if ((unsigned char)out[i] < ' ')
			out[i] = ' ';
	out[length] = '\0';
}

static bool
add_mlx(cJSON *object, const struct mr_spool_head *head)
{
	return (!head->has_cache_limit ||
		       add_number(object, "cache_limit", head->cache_limit)) &&
		add_number(object, "memory_limit", head->memory_limit);
}

static enum mr_status
print(char **out, cJSON *object, bool complete, struct mr_error *err)
{
	*out = complete ? cJSON_PrintUnformatted(object) : NULL;
	cJSON_Delete(object);
	return *out ? MR_OK : mr_fail_memory(err);
}

enum mr_status
mr_describe_spool(char **out, const struct mr_spool_head *head, struct mr_error *err)
{
	bool mlx = head->recorded_layer == MR_LAYER_MLX;
	cJSON *object = cJSON_CreateObject();
	char command[MR_SPOOL_TEXT];
	bool done;

	join_command(command, head);
	done = object &&
		cJSON_AddStringToObject(object, "source", mlx ? "mlx" : "malloc") &&
		add_text(object, "workload", command) &&
		(!mlx || add_mlx(object, head)) &&
		add_number(object, "page_size", 4096) &&
		cJSON_AddStringToObject(object, "time_unit", "ns") &&
		cJSON_AddStringToObject(
			object, "recorder", "memreplay " PACKAGE_VERSION) &&
		add_number(object, "pid", (uint64_t)head->pid) &&
		(mlx || add_text(object, "allocator", head->allocator)) &&
		add_count(object, "min_size", head->min_size);
	return print(out, object, done, err);
}

static bool
add_stop(cJSON *object, const struct mr_account *account)
{
	switch (account->stop) {
	case MR_STOP_NONE:
		return true;
	case MR_STOP_EVENTS:
		return add_text(object, "stopped", "max-events");
	case MR_STOP_BYTES:
		return add_text(object, "stopped", "max-file");
	case MR_STOP_DISK:
		return add_text(object, "stopped", "disk nearly full");
	case MR_STOP_SLOW:
		return add_text(object, "stopped", "slow disk");
	case MR_STOP_ERRNO:
		return add_text(object, "stopped", strerror(account->stop_errno));
	}
	return true;
}

static bool
add_status(cJSON *object, const struct mr_spool_head *head)
{
	int status = head->status;

	if (!head->has_status)
		return true;
	if (WIFSIGNALED(status))
		return add_number(object, "signal", (uint64_t)WTERMSIG(status));
	return add_number(object, "exit_status", (uint64_t)WEXITSTATUS(status));
}

enum mr_status
mr_describe_account(char **out, const struct mr_spool_head *head,
	const struct mr_account *account, struct mr_error *err)
{
	cJSON *object = cJSON_CreateObject();
	bool done;

	done = object && add_number(object, "threads", account->threads) &&
		add_number(object, "dropped_events", account->dropped) &&
		add_stop(object, account) && add_status(object, head) &&
		add_count(object, "unwritten_events", account->unwritten) &&
		add_count(object, "unknown_frees", account->unknown_frees) &&
		add_count(object, "missed_frees", account->missed_frees) &&
		add_count(object, "failed_mallocs", account->failed_mallocs) &&
		add_count(object, "unordered_events", account->unordered) &&
		add_count(object, "foreign_buffers", account->foreign) &&
		add_count(object, "missed_bytes", account->missed_bytes) &&
		add_number(object, "stall_ns", account->stall_ns);
	return print(out, object, done, err);
}
