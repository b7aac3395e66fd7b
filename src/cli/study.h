/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_STUDY_H
#define MR_CLI_STUDY_H

/* Everything about a trace under a policy, from one reading of it. */

#include "cli/setup.h"
#include "cli/source.h"
#include "report/doc.h"
#include "report/picture.h"

struct mr_study {
	struct mr_subject subject;
	struct mr_doc facts; /* sections "trace" and "policy" */
	char *workload;
};

struct mr_study_options {
	const struct mr_source_options *source;
	const struct mr_policy_options *policy;
	const struct mr_limit_options *limits;
	bool curve; /* sweep the cache limit, too */
	unsigned jobs;
};

/*
 * Reads path. *out is to be given to mr_study_fini() in any case. Returns an exit
 * status, having said what failed.
 */
int mr_study_run(
	struct mr_study *out, const char *path, const struct mr_study_options *options);

void mr_study_fini(struct mr_study *study);

#endif
