/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_SCREEN_H
#define MR_REPORT_SCREEN_H

/*
 * What tables and charts are printed on, and bars drawn in characters. A file
 * or pipe has no width: what is printed there never depends on the terminal.
 */

#include <stdbool.h>
#include <stdio.h>

struct mr_screen {
	int width;  /* columns; 0: not a terminal, so no charts */
	bool color; /* colours are wanted and understood */
	bool utf8;  /* so that bars can end within a character */
};

/*
 * Prints foreign text so that it is only text: what would move the cursor or
 * turn the direction of writing, and bytes that are no UTF-8, are shown as '?'.
 * Returns the number of characters.
 */
int mr_print_safe(const char *text, size_t length, FILE *out);

/* How a bar looks: what is plain, and what the eye shall find. */
enum mr_ink { MR_INK_PLAIN, MR_INK_ALERT };

/*
 * Draws a bar of part (0 to 1) of width columns, without blanks behind it; a
 * part above 0 always shows. Returns how many columns it takes.
 */
int mr_bar(const struct mr_screen *screen, double part, int width, enum mr_ink ink,
	FILE *out);

#endif
