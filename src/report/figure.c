/* SPDX-License-Identifier: MIT */
#include "report/figure.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "report/html.h"

#define WIDE_WIDTH    980
#define WIDE_HEIGHT   330
#define NARROW_WIDTH  400
#define NARROW_HEIGHT 290
#define WIDE_POINTS   360
#define NARROW_POINTS 140
#define CURVE_HIGHER  40
#define CURVE_KEY     4 /* lines of a legend for which that is room enough */

/* A figure: where it stands, what it says, and what draws it. */
struct figure {
	enum mr_figure_kind kind;
	const char *name; /* --figure, and its id on the page */
	const char *section, *heading;
	const char *title, *note;
	int narrow_key; /* lines of the legend in a narrow picture */
};

static const struct figure figures[MR_PICTURE_COUNT] = {
	{MR_PICTURE_COURSE, "course", "memory", "Memory over the trace", "By event",
		"Bands reach from the least to the highest value in each stretch. "
		"Active: what live blocks take. Requested: what was asked for. Cached: "
		"freed blocks kept for reuse, under the limit. Dotted lines are marks, "
		"or some of them where there are "
		"many.",
		2},
	{MR_PICTURE_TIME, "time", NULL, NULL, "By time",
		"The same over the time that the trace recorded.", 2},
	{MR_PICTURE_RATES, "rates", "hits", "Hit rate over the trace", "By event",
		"The share of mallocs, and of the bytes they asked for, that were served "
		"from the cache in each stretch.",
		1},
	{MR_PICTURE_SIZES, "sizes", "sizes", "Sizes", "Mallocs by requested size",
		"Hits, and misses by cause. Limit: a cache without a limit would have "
		"hit. Empty: nothing was cached. Smaller: all that was cached was too "
		"small. Too large: all else was too large to be reused for so little.",
		3},
	{MR_PICTURE_BYTES, "bytes", NULL, NULL, "Bytes by requested size",
		"The same mallocs by the bytes they asked for.", 3},
	{MR_PICTURE_LIFETIMES, "lifetimes", "time", "Lifetimes and ages",
		"How long blocks live",
		"Blocks that were freed, by the number of events from malloc to free.",
		1},
	{MR_PICTURE_AGES, "ages", NULL, NULL, "How long blocks stay in the cache",
		"Bytes of cached blocks by the number of events until they were reused, "
		"or for those never reused, until they were evicted or the trace ended.",
		2},
};

const char *
mr_picture_name(size_t kind)
{
	return kind < MR_PICTURE_COUNT ? figures[kind].name : NULL;
}

/* --- commands */

/* What of a subject a command takes; one of a policy that takes no limit tries them. */
static const struct takes {
	const char *command;
	const char *from; /* its name for the trace's format */
	bool policy, limits;
} commands[] = {
	{"simulate", " --from=", true, true},
	{"replay", " --from=", true, true},
	{"tune", " --from=", true, false},
	{"sweep", " --trace-format=", true, false},
	{"info", " --from=", false, false},
};

static void
print_how(FILE *out, const struct takes *takes, const struct mr_how *how)
{
	if (*how->from) {
		fputs(takes->from, out);
		mr_html_text(out, how->from, 0);
	}
	mr_html_text(out, how->reading, 0);
	if (takes->policy)
		mr_html_text(out, how->policy, 0);
	if (takes->limits)
		mr_html_text(out, how->limits, 0);
	putc(' ', out);
	mr_html_text(out, how->trace, 0);
}

void
mr_command_text(
	const struct mr_page *page, FILE *out, const char *command, const char *options)
{
	const struct takes *takes = commands;

	while (strcmp(takes->command, command) != 0)
		takes++;
	for (size_t i = 0; i < page->count; i++) {
		if (takes->policy && !takes->limits &&
			page->subjects[i].policy.kind == MR_POLICY_NONE)
			continue;
		fprintf(out, "memreplay %s%s", command, options);
		print_how(out, takes, &page->how[i]);
		putc('\n', out);
	}
}

