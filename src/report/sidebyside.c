/* SPDX-License-Identifier: MIT */
/* The table of a replay: a column for each backend, and one of ratios. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "report/replay.h"

#define NAME_WIDTH   24
#define COLUMN_WIDTH 13 /* at least, the gap before it included */
#define HEAD_SIZE    40

/* The metrics of the caching allocator that belong beside the figures. */
static const char *const compared[] = {"hit_rate", "byte_hit_rate", "hits", "misses",
	"rejected_frees", "evicted_blocks", "peak_active_bytes", "peak_cached_bytes",
	"peak_total_bytes"};

/* A backend's column head: a library's file name without its folder. */
static const char *
head(const struct mr_replay_backend *backend)
{
	const char *slash = strrchr(backend->name, '/');

	return slash ? slash + 1 : backend->name;
}

static int
column_width(const struct mr_replay_backend *backend)
{
	int width = (int)strlen(head(backend)) + 2;

	return width < COLUMN_WIDTH ? COLUMN_WIDTH
		: width < HEAD_SIZE ? width
				    : HEAD_SIZE;
}

static void
print_heads(const struct mr_replay_report *report, FILE *out)
{
	const struct mr_replay_backend *backends = report->backends;

	fprintf(out, "%-*s", NAME_WIDTH, "");
	for (size_t i = 0; i < report->count; i++)
		fprintf(out, "%*.*s", column_width(&backends[i]), HEAD_SIZE - 2,
			head(&backends[i]));
	fprintf(out, "  %s/%s\n", head(&backends[0]), head(&backends[1]));
}

/* A name as people read it; the unit of a time is beside its number. */
static void
print_name(const char *name, FILE *out)
{
	char text[NAME_WIDTH + 1];
	size_t length = 0;

	while (*name && length < NAME_WIDTH) {
		if (!strncmp(name, "_ns", 3) && (name[3] == '_' || !name[3])) {
			name += 3;
			continue;
		}
		text[length++] = *name == '_' ? ' ' : *name;
		name++;
	}
	text[length] = '\0';
	fprintf(out, "%-*s", NAME_WIDTH, text);
}

static void
print_metrics(const struct mr_replay_report *report, FILE *out)
{
	for (size_t row = 0; row < sizeof(compared) / sizeof(compared[0]); row++) {
		const struct mr_metric *metric = mr_metric_find(compared[row]);

		print_name(compared[row], out);
		for (size_t i = 0; i < report->count; i++) {
			const struct mr_replay_backend *backend = &report->backends[i];
			struct mr_cell cell = mr_replay_metric_cell(backend, metric);
			char text[MR_CELL_SIZE];

			fprintf(out, "%*s", column_width(backend),
				mr_cell_human(text, &cell));
		}
		fputc('\n', out);
	}
}

/* Whether it is the time of single calls: of those the clock blurs the short. */
static bool
is_blurred(const struct mr_replay_report *report, enum mr_figure_id figure, double value)
{
	const struct mr_figure *row = &mr_figures()[figure];

	return row->group && strcmp(row->key, "mean") != 0 &&
		value < (double)report->clock_step_ns;
}

static void
print_figure(const struct mr_replay_report *report, size_t index,
	enum mr_figure_id figure, FILE *out)
{
	const struct mr_replay_backend *backend = &report->backends[index];
	struct mr_cell cell = mr_replay_figure_cell(backend, figure);
	char text[MR_CELL_SIZE];

	if (is_blurred(report, figure, backend->figures[figure]))
		snprintf(text, sizeof(text), "< %" PRIu64 " ns", report->clock_step_ns);
	else
		mr_cell_human(text, &cell);
	fprintf(out, "%*s", column_width(backend), text);
}

