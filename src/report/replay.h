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
	const char *path;     /* of the trace */
	const char *workload; /* "" if its header does not say */
	uint64_t events;
	const struct mr_policy *policy;
	const char *touch;  /* as --touch takes it */
	const char *timing; /* as --timing takes it */
	uint32_t runs;
	bool threads;           /* each on its own; what follows is of these */
	uint64_t stretches;     /* see mr_replay_stretches() */
	bool sums_agree;        /* what does not depend on timing is the trace's */
	uint64_t clock_step_ns; /* 0: no call was timed */
	const struct mr_replay_backend *backends;
	size_t count; /* of backends */
	bool agrees;  /* on one thread it did what the simulation says */
};

/* What the caching allocator counted: on threads, if it was replayed on threads. */
const struct mr_result *mr_replay_result(const struct mr_replay_backend *backend);

/* A metric or a figure of a backend as a cell; of kind NONE if it has none. */
struct mr_cell mr_replay_metric_cell(
	const struct mr_replay_backend *backend, const struct mr_metric *metric);
struct mr_cell mr_replay_cell(const struct mr_figure *figure, double value);
struct mr_cell mr_replay_figure_cell(
	const struct mr_replay_backend *backend, enum mr_figure_id figure);

/* Prints the backends side by side and how the limits were held. */
void mr_replay_table(const struct mr_replay_report *report, FILE *out);

/*
 * Prints in words whether and how a replay's limits were held; where they were not,
 * but the policy allows it, what it allows.
 */
void mr_replay_limits(
	const struct mr_result *result, const struct mr_policy *policy, FILE *out);

/* Prints a line of column names and a line for each backend. */
void mr_replay_csv(const struct mr_replay_report *report, FILE *out);

#define MR_REPLAY_BACKENDS 66
#define MR_REPLAY_PARTS    7

/* Names of sections, which a document does not copy. */
struct mr_replay_names {
	char text[MR_REPLAY_BACKENDS][MR_REPLAY_PARTS][48];
};

/*
 * Adds how was replayed, and the backends (MR_REPLAY_BACKENDS at most) as an
 * array, to a document for JSON.
 */
void mr_doc_add_replay(struct mr_doc *doc, const struct mr_replay_report *report,
	struct mr_replay_names *names);

#endif
