/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/setup.h"
#include "cli/source.h"
#include "cli/torch.h"
#include "memreplay/detail.h"
#include "report/diff.h"

struct options {
	struct mr_source_options input;
	struct mr_policy_options policy;
	struct mr_limit_options limits;
	struct mr_torch_options torch;
	struct mr_format_options format;
	struct {
		struct mr_texts with;
		struct mr_texts expect;
	} own;
};

#define OWN(member) (offsetof(struct options, own.member) - offsetof(struct options, own))

static const struct mr_option own_rows[] = {
	{MR_OPTION_LIST, 'w', "with", "KNOB=VALUE", .offset = OWN(with),
		.help = "set a knob on the side of B only, or policy=NAME; may be given "
			"more than once"},
	{MR_OPTION_LIST, 'e', "expect", "'METRIC OP CHANGE'", .offset = OWN(expect),
		.help = "exit with status 3 unless this holds of what changed from A to "
			"B: 'peak_cached_bytes<=+10%' (of A's), 'hits>=-5', "
			"'hit_rate>=-0.01'; may be given more than once"},
};
static const struct mr_option_group own = {"Comparison options", own_rows, 2};

static const struct mr_option_use uses[] = {
	{&mr_source_group, offsetof(struct options, input)},
	{&mr_policy_group, offsetof(struct options, policy)},
	{&mr_limit_group, offsetof(struct options, limits)},
	{&mr_torch_group, offsetof(struct options, torch)},
	{&mr_format_group, offsetof(struct options, format)},
	{&own, offsetof(struct options, own)},
	{0},
};

struct deltas {
	size_t count;
	struct mr_delta items[MR_TEXTS_MAX];
};

/* What one side is run under. */
struct terms {
	struct mr_policy_options policy;
	struct mr_limit_options limits;
};

/* --- options */

/* Makes the policy that --with=policy=NAME names that of B. */
static enum mr_status
set_policy(struct mr_policy_options *policy, const char *name, struct mr_error *err)
{
	size_t count;
	const char *const *names = mr_policy_names(&count);
	struct mr_policy named;

	for (size_t i = 0; i < count; i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		policy->policy = (int)i;
		/* --alloc-conf would imply PyTorch's rules. */
		if (!mr_setup_policy(&named, policy, err) && !mr_policy_is_torch(&named))
			policy->confs.count = 0;
		return MR_OK;
	}
	return mr_fail(err, MR_EINVAL, "--with: no policy is called \"%s\"", name);
}

/* The terms of B: those of A with each --with. */
static enum mr_status
make_terms(struct terms *out, const struct options *options, struct mr_error *err)
{
	struct mr_policy_options added = {.quiet = true};
	struct mr_texts *knobs = &out->policy.knobs;
	struct mr_setup unused;
	struct mr_error why;
	enum mr_status st = MR_OK;

	out->policy = options->policy;
	out->limits = options->limits;
	for (size_t i = 0; i < options->own.with.count && !st; i++) {
		const char *text = options->own.with.items[i];

		if (!strncmp(text, "policy=", 7))
			st = set_policy(&out->policy, text + 7, err);
		else if (knobs->count == MR_TEXTS_MAX)
			st = mr_fail(err, MR_EINVAL, "--with: too many knobs");
		else
			knobs->items[knobs->count++] =
				added.knobs.items[added.knobs.count++] = text;
	}
	/* On their own first, so that the message names the option. */
	added.policy = out->policy.policy;
	added.confs = out->policy.confs;
	if (!st && mr_setup_make(&unused, &added, NULL, NULL, &why))
		st = mr_fail(err, MR_EINVAL, "%s%s",
			strncmp(why.text, "--set", 5) ? "" : "--with",
			strncmp(why.text, "--set", 5) ? why.text : why.text + 5);
	if (!st)
		st = mr_setup_make(&unused, &out->policy, &out->limits, NULL, err);
	return st;
}

static enum mr_status
parse_deltas(struct deltas *out, const struct mr_texts *texts, struct mr_error *err)
{
	struct mr_error why;

	out->count = 0;
	for (size_t i = 0; i < texts->count; i++)
		if (mr_delta_parse(&out->items[out->count++], texts->items[i], &why))
			return mr_fail(err, MR_EINVAL, "--expect: %s", why.text);
	return MR_OK;
}

/* --- the two sides */

/* A trace under one or two terms at once. */
struct runs {
	size_t count;
	const struct terms *terms[2];
	struct mr_side *sides[2];
	struct mr_detail *sims[2];
	struct mr_setup setups[2];
};

