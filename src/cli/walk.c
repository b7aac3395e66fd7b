/* SPDX-License-Identifier: MIT */
#include "cli/walk.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/error.h"
#include "base/units.h"
#include "cli/message.h"
#include "report/result.h"

/* Events of a source one by one, for a sweep. */
struct feed {
	struct mr_source *input;
	mr_take_events beside; /* takes them first; NULL: nobody does */
	void *context;
	size_t at;
	double deadline; /* seconds; 0: none */
	bool expired;
};

static double
now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static enum mr_status
next(void *context, struct mr_event *event, struct mr_error *err)
{
	struct feed *feed = context;
	enum mr_status st = MR_OK;

	if (feed->at == feed->input->count) {
		feed->at = 0;
		if (feed->deadline > 0 && now() > feed->deadline) {
			feed->expired = true;
			feed->input->count = 0;
			return MR_END;
		}
		st = mr_source_next(feed->input);
		if (!st && feed->beside)
			st = feed->beside(feed->context, feed->input->events,
				feed->input->count, &feed->input->err);
		if (st) {
			feed->input->count = 0;
			*err = feed->input->err;
			return st;
		}
	}
	*event = feed->input->events[feed->at++];
	return MR_OK;
}

bool
mr_walk_help(void *context)
{
	return mr_reader_help(((struct feed *)context)->input->reader);
}

int
mr_walk_beside(struct mr_sweep *sweep, struct mr_source *input, mr_take_events beside,
	void *context)
{
	struct feed feed = {.input = input, .beside = beside, .context = context};

	input->count = 0;
	if (mr_sweep_run(sweep, next, &feed, &input->err))
		return mr_source_failed(input);
	mr_source_remark(input);
	return MR_EXIT_DONE;
}

int
mr_walk(struct mr_sweep *sweep, struct mr_source *input)
{
	return mr_walk_beside(sweep, input, NULL, NULL);
}

void
mr_walk_estimate(const char *path, const struct mr_source_options *source,
	const struct mr_policy *policy, const struct mr_sweep_options *options)
{
	struct feed feed = {.deadline = now() + 1};
	struct mr_sweep *sweep = NULL;
	struct mr_source input;
	uint64_t done = 0, length = 0;
	char text[MR_TEXT_SIZE];
	double spent;

	if (!mr_source_length(path) || mr_source_open(&input, path, source))
		return;
	feed.input = &input;
	input.count = 0;
	if (!mr_sweep_new(&sweep, policy, options, NULL) &&
		!mr_sweep_run(sweep, next, &feed, &input.err) && feed.expired) {
		spent = now() - feed.deadline + 1;
		mr_reader_progress(input.reader, &done, &length);
		if (done && length > done)
			mr_say("the full walk of %s will take about %s, or more",
				mr_path_name(path),
				mr_time_print(text,
					spent * (double)length / (double)done * 1e9));
	}
	mr_sweep_free(sweep);
	mr_source_close(&input);
}

static const struct mr_option expect_rows[] = {
	{MR_OPTION_LIST, 'e', "expect", "'METRIC@LIMIT OP VALUE'",
		.offset = offsetof(struct mr_expect_options, texts),
		.help = "exit with status 3 unless this holds at that limit: "
			"'hit_rate@32MiB>=0.9'; may be given more than once"},
};
const struct mr_option_group mr_point_expect_group = {"Output options", expect_rows, 1};

/* Takes "@LIMIT" out of an expectation. */
static enum mr_status
split(struct mr_point_expects *out, const char *text, struct mr_error *err)
{
	size_t i = out->count, at = strcspn(text, "@<>=!");
	size_t length = text[at] == '@' ? strcspn(text + at + 1, "<>=! ") : 0;
	char limit[MR_TEXT_SIZE];

	if (!length || length >= sizeof(limit) || strlen(text) >= sizeof(out->texts[i]))
		return mr_fail(err, MR_EINVAL,
			"--expect: \"%.80s\" is not \"METRIC@LIMIT OP VALUE\"", text);
	snprintf(limit, sizeof(limit), "%.*s", (int)length, text + at + 1);
	snprintf(out->texts[i], sizeof(out->texts[i]), "%.*s%s", (int)at, text,
		text + at + 1 + length);
	return mr_size_parse(&out->limits[i], limit, err);
}

enum mr_status
mr_point_expects_parse(struct mr_point_expects *out,
	const struct mr_expect_options *options, struct mr_error *err)
{
	size_t count;
	const struct mr_metric *metrics = mr_detail_metrics(&count);

	out->count = 0;
	for (size_t i = 0; i < options->texts.count; i++) {
		const char *text = options->texts.items[i];
		enum mr_status st = split(out, text, err);

		if (!st)
			st = mr_expect_parse(&out->items[i], out->texts[i], metrics,
				count, MR_CACHE_SECTIONS, err);
		if (st)
			return st;
		out->items[i].text = text;
		out->count++;
	}
	return MR_OK;
}

const struct mr_point *
mr_point_at(const struct mr_point *points, size_t count, uint64_t limit)
{
	for (size_t i = 0; i < count; i++)
		if (points[i].cache_limit == limit ||
			(points[i].valid_from <= limit && limit < points[i].valid_to))
			return &points[i];
	return NULL;
}

int
mr_point_expects_check(const struct mr_point_expects *expects, const char *path,
	const struct mr_point *points, size_t count)
{
	int status = MR_EXIT_DONE;

	for (size_t i = 0; i < expects->count; i++) {
		const struct mr_expect *expect = &expects->items[i];
		const struct mr_point *point =
			mr_point_at(points, count, expects->limits[i]);
		char found[MR_FOUND_SIZE] = "no point that covers this limit";

		if (point &&
			mr_expect_holds(expect,
				mr_metric_count(expect->metric, &point->result),
				mr_metric_divisor(expect->metric, &point->result), found))
			continue;
		status = mr_say_unmet(path, expect, found);
	}
	return status;
}
