/* SPDX-License-Identifier: MIT */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/torchconf.h"
#include "base/units.h"
#include "cli/command.h"
#include "cli/torch.h"
#include "report/torch.h"

#define POINTS_MAX 100000

/* One --set: a value, a list a,b,c or a range LO:HI:STEP. */
struct axis {
	char knob[48];
	const char *values;
	size_t count;
	uint64_t from, step; /* step 0: a list */
};

struct grid {
	const struct mr_torch_call *call;
	size_t axis_count;
	struct axis axes[MR_TEXTS_MAX];
	size_t conf_count; /* at least 1 */
	size_t count;      /* of points */
};

static bool
read_range(struct axis *axis)
{
	char copy[96], *rest = copy;
	uint64_t numbers[3];

	snprintf(copy, sizeof(copy), "%s", axis->values);
	for (int i = 0; i < 3; i++) {
		const char *part = strsep(&rest, ":");

		if (!part || mr_size_parse(&numbers[i], part, NULL))
			return false;
	}
	if (rest || !numbers[2] || numbers[1] < numbers[0] ||
		(numbers[1] - numbers[0]) / numbers[2] >= POINTS_MAX)
		return false;
	axis->from = numbers[0];
	axis->step = numbers[2];
	axis->count = (size_t)((numbers[1] - numbers[0]) / numbers[2]) + 1;
	return true;
}

static bool
read_axis(struct axis *axis, const char *text)
{
	size_t length = strcspn(text, "=");

	if (text[length] != '=' || !length || length >= sizeof(axis->knob))
		return false;
	snprintf(axis->knob, sizeof(axis->knob), "%.*s", (int)length, text);
	axis->values = text + length + 1;
	axis->step = 0;
	axis->count = 1;
	if (strchr(axis->values, ':'))
		return read_range(axis);
	for (const char *at = axis->values; *at; at++)
		axis->count += *at == ',';
	return true;
}

/* The text of an axis's value. */
static const char *
value_at(char text[64], const struct axis *axis, size_t index)
{
	const char *from = axis->values;

	if (axis->step) {
		snprintf(text, 64, "%" PRIu64, axis->from + index * axis->step);
		return text;
	}
	while (index--)
		from = strchr(from, ',') + 1;
	snprintf(text, 64, "%.*s", (int)strcspn(from, ","), from);
	return text;
}

static int
make_grid(struct grid *grid, const struct mr_torch_call *call)
{
	const struct mr_policy_options *options = call->policy;

	grid->call = call;
	grid->axis_count = options->knobs.count;
	grid->conf_count = options->confs.count ? options->confs.count : 1;
	grid->count = grid->conf_count;
	for (size_t i = 0; i < grid->axis_count; i++) {
		if (!read_axis(&grid->axes[i], options->knobs.items[i]))
			return mr_say_usage(call->command,
				"%s: --set: \"%s\" is not KNOB=VALUE, KNOB=A,B,C or "
				"KNOB=LO:HI:STEP",
				call->command, options->knobs.items[i]);
		grid->count *= grid->axes[i].count;
		if (grid->count > POINTS_MAX)
			return mr_say_usage(call->command, "%s: more than %d points",
				call->command, POINTS_MAX);
	}
	return MR_EXIT_DONE;
}

/* The policy of a point; of NULL: only to check the options. */
static enum mr_status
point_policy(struct mr_policy *out, const struct grid *grid,
	const struct mr_torch_case *of, size_t point, struct mr_error *err)
{
	const struct mr_policy_options *options = grid->call->policy;
	size_t rest = point % (grid->count / grid->conf_count);
	const char *conf = options->confs.count
		? options->confs.items[point / (grid->count / grid->conf_count)]
		: NULL;
	struct mr_policy_options bare = {.policy = options->policy};
	struct mr_torch_call call = *grid->call;
	enum mr_status st;
	char text[64];

	call.policy = &bare;
	st = mr_torch_policy(out, &call, of, conf, of == NULL, err);
	for (size_t i = grid->axis_count; i-- > 0 && !st;) {
		const struct axis *axis = &grid->axes[i];

		st = mr_policy_set(
			out, axis->knob, value_at(text, axis, rest % axis->count), err);
		rest /= axis->count;
	}
	mr_policy_resolve(out);
	return st;
}