/* The caching allocator's figure as a share of the C library's. */
static void
print_ratio(const struct mr_replay_report *report, enum mr_figure_id figure, FILE *out)
{
	double ours = report->backends[0].figures[figure];
	double theirs = report->backends[1].figures[figure];
	int width = (int)(strlen(head(&report->backends[0])) +
			    strlen(head(&report->backends[1]))) +
		3;
	char text[MR_CELL_SIZE] = "-";

	if (theirs > 0 && ours >= 0 && !is_blurred(report, figure, ours) &&
		!is_blurred(report, figure, theirs))
		snprintf(text, sizeof(text), "%.*f",
			ours > 0 && ours / theirs < 0.1 ? 4 : 2, ours / theirs);
	fprintf(out, "%*s\n", width, text);
}

/* Whether a row would say nothing. */
static bool
is_idle(const struct mr_replay_report *report, enum mr_figure_id figure)
{
	/* of one run the fastest and the slowest are the same */
	if (report->runs == 1 &&
		(figure == MR_FIGURE_WALL_MIN || figure == MR_FIGURE_WALL_MAX))
		return true;
	return !report->clock_step_ns && mr_figures()[figure].group;
}

static void
print_figures(const struct mr_replay_report *report, FILE *out)
{
	for (int i = 0; i < MR_FIGURE_COUNT; i++) {
		enum mr_figure_id figure = (enum mr_figure_id)i;

		if (is_idle(report, figure))
			continue;
		print_name(mr_figures()[figure].name, out);
		for (size_t b = 0; b < report->count; b++)
			print_figure(report, b, figure, out);
		print_ratio(report, figure, out);
	}
}

static bool
ended_well(const struct mr_replay_backend *backend)
{
	return !strcmp(backend->exit, "exit 0");
}

static void
print_exits(const struct mr_replay_report *report, FILE *out)
{
	print_name("exit", out);
	for (size_t i = 0; i < report->count; i++)
		fprintf(out, "%*s", column_width(&report->backends[i]),
			ended_well(&report->backends[i]) ? "0" : "failed");
	fputc('\n', out);
	for (size_t i = 0; i < report->count; i++)
		if (!ended_well(&report->backends[i]))
			fprintf(out, "  %s: %s\n", report->backends[i].name,
				report->backends[i].exit);
}

static void
print_head(const struct mr_replay_report *report, FILE *out)
{
	char count[MR_TEXT_SIZE], limit[MR_TEXT_SIZE];

	fprintf(out, "%s%s%s%s: %s events\n", report->path, *report->workload ? " (" : "",
		report->workload, *report->workload ? ")" : "",
		mr_count_print(count, report->events));
	fprintf(out, "policy %s, cache limit %s; touch %s, timing %s",
		mr_policy_name(report->policy),
		mr_size_print(limit, report->policy->cache_limit), report->touch,
		report->timing);
	if (report->runs > 1)
		fprintf(out, "; medians of %" PRIu32 " runs", report->runs);
	fputs("\n\n", out);
}

static void
print_limits(const struct mr_replay_backend *caching, FILE *out)
{
	size_t count;
	const struct mr_metric *metrics = mr_metrics(&count);

	fputs("\nlimit enforcement\n", out);
	mr_replay_limits(&caching->result, out);
	fputc('\n', out);
	for (size_t i = 0; i < count; i++) {
		struct mr_cell cell = mr_replay_metric_cell(caching, &metrics[i]);
		char text[MR_CELL_SIZE];

		if (!(metrics[i].sections & MR_SECTION_LIMITS))
			continue;
		print_name(metrics[i].name, out);
		fprintf(out, "%*s\n", COLUMN_WIDTH, mr_cell_human(text, &cell));
	}
}

void
mr_replay_table(const struct mr_replay_report *report, FILE *out)
{
	const struct mr_replay_backend *caching = &report->backends[0];

	print_head(report, out);
	print_heads(report, out);
	print_metrics(report, out);
	print_figures(report, out);
	print_exits(report, out);
	if (report->clock_step_ns)
		fprintf(out,
			"\nWhat the clock costs is subtracted; it cannot measure single "
			"calls below %" PRIu64 " ns.\n",
			report->clock_step_ns);
	if (!caching->completed)
		return;
	print_limits(caching, out);
	fprintf(out, "\nThe real allocator's counters %s the simulation's.\n",
		report->agrees ? "equal" : "DIFFER from");
}
