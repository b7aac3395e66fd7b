/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "cli/command.h"
#include "cli/output.h"
#include "cli/source.h"
#include "report/result.h"
#include "trace/jsonvalue.h"
#include "trace/profile.h"

#define TOP_SIZES   10
#define TOP_THREADS 32

struct options {
	struct mr_source_options input;
	struct mr_format_options format;
};

static const struct mr_option_use uses[] = {
	{&mr_source_group, offsetof(struct options, input)},
	{&mr_format_group, offsetof(struct options, format)},
	{0},
};

static void
add_limit(struct mr_doc *doc, const char *key, bool has, uint64_t bytes)
{
	if (has)
		mr_doc_bytes(doc, key, bytes);
	else
		mr_doc_none(doc, key);
}

static void
add_header(struct mr_doc *doc, const struct mr_header *header)
{
	mr_doc_begin(doc, "header", 0);
	add_limit(doc, "cache_limit", header->has_cache_limit, header->cache_limit);
	add_limit(doc, "memory_limit", header->has_memory_limit, header->memory_limit);
	add_limit(doc, "page_size", header->has_page_size, header->page_size);
}

/* The object "import" in JSON text, or NULL; the tree is the caller's. */
static const cJSON *
find_import(struct mr_doc *doc, cJSON **tree, const char *json)
{
	if (mr_json_parse(tree, json, strlen(json), NULL, NULL))
		doc->failed = true;
	return cJSON_GetObjectItemCaseSensitive(*tree, "import");
}

/*
 * What an import came to: as its end mark says, or else its header, whose tree
 * the document's keys live in.
 */
static void
add_import(struct mr_doc *doc, cJSON **tree, const struct mr_reader *reader)
{
	const cJSON *import, *item;
	struct mr_reader_summary summary;

	mr_reader_summary(reader, &summary);
	import = find_import(doc, tree, summary.trailer);
	if (!import) {
		cJSON_Delete(*tree);
		import = find_import(doc, tree, mr_reader_header(reader)->json);
	}
	if (!cJSON_IsObject(import))
		return;
	mr_doc_begin(doc, "import", 0);
	cJSON_ArrayForEach(item, import)
	{
		const char *key = item->string;
		uint64_t number;

		if (cJSON_IsString(item))
			mr_doc_text(doc, key, item->valuestring);
		else if (cJSON_IsBool(item))
			mr_doc_flag(doc, key, cJSON_IsTrue(item));
		else if (!mr_json_whole(&number, item))
			continue;
		else if (strstr(key, "_bytes"))
			mr_doc_bytes(doc, key, number);
		else
			mr_doc_count(doc, key, number);
	}
}

static void
add_events(struct mr_doc *doc, const struct mr_profile *profile)
{
	mr_doc_begin(doc, "events", 0);
	mr_doc_count(doc, "mallocs", profile->ops[MR_OP_MALLOC]);
	mr_doc_count(doc, "frees", profile->ops[MR_OP_FREE]);
	mr_doc_count(doc, "set_cache_limit", profile->ops[MR_OP_SET_CACHE_LIMIT]);
	mr_doc_count(doc, "set_memory_limit", profile->ops[MR_OP_SET_MEMORY_LIMIT]);
	mr_doc_count(doc, "clear_cache", profile->ops[MR_OP_CLEAR_CACHE]);
	mr_doc_count(doc, "reset_peak_memory", profile->ops[MR_OP_RESET_PEAK]);
	mr_doc_count(doc, "marks", profile->ops[MR_OP_MARK]);
	mr_doc_count(doc, "counters", profile->ops[MR_OP_COUNTERS]);
	mr_doc_count(doc, "threads", profile->threads.count);
	mr_doc_count(doc, "recorded_caps", profile->caps);
	mr_doc_count(doc, "recorded_hits", profile->hits);
	if (profile->timed)
		mr_doc_ns(doc, "duration_ns", profile->last_ns - profile->first_ns);
	else
		mr_doc_none(doc, "duration_ns");
}