static enum mr_status
start_runs(struct runs *runs, struct mr_source *input)
{
	const struct mr_header *header = mr_reader_header(input->reader);
	struct mr_policy used;
	uint64_t older;
	enum mr_status st = MR_OK;

	for (size_t i = 0; i < runs->count && !st; i++) {
		st = mr_setup_make(&runs->setups[i], &runs->terms[i]->policy,
			&runs->terms[i]->limits, header, &input->err);
		used = runs->setups[i].policy;
		if (!st)
			st = mr_source_leave_older(&used, &older, input);
		if (!st)
			st = mr_detail_new(&runs->sims[i], &used,
				runs->setups[i].keep_limits, &input->err);
	}
	return st;
}

static enum mr_status
carry_out(struct runs *runs, struct mr_source *input)
{
	enum mr_status st;

	while (!(st = mr_source_next(input)))
		for (size_t i = 0; i < runs->count; i++)
			if ((st = mr_detail_run(runs->sims[i], input->events,
				     input->count, &input->err)))
				return st;
	return st;
}

static enum mr_status
end_runs(struct runs *runs, struct mr_source *input)
{
	for (size_t i = 0; i < runs->count; i++) {
		struct mr_result result;

		mr_setup_say_ignored(mr_sim_ignored_limits(mr_detail_sim(runs->sims[i])));
		mr_detail_result(runs->sims[i], &result);
		if (mr_side_make(runs->sides[i], input->path,
			    mr_reader_header(input->reader), &runs->setups[i].policy,
			    &result))
			return mr_fail(&input->err, MR_ENOMEM, "out of memory");
	}
	return MR_OK;
}

/* Simulates a trace under the terms of runs. Returns an exit status. */
static int
simulate(struct runs *runs, const char *path, const struct mr_source_options *how)
{
	struct mr_source input;
	enum mr_status st;
	int status = mr_source_open(&input, path, how);

	if (!status) {
		st = start_runs(runs, &input);
		if (!st && (st = carry_out(runs, &input)) == MR_END) {
			mr_source_remark(&input);
			st = end_runs(runs, &input);
		}
		if (st)
			status = mr_source_failed(&input);
	}
	for (size_t i = 0; i < runs->count; i++)
		mr_detail_free(runs->sims[i]);
	mr_source_close(&input);
	return status;
}

/* Whether it is a snapshot, to be run under PyTorch's rules. Returns an exit status. */
static int
look(bool *is_snapshot, const char *path, const struct terms *terms,
	const struct options *options)
{
	*is_snapshot = false;
	return mr_setup_is_torch(&terms->policy)
		? mr_torch_look(is_snapshot, path, &options->input)
		: MR_EXIT_DONE;
}

static int
run_snapshot(struct mr_side *side, const char *path, const struct terms *terms,
	const struct options *options)
{
	const struct mr_header none = {0};
	struct mr_policy policy;
	struct mr_result result;
	struct mr_error err;
	int status = mr_torch_run_once(&policy, &result,
		&(struct mr_torch_call){
			.command = "diff",
			.path = path,
			.input = &options->input,
			.policy = &terms->policy,
			.start = (enum mr_torch_start)options->torch.start,
		});

	if (!status && mr_side_make(side, path, &none, &policy, &result)) {
		mr_fail_memory(&err);
		status = mr_say_error(path, &err);
	}
	return status;
}

/* Makes a side of a saved result or a trace. Returns an exit status. */
static int
take_side(struct mr_side *side, const char *path, const struct terms *terms,
	const struct options *options)
{
	struct runs runs = {.count = 1, .terms = {terms}, .sides = {side}};
	struct mr_error err;
	enum mr_status st = mr_side_read(side, path, &err);
	bool is_snapshot;
	int status;

	if (st != MR_END)
		return st ? mr_say_error(path, &err) : MR_EXIT_DONE;
	if ((status = look(&is_snapshot, path, terms, options)))
		return status;
	return is_snapshot ? run_snapshot(side, path, terms, options)
			   : simulate(&runs, path, &options->input);
}

/* --- the comparison */

static void
say_oom(const char *name, const struct mr_side *side)
{
	if (mr_side_oom(side))
		mr_say("%s ran out of memory at event %" PRIu64
		       ": its figures are of what came before",
			name, mr_side_oom(side));
}