void
mr_command_measured(const struct mr_page *page, FILE *out, size_t subject)
{
	static const struct takes trace_only = {"replay", " --from=", false, false};

	fputs("memreplay replay --format=json", out);
	mr_html_text(out, page->measured[subject].options, 0);
	print_how(out, &trace_only, &page->how[subject]);
	putc('\n', out);
}

void
mr_command_begin(FILE *out)
{
	fputs("<details class=\"cmd\"><summary>Command</summary><pre>", out);
}

void
mr_command_end(FILE *out)
{
	fputs("</pre></details>\n", out);
}

void
mr_command_line(
	const struct mr_page *page, FILE *out, const char *command, const char *options)
{
	mr_command_begin(out);
	mr_command_text(page, out, command, options);
	mr_command_end(out);
}

/* --- drawing */

/* What pictures of several subjects share, so that their axes are the same. */
struct shared {
	struct mr_extent events, time;
	uint64_t bars[MR_BARS_AGES + 1];
};

static void
shared_add(struct shared *shared, const struct mr_subject *subject)
{
	mr_extent_add(&shared->events, subject, MR_COURSE_EVENTS);
	mr_extent_add(&shared->time, subject, MR_COURSE_TIME);
	for (int i = 0; i <= MR_BARS_AGES; i++)
		shared->bars[i] = mr_bars_most(subject, (enum mr_bars)i, shared->bars[i]);
}

static void
print_script(struct mr_plot *plot, struct mr_numbers *numbers,
	const struct mr_subject *subject, enum mr_figure_kind kind,
	const struct shared *shared)
{
	size_t points = plot->width > 500 ? WIDE_POINTS : NARROW_POINTS;
	static const enum mr_bars bars[] = {[MR_PICTURE_SIZES] = MR_BARS_MALLOCS,
		[MR_PICTURE_BYTES] = MR_BARS_BYTES,
		[MR_PICTURE_LIFETIMES] = MR_BARS_LIVES,
		[MR_PICTURE_AGES] = MR_BARS_AGES};

	switch (kind) {
	case MR_PICTURE_COURSE:
		mr_picture_course(plot, numbers, subject, MR_COURSE_EVENTS,
			&shared->events, points);
		break;
	case MR_PICTURE_TIME:
		mr_picture_course(
			plot, numbers, subject, MR_COURSE_TIME, &shared->time, points);
		break;
	case MR_PICTURE_RATES:
		mr_picture_rates(plot, numbers, subject, &shared->events, points / 2);
		break;
	case MR_PICTURE_SIZES:
	case MR_PICTURE_BYTES:
	case MR_PICTURE_LIFETIMES:
	case MR_PICTURE_AGES:
		mr_picture_bars(
			plot, numbers, subject, bars[kind], shared->bars[bars[kind]]);
		break;
	}
}

/* Room for the legend of a curve for each subject. */
static int
curve_key(size_t count, bool narrow)
{
	if (count == 1)
		return narrow ? 2 : 1;
	return narrow ? (int)count : 1 + (int)count / 3;
}

/* A longer legend is not to be had at the cost of the curves. */
static int
curve_higher(int key_lines)
{
	int more = key_lines > CURVE_KEY ? key_lines - CURVE_KEY : 0;

	return CURVE_HIGHER + more * MR_PLOT_KEY;
}

enum mr_status
mr_drawing_draw(const struct mr_drawing *drawing, enum mr_plot_format format, char **out,
	size_t *length, struct mr_error *err)
{
	struct mr_plot plot;
	enum mr_status st = mr_plot_init(
		&plot, WIDE_WIDTH, WIDE_HEIGHT + drawing->higher, drawing->wide_key, err);

	if (st)
		return st;
	drawing->print(drawing->context, &plot, NULL);
	st = mr_plot_draw(&plot, format, drawing->environment, out, length, err);
	mr_plot_fini(&plot);
	return st;
}

