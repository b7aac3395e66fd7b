/* SPDX-License-Identifier: MIT */
#include "cli/selection.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"

#define AT(member) offsetof(struct mr_selection_options, member)

static const struct mr_option rows[] = {
	{MR_OPTION_TEXT, 0, "from-mark", "NAME", .offset = AT(from_mark),
		.help = "begin with the first mark of this name"},
	{MR_OPTION_TEXT, 0, "to-mark", "NAME", .offset = AT(to_mark),
		.help = "end before the first mark of this name (behind that of "
			"--from-mark)"},
	{MR_OPTION_TEXT, 0, "events", "FIRST:LAST", .offset = AT(events),
		.help = "these events only, counted from 1; either may be left out"},
	{MR_OPTION_COUNT, 0, "thread", "TID", .max = UINT32_MAX, .offset = AT(thread),
		.help = "the mallocs of this thread only, and their frees"},
	{MR_OPTION_SIZE, 0, "min-size", "SIZE", .offset = AT(min_size),
		.help = "mallocs of at least this size only, and their frees"},
	{MR_OPTION_TEXT, 0, "scale-sizes", "FACTOR", .offset = AT(scale_sizes),
		.help = "multiply all sizes by a number like 2 or 0.5"},
	{MR_OPTION_FLAG, 0, "strip", .offset = AT(strip),
		.help = "take out names, the workload and what else is not needed"},
};
const struct mr_option_group mr_selection_group = {
	"Selection options", rows, sizeof(rows) / sizeof(rows[0])};

/* A whole number up to the end, or the default where nothing stands. */
static bool
take_bound(uint64_t *out, const char *text, size_t length, uint64_t by_default)
{
	char copy[24];

	*out = by_default;
	if (!length)
		return true;
	if (length >= sizeof(copy))
		return false;
	memcpy(copy, text, length);
	copy[length] = '\0';
	return !mr_count_parse(out, copy, NULL) && *out > 0;
}

static enum mr_status
parse_events(struct mr_select_options *options, const char *text, struct mr_error *err)
{
	const char *colon = strchr(text, ':');

	if (!colon || !strcmp(text, ":") ||
		!take_bound(&options->from_event, text, (size_t)(colon - text), 1) ||
		!take_bound(&options->to_event, colon + 1, strlen(colon + 1), 0))
		return mr_fail(err, MR_EINVAL,
			"--events: \"%.80s\" is not FIRST:LAST, as 1:1000 or 5001:",
			text);
	if (options->to_event && options->to_event < options->from_event)
		return mr_fail(err, MR_EINVAL,
			"--events: \"%.80s\" ends before it begins", text);
	return MR_OK;
}

/* A decimal number as a fraction over a power of ten. */
static enum mr_status
parse_scale(struct mr_select_options *options, const char *text, struct mr_error *err)
{
	uint64_t value = 0, divisor = 1;
	bool point = false, any = false;
	const char *at = text;

	for (; isdigit((unsigned char)*at) || (*at == '.' && !point); at++) {
		if (*at == '.') {
			point = true;
			continue;
		}
		any = true;
		value = value * 10 + (uint64_t)(*at - '0');
		divisor *= point ? 10 : 1;
		if (divisor > MR_SCALE_MAX || value > MR_SCALE_MAX * MR_SCALE_MAX)
			break;
	}
	if (!any || *at || !value || value / divisor > MR_SCALE_MAX)
		return mr_fail(err, MR_EINVAL,
			"--scale-sizes: \"%.80s\" is not a number from 0.000001 to "
			"1000000 with six decimals at most",
			text);
	options->scale = value;
	options->scale_divisor = divisor;
	return MR_OK;
}

static void
add_tool(struct mr_selection *out, const char *name, const char *value)
{
	size_t at = 0, length;
	char *text;

	while (out->tools[at])
		at++;
	text = out->texts[at];
	length = (size_t)snprintf(text, MR_SELECTION_LENGTH, "--%s=%s", name, value);
	if (length >= MR_SELECTION_LENGTH) /* at a character's edge */
		for (length = MR_SELECTION_LENGTH - 1; (text[length - 1] & 0xc0) == 0x80;)
			text[--length] = '\0';
	if (!mr_text_is_utf8(text, strlen(text)))
		text[strlen(text) - 1] = '\0';
	out->tools[at] = text;
}

static void
add_tools(struct mr_selection *out, const struct mr_selection_options *options)
{
	char text[MR_TEXT_SIZE];

	if (options->from_mark)
		add_tool(out, "from-mark", options->from_mark);
	if (options->to_mark)
		add_tool(out, "to-mark", options->to_mark);
	if (options->events)
		add_tool(out, "events", options->events);
	if (options->thread.given) {
		snprintf(text, sizeof(text), "%" PRIu64, options->thread.value);
		add_tool(out, "thread", text);
	}
	if (options->min_size.value) {
		snprintf(text, sizeof(text), "%" PRIu64, options->min_size.value);
		add_tool(out, "min-size", text);
	}
	if (options->scale_sizes)
		add_tool(out, "scale-sizes", options->scale_sizes);
}

enum mr_status
mr_selection_make(struct mr_selection *out, const struct mr_selection_options *options,
	struct mr_error *err)
{
	enum mr_status st = MR_OK;

	memset(out, 0, sizeof(*out));
	if (options->events && (options->from_mark || options->to_mark))
		return mr_fail(err, MR_EINVAL,
			"--events and the window of --from-mark or --to-mark exclude "
			"each other");
	out->options.from_mark = options->from_mark;
	out->options.to_mark = options->to_mark;
	out->options.has_thread = options->thread.given;
	out->options.thread = (uint32_t)options->thread.value;
	out->options.min_size = options->min_size.value;
	out->options.strip = options->strip;
	if (options->events)
		st = parse_events(&out->options, options->events, err);
	if (!st && options->scale_sizes)
		st = parse_scale(&out->options, options->scale_sizes, err);
	add_tools(out, options);
	return st;
}
