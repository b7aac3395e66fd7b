/* SPDX-License-Identifier: MIT */
#include "report/side.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "base/error.h"
#include "report/result.h"
#include "trace/input.h"
#include "trace/jsonvalue.h"

#define MOST_BYTES ((size_t)16 << 20) /* of a result: far more than any has */

static void
copy_text(char out[MR_SIDE_TEXT], const char *text)
{
	snprintf(out, MR_SIDE_TEXT, "%s", text ? text : "");
}

static struct mr_side_part *
add_part(struct mr_side *side, const char *name)
{
	struct mr_side_part *parts =
		realloc(side->parts, (side->count + 1) * sizeof(*parts));

	if (!parts)
		return NULL;
	side->parts = parts;
	parts += side->count++;
	memset(parts, 0, sizeof(*parts));
	copy_text(parts->name, name);
	for (size_t i = 0; i < MR_SIDE_METRICS; i++)
		parts->ratios[i] = NAN;
	for (size_t i = 0; i < MR_FIGURE_COUNT; i++)
		parts->figures[i] = NAN;
	return parts;
}

static void
add_knob(struct mr_side *side, const char *name, struct mr_cell cell)
{
	struct mr_side_knob *knob = &side->knobs[side->knob_count];

	if (side->knob_count == MR_SIDE_KNOBS)
		return;
	side->knob_count++;
	copy_text(knob->name, name);
	copy_text(knob->text, cell.kind == MR_CELL_TEXT ? cell.text : "");
	knob->cell = cell;
}

/* --- a simulation */

/* What a policy does not count is 0 in its result, and no figure. */
static void
know(struct mr_side_part *part, const struct mr_policy *policy)
{
	size_t count;
	const struct mr_metric *metrics = mr_detail_metrics(&count);
	unsigned sections = mr_policy_is_torch(policy)
		? MR_SECTION_TORCH
		: MR_CACHE_SECTIONS | MR_SECTION_DETAIL;

	for (size_t i = 0; i < count; i++)
		part->known[i] = metrics[i].sections & sections;
}

enum mr_status
mr_side_make(struct mr_side *out, const char *path, const struct mr_header *header,
	const struct mr_policy *policy, const struct mr_result *result)
{
	struct mr_doc doc = {0};
	struct mr_side_part *part;
	bool good;

	memset(out, 0, sizeof(*out));
	out->path = path;
	out->events = result->events;
	copy_text(out->workload, header->workload);
	copy_text(out->policy, mr_policy_name(policy));
	part = add_part(out, out->policy);
	if (part) {
		part->result = *result;
		know(part, policy);
	}
	mr_doc_add_policy(&doc, policy);
	good = part && !doc.failed;
	/* The first item is the name. */
	for (size_t i = 1; good && i < doc.sections[0].count; i++)
		add_knob(
			out, doc.sections[0].items[i].key, doc.sections[0].items[i].cell);
	mr_doc_fini(&doc);
	return good ? MR_OK : MR_ENOMEM;
}

/* --- saved JSON */

static const cJSON *
member(const cJSON *object, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(object, name);
}

static const char *
text_of(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(member(object, name));
}

static bool
is_ratio(const cJSON *item)
{
	return cJSON_IsNumber(item) && item->valuedouble >= 0 && item->valuedouble <= 1;
}

static enum mr_status
read_ratio(double *out, const char *name, const cJSON *item, struct mr_error *err)
{
	if (!is_ratio(item))
		return mr_fail(
			err, MR_EFORMAT, "\"%s\" is not a ratio from 0 to 1", name);
	*out = item->valuedouble;
	return MR_OK;
}

/* Reads a metric into the result, if it is there. */
static enum mr_status
read_metric(
	struct mr_side_part *part, size_t row, const cJSON *object, struct mr_error *err)
{
	size_t count;
	const struct mr_metric *metric = &mr_detail_metrics(&count)[row];
	const cJSON *item = member(object, metric->name);
	uint64_t *value = (uint64_t *)(void *)((char *)&part->result + metric->offset);

	if (!item)
		return MR_OK;
	part->known[row] = true;
	if (metric->unit == MR_UNIT_RATIO)
		return read_ratio(&part->ratios[row], metric->name, item, err);
	if (cJSON_IsNull(item) && metric->unit == MR_UNIT_BYTES)
		*value = MR_UNLIMITED;
	else if (!mr_json_whole(value, item))
		return mr_fail(err, MR_EFORMAT, "\"%s\" is not a whole number up to 2^53",
			metric->name);
	return MR_OK;
}

/* Whether the count at this place in the result was read. */
static bool
has_count(const struct mr_side_part *part, size_t offset)
{
	size_t count;
	const struct mr_metric *metrics = mr_detail_metrics(&count);

	for (size_t i = 0; i < count; i++)
		if (part->known[i] && metrics[i].unit != MR_UNIT_RATIO &&
			metrics[i].offset == offset)
			return true;
	return false;
}