static void
add_blocks(struct mr_doc *doc, const struct mr_profile *profile)
{
	mr_doc_begin(doc, "blocks", 0);
	mr_doc_bytes(doc, "requested_bytes", profile->requested_bytes);
	mr_doc_bytes(doc, "largest_bytes", profile->largest_bytes);
	mr_doc_count(doc, "distinct_sizes", profile->sizes.count);
	mr_doc_flag(doc, "more_distinct_sizes", profile->sizes.lost > 0);
	mr_doc_bytes(doc, "peak_requested_bytes", profile->peak_requested_bytes);
	mr_doc_count(doc, "peak_live_blocks", profile->peak_live_blocks);
	mr_doc_count(doc, "live_blocks", profile->live_blocks);
	mr_doc_bytes(doc, "live_bytes", profile->live_bytes);
}

static void
add_lifetimes(struct mr_doc *doc, const char *name, enum mr_unit unit,
	const struct mr_histogram *histogram)
{
	static const struct {
		const char *key;
		uint32_t per_mille;
	} points[] = {
		{"p10", 100}, {"p50", 500}, {"p90", 900}, {"p99", 990}, {"max", 1000}};

	mr_doc_begin(doc, name, 0);
	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		uint64_t value = mr_histogram_percentile(histogram, points[i].per_mille);

		if (!histogram->count)
			mr_doc_none(doc, points[i].key);
		else if (unit == MR_UNIT_NS)
			mr_doc_ns(doc, points[i].key, value);
		else
			mr_doc_count(doc, points[i].key, value);
	}
}

static void
add_buckets(struct mr_doc *doc, const struct mr_profile *profile)
{
	mr_doc_begin(doc, "size_histogram", 5);
	for (size_t i = 0; i < MR_PROFILE_BUCKETS; i++) {
		const struct mr_size_bucket *bucket = &profile->buckets[i];

		if (!bucket->mallocs)
			continue;
		mr_doc_bytes(doc, "from_bytes", mr_profile_bucket_start(i));
		mr_doc_count(doc, "mallocs", bucket->mallocs);
		mr_doc_ratio(doc, "mallocs_share", bucket->mallocs,
			profile->ops[MR_OP_MALLOC]);
		mr_doc_bytes(doc, "bytes", bucket->bytes);
		mr_doc_ratio(doc, "bytes_share", bucket->bytes, profile->requested_bytes);
	}
}

/* Most bytes in all first; among equals the smaller size. */
static int
by_bytes(const void *a, const void *b)
{
	const struct mr_tally_row *left = a, *right = b;
	double left_bytes = (double)left->key * (double)left->first;
	double right_bytes = (double)right->key * (double)right->first;

	if (left_bytes > right_bytes || left_bytes < right_bytes)
		return left_bytes > right_bytes ? -1 : 1;
	return left->key < right->key ? -1 : left->key > right->key;
}

static int
by_key(const void *a, const void *b)
{
	const struct mr_tally_row *left = a, *right = b;

	return left->key < right->key ? -1 : left->key > right->key;
}

/* The rows of a tally in order; the document fails if there is no memory. */
static struct mr_tally_row *
sort_rows(struct mr_doc *doc, const struct mr_tally *tally,
	int (*compare)(const void *, const void *))
{
	struct mr_tally_row *rows = mr_tally_sorted(tally, compare);

	if (!rows && tally->count)
		doc->failed = true;
	return rows;
}

static void
add_top_sizes(struct mr_doc *doc, const struct mr_profile *profile)
{
	struct mr_tally_row *rows = sort_rows(doc, &profile->sizes, by_bytes);

	mr_doc_begin(doc, "top_sizes", 4);
	for (size_t i = 0; rows && i < TOP_SIZES && i < profile->sizes.count; i++) {
		mr_doc_bytes(doc, "size_bytes", rows[i].key);
		mr_doc_count(doc, "mallocs", rows[i].first);
		mr_doc_bytes(doc, "bytes", rows[i].key * rows[i].first);
		mr_doc_ratio(doc, "bytes_share", rows[i].key * rows[i].first,
			profile->requested_bytes);
	}
	free(rows);
}

