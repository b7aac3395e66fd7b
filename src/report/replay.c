/* SPDX-License-Identifier: MIT */
#include "report/replay.h"

#include <math.h>
#include <string.h>

#include "report/result.h"

const struct mr_result *
mr_replay_result(const struct mr_replay_backend *backend)
{
	return backend->thread_count ? &backend->threads_result : &backend->result;
}

struct mr_cell
mr_replay_metric_cell(
	const struct mr_replay_backend *backend, const struct mr_metric *metric)
{
	const struct mr_result *result = mr_replay_result(backend);
	struct mr_cell cell = {.kind = MR_CELL_NUMBER, .unit = metric->unit};

	if (!backend->caching || !backend->completed)
		return (struct mr_cell){.kind = MR_CELL_NONE};
	cell.number = mr_metric_count(metric, result);
	if (metric->unit == MR_UNIT_RATIO)
		cell.divisor = mr_metric_divisor(metric, result);
	return cell;
}

struct mr_cell
mr_replay_cell(const struct mr_figure *figure, double value)
{
	if (isnan(value))
		return (struct mr_cell){.kind = MR_CELL_NONE};
	if (figure->unit == MR_UNIT_NS || figure->unit == MR_UNIT_RATIO)
		return (struct mr_cell){MR_CELL_REAL, figure->unit, .real = value};
	return (struct mr_cell){
		MR_CELL_NUMBER, figure->unit, .number = (uint64_t)(value + 0.5)};
}

struct mr_cell
mr_replay_figure_cell(const struct mr_replay_backend *backend, enum mr_figure_id figure)
{
	return mr_replay_cell(&mr_figures()[figure], backend->figures[figure]);
}

void
mr_replay_csv(const struct mr_replay_report *report, FILE *out)
{
	size_t count;
	const struct mr_metric *metrics = mr_metrics(&count);
	struct mr_cell cell;

	fputs("trace,name", out);
	for (size_t i = 0; i < count; i++)
		if (metrics[i].sections & MR_CACHE_SECTIONS)
			fprintf(out, ",%s", metrics[i].name);
	for (int figure = 0; figure < MR_FIGURE_COUNT; figure++)
		fprintf(out, ",%s", mr_figures()[figure].name);
	fputs(",exit\n", out);
	for (size_t b = 0; b < report->count; b++) {
		const struct mr_replay_backend *backend = &report->backends[b];

		mr_csv_text(out, report->path);
		fputc(',', out);
		mr_csv_text(out, backend->name);
		for (size_t i = 0; i < count; i++) {
			if (!(metrics[i].sections & MR_CACHE_SECTIONS))
				continue;
			cell = mr_replay_metric_cell(backend, &metrics[i]);
			fputc(',', out);
			mr_csv_cell(out, &cell);
		}
		for (int i = 0; i < MR_FIGURE_COUNT; i++) {
			cell = mr_replay_figure_cell(backend, (enum mr_figure_id)i);
			fputc(',', out);
			mr_csv_cell(out, &cell);
		}
		fputc(',', out);
		mr_csv_text(out, backend->exit);
		fputc('\n', out);
	}
}

static void
add_figure(struct mr_doc *doc, const struct mr_figure *figure, double value)
{
	struct mr_cell cell = mr_replay_cell(figure, value);

	if (cell.kind == MR_CELL_NONE)
		mr_doc_none(doc, figure->key);
	else if (cell.kind == MR_CELL_REAL)
		mr_doc_real(doc, figure->key, cell.unit, cell.real);
	else if (cell.unit == MR_UNIT_BYTES)
		mr_doc_bytes(doc, figure->key, cell.number);
	else
		mr_doc_count(doc, figure->key, cell.number);
}

/* The figures of one group; NULL: those in none. */
static void
add_figures(
	struct mr_doc *doc, const struct mr_replay_backend *backend, const char *group)
{
	for (int i = 0; i < MR_FIGURE_COUNT; i++) {
		const struct mr_figure *figure = &mr_figures()[i];

		if (group ? !figure->group || strcmp(figure->group, group) != 0
			  : figure->group != NULL)
			continue;
		add_figure(doc, figure, backend->figures[i]);
	}
}

static void
add_threads(struct mr_doc *doc, const struct mr_replay_backend *backend, const char *name)
{
	mr_doc_begin(doc, name, MR_THREAD_FIGURE_COUNT + 1);
	for (size_t i = 0; i < backend->thread_count; i++) {
		mr_doc_count(doc, "thread", backend->threads[i].tid);
		for (int j = 0; j < MR_THREAD_FIGURE_COUNT; j++)
			add_figure(doc, &mr_thread_figures()[j],
				backend->threads[i].figures[j]);
	}
}

static void
add_backend(struct mr_doc *doc, const struct mr_replay_report *report, size_t index,
	char (*names)[48])
{
	static const char *const parts[MR_REPLAY_PARTS] = {"", ".result",
		".result.limit_enforcement", ".malloc_ns", ".free_ns", ".threads",
		".by_thread"};
	const struct mr_replay_backend *backend = &report->backends[index];
	const struct mr_result *result = mr_replay_result(backend);

	for (size_t i = 0; i < MR_REPLAY_PARTS; i++)
		snprintf(names[i], sizeof(names[i]), "backends.%zu%s", index, parts[i]);
	mr_doc_begin(doc, names[0], 0);
	mr_doc_text(doc, "name", backend->name);
	mr_doc_text(doc, "exit", backend->exit);
	mr_doc_count(doc, "completed_runs", backend->completed);
	add_figures(doc, backend, NULL);
	if (backend->caching && backend->completed) {
		mr_doc_flag(doc, "agrees_with_simulation", report->agrees);
		mr_doc_add_result(doc, names[1], MR_SECTION_RESULT, result);
		mr_doc_add_result(doc, names[2], MR_SECTION_LIMITS, result);
	} else {
		mr_doc_none(doc, "result");
	}
	mr_doc_begin(doc, names[3], 0);
	add_figures(doc, backend, "malloc_ns");
	mr_doc_begin(doc, names[4], 0);
	add_figures(doc, backend, "free_ns");
	if (!report->threads)
		return;
	mr_doc_begin(doc, names[5], 0);
	add_figures(doc, backend, "threads");
	add_threads(doc, backend, names[6]);
}

void
mr_doc_add_replay(struct mr_doc *doc, const struct mr_replay_report *report,
	struct mr_replay_names *names)
{
	mr_doc_begin(doc, "replay", 0);
	mr_doc_text(doc, "touch", report->touch);
	mr_doc_text(doc, "timing", report->timing);
	mr_doc_count(doc, "runs", report->runs);
	mr_doc_count(
		doc, "threads", report->threads ? report->backends->thread_count : 1);
	mr_doc_count(doc, "stretches", report->threads ? report->stretches : 1);
	if (report->clock_step_ns)
		mr_doc_ns(doc, "clock_step_ns", report->clock_step_ns);
	else
		mr_doc_none(doc, "clock_step_ns");
	for (size_t i = 0; i < report->count && i < MR_REPLAY_BACKENDS; i++)
		add_backend(doc, report, i, names->text[i]);
}
