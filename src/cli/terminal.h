/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_TERMINAL_H
#define MR_CLI_TERMINAL_H

/*
 * The terminal, if there is one: its width, whether colours are wanted
 * (NO_COLOR, TERM), and a progress line on standard error.
 */

#include <stdint.h>
#include <time.h>

#include "report/screen.h"

/* What standard output, or standard error, is printed on. */
void mr_screen_init(struct mr_screen *out, FILE *stream);

/*
 * A line that tells how far long work has come. It appears when the work has
 * taken a second, ten times a second at most, and only on a terminal.
 */
struct mr_progress {
	FILE *out;
	struct timespec start;
	int width;        /* of the terminal; 0: there is none */
	int shown;        /* columns that the line takes now */
	double next_show; /* seconds after start */
	double from, to;  /* the stretch of all the work that is being done: 0 to 1 */
};

void mr_progress_start(struct mr_progress *progress);

/* The same on another terminal than that of standard error. */
void mr_progress_start_on(struct mr_progress *progress, FILE *out);

/*
 * What is shown from now on is the stretch of the work between two parts of it; the
 * time left is that of all of it.
 */
void mr_progress_stretch(struct mr_progress *progress, double from, double to);

/* Shows that part (0 to 1; -1: not known) of the stretch is done; label may be "". */
void mr_progress_show(struct mr_progress *progress, double part, const char *label);

/* The same of bytes read, of how many (0: not known), as a mr_read_progress. */
void mr_progress_show_read(void *progress, uint64_t done, uint64_t length);

/* Takes the line away; it may come again. */
void mr_progress_hide(struct mr_progress *progress);

#endif