static enum mr_status
print_numbers(FILE *out, const struct mr_numbers *numbers, struct mr_error *err)
{
	const struct mr_doc *doc = &numbers->doc;

	if (doc->failed)
		return mr_fail_memory(err);
	if (doc->count && doc->sections[0].count) {
		fputs("<details><summary>Numbers</summary>\n", out);
		mr_html_rows(out, &doc->sections[0]);
		fputs("</details>\n", out);
	}
	return MR_OK;
}

static void
free_numbers(struct mr_numbers *numbers)
{
	mr_doc_fini(&numbers->doc);
	free(numbers);
}

/* One form of a drawing, with its numbers made anew. */
static enum mr_status
print_form(FILE *out, const struct mr_drawing *drawing, bool narrow,
	struct mr_numbers *numbers, struct mr_error *err)
{
	struct mr_plot plot;
	char *svg;
	size_t length;
	enum mr_status st = mr_plot_init(&plot, narrow ? NARROW_WIDTH : WIDE_WIDTH,
		(narrow ? NARROW_HEIGHT : WIDE_HEIGHT) + drawing->higher,
		narrow ? drawing->narrow_key : drawing->wide_key, err);

	if (st)
		return st;
	mr_doc_fini(&numbers->doc);
	numbers->count = 0;
	drawing->print(drawing->context, &plot, numbers);
	st = numbers->doc.failed ? mr_fail_memory(err)
				 : mr_plot_draw(&plot, MR_PLOT_SVG, drawing->environment,
					   &svg, &length, err);
	if (!st) {
		mr_html_svg(out, svg, &plot, numbers, drawing->label);
		free(svg);
	}
	mr_plot_fini(&plot);
	return st;
}

enum mr_status
mr_drawing_print(
	FILE *out, const struct mr_drawing *drawing, bool alone, struct mr_error *err)
{
	struct mr_numbers *numbers = calloc(1, sizeof(*numbers));
	enum mr_status st = MR_OK;

	if (!numbers)
		return mr_fail_memory(err);
	for (int narrow = !alone; narrow < 2 && !st; narrow++)
		st = print_form(out, drawing, narrow, numbers, err);
	if (!st)
		st = print_numbers(out, numbers, err);
	free_numbers(numbers);
	return st;
}

/* What draws a figure of one subject. */
struct panel {
	const struct mr_subject *subject;
	enum mr_figure_kind kind;
	const struct shared *shared;
};

static void
print_subject(const void *context, struct mr_plot *plot, struct mr_numbers *numbers)
{
	const struct panel *panel = context;

	print_script(plot, numbers, panel->subject, panel->kind, panel->shared);
}

enum mr_status
mr_picture_draw(const struct mr_subject *subject, enum mr_figure_kind kind,
	enum mr_plot_format format, char *const *environment, char **out, size_t *length,
	struct mr_error *err)
{
	struct shared shared = {0};
	const struct panel panel = {subject, kind, &shared};
	const struct mr_drawing drawing = {.print = print_subject,
		.context = &panel,
		.wide_key = 1,
		.environment = environment};

	shared_add(&shared, subject);
	return mr_drawing_draw(&drawing, format, out, length, err);
}

/* One subject's picture: narrow alone beside others, both forms on its own. */
static enum mr_status
print_panel(const struct mr_page *page, FILE *out, const struct figure *figure, size_t i,
	const struct shared *shared, struct mr_error *err)
{
	const struct panel panel = {&page->subjects[i], figure->kind, shared};
	const struct mr_drawing drawing = {.print = print_subject,
		.context = &panel,
		.label = figure->title,
		.wide_key = 1,
		.narrow_key = figure->narrow_key,
		.environment = page->environment};
	enum mr_status st;

	fputs("<div class=\"panel\">", out);
	if (page->count > 1) {
		fputs("<h3>", out);
		mr_html_text(out, panel.subject->name, 80);
		fputs("</h3>", out);
	}
	st = mr_drawing_print(out, &drawing, page->count == 1, err);
	fputs("</div>\n", out);
	return st;
}

static bool
has_times(const struct mr_page *page)
{
	for (size_t i = 0; i < page->count; i++)
		if (page->subjects[i].watch->timed)
			return true;
	return false;
}