static int
check(const struct deltas *deltas, const struct mr_diff *diff)
{
	int status = MR_EXIT_DONE;

	for (size_t i = 0; i < deltas->count; i++) {
		char found[MR_FOUND_SIZE];

		if (mr_delta_holds(&deltas->items[i], diff, found))
			continue;
		mr_say("expected %s, found %s", deltas->items[i].text, found);
		status = MR_EXIT_UNMET;
	}
	return status;
}

static int
compare(const struct mr_side sides[2], const struct deltas *deltas,
	const struct mr_format_options *format)
{
	struct mr_doc doc = {0};
	struct mr_diff diff;
	struct mr_error err;
	int status;

	if (mr_diff_make(&diff, &sides[0], &sides[1], &err)) {
		mr_diff_fini(&diff);
		mr_say_error(sides[1].path, &err);
		return MR_EXIT_FAILED;
	}
	mr_doc_add_diff(&doc, &sides[0], &sides[1], &diff);
	status = mr_print_doc(&doc, format);
	if (!status) {
		say_oom("A", &sides[0]);
		say_oom("B", &sides[1]);
		status = check(deltas, &diff);
	}
	mr_doc_fini(&doc);
	mr_diff_fini(&diff);
	return status;
}

/* Fills in both sides from one trace. Returns an exit status. */
static int
take_both(struct mr_side sides[2], const char *path, const struct terms terms[2],
	const struct options *options)
{
	struct runs both = {.count = 2,
		.terms = {&terms[0], &terms[1]},
		.sides = {&sides[0], &sides[1]}};
	bool is_snapshot[2];
	int status = look(&is_snapshot[0], path, &terms[0], options);

	if (!status)
		status = look(&is_snapshot[1], path, &terms[1], options);
	if (status)
		return status;
	if (!is_snapshot[0] && !is_snapshot[1])
		return simulate(&both, path, &options->input);
	if (!mr_source_again(path))
		return mr_say_usage("diff",
			"diff: a snapshot is read once for each side, and %s cannot be",
			mr_path_name(path));
	status = take_side(&sides[0], path, &terms[0], options);
	return status ? status : take_side(&sides[1], path, &terms[1], options);
}

/* Fills in both sides. Returns an exit status. */
static int
take_sides(struct mr_side sides[2], char **operands, const struct terms terms[2],
	const struct options *options)
{
	int status;

	if (!operands[1])
		return take_both(sides, operands[0], terms, options);
	status = take_side(&sides[0], operands[0], &terms[0], options);
	if (!status)
		status = take_side(&sides[1], operands[1], &terms[1], options);
	if (!status && sides[1].saved && options->own.with.count)
		return mr_say_usage("diff",
			"diff: --with asks for a simulation, but %s is a saved result",
			operands[1]);
	return status;
}

static int
run(const struct mr_command *self, int argc, char **argv)
{
	struct options options = {0}; /* what is no option too */
	struct terms terms[2];
	struct deltas deltas;
	struct mr_side sides[2];
	struct mr_error err;
	int status;
	char **operands = mr_command_parse(self, &options, argc, argv, &status);

	if (!operands)
		return status;
	memset(sides, 0, sizeof(sides));
	terms[0].policy = options.policy;
	terms[0].limits = options.limits;
	if (parse_deltas(&deltas, &options.own.expect, &err) ||
		make_terms(&terms[1], &options, &err))
		return mr_say_refusal(self->name, &err);
	/* What is to be said of the options has been. */
	terms[0].policy.quiet = terms[1].policy.quiet = true;
	if (!operands[1] && !options.own.with.count)
		return mr_say_usage(self->name,
			"%s: there is nothing to compare: expected B, or --with",
			self->name);
	status = take_sides(sides, operands, terms, &options);
	if (!status)
		status = compare(sides, &deltas, &options.format);
	mr_side_fini(&sides[0]);
	mr_side_fini(&sides[1]);
	return status;
}

const struct mr_command mr_cmd_diff = {
	.name = "diff",
	.operands = "A [B]",
	.min_operands = 1,
	.max_operands = 2,
	.summary = "two traces, two policies or two saved results side by side",
	.description =
		"Prints what is different at B from A, absolutely and relative to A, "
		"largest changes first. A and B are traces, which are simulated, or "
		"files that hold what simulate or replay printed with --format=json. "
		"With B left out, A is simulated twice: as it is, and with the knobs of "
		"--with. A memory snapshot of PyTorch under PyTorch's rules is run as "
		"simulate runs it.\n\n"
		"The policy and limit options hold for both sides, --with for B only. "
		"Of two replays each backend is compared with the one of its name; "
		"--expect is about the caching allocator.",
	.options = uses,
	.run = run,
};
