/* SPDX-License-Identifier: MIT */
#include "report/plot.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "report/filter.h"

static const char *const suffixes[] = {
	[MR_PLOT_SVG] = ".svg", [MR_PLOT_PNG] = ".png", [MR_PLOT_PDF] = ".pdf"};

enum mr_status
mr_plot_format_of(enum mr_plot_format *out, const char *path, struct mr_error *err)
{
	size_t length = strlen(path);

	for (int i = MR_PLOT_SVG; i <= MR_PLOT_PDF; i++) {
		if (length > 4 && !strcmp(path + length - 4, suffixes[i])) {
			*out = (enum mr_plot_format)i;
			return MR_OK;
		}
	}
	return mr_fail(err, MR_EINVAL,
		"\"%.120s\" does not end in .svg, .png or .pdf, which would tell the "
		"format",
		path);
}

enum mr_status
mr_plot_init(
	struct mr_plot *plot, int width, int height, int key_lines, struct mr_error *err)
{
	enum mr_status st;

	*plot = (struct mr_plot){
		.width = width, .height = height, .top = 8 + key_lines * MR_PLOT_KEY};
	if ((st = mr_draft_open(&plot->draft, err)))
		return st;
	plot->script = plot->draft.file;
	fprintf(plot->script,
		"set lmargin at screen %.6f\nset rmargin at screen %.6f\n"
		"set bmargin at screen %.6f\nset tmargin at screen %.6f\n"
		"set key at screen %.6f,screen %.6f left top horizontal Left reverse "
		"samplen 2 width 1 noenhanced\n"
		"set border 3 lw 1\nset tics nomirror scale 0.5\n"
		"set grid ytics back lt 1 lw 0.5 lc rgb '#c8c8c8'\n"
		"set style fill solid 1 noborder\n",
		(double)MR_PLOT_LEFT / width, 1 - (double)MR_PLOT_RIGHT / width,
		(double)MR_PLOT_BOTTOM / height, 1 - (double)plot->top / height,
		(double)MR_PLOT_LEFT / width, 1 - 2.0 / height);
	return MR_OK;
}

void
mr_plot_fini(struct mr_plot *plot)
{
	mr_draft_fini(&plot->draft);
	*plot = (struct mr_plot){0};
}

/*
 * Between single quotes only those mean anything; with one among them gnuplot also
 * looks for commands between backquotes. Neither gets there.
 */
void
mr_plot_text(struct mr_plot *plot, const char *text, int most)
{
	size_t left = strlen(text);

	putc('\'', plot->script);
	for (; left && most; most--) {
		size_t step = mr_text_sequence(text, left);

		if (!step || mr_text_is_control(text, step))
			putc('?', plot->script);
		else if (*text == '\'')
			fputs("\u2019", plot->script);
		else if (*text == '`')
			fputs("\u2018", plot->script);
		else
			fwrite(text, 1, step, plot->script);
		step = step ? step : 1;
		text += step;
		left -= step;
	}
	fputs(left ? "\u2026'" : "'", plot->script);
}

/* Points of PNG pixels, and of the inches of a page. */
static void
print_terminal(const struct mr_plot *plot, enum mr_plot_format format, FILE *out)
{
	switch (format) {
	case MR_PLOT_SVG:
		fprintf(out,
			"set terminal svg size %d,%d dynamic noenhanced round "
			"font 'sans-serif,12'\n",
			plot->width, plot->height);
		break;
	case MR_PLOT_PNG:
		fprintf(out,
			"set terminal pngcairo size %d,%d noenhanced background "
			"'#ffffff' font 'sans,18' fontscale 1 linewidth 2\n",
			2 * plot->width, 2 * plot->height);
		break;
	case MR_PLOT_PDF:
		fprintf(out,
			"set terminal pdfcairo size %.4f,%.4f noenhanced font 'sans,9'\n",
			plot->width / 96.0, plot->height / 96.0);
		break;
	}
	fputs("set encoding utf8\n", out);
}

/* A fixed date, so that the same input gives the same bytes. */
static enum mr_status
make_environment(char *const *from, const char ***out, struct mr_error *err)
{
	size_t count = 0, kept = 0;

	while (from[count])
		count++;
	*out = calloc(count + 3, sizeof(**out));
	if (!*out)
		return mr_fail_memory(err);
	for (size_t i = 0; i < count; i++)
		if (strncmp(from[i], "SOURCE_DATE_EPOCH=", 18) != 0 &&
			strncmp(from[i], "LC_ALL=", 7) != 0)
			(*out)[kept++] = from[i];
	(*out)[kept++] = "SOURCE_DATE_EPOCH=0";
	(*out)[kept] = "LC_ALL=C.UTF-8";
	return MR_OK;
}

/* The library below gnuplot does not heed the fixed date in PDF. */
static void
fix_date(char *pdf, size_t length)
{
	static const char key[] = "/CreationDate (D:";
	char *at = memmem(pdf, length, key, strlen(key));

	if (!at)
		return;
	for (at += strlen(key); at < pdf + length && *at >= '0' && *at <= '9'; at++)
		*at = '0';
}

static enum mr_status
run_gnuplot(const char *script, char *const *environment, char **out, size_t *length,
	struct mr_error *err)
{
	/* -d: not what the user's ~/.gnuplot says */
	static const char *const argv[] = {"gnuplot", "-d", "-", NULL};
	const char **fixed;
	struct mr_filter filter;
	struct mr_error why;
	enum mr_status st = make_environment(environment, &fixed, err);

	if (st)
		return st;
	st = mr_filter_run(&filter, argv, script, (char *const *)fixed, &why);
	free(fixed);
	if (st == MR_EINVAL) {
		st = mr_fail(err, MR_EIO,
			"pictures are drawn by gnuplot, which is not installed: Debian "
			"has it in the package gnuplot-nox");
	} else if (st) {
		st = mr_fail(err, st, "gnuplot: %s", why.text);
	} else if (filter.status || !filter.length) {
		st = mr_fail(err, MR_EIO, "gnuplot failed with status %d: %.160s",
			filter.status, filter.complaint);
	} else {
		*out = filter.output;
		*length = filter.length;
		filter.output = NULL;
	}
	mr_filter_fini(&filter);
	return st;
}

enum mr_status
mr_plot_draw(struct mr_plot *plot, enum mr_plot_format format, char *const *environment,
	char **out, size_t *length, struct mr_error *err)
{
	struct mr_draft script;
	enum mr_status st = mr_draft_sync(&plot->draft, err);

	if (st || (st = mr_draft_open(&script, err)))
		return st;
	print_terminal(plot, format, script.file);
	fwrite(plot->draft.text, 1, plot->draft.length, script.file);
	st = mr_draft_sync(&script, err);
	if (!st)
		st = run_gnuplot(script.text, environment, out, length, err);
	if (!st && format == MR_PLOT_PDF)
		fix_date(*out, *length);
	mr_draft_fini(&script);
	return st;
}
