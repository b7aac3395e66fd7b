/* SPDX-License-Identifier: MIT */
#include "cli/source.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "base/error.h"
#include "base/units.h"
#include "cli/message.h"
#include "sim/torchstudy.h"
#include "trace/jsonvalue.h"

static const char *
format_at(size_t index)
{
	size_t count;
	const struct mr_format_info *formats = mr_formats(&count);

	return index < count ? formats[index].name : NULL;
}

static const char *
free_at(size_t index)
{
	static const char *const names[] = {"completed", "requested"};

	return index < sizeof(names) / sizeof(names[0]) ? names[index] : NULL;
}

#define FORMAT_ROW(option)                                                               \
	{                                                                                \
		MR_OPTION_CHOICE, 0, option, "FORMAT",                                   \
			.choices = format_at,                                            \
			.offset = offsetof(struct mr_source_options, from),              \
			.help = "format of the trace, if its content should not decide"  \
	}
#define LENIENT_ROW                                                                      \
	{                                                                                \
		MR_OPTION_FLAG, 0, "lenient",                                            \
			.offset = offsetof(struct mr_source_options, lenient),           \
			.help = "skip what is wrong in the trace where that can be "     \
				"done, and say "                                         \
				"how much was skipped"                                   \
	}

#define DEVICE_ROW                                                                       \
	{                                                                                \
		MR_OPTION_TEXT, 0, "device", "DEVICE",                                   \
			.offset = offsetof(struct mr_source_options, device),            \
			.help = "device to import, where several are recorded: a "       \
				"number, cpu, cuda:N"                                    \
	}
#define FREE_AT_ROW                                                                      \
	{                                                                                \
		MR_OPTION_CHOICE, 0, "free-at", "WHEN", "completed",                     \
			.choices = free_at,                                              \
			.offset = offsetof(struct mr_source_options, free_at),           \
			.help = "when a block in a snapshot of PyTorch is free: once "   \
				"its free is"                                            \
	}

static const struct mr_option rows[] = {
	FORMAT_ROW("from"), LENIENT_ROW, DEVICE_ROW, FREE_AT_ROW};
const struct mr_option_group mr_source_group = {"Trace options", rows, 4};

/* For a command to which --from is something else. */
static const struct mr_option other_rows[] = {
	FORMAT_ROW("trace-format"), LENIENT_ROW, DEVICE_ROW, FREE_AT_ROW};
const struct mr_option_group mr_source_other_group = {"Trace options", other_rows, 4};

void
mr_source_print(FILE *out, const struct mr_source_options *options)
{
	if (options->lenient)
		fputs(" --lenient", out);
	if (options->device) {
		fputs(" --device=", out);
		mr_print_quoted(out, options->device);
	}
	if (options->free_at == MR_FREE_AT_REQUESTED)
		fputs(" --free-at=requested", out);
}

uint64_t
mr_source_length(const char *path)
{
	struct stat about;

	return strcmp(path, "-") != 0 && !stat(path, &about) && S_ISREG(about.st_mode)
		? (uint64_t)about.st_size
		: 0;
}

bool
mr_source_again(const char *path)
{
	struct stat about;

	return strcmp(path, "-") != 0 && (stat(path, &about) || S_ISREG(about.st_mode));
}

/* Until there are events to tell by. */
static void
show_before(void *context, uint64_t done, uint64_t length)
{
	struct mr_source *input = context;

	if (!input->begun)
		mr_progress_show_read(&input->before, done, length);
}

int
mr_source_open(struct mr_source *input, const char *path,
	const struct mr_source_options *options)
{
	struct mr_reader_options how = {.lenient = options->lenient,
		.ahead = options->ahead,
		.foresee = options->foresee,
		.device = options->device,
		.free_at = (enum mr_free_at)options->free_at,
		.progress_context = input};

	input->path = path;
	input->reader = NULL;
	input->begun = false;
	input->doing = options->doing ? options->doing : "";
	input->progress = options->progress ? options->progress : &input->own;
	input->watch = options->watch;
	input->watch_context = options->watch_context;
	mr_progress_start(&input->before);
	if (input->before.width && !input->watch)
		how.progress = show_before;
	if (options->from >= 0)
		how.from = format_at((size_t)options->from);
	if (mr_reader_open(&input->reader, path, &how, &input->err))
		return mr_source_failed(input);
	return 0;
}

