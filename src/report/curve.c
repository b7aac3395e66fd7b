/* SPDX-License-Identifier: MIT */
#include "report/curve.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/draft.h"
#include "base/error.h"
#include "base/units.h"
#include "report/result.h"

#define BAR_WIDTH   30
#define BAR_LEAST   8 /* a shorter one tells nothing */
#define BAR_GAP     2
#define LOSS_ROOM   2  /* " <" */
#define LOSSES_SHOW 10 /* in a table; JSON has them all */

bool
mr_curve_proved(const struct mr_curve *curve, size_t i)
{
	const struct mr_point *points = curve->points;

	if (i + 1 == curve->count)
		return points[i].valid_to == MR_UNLIMITED;
	return points[i].valid_to >= points[i + 1].valid_from;
}

static int
larger_loss(const void *a, const void *b)
{
	const struct mr_loss *x = a, *y = b;

	if (x->hits != y->hits)
		return x->hits < y->hits ? 1 : -1;
	return (x->at > y->at) - (x->at < y->at);
}

enum mr_status
mr_curve_losses(const struct mr_curve *curve, struct mr_loss **losses, size_t *count,
	struct mr_error *err)
{
	struct mr_loss *found = malloc((curve->count + 1) * sizeof(*found));
	size_t n = 0;

	if (!found)
		return mr_fail_memory(err);
	for (size_t i = 0; i + 1 < curve->count; i++) {
		uint64_t here = curve->points[i].result.hits;
		uint64_t next = curve->points[i + 1].result.hits;

		if (next < here)
			found[n++] = (struct mr_loss){i, here - next};
	}
	qsort(found, n, sizeof(*found), larger_loss);
	*losses = found;
	*count = n;
	return MR_OK;
}

/* A limit in as few characters as tell it exactly. */
static const char *
exact_size(char text[MR_TEXT_SIZE], uint64_t bytes)
{
	if (bytes == MR_UNLIMITED || bytes % 1024 == 0)
		return mr_size_print(text, bytes);
	snprintf(text, MR_TEXT_SIZE, "%" PRIu64, bytes);
	return text;
}

