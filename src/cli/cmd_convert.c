/* SPDX-License-Identifier: MIT */
#include "base/units.h"
#include "cli/command.h"
#include "cli/source.h"

struct options {
	struct mr_source_options input;
	int to; /* row of writable(), or -1 */
};

/* The names of the formats that can be written. */
static const char *
writable(size_t index)
{
	size_t count;
	const struct mr_format_info *formats = mr_formats(&count);

	for (size_t i = 0; i < count; i++)
		if (formats[i].writable && !index--)
			return formats[i].name;
	return NULL;
}

static const struct mr_option own_rows[] = {
	{MR_OPTION_CHOICE, 't', "to", "FORMAT", .choices = writable,
		.offset = offsetof(struct options, to),
		.help = "format to write, if the end of OUT's name should not decide"},
};
static const struct mr_option_group own_group = {"Output options", own_rows, 1};

static const struct mr_option_use uses[] = {
	{&mr_source_group, offsetof(struct options, input)},
	{&own_group, 0},
	{0},
};

/* Copies every event. Returns an exit status, having said what failed. */
static int
copy(struct mr_writer *writer, struct mr_source *input, const char *out)
{
	enum mr_status status;

	while (!(status = mr_source_next(input)))
		for (size_t i = 0; i < input->count; i++)
			if (mr_writer_put(writer, &input->events[i], &input->err))
				return mr_say_error(out, &input->err);
	return status == MR_END ? MR_EXIT_DONE : mr_source_failed(input);
}

static int
finish(struct mr_writer *writer, struct mr_source *input, const char *out)
{
	struct mr_reader_summary summary;
	char text[MR_TEXT_SIZE];

	mr_reader_summary(input->reader, &summary);
	if (mr_writer_finish(
		    writer, *summary.trailer ? summary.trailer : NULL, &input->err))
		return mr_say_error(out, &input->err);
	mr_source_remark(input);
	mr_say("%s: %s events written", out, mr_count_print(text, summary.events));
	return MR_EXIT_DONE;
}

static int
convert(struct mr_source *input, const char *path, const char *format)
{
	const char *out = path[0] == '-' && !path[1] ? "standard output" : path;
	struct mr_writer *writer;
	int status;

	if (mr_writer_open(&writer, path, format, mr_reader_header(input->reader)->json,
		    &input->err)) {
		status = mr_say_error(out, &input->err);
		if (status == MR_EXIT_USAGE)
			mr_say("--to=FORMAT tells it");
		return status;
	}
	status = copy(writer, input, out);
	if (status)
		mr_writer_abort(writer);
	else
		status = finish(writer, input, out);
	return status;
}

static int
run(const struct mr_command *self, int argc, char **argv)
{
	struct options options;
	struct mr_source input;
	int status;
	char **operands = mr_command_parse(self, &options, argc, argv, &status);

	if (!operands)
		return status;
	options.input.foresee = true;
	status = mr_source_open(&input, operands[0], &options.input);
	if (!status)
		status = convert(&input, operands[1],
			options.to < 0 ? NULL : writable((size_t)options.to));
	mr_source_close(&input);
	return status;
}

const struct mr_command mr_cmd_convert = {
	.name = "convert",
	.operands = "IN OUT",
	.min_operands = 2,
	.max_operands = 2,
	.summary = "any trace format in, alloc-trace out",
	.description =
		"Reads the trace IN, of any known format, and writes it to OUT as JSON "
		"Lines (.jsonl, .jsonl.gz) or in the binary format (.mrt.gz). - is "
		"standard input and standard output; the latter needs --to. Nothing is "
		"lost on the way between these formats.\n\n"
		"OUT appears under its name only when it is complete.",
	.options = uses,
	.run = run,
};