static void
add_threads(struct mr_doc *doc, const struct mr_profile *profile)
{
	struct mr_tally_row *rows = sort_rows(doc, &profile->threads, by_key);

	mr_doc_begin(doc, "threads", 3);
	for (size_t i = 0; rows && i < TOP_THREADS && i < profile->threads.count; i++) {
		mr_doc_count(doc, "tid", rows[i].key);
		mr_doc_count(doc, "mallocs", rows[i].first);
		mr_doc_count(doc, "frees", rows[i].second);
	}
	free(rows);
}

static void
add_phases(struct mr_doc *doc, const struct mr_profile *profile)
{
	mr_doc_begin(doc, "first_phases", 3);
	for (size_t i = 0; i < MR_PROFILE_MARKS && i < profile->ops[MR_OP_MARK]; i++) {
		mr_doc_count(doc, "event", profile->marks[i].event);
		mr_doc_ns(doc, "t_ns", profile->marks[i].t);
		mr_doc_text(doc, "name", profile->marks[i].name);
	}
}

static int
print(const struct mr_source *input, const struct mr_profile *profile,
	const struct mr_format_options *format)
{
	struct mr_doc doc = {0};
	cJSON *tree = NULL;
	int status;

	mr_doc_add_trace(&doc, input->path, input->reader);
	add_header(&doc, mr_reader_header(input->reader));
	add_import(&doc, &tree, input->reader);
	add_events(&doc, profile);
	add_blocks(&doc, profile);
	add_lifetimes(
		&doc, "lifetime_in_events", MR_UNIT_COUNT, &profile->lifetime_events);
	add_lifetimes(&doc, "lifetime_ns", MR_UNIT_NS, &profile->lifetime_ns);
	add_buckets(&doc, profile);
	add_top_sizes(&doc, profile);
	add_threads(&doc, profile);
	add_phases(&doc, profile);
	status = mr_print_doc(&doc, format);
	mr_doc_fini(&doc);
	cJSON_Delete(tree);
	return status;
}

static enum mr_status
take(void *profile, const struct mr_event *events, size_t count, struct mr_error *err)
{
	enum mr_status status = MR_OK;

	for (size_t i = 0; i < count && !status; i++)
		status = mr_profile_add(profile, &events[i], err);
	return status;
}

static int
run_trace(struct mr_source *input, const struct mr_format_options *format)
{
	struct mr_profile *profile;
	int status;

	if (mr_profile_new(&profile, &input->err))
		return mr_source_failed(input);
	status = mr_source_each(input, take, profile);
	if (!status)
		status = print(input, profile, format);
	mr_profile_free(profile);
	return status;
}

static int
run(const struct mr_command *self, int argc, char **argv)
{
	struct options options = {0}; /* what is no option too */
	struct mr_source input;
	int status;
	char **operands = mr_command_parse(self, &options, argc, argv, &status);

	if (!operands)
		return status;
	status = mr_source_open(&input, operands[0], &options.input);
	if (!status)
		status = run_trace(&input, &options.format);
	mr_source_close(&input);
	return status;
}

const struct mr_command mr_cmd_info = {
	.name = "info",
	.operands = "TRACE",
	.min_operands = 1,
	.max_operands = 1,
	.summary = "what is in a trace: events, sizes, lifetimes, threads, phases",
	.description =
		"Reads TRACE (a file, or - for standard input) once and tells what it "
		"holds: events of each kind, a histogram of the requested sizes, the "
		"sizes that make up most bytes, how long blocks live (percentiles, at "
		"most 1.6 % too high), threads and phases.",
	.options = uses,
	.run = run,
};
