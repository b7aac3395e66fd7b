/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_CHROME_H
#define MR_REPORT_CHROME_H

/*
 * What a policy does with a trace, over time, in the JSON form that Perfetto
 * and chrome://tracing read: counter tracks of active and cached memory and of
 * the cache limit, and the trace's marks as instants.
 *
 * Every value that a counter has is in the file, once. Written as the events
 * come, in the memory of a simulation.
 */

#include <stdbool.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "memreplay/policy.h"
#include "memreplay/trace.h"

struct mr_chrome;

/*
 * Opens path ("-": standard output; gzipped if it ends in .gz), for a trace
 * called title that runs under policy; keep_limits as for mr_sim_new(). On
 * success *out is the caller's, for one of the last two calls.
 *   MR_EIO, MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_chrome_open(struct mr_chrome **out, const char *path,
	const struct mr_policy *policy, bool keep_limits, const char *title,
	struct mr_error *err);

/* As mr_writer_temporary(). */
const char *mr_chrome_temporary(const struct mr_chrome *chrome);

/*
 * Takes in the next event of a trace, its slot set.
 *   MR_EIO, MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_chrome_put(
	struct mr_chrome *chrome, const struct mr_event *event, struct mr_error *err);

/*
 * Whether the time axis is that of the trace. Otherwise, as the first event had
 * no time, an event takes a microsecond.
 */
bool mr_chrome_timed(const struct mr_chrome *chrome);

/* How many set_cache_limit events the simulation has ignored. */
uint64_t mr_chrome_ignored_limits(const struct mr_chrome *chrome);

/*
 * Completes the file, gives it its name and frees chrome, also on failure.
 *   MR_EIO
 */
MR_MUST_CHECK enum mr_status mr_chrome_finish(
	struct mr_chrome *chrome, struct mr_error *err);

/* Frees it and removes what it wrote; NULL is fine. */
void mr_chrome_abort(struct mr_chrome *chrome);

#endif
