/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/units.h"
#include "cli/command.h"
#include "cli/output.h"
#include "cli/share.h"
#include "cli/torch.h"
#include "cli/walk.h"
#include "memreplay/tune.h"
#include "report/result.h"

struct tune_options {
	const char *target;
	struct mr_number budget;
	bool knee;
	int of;
	const char *weights;
	int by;
	struct mr_number jobs;
	struct mr_number device_memory;
};

struct options {
	struct mr_source_options input;
	struct mr_policy_options policy;
	struct tune_options tune;
	struct mr_share_options share;
	struct mr_torch_options torch;
	struct mr_format_options format;
	struct mr_expect_options expect;
};

static const char *
rate_name(size_t index)
{
	static const char *const names[] = {"hit_rate", "byte_hit_rate", NULL};

	return names[index];
}

static const char *
together_name(size_t index)
{
	static const char *const names[] = {
		[MR_TOGETHER_WORST] = "worst", [MR_TOGETHER_MEAN] = "mean", NULL};

	return names[index];
}

static const struct mr_option rows[] = {
	{MR_OPTION_TEXT, 't', "target", "SHARE", "99%", .of_cache = true,
		.offset = offsetof(struct tune_options, target),
		.help = "the smallest limit from which on the rate stays at this share "
			"of "
			"the unlimited cache's, or above"},
	{MR_OPTION_SIZE, 'b', "budget", "SIZE", .of_cache = true,
		.offset = offsetof(struct tune_options, budget),
		.help = "instead: the limit of at most SIZE with the best rate"},
	{MR_OPTION_FLAG, 'k', "knee", .offset = offsetof(struct tune_options, knee),
		.of_cache = true,
		.help = "instead: the limit beyond which more cache pays less and less"},
	{MR_OPTION_CHOICE, 0, "of", "RATE", "hit_rate", .choices = rate_name,
		.of_cache = true, .offset = offsetof(struct tune_options, of),
		.help = "the rate meant"},
	{MR_OPTION_TEXT, 'w', "weights", "W,W...", .of_cache = true,
		.offset = offsetof(struct tune_options, weights),
		.help = "weights of the traces in the mean, in their order; otherwise "
			"all "
			"weigh the same"},
	{MR_OPTION_CHOICE, 0, "by", "HOW", "worst", .choices = together_name,
		.of_cache = true, .offset = offsetof(struct tune_options, by),
		.help = "what the one limit for several traces goes by: the worst trace "
			"or "
			"the weighted mean"},
	{MR_OPTION_SIZE, 0, "device-memory", "SIZE", .min = 1, .max = UINT64_C(1) << 50,
		.offset = offsetof(struct tune_options, device_memory),
		.help = "instead: whether the trace fits a GPU with so much memory under "
			"PyTorch's rules, and under which settings; implies torch-cuda"},
	{MR_OPTION_COUNT, 'j', "jobs", "N", "1", .min = 1, .max = 256,
		.offset = offsetof(struct tune_options, jobs),
		.help = "threads to share the limits; the output is the same for any "
			"number"},
};
static const struct mr_option_group tune_group = {
	"Tuning options", rows, sizeof(rows) / sizeof(rows[0])};

static const struct mr_option expect_rows[] = {
	{MR_OPTION_LIST, 'e', "expect", "'METRIC OP VALUE'",
		.offset = offsetof(struct mr_expect_options, texts),
		.help = "exit with status 3 unless this holds at the recommended limit, "
			"in "
			"every trace: 'hit_rate>=95%', 'cache_limit<=64MiB'; with "
			"--device-memory, under the recommended settings: 'fits==1'; "
			"may be given more than once"},
};
static const struct mr_option_group expect_group = {"Output options", expect_rows, 1};

static const struct mr_option_use uses[] = {
	{&mr_source_group, offsetof(struct options, input)},
	{&mr_policy_group, offsetof(struct options, policy)},
	{&tune_group, offsetof(struct options, tune)},
	{&mr_share_group, offsetof(struct options, share)},
	{&mr_torch_group, offsetof(struct options, torch)},
	{&mr_format_group, offsetof(struct options, format)},
	{&expect_group, offsetof(struct options, expect)},
	{0},
};

/* The traces that could be read, with their curves. */
struct subjects {
	const struct mr_swept **traces;
	struct mr_tune_curve *curves;
	size_t count;
	struct mr_policy policy; /* of the first */
};

static void
subjects_fini(struct subjects *subjects)
{
	free(subjects->traces);
	free(subjects->curves);
}

/* The policy that a trace was run under. Returns an exit status. */
static int
find_policy(struct subjects *subjects, const struct options *options)
{
	const struct mr_swept *first = subjects->traces[0];
	struct mr_setup setup;
	struct mr_error err;

	if (mr_setup_make(&setup, &options->policy, NULL, &first->account.header, &err))
		return mr_say_error(first->path, &err);
	subjects->policy = setup.policy;
	return MR_EXIT_DONE;
}

