/* SPDX-License-Identifier: MIT */
#include "report/replay.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "report/result.h"

#define NAME_WIDTH 26
#define CELL_WIDTH 16

/* The metrics that stand side by side: those of which both kinds have one. */
static const char *const compared[] = {"hit_rate", "byte_hit_rate", "hits", "misses",
	"rejected_frees", "evicted_blocks", "peak_active_bytes", "peak_cached_bytes",
	"peak_total_bytes"};

static struct mr_cell
metric_cell(const struct mr_metric *metric, const struct mr_result *result)
{
	struct mr_cell cell = {
		MR_CELL_NUMBER, metric->unit, .number = mr_metric_count(metric, result)};

	if (metric->unit == MR_UNIT_RATIO)
		cell.divisor = mr_metric_divisor(metric, result);
	return cell;
}

static struct mr_cell
figure_cell(const struct mr_replay_backend *backend, int figure)
{
	double value = backend->figures[figure];

	if (isnan(value))
		return (struct mr_cell){.kind = MR_CELL_NONE};
	if (mr_figures()[figure].unit == MR_UNIT_NS)
		return (struct mr_cell){MR_CELL_REAL, MR_UNIT_NS, .real = value};
	return (struct mr_cell){MR_CELL_NUMBER, mr_figures()[figure].unit,
		.number = (uint64_t)(value + 0.5)};
}

/* The row's name as people read it: blanks for underscores, no unit. */
static void
print_name(const char *name, FILE *out)
{
	char text[NAME_WIDTH + 1];
	size_t length = strlen(name);

	for (size_t i = 0; i < 2; i++) {
		const char *unit = i ? "_bytes" : "_ns";
		size_t part = strlen(unit);

		if (length > part && !strcmp(name + length - part, unit))
			length -= part;
	}
	snprintf(text, sizeof(text), "%.*s", (int)length, name);
	for (char *at = text; *at; at++)
		if (*at == '_')
			*at = ' ';
	fprintf(out, "  %-*s", NAME_WIDTH, text);
}

static void
print_cell(const struct mr_cell *cell, FILE *out)
{
	char text[MR_CELL_SIZE];

	fprintf(out, "%*s", CELL_WIDTH,
		cell->kind == MR_CELL_NONE ? "-" : mr_cell_human(text, cell));
}

/* The first backend's figure as a share of the second's. */
static void
print_ratio(const struct mr_replay_report *report, int figure, FILE *out)
{
	double ours = report->backends[0].figures[figure];
	double theirs = report->count > 1 ? report->backends[1].figures[figure] : NAN;

	if (theirs > 0 && !isnan(ours))
		fprintf(out, "%*.2f", CELL_WIDTH, ours / theirs);
	else
		fprintf(out, "%*s", CELL_WIDTH, "-");
}

static void
print_heads(const struct mr_replay_report *report, FILE *out)
{
	char text[64];

	fprintf(out, "  %-*s", NAME_WIDTH, "");
	for (size_t i = 0; i < report->count; i++) {
		const char *slash = strrchr(report->backends[i].name, '/');

		fprintf(out, "%*.*s", CELL_WIDTH, CELL_WIDTH - 1,
			slash ? slash + 1 : report->backends[i].name);
	}
	if (report->count > 1) {
		snprintf(text, sizeof(text), "%.7s/%.6s", report->backends[0].name,
			report->backends[1].name);
		fprintf(out, "%*s", CELL_WIDTH, text);
	}
	fputc('\n', out);
}

/* What a plain malloc does with each metric: all are misses. */
static void
print_metrics(const struct mr_replay_report *report, FILE *out)
{
	for (size_t row = 0; row < sizeof(compared) / sizeof(compared[0]); row++) {
		const struct mr_metric *metric = mr_metric_find(compared[row]);

		print_name(compared[row], out);
		for (size_t i = 0; i < report->count; i++) {
			const struct mr_replay_backend *backend = &report->backends[i];
			struct mr_cell cell = {.kind = MR_CELL_NONE};

			if (backend->caching && backend->completed)
				cell = metric_cell(metric, &backend->result);
			print_cell(&cell, out);
		}
		fputc('\n', out);
	}
}

