/* SPDX-License-Identifier: MIT */
#ifndef MR_BASE_NEAREST_H
#define MR_BASE_NEAREST_H

/*
 * Which known name a mistyped one may have meant. Start with
 * (struct mr_nearest){.text = typed}, offer it every known name, read `name`.
 */

#include <stddef.h>

struct mr_nearest {
	const char *text;
	const char *name; /* the closest so far; NULL: none is close enough */
	size_t edits;     /* insertions, deletions, replacements, swaps to it */
};

void mr_nearest_offer(struct mr_nearest *nearest, const char *name);

#endif