/* Takes those that did not fail, with their weights. Returns an exit status. */
static int
gather(struct subjects *subjects, const struct mr_share *share, const double *weights)
{
	subjects->traces = calloc(share->count, sizeof(struct mr_swept *));
	subjects->curves = calloc(share->count, sizeof(*subjects->curves));
	if (!subjects->traces || !subjects->curves) {
		mr_say("out of memory");
		return MR_EXIT_FAILED;
	}
	for (size_t i = 0; i < share->count; i++) {
		const struct mr_swept *trace = &share->traces[i];

		if (trace->status)
			continue;
		subjects->traces[subjects->count] = trace;
		subjects->curves[subjects->count++] = (struct mr_tune_curve){
			.points = trace->account.points,
			.count = trace->account.count,
			.resolution = trace->account.sweep.resolution,
			.weight = weights ? weights[i] : 1,
		};
	}
	return MR_EXIT_DONE;
}

/* Reads "99%" or "0.99". */
static bool
parse_share(double *out, const char *text)
{
	char *end;

	*out = strtod(text, &end);
	if (end == text)
		return false;
	if (*end == '%') {
		*out /= 100;
		end++;
	}
	return !*end && *out >= 0 && *out <= 1;
}

/* Reads one weight a trace. NULL: there is another number of them, or no memory. */
static double *
parse_weights(const char *text, size_t count)
{
	double *weights = calloc(count, sizeof(*weights));

	for (size_t i = 0; weights && i < count; i++) {
		char *end;

		weights[i] = strtod(text, &end);
		if (end == text || !(weights[i] >= 0 && weights[i] < 1e18) ||
			*end != (i + 1 < count ? ',' : '\0')) {
			free(weights);
			return NULL;
		}
		text = end + 1;
	}
	return weights;
}

/* What a trace does at a limit that all its points answer for. */
static struct mr_result
result_at(const struct mr_tune_curve *curve, uint64_t limit)
{
	const struct mr_point *point = mr_point_at(curve->points, curve->count, limit);
	struct mr_result result = {0};

	/* Limits above the last point are all the same as it. */
	if (!point)
		point = &curve->points[curve->count - 1];
	result = point->result;
	result.cache_limit = limit;
	return result;
}

static void
add_choice(struct mr_doc *doc, const char *name, const struct mr_result *result)
{
	mr_doc_text(doc, "choice", name);
	mr_doc_bytes(doc, "cache_limit", result->cache_limit);
	mr_doc_ratio(doc, "hit_rate", result->hits, result->mallocs);
	mr_doc_ratio(doc, "byte_hit_rate", result->hit_bytes, result->requested_bytes);
	mr_doc_count(doc, "misses", result->misses);
	mr_doc_count(doc, "rejected_frees", result->rejected_frees);
	mr_doc_bytes(doc, "peak_cached_bytes", result->peak_cached_bytes);
	mr_doc_bytes(doc, "peak_total_bytes", result->peak_total_bytes);
}

#define CHOICE_COLUMNS 9 /* with the trace */

static void
add_choices(struct mr_doc *doc, const struct subjects *subjects,
	const struct mr_advice *advice)
{
	mr_doc_begin(doc, "points", CHOICE_COLUMNS);
	for (size_t i = 0; i < subjects->count; i++) {
		const struct mr_tune_curve *curve = &subjects->curves[i];
		const struct {
			const char *name;
			bool there;
			struct mr_result result;
		} choices[] = {
			{"cheaper", advice->has_cheaper,
				result_at(curve, advice->cheaper)},
			{"recommended", true, result_at(curve, advice->limit)},
			{"dearer", advice->has_dearer, result_at(curve, advice->dearer)},
			{"worse", advice->has_worse, result_at(curve, advice->worse)},
			{"today", true, subjects->traces[i]->account.today},
			{"unlimited", true, result_at(curve, MR_UNLIMITED)},
		};

		for (size_t c = 0; c < sizeof(choices) / sizeof(choices[0]); c++) {
			if (!choices[c].there)
				continue;
			mr_doc_text(doc, "trace", subjects->traces[i]->path);
			add_choice(doc, choices[c].name, &choices[c].result);
		}
	}
}

/* The trace that gets least at the limit or, if others get no more, at a cheaper one. */
static size_t
find_worst(const struct subjects *subjects, const struct mr_advice *advice, bool by_bytes)
{
	uint64_t cheaper = advice->has_cheaper ? advice->cheaper : advice->limit;
	double least = 2, least_below = 2;
	size_t worst = 0;

	for (size_t i = 0; i < subjects->count; i++) {
		const struct mr_tune_curve *curve = &subjects->curves[i];
		double own = mr_tune_share(curve, advice->limit, by_bytes);
		double below = mr_tune_share(curve, cheaper, by_bytes);

		if (own > least || (own == least && below >= least_below))
			continue;
		least = own;
		least_below = below;
		worst = i;
	}
	return worst;
}