static void
print_figures(const struct mr_replay_report *report, FILE *out)
{
	for (int figure = 0; figure < MR_FIGURE_COUNT; figure++) {
		/* of one run the fastest and the slowest say nothing */
		if (report->runs == 1 &&
			(figure == MR_FIGURE_WALL_MIN || figure == MR_FIGURE_WALL_MAX))
			continue;
		print_name(mr_figures()[figure].name, out);
		for (size_t i = 0; i < report->count; i++) {
			struct mr_cell cell = figure_cell(&report->backends[i], figure);

			print_cell(&cell, out);
		}
		if (report->count > 1)
			print_ratio(report, figure, out);
		fputc('\n', out);
	}
}

static void
print_exits(const struct mr_replay_report *report, FILE *out)
{
	bool all_well = true;

	print_name("exit", out);
	for (size_t i = 0; i < report->count; i++) {
		bool well = !strcmp(report->backends[i].exit, "exit 0");

		fprintf(out, "%*s", CELL_WIDTH, well ? "0" : "failed");
		all_well = all_well && well;
	}
	fputc('\n', out);
	for (size_t i = 0; i < report->count && !all_well; i++)
		if (strcmp(report->backends[i].exit, "exit 0") != 0)
			fprintf(out, "  %s: %s\n", report->backends[i].name,
				report->backends[i].exit);
}

static void
print_cache_limit(const struct mr_result *r, FILE *out)
{
	char limit[MR_TEXT_SIZE], peak[MR_TEXT_SIZE], frees[MR_TEXT_SIZE];
	char bytes[MR_TEXT_SIZE];

	mr_size_print(limit, r->cache_limit);
	mr_size_print(peak, r->peak_cached_bytes);
	if (r->cache_limit == MR_UNLIMITED)
		fprintf(out, "  There was no cache limit; cached memory peaked at %s.\n",
			peak);
	else if (r->events_over_limit)
		fprintf(out,
			"  The cache limit was NOT held: %s events left cached memory "
			"above "
			"it, by up to %s.\n",
			mr_count_print(frees, r->events_over_limit),
			mr_size_print(bytes, r->max_overshoot_bytes));
	else
		fprintf(out,
			"  The cache limit was held after every event: %s at the end, "
			"cached "
			"memory peaked at %s.\n",
			limit, peak);
	fprintf(out, "  %s freed blocks (%s) did not fit under it and were rejected.\n",
		mr_count_print(frees, r->rejected_frees),
		mr_size_print(bytes, r->rejected_bytes));
	if (r->limit_changes)
		fprintf(out, "  It was changed %s times, which evicted %s blocks.\n",
			mr_count_print(frees, r->limit_changes),
			mr_count_print(bytes, r->evictions_by_limit));
}

static void
print_memory_limit(const struct mr_result *r, FILE *out)
{
	char limit[MR_TEXT_SIZE], events[MR_TEXT_SIZE];

	if (r->memory_limit == MR_UNLIMITED)
		fputs("  There was no memory limit.\n", out);
	else if (r->events_over_memory_limit)
		fprintf(out,
			"  The memory limit (%s at the end) is watched, not enforced: %s "
			"events left active memory above it.\n",
			mr_size_print(limit, r->memory_limit),
			mr_count_print(events, r->events_over_memory_limit));
	else
		fprintf(out,
			"  Active memory stayed within the memory limit of %s, which is "
			"watched, not enforced.\n",
			mr_size_print(limit, r->memory_limit));
}

void
mr_replay_table(const struct mr_replay_report *report, FILE *out)
{
	char events[MR_TEXT_SIZE];
	const struct mr_replay_backend *caching = &report->backends[0];
	size_t count;
	const struct mr_metric *metrics = mr_metrics(&count);

	fprintf(out, "%s: %s events", report->path,
		mr_count_print(events, caching->result.events));
	if (report->runs > 1)
		fprintf(out, ", medians of %" PRIu32 " runs", report->runs);
	fputs("\n\n", out);
	print_heads(report, out);
	print_metrics(report, out);
	print_figures(report, out);
	print_exits(report, out);
	if (!caching->completed)
		return;
	fputs("\nlimit enforcement\n", out);
	print_cache_limit(&caching->result, out);
	print_memory_limit(&caching->result, out);
	for (size_t i = 0; i < count; i++) {
		struct mr_cell cell = metric_cell(&metrics[i], &caching->result);

		if (!(metrics[i].sections & MR_SECTION_LIMITS))
			continue;
		print_name(metrics[i].name, out);
		print_cell(&cell, out);
		fputc('\n', out);
	}
	fprintf(out, "\nThe real allocator's counters %s the simulation's.\n",
		report->agrees ? "equal" : "DIFFER from");
}

