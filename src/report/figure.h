/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_FIGURE_H
#define MR_REPORT_FIGURE_H

/* The figures on the page: pictures with captions, numbers and commands. */

#include "report/page.h"

/* The curve over the cache limit, and the figures that follow it on the page. */
MR_MUST_CHECK enum mr_status mr_figure_curve(
	const struct mr_page *page, FILE *out, struct mr_error *err);
MR_MUST_CHECK enum mr_status mr_figures_print(
	const struct mr_page *page, FILE *out, struct mr_error *err);

/* A picture to be drawn. */
struct mr_drawing {
	void (*print)(
		const void *context, struct mr_plot *plot, struct mr_numbers *numbers);
	const void *context;
	const char *label;        /* what the picture is */
	int higher;               /* pixels more than others, for the legend */
	int wide_key, narrow_key; /* lines of the legend */
	char *const *environment; /* for gnuplot */
};

/*
 * Prints a drawing as wide screens and as narrow ones show it, or beside others in
 * its narrow form only; and its numbers, which can be unfolded. MR_EIO, MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_drawing_print(
	FILE *out, const struct mr_drawing *drawing, bool alone, struct mr_error *err);

/*
 * Draws its wide form alone; *out is the caller's, *length bytes and a NUL.
 *   MR_EIO  there is no gnuplot, or it failed
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_drawing_draw(const struct mr_drawing *drawing,
	enum mr_plot_format format, char **out, size_t *length, struct mr_error *err);

/*
 * Prints the command, and the options of its own, with each subject's options and
 * trace as lines of text; or those lines so that they can be unfolded, as is what
 * stands between begin and end. A command that tries limits is left out for a policy
 * that has none.
 */
void mr_command_text(
	const struct mr_page *page, FILE *out, const char *command, const char *options);
void mr_command_line(
	const struct mr_page *page, FILE *out, const char *command, const char *options);
void mr_command_begin(FILE *out);

/* Prints the replay that measured a subject as a line of text. */
void mr_command_measured(const struct mr_page *page, FILE *out, size_t subject);
void mr_command_end(FILE *out);

#endif