static double
ratio(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

/* As all tables have it: not 100 % where a miss remains. */
static const char *
percent(char text[MR_CELL_SIZE], uint64_t part, uint64_t whole)
{
	const struct mr_cell cell = {
		MR_CELL_NUMBER, MR_UNIT_RATIO, .number = part, .divisor = whole};

	return mr_cell_human(text, &cell);
}

/* What stands before the chart, as wide as the terminal allows. */
enum detail { DETAIL_ALL, DETAIL_SOME, DETAIL_RATE };

static const int detail_width[] = {
	[DETAIL_ALL] = 110, [DETAIL_SOME] = 60, [DETAIL_RATE] = 24};

static enum detail
detail_for(const struct mr_screen *screen)
{
	if (!screen->width || screen->width > detail_width[DETAIL_ALL])
		return DETAIL_ALL;
	return screen->width > detail_width[DETAIL_SOME] + BAR_LEAST ? DETAIL_SOME
								     : DETAIL_RATE;
}

/* More cache and fewer hits than at the point before. */
static bool
is_loss(const struct mr_curve *curve, size_t i)
{
	return i && curve->points[i].result.hits < curve->points[i - 1].result.hits;
}

static void
print_bar(
	const struct mr_curve *curve, size_t i, const struct mr_screen *screen, FILE *out)
{
	const struct mr_result *result = &curve->points[i].result;
	int width = screen->width - detail_width[detail_for(screen)] - BAR_GAP -
		LOSS_ROOM - 1;

	if (width < BAR_LEAST)
		return;
	fprintf(out, "%*s", BAR_GAP, "");
	mr_bar(screen, ratio(result->hits, result->mallocs),
		width < BAR_WIDTH ? width : BAR_WIDTH,
		is_loss(curve, i) ? MR_INK_ALERT : MR_INK_PLAIN, out);
	if (is_loss(curve, i))
		fputs(" <", out);
}

static void
print_row(
	const struct mr_curve *curve, size_t i, const struct mr_screen *screen, FILE *out)
{
	const struct mr_point *point = &curve->points[i];
	const struct mr_result *result = &point->result;
	enum detail detail = detail_for(screen);
	char limit[MR_TEXT_SIZE], rejected[MR_TEXT_SIZE], peak[MR_TEXT_SIZE];
	char from[MR_TEXT_SIZE], to[MR_TEXT_SIZE], rate[MR_CELL_SIZE];

	fprintf(out, "%14s  %8s", exact_size(limit, point->cache_limit),
		percent(rate, result->hits, result->mallocs));
	if (detail != DETAIL_RATE)
		fprintf(out, "  %8s  %11s  %11s",
			percent(rate, result->hit_bytes, result->requested_bytes),
			mr_count_print(rejected, result->rejected_frees),
			mr_size_print(peak, result->peak_total_bytes));
	if (detail == DETAIL_ALL)
		fprintf(out, "  %15s  %15s  %-*s",
			mr_count_print(from, point->valid_from),
			point->valid_to == MR_UNLIMITED
				? "-"
				: mr_count_print(to, point->valid_to),
			screen->width ? 3 : 0, mr_curve_proved(curve, i) ? "yes" : "no");
	if (screen->width)
		print_bar(curve, i, screen, out);
	fputc('\n', out);
}

static void
print_heading(enum detail detail, FILE *out)
{
	fprintf(out, "\n\n%14s  %8s", "cache limit", "hit rate");
	if (detail != DETAIL_RATE)
		fprintf(out, "  %8s  %11s  %11s", "by bytes", "rejected", "peak total");
	if (detail == DETAIL_ALL)
		fprintf(out, "  %15s  %15s  %s", "the same from", "to below",
			"gap proved");
	fputc('\n', out);
}

static enum mr_status
print_losses(const struct mr_curve *curve, FILE *out, struct mr_error *err)
{
	struct mr_loss *losses = NULL;
	size_t count = 0;
	char from[MR_TEXT_SIZE], to[MR_TEXT_SIZE], hits[MR_TEXT_SIZE];
	enum mr_status st = mr_curve_losses(curve, &losses, &count, err);

	if (count)
		fprintf(out, "\nMore cache means fewer hits in %zu place%s%s:\n", count,
			count == 1 ? "" : "s",
			count > LOSSES_SHOW ? ", the largest losses" : "");
	for (size_t i = 0; i < count && i < LOSSES_SHOW; i++)
		fprintf(out, "  from %s to %s loses %s hits\n",
			exact_size(from, curve->points[losses[i].at].cache_limit),
			exact_size(to, curve->points[losses[i].at + 1].cache_limit),
			mr_count_print(hits, losses[i].hits));
	free(losses);
	return st;
}

enum mr_status
mr_curve_table(const struct mr_curve *curve, const struct mr_screen *screen, FILE *out,
	struct mr_error *err)
{
	char text[MR_TEXT_SIZE];

	mr_print_safe(curve->path, strlen(curve->path), out);
	for (size_t i = 0; i < curve->varied_count; i++)
		fprintf(out, "%s%s", i ? ", " : " with ", curve->varied[i]);
	fprintf(out, ": %s events, %zu points",
		mr_count_print(text, curve->summary->events), curve->count);
	if (curve->summary->resolution > 1)
		fprintf(out, " at multiples of %s",
			mr_size_print(text, curve->summary->resolution));
	print_heading(detail_for(screen), out);
	for (size_t i = 0; i < curve->count; i++)
		print_row(curve, i, screen, out);
	return print_losses(curve, out, err);
}

/* Prints a number, or null for what has no bound. */
static void
json_number(FILE *out, const char *key, uint64_t value, bool null)
{
	if (null)
		fprintf(out, "\"%s\":null", key);
	else
		fprintf(out, "\"%s\":%" PRIu64, key, value);
}

static struct mr_cell
metric_cell(const struct mr_metric *metric, const struct mr_result *result)
{
	struct mr_cell cell = {
		MR_CELL_NUMBER, metric->unit, .number = mr_metric_count(metric, result)};

	if (metric->unit == MR_UNIT_RATIO)
		cell.divisor = mr_metric_divisor(metric, result);
	return cell;
}

static void
json_metric(FILE *out, const struct mr_metric *metric, const struct mr_result *result)
{
	struct mr_cell cell = metric_cell(metric, result);
	char text[MR_CELL_SIZE];
	const char *raw = mr_cell_raw(text, &cell);

	fprintf(out, "\"%s\":%s", metric->name, raw ? raw : "null");
}

/* The metrics of one section of a result. */
static void
json_metrics(FILE *out, unsigned section, const struct mr_result *result)
{
	size_t count;
	const struct mr_metric *metrics = mr_metrics(&count);
	const char *comma = "";

	for (size_t i = 0; i < count; i++) {
		if (!(metrics[i].sections & section))
			continue;
		fputs(comma, out);
		json_metric(out, &metrics[i], result);
		comma = ",";
	}
}

static void
json_point(const struct mr_curve *curve, size_t i, FILE *out)
{
	const struct mr_point *point = &curve->points[i];

	fputs("{", out);
	json_number(out, "cache_limit", point->cache_limit,
		point->cache_limit == MR_UNLIMITED);
	fputs(",", out);
	json_number(out, "valid_from", point->valid_from, false);
	fputs(",", out);
	json_number(out, "valid_to", point->valid_to, point->valid_to == MR_UNLIMITED);
	fprintf(out, ",\"gap_proved\":%s,", mr_curve_proved(curve, i) ? "true" : "false");
	json_metrics(out, MR_SECTION_RESULT, &point->result);
	fputs(",\"limit_enforcement\":{", out);
	json_metrics(out, MR_SECTION_LIMITS, &point->result);
	fputs("}}", out);
}

static enum mr_status
json_losses(const struct mr_curve *curve, FILE *out, struct mr_error *err)
{
	struct mr_loss *losses = NULL;
	size_t count = 0;
	enum mr_status st = mr_curve_losses(curve, &losses, &count, err);

	if (st)
		return st;
	fputs("],\n\"losses\":[", out);
	for (size_t i = 0; i < count; i++) {
		const struct mr_point *point = &curve->points[losses[i].at];

		fprintf(out, "%s\n{", i ? "," : "");
		json_number(out, "from", point[0].cache_limit, false);
		fputs(",", out);
		json_number(out, "to", point[1].cache_limit,
			point[1].cache_limit == MR_UNLIMITED);
		fprintf(out, ",\"hits\":%" PRIu64 "}", losses[i].hits);
	}
	fputs("]}", out);
	free(losses);
	return MR_OK;
}

/* The document's JSON without its last brace, to be gone on with. */
static enum mr_status
json_begin(const struct mr_doc *doc, FILE *out, struct mr_error *err)
{
	struct mr_draft draft;
	enum mr_status st = mr_draft_open(&draft, err);
	size_t length;

	if (st)
		return st;
	st = mr_doc_print(doc, MR_OUTPUT_JSON, NULL, draft.file, err);
	if (!st)
		st = mr_draft_sync(&draft, err);
	length = draft.length;
	while (!st && length && draft.text[length - 1] != '}')
		length--;
	if (!st)
		fwrite(draft.text, 1, length - 1, out);
	mr_draft_fini(&draft);
	return st;
}

enum mr_status
mr_curve_json(const struct mr_curve *curve, FILE *out, struct mr_error *err)
{
	enum mr_status st = json_begin(curve->doc, out, err);

	if (st)
		return st;
	fputs(",\n\"points\":[", out);
	for (size_t i = 0; i < curve->count; i++) {
		fputs(i ? ",\n" : "\n", out);
		json_point(curve, i, out);
	}
	return json_losses(curve, out, err);
}

/* Metrics of both sections, each once; cache_limit has a column already. */
static bool
in_csv(const struct mr_metric *metric)
{
	return metric->sections & MR_CACHE_SECTIONS &&
		strcmp(metric->name, "cache_limit") != 0;
}

void
mr_curve_csv_names(const struct mr_curve *curve, FILE *out)
{
	size_t count;
	const struct mr_metric *metrics = mr_metrics(&count);

	fputs("trace", out);
	for (size_t i = 0; i < curve->varied_count; i++)
		fprintf(out, ",%.*s", (int)strcspn(curve->varied[i], "="),
			curve->varied[i]);
	fputs(",cache_limit,valid_from,valid_to,gap_proved", out);
	for (size_t i = 0; i < count; i++)
		if (in_csv(&metrics[i]))
			fprintf(out, ",%s", metrics[i].name);
	fputc('\n', out);
}

static void
csv_limit(FILE *out, uint64_t limit)
{
	struct mr_cell cell = {MR_CELL_NUMBER, MR_UNIT_BYTES, .number = limit};

	fputc(',', out);
	mr_csv_cell(out, &cell);
}

void
mr_curve_csv(const struct mr_curve *curve, FILE *out)
{
	size_t count;
	const struct mr_metric *metrics = mr_metrics(&count);
	struct mr_cell cell;

	for (size_t i = 0; i < curve->count; i++) {
		const struct mr_point *point = &curve->points[i];

		mr_csv_text(out, curve->path);
		for (size_t v = 0; v < curve->varied_count; v++) {
			putc(',', out);
			mr_csv_text(out, strchr(curve->varied[v], '=') + 1);
		}
		csv_limit(out, point->cache_limit);
		csv_limit(out, point->valid_from);
		csv_limit(out, point->valid_to);
		cell = (struct mr_cell){
			MR_CELL_FLAG, .number = mr_curve_proved(curve, i)};
		fputc(',', out);
		mr_csv_cell(out, &cell);
		for (size_t m = 0; m < count; m++) {
			if (!in_csv(&metrics[m]))
				continue;
			cell = metric_cell(&metrics[m], &point->result);
			fputc(',', out);
			mr_csv_cell(out, &cell);
		}
		fputc('\n', out);
	}
}
