/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_SOURCE_H
#define MR_CLI_SOURCE_H

/*
 * A trace as a command reads it: the options for that, batches of events, a
 * progress line on a terminal, and what there is to say afterwards.
 */

#include <stdio.h>

#include "cli/option.h"
#include "cli/terminal.h"
#include "fleet/fleet.h"
#include "memreplay/policy.h"
#include "memreplay/trace.h"

/* --from, --lenient, --device, --free-at */
struct mr_source_options {
	int from; /* row of mr_formats(), or -1 */
	bool lenient;
	const char *device;
	int free_at;  /* enum mr_free_at */
	bool ahead;   /* no option: as foresee; for commands with --jobs */
	bool foresee; /* no option: the command's, see struct mr_reader_options */
	struct mr_progress *progress; /* no option: of which the reading is a stretch */
	const char *doing;            /* no option: what progress is labelled; NULL: "" */
	mr_errand_watch
		watch; /* no option: told of progress in place of a terminal; or NULL */
	void *watch_context;
};
extern const struct mr_option_group mr_source_group;
extern const struct mr_option_group mr_source_other_group; /* --trace-format */

#define MR_SOURCE_BATCH 1024

struct mr_source {
	const char *path;
	struct mr_reader *reader;
	struct mr_error err;
	struct mr_progress *progress; /* the command's, or else `own` */
	struct mr_progress own;
	struct mr_progress before; /* of what is read before the first event */
	const char *doing;
	bool begun; /* there were events */
	mr_errand_watch watch;
	void *watch_context;
	size_t count;
	struct mr_event events[MR_SOURCE_BATCH];
};

/* Prints, as arguments, each with a blank before it, what is set of the options but the
 * format, for which commands have two names. */
void mr_source_print(FILE *out, const struct mr_source_options *options);

/* The length of a regular file; 0: it is none. */
uint64_t mr_source_length(const char *path);

/*
 * Whether a trace can be read twice: not standard input nor a pipe. One that cannot be
 * looked at is taken for a file; opening it will say what is wrong.
 */
bool mr_source_again(const char *path);

/* Opens a trace ("-": standard input). Returns 0, or says why not: exit status. */
int mr_source_open(struct mr_source *input, const char *path,
	const struct mr_source_options *options);

/*
 * Reads the next `count` events into `events`; a mark is the last of them, so
 * that its name is valid until the next call. MR_END when there are no more.
 * On failure err is set and what the batch held before it is dropped; who watches
 * and wants no more makes one.
 */
MR_MUST_CHECK enum mr_status mr_source_next(struct mr_source *input);

/*
 * The bytes on the device of an import that are older than it and of which nothing more
 * is known, as its header tells; 0: none. Sets err on failure: MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_source_older(uint64_t *bytes, struct mr_source *input);

/*
 * Takes these bytes, and sets *older to them, from the device that the policy has under
 * PyTorch's rules; other policies stay as they are, and *older is 0.
 */
MR_MUST_CHECK enum mr_status mr_source_leave_older(
	struct mr_policy *policy, uint64_t *older, struct mr_source *input);

/* What takes in events; a failure of its own is one of the trace's. */
typedef enum mr_status (*mr_take_events)(
	void *context, const struct mr_event *events, size_t count, struct mr_error *err);

/*
 * Gives all events to `take` and then remarks on the trace. Returns 0, or the
 * exit status, having said what failed.
 */
int mr_source_each(struct mr_source *input, mr_take_events take, void *context);

/* Says why mr_source_next() failed. Returns the exit status. */
int mr_source_failed(struct mr_source *input);

/*
 * Says that the trace was cut short, what an import came to, and what a lenient
 * reading skipped.
 */
void mr_source_remark(struct mr_source *input);

/* Closes it; one that did not open is fine. */
void mr_source_close(struct mr_source *input);

#endif