static void
add_advice(struct mr_doc *doc, const struct subjects *subjects,
	const struct mr_tune_options *goal, const struct mr_advice *advice)
{
	static const char *const goals[] = {[MR_GOAL_TARGET] = "target",
		[MR_GOAL_BUDGET] = "budget",
		[MR_GOAL_KNEE] = "knee"};
	char text[160];

	mr_doc_begin(doc, "recommendation", 0);
	mr_doc_bytes(doc, "recommended_cache_limit", advice->limit);
	mr_doc_text(doc, "goal", goals[goal->goal]);
	mr_doc_text(doc, "rate", rate_name(goal->by_bytes));
	mr_doc_real(doc, "share_of_unlimited", MR_UNIT_RATIO, advice->rate);
	if (subjects->count > 1) {
		size_t worst = find_worst(subjects, advice, goal->by_bytes);

		mr_doc_text(doc, "worst_trace", subjects->traces[worst]->path);
		mr_doc_real(doc, "worst_share", MR_UNIT_RATIO,
			mr_tune_share(
				&subjects->curves[worst], advice->limit, goal->by_bytes));
	}
	snprintf(text, sizeof(text), "mx.set_cache_limit(%" PRIu64 ")", advice->limit);
	mr_doc_text(doc, "python", text);
}

#define TRACE_COLUMNS 7

/* What each trace gets of the one limit, and which it would get if it were alone. */
static enum mr_status
add_traces(struct mr_doc *doc, const struct subjects *subjects,
	const struct mr_tune_options *goal, uint64_t limit, struct mr_error *err)
{
	mr_doc_begin(doc, "traces", TRACE_COLUMNS);
	for (size_t i = 0; i < subjects->count; i++) {
		const struct mr_tune_curve *curve = &subjects->curves[i];
		struct mr_result result = result_at(curve, limit);
		struct mr_advice own;

		if (mr_tune(&own, curve, 1, goal, err))
			return err->status;
		mr_doc_text(doc, "trace", subjects->traces[i]->path);
		mr_doc_count(doc, "events", subjects->traces[i]->account.sweep.events);
		mr_doc_ratio(doc, "hit_rate", result.hits, result.mallocs);
		mr_doc_ratio(
			doc, "byte_hit_rate", result.hit_bytes, result.requested_bytes);
		mr_doc_real(doc, "share_of_unlimited", MR_UNIT_RATIO,
			mr_tune_share(curve, limit, goal->by_bytes));
		mr_doc_bytes(doc, "own_cache_limit", own.limit);
		mr_doc_real(doc, "own_share", MR_UNIT_RATIO, own.rate);
	}
	return MR_OK;
}

static void
warn_of_worse(const struct mr_advice *advice)
{
	char here[MR_TEXT_SIZE], there[MR_TEXT_SIZE];

	if (advice->has_worse)
		mr_say("more is not always better: %s gives %.2f %% of the unlimited "
		       "cache's rate, %s gives %.2f %%",
			mr_size_print(there, advice->worse), 100 * advice->worse_rate,
			mr_size_print(here, advice->limit), 100 * advice->rate);
}

static int
print(const struct subjects *subjects, const struct options *options,
	const struct mr_tune_options *goal, const struct mr_advice *advice)
{
	struct mr_policy policy = subjects->policy;
	struct mr_doc doc = {0};
	struct mr_error err;
	int status;

	add_advice(&doc, subjects, goal, advice);
	policy.cache_limit = advice->limit;
	mr_doc_add_policy(&doc, &policy);
	if (subjects->count > 1 &&
		add_traces(&doc, subjects, goal, advice->limit, &err)) {
		status = mr_say_error(NULL, &err);
	} else {
		add_choices(&doc, subjects, advice);
		status = mr_print_doc(&doc, &options->format);
		warn_of_worse(advice);
	}
	mr_doc_fini(&doc);
	return status;
}

static int
check(const struct subjects *subjects, const struct mr_expects *expects, uint64_t limit)
{
	int worst = MR_EXIT_DONE;

	for (size_t i = 0; i < subjects->count; i++) {
		struct mr_result result = result_at(&subjects->curves[i], limit);
		int status = mr_expects_check(expects,
			subjects->count > 1 ? subjects->traces[i]->path : NULL, &result);

		if (status)
			worst = status;
	}
	return worst;
}

