/* SPDX-License-Identifier: MIT */
#include "cli/output.h"

#include "base/error.h"
#include "cli/message.h"
#include "cli/terminal.h"

static const char *
format_at(size_t index)
{
	static const char *const names[] = {
		[MR_OUTPUT_TABLE] = "table",
		[MR_OUTPUT_JSON] = "json",
		[MR_OUTPUT_CSV] = "csv",
		NULL,
	};

	return names[index];
}

static const struct mr_option format_rows[] = {
	{MR_OPTION_CHOICE, 'f', "format", "FORMAT", "table", .choices = format_at,
		.offset = offsetof(struct mr_format_options, format),
		.help = "how to print the results; numbers in json and csv are plain "
			"bytes, ns and ratios"},
};
const struct mr_option_group mr_format_group = {"Output options", format_rows, 1};

static const struct mr_option expect_rows[] = {
	{MR_OPTION_LIST, 'e', "expect", "'METRIC OP VALUE'",
		.offset = offsetof(struct mr_expect_options, texts),
		.help = "exit with status 3 unless this holds; METRIC is a name that the "
			"results are printed under, OP one of >= <= > < == !=, VALUE a "
			"count, a size or a ratio: 'hit_rate>=95%'; may be given more "
			"than once"},
};
const struct mr_option_group mr_expect_group = {"Output options", expect_rows, 1};

enum mr_status
mr_expects_parse(struct mr_expects *out, const struct mr_expect_options *options,
	unsigned sections, struct mr_error *err)
{
	size_t count;
	const struct mr_metric *metrics = mr_detail_metrics(&count);

	return mr_expects_parse_on(out, options, metrics, count, sections, err);
}

enum mr_status
mr_expects_parse_on(struct mr_expects *out, const struct mr_expect_options *options,
	const struct mr_metric *metrics, size_t count, unsigned sections,
	struct mr_error *err)
{
	out->count = 0;
	for (size_t i = 0; i < options->texts.count; i++) {
		struct mr_error why;

		if (mr_expect_parse(&out->items[out->count++], options->texts.items[i],
			    metrics, count, sections, &why))
			return mr_fail(err, MR_EINVAL, "--expect: %s", why.text);
	}
	return MR_OK;
}

int
mr_say_unmet(const char *path, const struct mr_expect *expect, const char *found)
{
	mr_say("%s%sexpected %s, found %s", path ? mr_path_name(path) : "",
		path ? ": " : "", expect->text, found);
	return MR_EXIT_UNMET;
}

int
mr_expects_check(const struct mr_expects *expects, const char *path,
	const struct mr_result *result)
{
	int status = MR_EXIT_DONE;

	for (size_t i = 0; i < expects->count; i++) {
		const struct mr_expect *expect = &expects->items[i];
		char found[MR_FOUND_SIZE];

		if (mr_expect_holds(expect, mr_metric_count(expect->metric, result),
			    mr_metric_divisor(expect->metric, result), found))
			continue;
		status = mr_say_unmet(path, expect, found);
	}
	return status;
}

int
mr_print_doc(const struct mr_doc *doc, const struct mr_format_options *options)
{
	struct mr_screen screen;
	struct mr_error err;

	mr_screen_init(&screen, stdout);
	if (mr_doc_print(
		    doc, (enum mr_output_format)options->format, &screen, stdout, &err))
		return mr_say_error(NULL, &err);
	return MR_EXIT_DONE;
}
