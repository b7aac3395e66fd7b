/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_REPLAY_H
#define MR_REPORT_REPLAY_H

/* The outcome of a replay: side by side for people, as JSON, or as CSV. */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "memreplay/replay.h"
#include "report/doc.h"

struct mr_replay_report {
	const char *path; /* of the trace */
	const struct mr_replay_backend *backends;
	size_t count;
	uint32_t runs;
	bool agrees; /* the real allocator did what the simulation says */
};

/* Prints the backends side by side and how the limits were held. */
void mr_replay_table(const struct mr_replay_report *report, FILE *out);

/* Prints a line of column names and a line for each backend. */
void mr_replay_csv(const struct mr_replay_report *report, FILE *out);

#define MR_REPLAY_NAMES 64

/* Names of sections, which a document does not copy. */
struct mr_replay_names {
	char text[MR_REPLAY_NAMES][4][48];
};

/* Adds the backends to a document as the array "backends", for JSON. */
void mr_doc_add_replay(struct mr_doc *doc, const struct mr_replay_report *report,
	struct mr_replay_names *names);

#endif