/* Under PyTorch's rules it is settings for a device that are sought. */
static int
tune_torch(const struct mr_command *self, const struct options *options, char **operands)
{
	if (!mr_torch_accepts(self, options, operands))
		return MR_EXIT_USAGE;
	return mr_torch_run_tune(&(struct mr_torch_call){
		.command = self->name,
		.path = operands[0],
		.input = &options->input,
		.policy = &options->policy,
		.format = &options->format,
		.expect = &options->expect,
		.start = (enum mr_torch_start)options->torch.start,
		.device_memory = options->tune.device_memory,
		.jobs = (unsigned)options->tune.jobs.value,
	});
}

/* Finds the limit for the traces that could be read, and prints it. */
static int
advise(const struct mr_share *share, const struct options *options,
	const struct mr_tune_options *goal, const double *weights,
	const struct mr_expects *expects)
{
	struct subjects subjects = {0};
	struct mr_advice advice;
	struct mr_error err;
	int status = gather(&subjects, share, weights);

	if (!status)
		status = find_policy(&subjects, options);
	if (!status && mr_tune(&advice, subjects.curves, subjects.count, goal, &err))
		status = mr_say_error(NULL, &err);
	if (!status)
		status = print(&subjects, options, goal, &advice);
	if (!status)
		status = check(&subjects, expects, advice.limit);
	subjects_fini(&subjects);
	return status;
}

/* Sweeps all traces, and tunes by those that could be read. */
static int
tune(const struct options *options, const struct mr_tune_options *goal,
	const struct mr_expects *expects, char **operands)
{
	static const struct mr_vary_options nothing_varies;
	const struct mr_method method = {
		.input = options->input,
		.policy = &options->policy,
		.vary = &nothing_varies,
		.sweep = {.to = MR_UNLIMITED,
			.jobs = (unsigned)options->tune.jobs.value,
			.help = mr_walk_help},
		.today = true,
	};
	const char *text = options->tune.weights;
	double *weights = NULL;
	struct mr_share share;
	int status = mr_share_begin(&share, operands);

	if (!status && text && !mr_share_follows(&share) &&
		!(weights = parse_weights(text, share.count)))
		status = mr_say_usage("tune",
			"tune: --weights: expected one weight a trace, such as 2,1,1");
	if (!status) {
		status = mr_share_run(&share, &method, &options->share);
		if (share.failed < share.count) {
			int shown = advise(&share, options, goal, weights, expects);

			status = status ? status : shown;
		}
	}
	free(weights);
	mr_share_fini(&share);
	return status;
}

/* What is sought. Returns an exit status. */
static int
read_goal(struct mr_tune_options *goal, const struct tune_options *options)
{
	*goal = (struct mr_tune_options){
		.goal = options->knee           ? MR_GOAL_KNEE
			: options->budget.given ? MR_GOAL_BUDGET
						: MR_GOAL_TARGET,
		.budget = options->budget.value,
		.by_bytes = options->of == 1,
		.together = (enum mr_together)options->by,
	};
	if (!parse_share(&goal->target, options->target))
		return mr_say_usage("tune",
			"tune: --target: \"%s\" is not a share: expected 99%% or 0.99",
			options->target);
	if (options->knee && options->budget.given)
		return mr_say_usage(
			"tune", "tune: --knee and --budget exclude each other");
	return MR_EXIT_DONE;
}

static int
run(const struct mr_command *self, int argc, char **argv)
{
	struct options options = {0}; /* what is no option too */
	struct mr_tune_options goal;
	struct mr_expects expects;
	struct mr_setup unused;
	struct mr_error err;
	int status;
	char **operands = mr_command_parse(self, &options, argc, argv, &status);

	if (!operands)
		return status;
	if (options.tune.device_memory.given || mr_setup_is_torch(&options.policy))
		return tune_torch(self, &options, operands);
	if (mr_expects_parse(&expects, &options.expect, MR_CACHE_SECTIONS, &err) ||
		mr_setup_make(&unused, &options.policy, NULL, NULL, &err))
		return mr_say_refusal(self->name, &err);
	if ((status = read_goal(&goal, &options.tune)))
		return status;
	options.input.ahead = options.tune.jobs.value > 1;
	return tune(&options, &goal, &expects, operands);
}

const struct mr_command mr_cmd_tune = {
	.name = "tune",
	.operands = "TRACE...",
	.min_operands = 1,
	.max_operands = 1024,
	.summary = "the cache limit to set, and why",
	.description =
		"Recommends a cache limit for one or more traces: by default the "
		"smallest "
		"from which on the hit rate stays at 99 % of what an unlimited cache "
		"reaches, at every limit tried above it too. Limits are tried at "
		"multiples "
		"of a power of two, about 500 of them; each is exact.\n\n"
		"The table compares it with the next cheaper and dearer choices, with "
		"the "
		"limit that the trace runs at today, and with an unlimited cache. A "
		"larger "
		"limit that does worse is named.",
	.options = uses,
	.run = run,
};