static enum mr_status
print_figure(const struct mr_page *page, FILE *out, const struct figure *figure,
	const struct shared *shared, struct mr_error *err)
{
	char options[64];
	enum mr_status st = MR_OK;

	fprintf(out,
		"<figure id=\"figure-%s\"><figcaption><h3>%s</h3><p>%s</p></figcaption>"
		"<div class=\"plots%s\">\n",
		figure->name, figure->title, figure->note, page->count > 1 ? "" : " one");
	for (size_t i = 0; i < page->count && !st; i++)
		st = print_panel(page, out, figure, i, shared, err);
	fputs("</div>\n", out);
	snprintf(options, sizeof(options), " --figure=%s --plot=%s.svg", figure->name,
		figure->name);
	mr_command_line(page, out, "simulate", options);
	fputs("</figure>\n", out);
	return st;
}

enum mr_status
mr_figures_print(const struct mr_page *page, FILE *out, struct mr_error *err)
{
	struct shared shared = {0};
	enum mr_status st = MR_OK;

	for (size_t i = 0; i < page->count; i++)
		shared_add(&shared, &page->subjects[i]);
	for (size_t i = 0; i < MR_PICTURE_COUNT && !st; i++) {
		const struct figure *figure = &figures[i];

		if (figure->section)
			fprintf(out, "%s<section id=\"%s\"><h2>%s</h2>\n",
				i ? "</section>\n" : "", figure->section,
				figure->heading);
		if (figure->kind != MR_PICTURE_TIME || has_times(page))
			st = print_figure(page, out, figure, &shared, err);
		if (page->progress)
			page->progress(
				page->context, (double)(i + 1) / (MR_PICTURE_COUNT + 1));
	}
	fputs("</section>\n", out);
	return st;
}

static void
print_curve(const void *context, struct mr_plot *plot, struct mr_numbers *numbers)
{
	const struct mr_page *page = context;

	mr_picture_curve(plot, numbers, page->subjects, page->count);
}

enum mr_status
mr_curve_draw(const struct mr_subject *subjects, size_t count, enum mr_plot_format format,
	char *const *environment, char **out, size_t *length, struct mr_error *err)
{
	const struct mr_page page = {.subjects = subjects, .count = count};
	const struct mr_drawing drawing = {.print = print_curve,
		.context = &page,
		.higher = curve_higher(curve_key(count, false)),
		.wide_key = curve_key(count, false),
		.environment = environment};

	return mr_drawing_draw(&drawing, format, out, length, err);
}

enum mr_status
mr_figure_curve(const struct mr_page *page, FILE *out, struct mr_error *err)
{
	const struct mr_drawing drawing = {.print = print_curve,
		.context = page,
		.label = "hit rate over cache limit",
		.higher = curve_higher(curve_key(page->count, true)),
		.wide_key = curve_key(page->count, false),
		.narrow_key = curve_key(page->count, true),
		.environment = page->environment};
	enum mr_status st;
	size_t curves = 0;

	for (size_t i = 0; i < page->count; i++)
		curves += page->subjects[i].point_count > 0;
	if (!curves) {
		fputs("<p>The policy has no cache, and so no curve.</p>\n", out);
		return MR_OK;
	}
	fputs("<figure id=\"figure-curve\"><figcaption><h3>Hit rate over the cache "
	      "limit</h3>",
		out);
	if (page->count == 1)
		fputs("<p>Upright strokes below the line are places where more cache "
		      "means fewer hits than a little less.</p>",
			out);
	else
		fputs("<p>Rings are the limits in force at first, dots the recommended "
		      "ones.</p>",
			out);
	fputs("</figcaption><div class=\"plots one\"><div class=\"panel\">\n", out);
	st = mr_drawing_print(out, &drawing, true, err);
	fputs("</div></div>\n", out);
	mr_command_line(page, out, "sweep", " --limits=exact --plot=curve.svg");
	fputs("</figure>\n", out);
	return st;
}
