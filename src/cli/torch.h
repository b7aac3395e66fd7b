/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_TORCH_H
#define MR_CLI_TORCH_H

/*
 * What the commands do under PyTorch's rules: they take a memory snapshot, with
 * the state that it begins in, or any other trace, from memory.
 */

#include "cli/command.h"
#include "cli/output.h"
#include "cli/saving.h"
#include "cli/setup.h"
#include "cli/source.h"
#include "sim/torchload.h"
#include "sim/torchstudy.h"

/* --start */
struct mr_torch_options {
	int start; /* enum mr_torch_start */
};
extern const struct mr_option_group mr_torch_group;

/* What a command was asked for. */
struct mr_torch_call {
	const char *command;
	const char *path;
	const struct mr_source_options *input;
	const struct mr_policy_options *policy;
	const struct mr_format_options *format;
	const struct mr_expect_options *expect; /* NULL: the command has none */
	enum mr_torch_start start;
	struct mr_number device_memory; /* tune */
	const char *plot;               /* simulate; NULL: no picture */
	unsigned jobs;
};

/*
 * Looks whether a trace is a snapshot of PyTorch. Standard input and pipes are taken
 * for one only if --from says so, for they can be read but once. Returns an exit status.
 */
int mr_torch_look(
	bool *is_snapshot, const char *path, const struct mr_source_options *input);

/*
 * Whether a command line makes sense under PyTorch's rules: one trace, and no option
 * that means nothing there. Says what does not.
 */
bool mr_torch_accepts(const struct mr_command *self, const void *values, char **operands);

/* The commands. Each returns an exit status. */
int mr_torch_run_verify(const struct mr_torch_call *call);
int mr_torch_run_simulate(const struct mr_torch_call *call);
int mr_torch_run_sweep(const struct mr_torch_call *call);
int mr_torch_run_tune(const struct mr_torch_call *call);
int mr_torch_run_report(const struct mr_torch_call *call, const char *path);

/*
 * Runs a trace for its figures alone, as simulate does; *policy is what it was run
 * under. The remarks on the options are left out if they are quiet. An exit status.
 */
int mr_torch_run_once(struct mr_policy *policy, struct mr_result *result,
	const struct mr_torch_call *call);

/* --- for these commands */

/* Reads the trace into memory; *out is to be given to mr_torch_case_fini(). */
int mr_torch_read(struct mr_torch_case *out, const struct mr_torch_call *call);

/* Carries out studies as the call wants them, with a bar. Returns an exit status. */
int mr_torch_study(struct mr_torch_study *studies, size_t count,
	const struct mr_torch_case *of, const struct mr_torch_call *call,
	unsigned wanted);

/* Adds to a row what was reserved and allocated at most; result: the study's. */
void mr_torch_add_peaks(struct mr_doc *doc, const struct mr_torch_study *study,
	const struct mr_result *result);

/* Draws the course of memory, for a file of the name path. Returns an exit status. */
int mr_torch_draw(const struct mr_torch_case *of, const struct mr_policy *policy,
	enum mr_torch_start start, struct mr_saving *saving, const char *path);

/*
 * Makes the policy: the settings recorded (of NULL: none) give way to conf
 * (NULL: to nothing), and those to every --set. MR_EINVAL.
 */
MR_MUST_CHECK enum mr_status mr_torch_policy(struct mr_policy *out,
	const struct mr_torch_call *call, const struct mr_torch_case *of,
	const char *conf, bool say, struct mr_error *err);

#endif