static int
check_grid(const struct grid *grid)
{
	struct mr_policy policy;
	struct mr_error err;

	for (size_t i = 0; i < grid->count; i++)
		if (point_policy(&policy, grid, NULL, i, &err))
			return mr_say_refusal(grid->call->command, &err);
	return MR_EXIT_DONE;
}

/* --- showing */

static void
add_knobs(struct mr_doc *doc, const struct grid *grid, const struct mr_policy *policy)
{
	for (size_t i = 0; i < grid->axis_count; i++) {
		const struct mr_knob *knob = mr_knob_find(grid->axes[i].knob);
		uint64_t value = mr_knob_get(knob, policy);
		const char *choice = mr_knob_choice(knob, value);

		if (choice)
			mr_doc_text(doc, knob->name, choice);
		else if (knob->unit == MR_UNIT_RATIO)
			mr_doc_ratio(doc, knob->name, value, MR_TORCH_SHARE);
		else
			mr_doc_bytes(doc, knob->name, value);
	}
}

static void
add_point(struct mr_doc *doc, const struct mr_torch_study *study)
{
	const struct mr_result *result = &study->whatif.result;

	mr_torch_add_peaks(doc, study, result);
	mr_doc_ratio(doc, "mean_fragmentation", result->unused_sum, result->reserved_sum);
	mr_doc_count(doc, "peak_segments", result->peak_segments);
	mr_doc_count(doc, "retries", result->retries);
	mr_doc_count(doc, "ooms", result->ooms);
	mr_doc_count(doc, "oom_event", result->oom_event);
	mr_doc_bytes(doc, "oom_bytes", result->oom_bytes);
}

static int
print(const struct grid *grid, const struct mr_torch_case *of,
	const struct mr_torch_study *studies)
{
	const struct mr_torch_call *call = grid->call;
	char conf[MR_TORCH_CONF_SIZE];
	struct mr_doc doc = {0};
	int status;

	mr_doc_add_torch_case(&doc, call->path, of);
	mr_doc_add_torch_start(&doc, call->start, of);
	mr_doc_begin(&doc, "points", 12 + grid->axis_count);
	for (size_t i = 0; i < grid->count; i++) {
		struct mr_policy policy;

		if (point_policy(&policy, grid, of, i, NULL))
			continue;
		mr_doc_text(&doc, "alloc_conf", mr_torch_conf_print(conf, &policy.torch));
		add_knobs(&doc, grid, &policy);
		add_point(&doc, &studies[i]);
	}
	status = mr_print_doc(&doc, call->format);
	mr_doc_fini(&doc);
	return status;
}

/* --- sweeping */

static int
sweep(const struct grid *grid, const struct mr_torch_case *of,
	const struct mr_expects *expects)
{
	const struct mr_torch_call *call = grid->call;
	struct mr_torch_study *studies = calloc(grid->count, sizeof(*studies));
	struct mr_error err = {.text = "out of memory"};
	struct mr_policy policy;
	int status = studies ? MR_EXIT_DONE : mr_say_error(NULL, &err);

	for (size_t i = 0; i < grid->count && !status; i++) {
		if (point_policy(&policy, grid, of, i, &err))
			status = mr_say_error(call->path, &err);
		studies[i].settings = policy.torch;
	}
	if (!status)
		status = mr_torch_study(studies, grid->count, of, call, MR_STUDY_SPREAD);
	if (!status)
		status = print(grid, of, studies);
	for (size_t i = 0; i < grid->count && !status; i++)
		status = mr_expects_check(expects, NULL, &studies[i].whatif.result);
	free(studies);
	return status;
}

int
mr_torch_run_sweep(const struct mr_torch_call *call)
{
	struct mr_torch_case of = {0};
	struct mr_expects expects;
	struct grid grid;
	struct mr_error err;
	int status = make_grid(&grid, call);

	if (!status && mr_expects_parse(&expects, call->expect, MR_SECTION_TORCH, &err))
		status = mr_say_refusal(call->command, &err);
	if (!status)
		status = check_grid(&grid);
	if (!status)
		status = mr_torch_read(&of, call);
	if (!status)
		status = sweep(&grid, &of, &expects);
	mr_torch_case_fini(&of);
	return status;
}
