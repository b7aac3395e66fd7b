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

/*
 * Prints the command, and the options of its own, with each subject's options and
 * trace as lines of text; or those lines so that they can be unfolded, as is what
 * stands between begin and end.
 */
void mr_command_text(
	const struct mr_page *page, FILE *out, const char *command, const char *options);
void mr_command_line(
	const struct mr_page *page, FILE *out, const char *command, const char *options);
void mr_command_begin(FILE *out);
void mr_command_end(FILE *out);

#endif
