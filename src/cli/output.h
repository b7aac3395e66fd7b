/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_OUTPUT_H
#define MR_CLI_OUTPUT_H

/* How a command shows its results, and what is expected of them. */

#include "cli/option.h"
#include "memreplay/result.h"
#include "report/doc.h"
#include "report/expect.h"

/* --format */
struct mr_format_options {
	int format; /* enum mr_output_format */
};
extern const struct mr_option_group mr_format_group;

/* --expect */
struct mr_expect_options {
	struct mr_texts texts;
};
extern const struct mr_option_group mr_expect_group;

struct mr_expects {
	size_t count;
	struct mr_expect items[MR_TEXTS_MAX];
};

/*
 * Reads all expectations, on metrics in these sections of results.
 *   MR_EINVAL  one is malformed or names no metric
 */
MR_MUST_CHECK enum mr_status mr_expects_parse(struct mr_expects *out,
	const struct mr_expect_options *options, unsigned sections, struct mr_error *err);

/* The same on metrics of the caller's, which have to stay, and those in no section. */
MR_MUST_CHECK enum mr_status mr_expects_parse_on(struct mr_expects *out,
	const struct mr_expect_options *options, const struct mr_metric *metrics,
	size_t count, unsigned sections, struct mr_error *err);

/*
 * Says each expectation that result does not meet, with the value found, and the trace
 * at path, if it is one of several (NULL: it is not).
 * Returns MR_EXIT_UNMET if there is one, otherwise MR_EXIT_DONE.
 */
int mr_expects_check(const struct mr_expects *expects, const char *path,
	const struct mr_result *result);

/* Says one that is not met, in the same words. Returns MR_EXIT_UNMET. */
int mr_say_unmet(const char *path, const struct mr_expect *expect, const char *found);

/* Prints a document to standard output. Returns an exit status. */
int mr_print_doc(const struct mr_doc *doc, const struct mr_format_options *options);

#endif
