/* SPDX-License-Identifier: MIT */
/* The table of a replay: a column for each backend, and one of ratios. */
#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "base/units.h"
#include "report/replay.h"
#include "report/screen.h"

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
/* Returns how many columns it took: NAME_WIDTH, or more for a long name. */
static int
print_name(const char *name, FILE *out)
{
	char text[2 * NAME_WIDTH];
	size_t length = 0;

	while (*name && length < sizeof(text) - 1) {
		if (!strncmp(name, "_ns", 3) && (name[3] == '_' || !name[3])) {
			name += 3;
			continue;
		}
		text[length++] = *name == '_' ? ' ' : *name;
		name++;
	}
	text[length] = '\0';
	return fprintf(out, "%-*s", NAME_WIDTH, text);
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

	return row->group && figure <= MR_FIGURE_FREE_MAX &&
		strcmp(row->key, "mean") != 0 && value < (double)report->clock_step_ns;
}

/* A quotient of times is no share: 2.50, not 250 %. */
static void
print_cell(char text[MR_CELL_SIZE], const struct mr_figure *figure, double value)
{
	struct mr_cell cell = mr_replay_cell(figure, value);

	if (cell.kind == MR_CELL_REAL && cell.unit == MR_UNIT_RATIO)
		snprintf(text, MR_CELL_SIZE, "%.2f", value);
	else
		mr_cell_human(text, &cell);
}

static void
print_figure(const struct mr_replay_report *report, size_t index,
	enum mr_figure_id figure, FILE *out)
{
	const struct mr_replay_backend *backend = &report->backends[index];
	double value = backend->figures[figure];
	char text[MR_CELL_SIZE];

	if (is_blurred(report, figure, value))
		snprintf(text, sizeof(text), "< %" PRIu64 " ns", report->clock_step_ns);
	else
		print_cell(text, &mr_figures()[figure], value);
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
	if (figure > MR_FIGURE_FREE_MAX)
		return !report->threads;
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

/* The knobs that are not as the policy has them, save the limits. */
static void
print_knobs(const struct mr_policy *policy, FILE *out)
{
	char text[MR_TEXT_SIZE];
	struct mr_policy usual;
	size_t count;
	const struct mr_knob *knobs = mr_knobs(&count);

	if (mr_policy_init(&usual, mr_policy_name(policy), NULL))
		return;
	for (size_t i = 0; i < count; i++) {
		uint64_t value = mr_knob_get(&knobs[i], policy);
		const char *word = mr_knob_choice(&knobs[i], value);

		if (value == mr_knob_get(&knobs[i], &usual) ||
			strstr(knobs[i].name, "_limit"))
			continue;
		if (knobs[i].unit == MR_UNIT_BYTES)
			word = mr_size_print(text, value);
		else if (!word)
			word = mr_count_print(text, value);
		fprintf(out, ", %s %s", knobs[i].name, word);
	}
}

/* Figures of a thread, in columns of their own. */
static const struct {
	enum mr_thread_figure_id figure;
	const char *head;
} thread_columns[] = {
	{MR_THREAD_EVENTS, "events"},
	{MR_THREAD_WALL, "wall"},
	{MR_THREAD_CPU, "cpu"},
	{MR_THREAD_WAITS, "waits"},
	{MR_THREAD_WAITED, "waited"},
	{MR_THREAD_NS_PER_EVENT, "per event"},
	{MR_THREAD_CALL, "per call"},
	{MR_THREAD_CALL_P99, "p99"},
	{MR_THREAD_ONE_CALL, "one thread"},
	{MR_THREAD_SLOWDOWN, "slowdown"},
};
_Static_assert(
	sizeof(thread_columns) / sizeof(thread_columns[0]) == MR_THREAD_FIGURE_COUNT,
	"a column for each");

#define THREAD_WIDTH 11

static void
print_threads(const struct mr_replay_backend *backend, FILE *out)
{
	fprintf(out, "\nthreads of %s\n    thread", head(backend));
	for (size_t i = 0; i < MR_THREAD_FIGURE_COUNT; i++)
		fprintf(out, "%*s", THREAD_WIDTH, thread_columns[i].head);
	fputc('\n', out);
	for (size_t i = 0; i < backend->thread_count; i++) {
		const struct mr_replay_thread *thread = &backend->threads[i];

		fprintf(out, "%10" PRIu32, thread->tid);
		for (size_t j = 0; j < MR_THREAD_FIGURE_COUNT; j++) {
			enum mr_thread_figure_id id = thread_columns[j].figure;
			char text[MR_CELL_SIZE];

			print_cell(text, &mr_thread_figures()[id], thread->figures[id]);
			fprintf(out, "%*s", THREAD_WIDTH, text);
		}
		fputc('\n', out);
	}
}

static void
print_all_threads(const struct mr_replay_report *report, FILE *out)
{
	for (size_t i = 0; report->threads && i < report->count; i++)
		if (report->backends[i].completed)
			print_threads(&report->backends[i], out);
}

static void
print_agreement(const struct mr_replay_report *report, FILE *out)
{
	fprintf(out, "\n%s real allocator's counters %s the simulation's.\n",
		report->threads ? "On one thread the" : "The",
		report->agrees ? "equal" : "DIFFER from");
	if (report->threads)
		fprintf(out,
			"On threads hits, evictions and peaks are a matter of timing; "
			"mallocs, frees,\nrequested bytes and live blocks %s the "
			"trace's.\n",
			report->sums_agree ? "are" : "are NOT");
}

static void
print_head(const struct mr_replay_report *report, FILE *out)
{
	char count[MR_TEXT_SIZE], limit[MR_TEXT_SIZE];

	mr_print_safe(report->path, strlen(report->path), out);
	if (*report->workload) {
		fputs(" (", out);
		mr_print_safe(report->workload, strlen(report->workload), out);
		putc(')', out);
	}
	fprintf(out, ": %s events\n", mr_count_print(count, report->events));
	fprintf(out, "policy %s, cache limit %s", mr_policy_name(report->policy),
		mr_size_print(limit, report->policy->cache_limit));
	print_knobs(report->policy, out);
	fprintf(out, "; touch %s, timing %s", report->touch, report->timing);
	if (report->threads) {
		fprintf(out, "\neach thread on its own, %zu in all",
			report->backends->thread_count);
		if (report->stretches > 1)
			fprintf(out, ", in %s stretches",
				mr_count_print(count, report->stretches));
	}
	if (report->runs > 1)
		fprintf(out, "; medians of %" PRIu32 " runs", report->runs);
	fputs("\n\n", out);
}

static void
print_limits(const struct mr_replay_report *report, FILE *out)
{
	const struct mr_replay_backend *caching = &report->backends[0];
	size_t count;
	const struct mr_metric *metrics = mr_metrics(&count);

	fputs("\nlimit enforcement\n", out);
	mr_replay_limits(mr_replay_result(caching), report->policy, out);
	fputc('\n', out);
	for (size_t i = 0; i < count; i++) {
		struct mr_cell cell = mr_replay_metric_cell(caching, &metrics[i]);
		char text[MR_CELL_SIZE];
		int width;

		if (!(metrics[i].sections & MR_SECTION_LIMITS))
			continue;
		width = print_name(metrics[i].name, out);
		fprintf(out, "%*s\n", NAME_WIDTH + COLUMN_WIDTH - width,
			mr_cell_human(text, &cell));
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
	print_all_threads(report, out);
	if (!caching->completed)
		return;
	print_limits(report, out);
	print_agreement(report, out);
}