static void
csv_cell(const struct mr_cell *cell, FILE *out)
{
	char text[MR_CELL_SIZE];
	const char *raw = mr_cell_raw(text, cell);

	fprintf(out, ",%s", raw ? raw : "");
}

static void
csv_text(const char *text, FILE *out)
{
	fputc('"', out);
	for (; *text; text++) {
		if (*text == '"')
			fputc('"', out);
		fputc(*text, out);
	}
	fputc('"', out);
}

void
mr_replay_csv(const struct mr_replay_report *report, FILE *out)
{
	size_t count;
	const struct mr_metric *metrics = mr_metrics(&count);

	fputs("trace,name", out);
	for (size_t i = 0; i < count; i++)
		fprintf(out, ",%s", metrics[i].name);
	for (int figure = 0; figure < MR_FIGURE_COUNT; figure++)
		fprintf(out, ",%s", mr_figures()[figure].name);
	fputs(",exit\r\n", out);
	for (size_t b = 0; b < report->count; b++) {
		const struct mr_replay_backend *backend = &report->backends[b];

		csv_text(report->path, out);
		fputc(',', out);
		csv_text(backend->name, out);
		for (size_t i = 0; i < count; i++) {
			struct mr_cell cell = {.kind = MR_CELL_NONE};

			if (backend->caching && backend->completed)
				cell = metric_cell(&metrics[i], &backend->result);
			csv_cell(&cell, out);
		}
		for (int figure = 0; figure < MR_FIGURE_COUNT; figure++) {
			struct mr_cell cell = figure_cell(backend, figure);

			csv_cell(&cell, out);
		}
		fputc(',', out);
		csv_text(backend->exit, out);
		fputs("\r\n", out);
	}
}

static void
add_figures(
	struct mr_doc *doc, const struct mr_replay_backend *backend, const char *group)
{
	for (int i = 0; i < MR_FIGURE_COUNT; i++) {
		const struct mr_figure *figure = &mr_figures()[i];
		struct mr_cell cell = figure_cell(backend, i);

		if (group ? !figure->group || strcmp(figure->group, group) != 0
			  : figure->group != NULL)
			continue;
		if (cell.kind == MR_CELL_NONE)
			mr_doc_none(doc, figure->key);
		else if (figure->unit == MR_UNIT_NS)
			mr_doc_real(doc, figure->key, MR_UNIT_NS, cell.real);
		else if (figure->unit == MR_UNIT_BYTES)
			mr_doc_bytes(doc, figure->key, cell.number);
		else
			mr_doc_count(doc, figure->key, cell.number);
	}
}

void
mr_doc_add_replay(struct mr_doc *doc, const struct mr_replay_report *report,
	struct mr_replay_names *names)
{
	static const char *const parts[] = {
		"", ".result", ".result.limit_enforcement", ".malloc_ns"};

	for (size_t i = 0; i < report->count && i < MR_REPLAY_NAMES / 2; i++) {
		const struct mr_replay_backend *backend = &report->backends[i];
		char(*name)[48] = names->text[2 * i];
		char *frees = names->text[2 * i + 1][0];

		for (size_t part = 0; part < 4; part++)
			snprintf(name[part], sizeof(name[part]), "backends.%zu%s", i,
				parts[part]);
		snprintf(frees, 48, "backends.%zu.free_ns", i);
		mr_doc_begin(doc, name[0], 0);
		mr_doc_text(doc, "name", backend->name);
		mr_doc_text(doc, "exit", backend->exit);
		mr_doc_count(doc, "completed_runs", backend->completed);
		add_figures(doc, backend, NULL);
		if (!backend->caching || !backend->completed)
			mr_doc_none(doc, "result");
		else
			mr_doc_flag(doc, "agrees_with_simulation", report->agrees);
		if (backend->caching && backend->completed) {
			mr_doc_add_result(
				doc, name[1], MR_SECTION_RESULT, &backend->result);
			mr_doc_add_result(
				doc, name[2], MR_SECTION_LIMITS, &backend->result);
		}
		mr_doc_begin(doc, name[3], 0);
		add_figures(doc, backend, "malloc_ns");
		mr_doc_begin(doc, frees, 0);
		add_figures(doc, backend, "free_ns");
	}
}
