/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"
#include "base/units.h"
#include "base/wide.h"
#include "report/diff.h"

/* The unit of the metric or figure called name. */
static enum mr_status
find_unit(enum mr_unit *unit, const char *name, struct mr_error *err)
{
	size_t count;
	const struct mr_metric *metrics = mr_detail_metrics(&count);
	struct mr_nearest nearest = {.text = name};

	for (size_t i = 0; i < count; i++) {
		*unit = metrics[i].unit;
		if (!strcmp(metrics[i].name, name))
			return MR_OK;
		mr_nearest_offer(&nearest, metrics[i].name);
	}
	for (size_t i = 0; i < MR_FIGURE_COUNT; i++) {
		*unit = mr_figures()[i].unit;
		if (!strcmp(mr_figures()[i].name, name))
			return MR_OK;
		mr_nearest_offer(&nearest, mr_figures()[i].name);
	}
	if (nearest.name)
		return mr_fail(err, MR_EINVAL,
			"there is no metric \"%s\"; did you mean %s?", name,
			nearest.name);
	return mr_fail(err, MR_EINVAL, "there is no metric \"%s\"", name);
}

/* Reads the amount after the sign. */
static enum mr_status
parse_amount(
	struct mr_delta *out, enum mr_unit unit, const char *text, struct mr_error *err)
{
	out->divisor = 1;
	out->relative = strchr(text, '%') != NULL;
	if (out->relative || unit == MR_UNIT_RATIO)
		return mr_ratio_parse(&out->number, &out->divisor, text, err);
	if (unit == MR_UNIT_BYTES)
		return mr_size_parse(&out->number, text, err);
	return mr_count_parse(&out->number, text, err);
}

enum mr_status
mr_delta_parse(struct mr_delta *out, const char *text, struct mr_error *err)
{
	char name[MR_NAME_SIZE], value[MR_NAME_SIZE];
	const char *amount = value;
	enum mr_unit unit;
	enum mr_status st;

	out->text = text;
	if (!mr_expect_split(text, name, &out->relation, value))
		return mr_fail(err, MR_EINVAL,
			"\"%s\" is not \"METRIC OP CHANGE\" with OP one of "
			">= <= > < == !=",
			text);
	snprintf(out->name, sizeof(out->name), "%s", mr_metric_bare_name(name));
	if ((st = find_unit(&unit, out->name, err)))
		return st;
	out->negative = *value == '-';
	if (*value == '-' || *value == '+')
		amount++;
	if ((st = parse_amount(out, unit, amount, err)))
		return st;
	if (amount == value && out->number)
		return mr_fail(err, MR_EINVAL,
			"\"%s\" is not a change: expected a sign, as in +10%%, -5 or 0",
			value);
	return MR_OK;
}

/*
 * The sign of b/b_divisor - a/a_divisor - wanted, all of it multiplied by
 * a_divisor * b_divisor * delta->divisor; false if that does not fit.
 */
static bool
compare_exactly(int *sign, const struct mr_delta *delta, const struct mr_change *change)
{
	/* A ratio of nothing is 0 / 1. */
	uint64_t a = change->a_divisor ? change->a : 0;
	uint64_t b = change->b_divisor ? change->b : 0;
	uint64_t under_a = change->a_divisor ? change->a_divisor : 1;
	uint64_t under_b = change->b_divisor ? change->b_divisor : 1;
	struct mr_wide left, right, from_a, base;

	if (!mr_wide_times(&left, mr_wide(b), under_a) ||
		!mr_wide_times(&from_a, mr_wide(a), under_b) ||
		!mr_wide_times(&left, mr_wide_minus(left, from_a), delta->divisor) ||
		!mr_wide_times(&base, mr_wide(delta->relative ? a : under_a), under_b) ||
		!mr_wide_times(&right, base, delta->number))
		return false;
	if (delta->negative)
		right = mr_wide_minus(mr_wide(0), right);
	*sign = mr_wide_compare(left, right);
	return true;
}

/* The same in floating point. */
static int
compare_nearly(const struct mr_delta *delta, const struct mr_change *change)
{
	double wanted = (double)delta->number / (double)delta->divisor;

	if (delta->relative)
		wanted *= change->a_value;
	if (delta->negative)
		wanted = -wanted;
	return (change->change > wanted) - (change->change < wanted);
}

static void
print_found(char text[MR_FOUND_SIZE], const struct mr_change *change)
{
	struct mr_cell by = {MR_CELL_CHANGE, change->unit, .real = change->change};
	struct mr_cell relative = {
		MR_CELL_CHANGE, MR_UNIT_RATIO, .real = change->relative};
	char amount[MR_CELL_SIZE], share[MR_CELL_SIZE];

	mr_cell_human(amount, &by);
	mr_cell_human(share, &relative);
	if (change->endless)
		snprintf(text, MR_FOUND_SIZE, "a change %s unlimited",
			change->a == MR_UNLIMITED ? "from" : "to");
	else if (!(change->change < 0 || change->change > 0))
		snprintf(text, MR_FOUND_SIZE, "no change");
	else if (isinf(change->relative))
		snprintf(text, MR_FOUND_SIZE, "%s, from 0", amount);
	else
		snprintf(text, MR_FOUND_SIZE, "%s (%s)", amount, share);
}

bool
mr_delta_holds(const struct mr_delta *delta, const struct mr_diff *diff,
	char text[MR_FOUND_SIZE])
{
	const struct mr_change *change = NULL;
	int sign;

	for (size_t i = 0; i < diff->count && !change; i++)
		if (!strcmp(diff->changes[i].name, delta->name) &&
			!strcmp(diff->changes[i].part, diff->first))
			change = &diff->changes[i];
	snprintf(text, MR_FOUND_SIZE, "no such figure on both sides");
	if (!change)
		return false;
	if (change->unequal) {
		snprintf(text, MR_FOUND_SIZE, "figures of unequal parts of the trace");
		return false;
	}
	print_found(text, change);
	if (change->endless)
		sign = change->b == MR_UNLIMITED ? 1 : -1;
	else if (!change->exact || !compare_exactly(&sign, delta, change))
		sign = compare_nearly(delta, change);
	return mr_relation_holds(delta->relation, sign);
}
