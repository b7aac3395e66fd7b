/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_PLOT_H
#define MR_REPORT_PLOT_H

/*
 * Pictures drawn by gnuplot, which is found in PATH when one is wanted. A plot is
 * a script in memory; nothing foreign in it is ever run, and it gets and gives all
 * through pipes.
 */

#include <stdio.h>

#include "base/draft.h"
#include "memreplay/base.h"

/* Where the axes stand in a picture, in pixels. */
#define MR_PLOT_LEFT   66
#define MR_PLOT_RIGHT  24
#define MR_PLOT_BOTTOM 46
#define MR_PLOT_KEY    17 /* a line of the legend */

enum mr_plot_format { MR_PLOT_SVG, MR_PLOT_PNG, MR_PLOT_PDF };

/* The format that a file's name ends in: svg, png or pdf. MR_EINVAL: none. */
MR_MUST_CHECK enum mr_status mr_plot_format_of(
	enum mr_plot_format *out, const char *path, struct mr_error *err);

struct mr_plot {
	FILE *script; /* of gnuplot; what is drawn is printed here: draft.file */
	struct mr_draft draft;
	int width, height; /* pixels */
	int top;           /* where the axes begin, below the legend */
};

/* Starts a picture with a legend of some lines. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_plot_init(
	struct mr_plot *plot, int width, int height, int key_lines, struct mr_error *err);
void mr_plot_fini(struct mr_plot *plot);

/*
 * Prints foreign text as a constant of gnuplot's language: control characters and
 * what is no UTF-8 become '?', quotes become typographic ones, and what is longer
 * than most characters is cut.
 */
void mr_plot_text(struct mr_plot *plot, const char *text, int most);

/*
 * Draws it; *out is the caller's, *length bytes and a NUL.
 *   MR_EIO  there is no gnuplot, or it failed; err tells which package has it
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_plot_draw(struct mr_plot *plot,
	enum mr_plot_format format, char *const *environment, char **out, size_t *length,
	struct mr_error *err);

#endif