static enum mr_status
read_result(struct mr_side_part *part, const cJSON *result, struct mr_error *err)
{
	const cJSON *limits = member(result, "limit_enforcement");
	const cJSON *detail = member(result, "detail");
	enum mr_status st = MR_OK;
	size_t count;
	const struct mr_metric *metrics = mr_detail_metrics(&count);

	for (size_t row = 0; row < count && !st; row++) {
		if (!(st = read_metric(part, row, limits, err)) &&
			!(st = read_metric(part, row, detail, err)))
			st = read_metric(part, row, result, err);
	}
	/* Made from its two counts, a ratio is exact. */
	for (size_t row = 0; row < count; row++)
		if (has_count(part, metrics[row].offset) &&
			has_count(part, metrics[row].divisor))
			part->ratios[row] = NAN;
	return st;
}

static void
read_figures(struct mr_side_part *part, const cJSON *backend)
{
	for (size_t i = 0; i < MR_FIGURE_COUNT; i++) {
		const struct mr_figure *figure = &mr_figures()[i];
		const cJSON *item =
			member(figure->group ? member(backend, figure->group) : backend,
				figure->key);

		if (cJSON_IsNumber(item))
			part->figures[i] = item->valuedouble;
	}
}

static void
read_policy(struct mr_side *side, const cJSON *policy)
{
	const cJSON *item;

	copy_text(side->policy, text_of(policy, "name"));
	cJSON_ArrayForEach(item, policy)
	{
		const struct mr_knob *knob = mr_knob_find(item->string);
		struct mr_cell cell = {.kind = MR_CELL_NUMBER,
			.unit = knob ? knob->unit : MR_UNIT_COUNT};

		if (!strcmp(item->string, "name"))
			continue;
		if (cJSON_IsString(item)) {
			cell.kind = MR_CELL_TEXT;
			cell.text = item->valuestring;
		} else if (cell.unit == MR_UNIT_RATIO && is_ratio(item)) {
			cell.divisor = MR_TORCH_SHARE;
			cell.number =
				(uint64_t)(item->valuedouble * MR_TORCH_SHARE + 0.5);
		} else if (!mr_json_whole(&cell.number, item)) {
			cell.unit = MR_UNIT_BYTES;
			cell.number = MR_UNLIMITED;
		}
		add_knob(side, item->string, cell);
	}
}

static enum mr_status
read_saved(struct mr_side *side, const cJSON *root, struct mr_error *err)
{
	const cJSON *trace = member(root, "trace"), *result = member(root, "result");
	const cJSON *backends = member(root, "backends"), *backend;
	struct mr_side_part *part;
	enum mr_status st = MR_OK;

	if (!cJSON_IsObject(member(root, "policy")) ||
		!(cJSON_IsObject(result) || cJSON_IsArray(backends)))
		return MR_END;
	side->saved = true;
	if (!mr_json_whole(&side->events, member(trace, "events")))
		side->events = 0;
	copy_text(side->workload, text_of(trace, "workload"));
	read_policy(side, member(root, "policy"));
	if (!backends) {
		part = add_part(side, side->policy);
		return part ? read_result(part, result, err) : mr_fail_memory(err);
	}
	cJSON_ArrayForEach(backend, backends)
	{
		part = add_part(side, text_of(backend, "name"));
		if (!part)
			return mr_fail_memory(err);
		read_figures(part, backend);
		if (!st && cJSON_IsObject(member(backend, "result")))
			st = read_result(part, member(backend, "result"), err);
	}
	return st;
}

/* The whole of a file that can be a saved result, as JSON; NULL: it is none. */
static enum mr_status
parse_file(cJSON **root, const char *path, struct mr_error *err)
{
	struct mr_input *input;
	const unsigned char *data;
	size_t length, head;
	enum mr_status st = mr_input_open(&input, path, err);

	*root = NULL;
	if (st)
		return st;
	/* A trace that is damaged later on is the reader's to complain of. */
	st = mr_input_peek(input, 4096, &data, &length, err);
	if (st || !length || *data != '{' || memmem(data, length, "alloc-trace", 11))
		goto out;
	head = length;
	st = mr_input_peek(input, MOST_BYTES + 1, &data, &length, err);
	if (!st && length <= MOST_BYTES && length >= head)
		st = mr_json_parse(root, (const char *)data, length, NULL, err);
out:
	mr_input_close(input);
	return st == MR_EFORMAT ? MR_OK : st;
}

enum mr_status
mr_side_read(struct mr_side *out, const char *path, struct mr_error *err)
{
	struct stat about;
	cJSON *root;
	enum mr_status st;

	memset(out, 0, sizeof(*out));
	out->path = path;
	if (!strcmp(path, "-") || stat(path, &about) || !S_ISREG(about.st_mode))
		return MR_END;
	st = parse_file(&root, path, err);
	if (!st)
		st = root ? read_saved(out, root, err) : MR_END;
	cJSON_Delete(root);
	return st;
}

uint64_t
mr_side_oom(const struct mr_side *side)
{
	return side->count ? side->parts[0].result.oom_event : 0;
}

void
mr_side_fini(struct mr_side *side)
{
	free(side->parts);
	side->parts = NULL;
	side->count = 0;
}
