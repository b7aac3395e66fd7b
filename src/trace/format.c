/* SPDX-License-Identifier: MIT */
#include "trace/format.h"

#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"

/*
 * name, suffix, summary, whether it is another program's, reading, writing
 * (NULL: none). Detection asks the rows in this order, those of others first:
 * any object might be a JSON document.
 */
/* clang-format off */
#define FORMATS(row) \
	row("mrt", ".mrt", "binary: blocks of events, gzipped", \
		false, &mr_mrt_reading, &mr_mrt_writing) \
	row("jsonl", ".jsonl", "JSON Lines: a header object, then an object per event", \
		false, &mr_json_reading, &mr_jsonl_writing) \
	row("json", ".json", "one JSON object: the header with an \"events\" array", \
		false, &mr_json_reading, NULL) \
	row("pytorch-snapshot", ".pickle", "memory snapshot of PyTorch", \
		true, &mr_pytorch_reading, NULL) \
	row("kineto", ".pt.trace.json", "profile of PyTorch with profile_memory", \
		true, &mr_kineto_reading, NULL) \
	row("android", ".txt", "what memory_replay of Android reads", \
		true, &mr_android_reading, NULL) \
	row("heaptrack", ".zst", "raw or interpreted data of heaptrack", \
		true, &mr_heaptrack_reading, NULL) \
	row("intervals", ".csv", "lives of blocks: minimalloc, or three numbers a line", \
		true, &mr_intervals_reading, NULL) \
	row("logalloc", ".log", "what Firefox logs under MALLOC_LOG", \
		true, &mr_logalloc_reading, NULL) \
	row("mtrace", ".mtrace", "what mtrace() of the GNU C library writes", \
		true, &mr_mtrace_reading, NULL) \
	row("rmm-csv", ".csv", "the log of RMM's logging_resource_adaptor", \
		true, &mr_rmm_reading, NULL)

/* By type: gcc's UBSan takes no comparison of addresses for a constant. */
#define INFO(name, suffix, summary, foreign, reading, writing) \
	{name, suffix, summary, \
		_Generic((writing), const struct mr_writing *: true, default: false), \
		foreign},
#define OPERATIONS(name, suffix, summary, foreign, reading, writing) {reading, writing},
/* clang-format on */

static const struct mr_format_info infos[] = {FORMATS(INFO)};
static const struct mr_format formats[] = {FORMATS(OPERATIONS)};

#define FORMAT_COUNT (sizeof(infos) / sizeof(infos[0]))

const struct mr_format_info *
mr_formats(size_t *count)
{
	*count = FORMAT_COUNT;
	return infos;
}

const struct mr_format *
mr_format_at(size_t row)
{
	return &formats[row];
}

bool
mr_format_by_name(size_t *row, const char *name)
{
	for (*row = 0; *row < FORMAT_COUNT; ++*row)
		if (!strcmp(infos[*row].name, name))
			return true;
	return false;
}

static bool
ends_with(const char *text, size_t length, const char *end)
{
	size_t end_length = strlen(end);

	return length >= end_length &&
		!memcmp(text + length - end_length, end, end_length);
}

bool
mr_format_by_suffix(size_t *row, const char *path)
{
	size_t length = strlen(path);

	if (ends_with(path, length, ".gz"))
		length -= strlen(".gz");
	for (*row = 0; *row < FORMAT_COUNT; ++*row)
		if (!infos[*row].foreign && ends_with(path, length, infos[*row].suffix))
			return true;
	return false;
}

bool
mr_format_by_content(size_t *row, const unsigned char *data, size_t length)
{
	for (int foreign = 1; foreign >= 0; foreign--)
		for (*row = 0; *row < FORMAT_COUNT; ++*row)
			if (infos[*row].foreign == foreign &&
				formats[*row].reading->probe(data, length))
				return true;
	return false;
}

char *
mr_format_names(char out[MR_FORMAT_NAMES_SIZE], bool writable)
{
	size_t used = 0;

	out[0] = '\0';
	for (size_t row = 0; row < FORMAT_COUNT && used < MR_FORMAT_NAMES_SIZE; row++)
		if (infos[row].writable || !writable)
			used += (size_t)snprintf(out + used, MR_FORMAT_NAMES_SIZE - used,
				"%s%s", used ? ", " : "", infos[row].name);
	return out;
}

enum mr_status
mr_format_writing(const struct mr_writing **out, const char *path, const char *format,
	struct mr_error *err)
{
	char text[MR_QUOTE_SIZE], names[MR_FORMAT_NAMES_SIZE];
	size_t row;

	if (format && !mr_format_by_name(&row, format))
		return mr_fail(err, MR_EINVAL, "there is no format \"%s\"",
			mr_text_quote(text, format, strlen(format)));
	if (!format && !mr_format_by_suffix(&row, path))
		return mr_fail(err, MR_EINVAL,
			"the name does not tell the format; can be written: %s",
			mr_format_names(names, true));
	*out = formats[row].writing;
	if (*out)
		return MR_OK;
	return mr_fail(err, MR_EINVAL,
		"the format \"%s\" can only be read; can be written: %s", infos[row].name,
		mr_format_names(names, true));
}
