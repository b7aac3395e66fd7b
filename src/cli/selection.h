/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_SELECTION_H
#define MR_CLI_SELECTION_H

/* The options that take a part of a trace. */

#include "cli/option.h"
#include "trace/select.h"

/* --from-mark, --to-mark, --events, --thread, --min-size, --scale-sizes, --strip */
struct mr_selection_options {
	const char *from_mark;
	const char *to_mark;
	const char *events;
	struct mr_number thread;
	struct mr_number min_size;
	const char *scale_sizes;
	bool strip;
};
extern const struct mr_option_group mr_selection_group;

#define MR_SELECTION_TOOLS  6
#define MR_SELECTION_LENGTH 300 /* of the text of one */

struct mr_selection {
	struct mr_select_options options;
	/* the options given, for the header: "--min-size=4096"; NULL ends them */
	const char *tools[MR_SELECTION_TOOLS + 1];
	char texts[MR_SELECTION_TOOLS][MR_SELECTION_LENGTH];
};

/*
 * Reads the options, which must outlive *out.
 *   MR_EINVAL  one is malformed, or they exclude each other
 */
MR_MUST_CHECK enum mr_status mr_selection_make(struct mr_selection *out,
	const struct mr_selection_options *options, struct mr_error *err);

#endif
