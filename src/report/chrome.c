/* SPDX-License-Identifier: MIT */
#include "report/chrome.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/error.h"
#include "memreplay/sim.h"
#include "trace/output.h"

/* A counter track, and the figure of the simulation that it shows. */
static const struct {
	const char *name;
	size_t offset; /* of a uint64_t in struct mr_result */
} tracks[] = {
	{"active_bytes", offsetof(struct mr_result, active_bytes)},
	{"cached_bytes", offsetof(struct mr_result, cached_bytes)},
	{"cache_limit", offsetof(struct mr_result, cache_limit)},
};
#define TRACKS (sizeof(tracks) / sizeof(tracks[0]))

struct mr_chrome {
	struct mr_output *output;
	struct mr_sim *sim;
	char *title; /* a JSON string */
	uint64_t number;
	bool timed;
	uint64_t t; /* ns */
	bool shown[TRACKS];
	uint64_t values[TRACKS]; /* shown last */
};

static char *
quote(const char *text)
{
	cJSON string = {.type = cJSON_String};

	string.valuestring = (char *)text; /* only read when printing */
	return cJSON_PrintUnformatted(&string);
}

enum mr_status
mr_chrome_open(struct mr_chrome **out, const char *path, const struct mr_policy *policy,
	bool keep_limits, const char *title, struct mr_error *err)
{
	struct mr_chrome *chrome = calloc(1, sizeof(*chrome));
	size_t length = strlen(path);
	enum mr_status st;

	*out = NULL;
	if (!chrome)
		return mr_fail_memory(err);
	chrome->title = quote(title);
	st = chrome->title ? mr_sim_new(&chrome->sim, policy, keep_limits, err)
			   : mr_fail_memory(err);
	if (!st)
		st = mr_output_open(&chrome->output, path,
			length >= 3 && !strcmp(path + length - 3, ".gz"), err);
	if (st)
		mr_chrome_abort(chrome);
	else
		*out = chrome;
	return st;
}

static enum mr_status
put_text(struct mr_chrome *chrome, const char *text, struct mr_error *err)
{
	return mr_output_write(chrome->output, text, strlen(text), err);
}

static enum mr_status
put_head(struct mr_chrome *chrome, struct mr_error *err)
{
	enum mr_status st;

	if ((st = put_text(chrome,
		     "{\"displayTimeUnit\":\"ns\",\"otherData\":{\"time\":", err)) ||
		(st = put_text(chrome,
			 chrome->timed ? "\"as recorded\"" : "\"1 us an event\"", err)) ||
		(st = put_text(chrome,
			 "},\n\"traceEvents\":[\n{\"ph\":\"M\",\"pid\":1,\"tid\":0,"
			 "\"name\":\"process_name\",\"args\":{\"name\":",
			 err)) ||
		(st = put_text(chrome, chrome->title, err)))
		return st;
	return put_text(chrome, "}}", err);
}

/* The begin of an event, up to what comes behind its time. */
static enum mr_status
put_begin(struct mr_chrome *chrome, const char *kind, struct mr_error *err)
{
	uint64_t ns = chrome->timed ? chrome->t : chrome->number * 1000;
	char text[96];

	snprintf(text, sizeof(text),
		",\n{\"ph\":\"%s\",\"pid\":1,\"tid\":0,\"ts\":%" PRIu64 ".%03u,", kind,
		ns / 1000, (unsigned)(ns % 1000));
	return put_text(chrome, text, err);
}

/* No limit is shown as -1: a counter must be a number. */
static enum mr_status
put_counter(struct mr_chrome *chrome, size_t track, uint64_t value, struct mr_error *err)
{
	char text[96];
	enum mr_status st;

	if (chrome->shown[track] && chrome->values[track] == value)
		return MR_OK;
	chrome->shown[track] = true;
	chrome->values[track] = value;
	st = put_begin(chrome, "C", err);
	if (st)
		return st;
	if (value == MR_UNLIMITED)
		snprintf(text, sizeof(text), "\"name\":\"%s\",\"args\":{\"bytes\":-1}}",
			tracks[track].name);
	else
		snprintf(text, sizeof(text),
			"\"name\":\"%s\",\"args\":{\"bytes\":%" PRIu64 "}}",
			tracks[track].name, value);
	return put_text(chrome, text, err);
}

static enum mr_status
put_counters(struct mr_chrome *chrome, struct mr_error *err)
{
	enum mr_status st = MR_OK;
	struct mr_result result;

	mr_sim_result(chrome->sim, &result);
	for (size_t i = 0; i < TRACKS && !st; i++) {
		const void *value = (const char *)&result + tracks[i].offset;

		st = put_counter(chrome, i, *(const uint64_t *)value, err);
	}
	return st;
}

static enum mr_status
put_mark(struct mr_chrome *chrome, const char *mark, struct mr_error *err)
{
	char *name = quote(mark);
	enum mr_status st;

	if (!name)
		return mr_fail_memory(err);
	st = put_begin(chrome, "i", err);
	if (!st)
		st = put_text(chrome, "\"s\":\"p\",\"name\":", err);
	if (!st)
		st = put_text(chrome, name, err);
	if (!st)
		st = put_text(chrome, "}", err);
	cJSON_free(name);
	return st;
}

const char *
mr_chrome_temporary(const struct mr_chrome *chrome)
{
	return mr_output_temporary(chrome->output);
}

enum mr_status
mr_chrome_put(
	struct mr_chrome *chrome, const struct mr_event *event, struct mr_error *err)
{
	enum mr_status st = MR_OK;

	if (!chrome->number) {
		chrome->timed = event->has & MR_HAS_T;
		st = put_head(chrome, err);
	}
	chrome->number++;
	if (event->has & MR_HAS_T)
		chrome->t = event->t;
	if (!st)
		st = mr_sim_step(chrome->sim, event, NULL, err);
	if (!st && event->op == MR_OP_MARK)
		st = put_mark(chrome, event->name, err);
	return st ? st : put_counters(chrome, err);
}

bool
mr_chrome_timed(const struct mr_chrome *chrome)
{
	return chrome->timed;
}

uint64_t
mr_chrome_ignored_limits(const struct mr_chrome *chrome)
{
	return mr_sim_ignored_limits(chrome->sim);
}

enum mr_status
mr_chrome_finish(struct mr_chrome *chrome, struct mr_error *err)
{
	enum mr_status st = put_text(chrome, "\n]}\n", err);

	if (!st) {
		st = mr_output_finish(chrome->output, err);
		chrome->output = NULL;
	}
	mr_chrome_abort(chrome);
	return st;
}

void
mr_chrome_abort(struct mr_chrome *chrome)
{
	if (!chrome)
		return;
	mr_output_abort(chrome->output);
	mr_sim_free(chrome->sim);
	cJSON_free(chrome->title);
	free(chrome);
}