/* False: it is to be given up. */
static bool
show_progress(struct mr_source *input)
{
	char text[MR_TEXT_SIZE], label[64];
	struct mr_reader_summary summary;
	uint64_t done, length;
	double part = -1;

	mr_reader_progress(input->reader, &done, &length);
	if (input->watch)
		return input->watch(
			input->watch_context, length ? (double)done / (double)length : 0);
	if (length) {
		part = (double)done / (double)length;
		snprintf(label, sizeof(label), "%s", input->doing);
	} else {
		mr_reader_summary(input->reader, &summary);
		snprintf(label, sizeof(label), "%s events",
			mr_count_print(text, summary.events));
	}
	mr_progress_show(input->progress, part, label);
	return true;
}

static void
begin(struct mr_source *input)
{
	input->begun = true;
	mr_progress_hide(&input->before);
	if (input->progress == &input->own)
		mr_progress_start(&input->own);
}

enum mr_status
mr_source_next(struct mr_source *input)
{
	enum mr_status status = MR_OK;
	size_t count = 0;

	while (count < MR_SOURCE_BATCH) {
		status =
			mr_reader_next(input->reader, &input->events[count], &input->err);
		if (status || input->events[count++].op == MR_OP_MARK)
			break;
	}
	input->count = count;
	if (!input->begun)
		begin(input);
	if ((input->watch || input->progress->width) && !show_progress(input))
		status = mr_fail(&input->err, MR_EIO, "given up");
	if (status == MR_END && count)
		return MR_OK;
	if (status)
		mr_progress_hide(input->progress);
	return status;
}

int
mr_source_failed(struct mr_source *input)
{
	mr_progress_hide(input->begun ? input->progress : &input->before);
	return mr_say_error(input->path, &input->err);
}

enum mr_status
mr_source_older(uint64_t *bytes, struct mr_source *input)
{
	cJSON *header = cJSON_Parse(mr_reader_header(input->reader)->json);
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(
		cJSON_GetObjectItemCaseSensitive(header, "import"), "older_bytes");

	if (!mr_json_whole(bytes, item))
		*bytes = 0;
	cJSON_Delete(header);
	return header ? MR_OK : mr_fail_memory(&input->err);
}

enum mr_status
mr_source_leave_older(struct mr_policy *policy, uint64_t *older, struct mr_source *input)
{
	enum mr_status st;

	*older = 0;
	if (!mr_policy_is_torch(policy))
		return MR_OK;
	st = mr_source_older(older, input);
	mr_torch_leave(&policy->torch, *older);
	policy->memory = policy->torch.memory;
	return st;
}

/* What a lenient reading skipped, in words; "" if nothing. */
static void
list_skipped(char *text, size_t size, const struct mr_reader_summary *summary)
{
	const struct {
		uint64_t count;
		const char *what;
	} parts[] = {
		{summary->skipped_lines, "lines that are no events"},
		{summary->skipped_frees, "frees of blocks that are not live"},
		{summary->skipped_mallocs, "mallocs with an id that is not larger"},
		{summary->clamped_times, "times that went back, now as before"},
	};
	size_t length = 0;

	*text = '\0';
	for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++)
		if (parts[i].count && length < size)
			length += (size_t)snprintf(text + length, size - length,
				"%s%s (%" PRIu64 ")", length ? ", " : "", parts[i].what,
				parts[i].count);
}

void
mr_source_remark(struct mr_source *input)
{
	struct mr_reader_summary summary;
	char text[MR_TEXT_SIZE], skipped[256];

	mr_reader_summary(input->reader, &summary);
	if (summary.cut)
		mr_say("%s: ends early, its recorder was cut off: read up to event %s",
			mr_path_name(input->path), mr_count_print(text, summary.events));
	if (*summary.import)
		mr_say("%s: %s", mr_path_name(input->path), summary.import);
	list_skipped(skipped, sizeof(skipped), &summary);
	if (*skipped)
		mr_say("%s: skipped or mended: %s", mr_path_name(input->path), skipped);
}

int
mr_source_each(struct mr_source *input, mr_take_events take, void *context)
{
	enum mr_status status;

	while (!(status = mr_source_next(input)))
		if ((status = take(context, input->events, input->count, &input->err)))
			break;
	if (status != MR_END)
		return mr_source_failed(input);
	mr_source_remark(input);
	return MR_EXIT_DONE;
}

void
mr_source_close(struct mr_source *input)
{
	mr_reader_close(input->reader);
	input->reader = NULL;
}
