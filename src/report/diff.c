/* SPDX-License-Identifier: MIT */
#include "report/diff.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

static double
quotient(uint64_t number, uint64_t divisor)
{
	return divisor ? (double)number / (double)divisor : 0;
}

/* A metric's change; the difference of two counts is taken before rounding. */
static void
fill_exact(struct mr_change *change)
{
	uint64_t a = change->a, b = change->b;

	change->exact = true;
	change->a_value = quotient(a, change->a_divisor);
	change->b_value = quotient(b, change->b_divisor);
	if (change->unit == MR_UNIT_RATIO)
		change->change = change->b_value - change->a_value;
	else
		change->change = b >= a ? (double)(b - a) : -(double)(a - b);
	change->endless = change->unit == MR_UNIT_BYTES && a != b &&
		(a == MR_UNLIMITED || b == MR_UNLIMITED);
}

static void
fill_real(struct mr_change *change, double a, double b)
{
	/* as files have them, even where registers hold more than a double */
	const volatile double from = a, to = b;

	change->exact = false;
	change->a_value = from;
	change->b_value = to;
	change->change = to - from;
}

/* A ratio without its counts is what the file has: the same double as their quotient. */
static double
value_of(const struct mr_side_part *part, const struct mr_metric *metric, size_t row)
{
	return isnan(part->ratios[row]) ? mr_metric_value(metric, &part->result)
					: part->ratios[row];
}

static bool
is_changed(const struct mr_change *change)
{
	return change->change < 0 || change->change > 0;
}

static void
finish(struct mr_change *change)
{
	change->relative = 0;
	if (is_changed(change))
		change->relative =
			change->a_value > 0 ? change->change / change->a_value : INFINITY;
}

/* Whether a metric tells of memory running out, and not of what there was till then. */
static bool
is_of_oom(const struct mr_metric *metric)
{
	return metric->offset == offsetof(struct mr_result, ooms) ||
		metric->offset == offsetof(struct mr_result, oom_event) ||
		metric->offset == offsetof(struct mr_result, oom_bytes);
}

static void
compare_parts(
	struct mr_diff *diff, const struct mr_side_part *a, const struct mr_side_part *b)
{
	bool unequal = a->result.ooms != b->result.ooms ||
		a->result.oom_event != b->result.oom_event;
	size_t count;
	const struct mr_metric *metrics = mr_detail_metrics(&count);

	for (size_t i = 0; i < count; i++) {
		struct mr_change *change = &diff->changes[diff->count];

		if (!a->known[i] || !b->known[i])
			continue;
		*change = (struct mr_change){.part = b->name,
			.name = metrics[i].name,
			.unit = metrics[i].unit,
			.better = metrics[i].better,
			.unequal = unequal && !is_of_oom(&metrics[i]),
			.a = mr_metric_count(&metrics[i], &a->result),
			.a_divisor = mr_metric_divisor(&metrics[i], &a->result),
			.b = mr_metric_count(&metrics[i], &b->result),
			.b_divisor = mr_metric_divisor(&metrics[i], &b->result)};
		fill_exact(change);
		if (!isnan(a->ratios[i]) || !isnan(b->ratios[i]))
			fill_real(change, value_of(a, &metrics[i], i),
				value_of(b, &metrics[i], i));
		finish(change);
		diff->count++;
	}
	for (size_t i = 0; i < MR_FIGURE_COUNT; i++) {
		struct mr_change *change = &diff->changes[diff->count];

		if (isnan(a->figures[i]) || isnan(b->figures[i]))
			continue;
		*change = (struct mr_change){.part = b->name,
			.name = mr_figures()[i].name,
			.unit = mr_figures()[i].unit,
			.better = mr_figures()[i].better};
		fill_real(change, a->figures[i], b->figures[i]);
		finish(change);
		diff->count++;
	}
}

/* Larger ones come first. */
static double
rank(const struct mr_change *change)
{
	if (!is_changed(change))
		return -1;
	return change->endless ? 0 : fabs(change->relative);
}

/* By insertion: a few dozen, and equal ones keep the order of the tables. */
static void
sort_changes(struct mr_diff *diff)
{
	for (size_t i = 1; i < diff->count; i++) {
		struct mr_change change = diff->changes[i];
		size_t at = i;

		for (; at && rank(&diff->changes[at - 1]) < rank(&change); at--)
			diff->changes[at] = diff->changes[at - 1];
		diff->changes[at] = change;
	}
}

/* The part of the other side to compare with; NULL: there is none. */
static const struct mr_side_part *
counterpart(const struct mr_side *a, const struct mr_side *b, size_t index)
{
	if (!index)
		return &a->parts[0];
	for (size_t i = 1; i < a->count; i++)
		if (!strcmp(a->parts[i].name, b->parts[index].name))
			return &a->parts[i];
	return NULL;
}

enum mr_status
mr_diff_make(struct mr_diff *out, const struct mr_side *a, const struct mr_side *b,
	struct mr_error *err)
{
	size_t rows;

	mr_detail_metrics(&rows);
	memset(out, 0, sizeof(*out));
	/* One more than can be filled: a place is looked at before it is taken. */
	out->changes =
		calloc(b->count * (rows + MR_FIGURE_COUNT) + 1, sizeof(*out->changes));
	if (!out->changes)
		return mr_fail_memory(err);
	out->first = b->count ? b->parts[0].name : "";
	for (size_t i = 0; a->count && i < b->count; i++) {
		const struct mr_side_part *part = counterpart(a, b, i);

		if (part)
			compare_parts(out, part, &b->parts[i]);
	}
	sort_changes(out);
	while (out->changed < out->count && is_changed(&out->changes[out->changed]))
		out->changed++;
	if (!out->count)
		return mr_fail(err, MR_EINVAL, "the two have no figure in common");
	return MR_OK;
}

void
mr_diff_fini(struct mr_diff *diff)
{
	free(diff->changes);
	diff->changes = NULL;
}

/* --- as a document */

static void
add_number(struct mr_doc *doc, const char *key, const struct mr_change *change,
	uint64_t number, uint64_t divisor, double value)
{
	if (!change->exact)
		mr_doc_real(doc, key, change->unit, value);
	else if (change->unit == MR_UNIT_RATIO)
		mr_doc_ratio(doc, key, number, divisor);
	else if (change->unit == MR_UNIT_BYTES)
		mr_doc_bytes(doc, key, number);
	else
		mr_doc_count(doc, key, number);
}

static const char *
verdict(const struct mr_change *change)
{
	return (change->change > 0) == (change->better == MR_BETTER_HIGHER) ? "better"
									    : "worse";
}

static void
add_change(struct mr_doc *doc, const struct mr_change *change)
{
	mr_doc_text(doc, "allocator", change->part);
	mr_doc_text(doc, "metric", change->name);
	add_number(doc, "a", change, change->a, change->a_divisor, change->a_value);
	add_number(doc, "b", change, change->b, change->b_divisor, change->b_value);
	if (change->endless)
		mr_doc_none(doc, "change");
	else
		mr_doc_change(doc, "change", change->unit, change->change);
	if (change->endless || isinf(change->relative))
		mr_doc_none(doc, "relative");
	else
		mr_doc_change(doc, "relative", MR_UNIT_RATIO, change->relative);
	if (change->better == MR_BETTER_NONE || change->unequal)
		mr_doc_none(doc, "verdict");
	else
		mr_doc_text(doc, "verdict", verdict(change));
}

static void
add_side(struct mr_doc *doc, const char *name, const struct mr_side *side)
{
	mr_doc_begin(doc, name, 0);
	mr_doc_text(doc, "file", side->path);
	mr_doc_text(doc, "from", side->saved ? "saved result" : "trace");
	mr_doc_text(doc, "workload", side->workload);
	mr_doc_count(doc, "events", side->events);
	mr_doc_text(doc, "policy", side->policy);
	if (mr_side_oom(side))
		mr_doc_count(doc, "oom_event", mr_side_oom(side));
}

static void
add_cell(struct mr_doc *doc, const char *key, const struct mr_side_knob *knob)
{
	if (!knob)
		mr_doc_none(doc, key);
	else if (knob->cell.kind == MR_CELL_TEXT)
		mr_doc_text(doc, key, knob->text);
	else if (knob->cell.unit == MR_UNIT_BYTES)
		mr_doc_bytes(doc, key, knob->cell.number);
	else if (knob->cell.unit == MR_UNIT_RATIO)
		mr_doc_ratio(doc, key, knob->cell.number, knob->cell.divisor);
	else
		mr_doc_count(doc, key, knob->cell.number);
}

static const struct mr_side_knob *
find_knob(const struct mr_side *side, const char *name)
{
	for (size_t i = 0; i < side->knob_count; i++)
		if (!strcmp(side->knobs[i].name, name))
			return &side->knobs[i];
	return NULL;
}

static void
add_knob(struct mr_doc *doc, const struct mr_side *a, const struct mr_side *b,
	const char *name)
{
	const struct mr_side_knob *x = find_knob(a, name), *y = find_knob(b, name);

	if (x && y && x->cell.kind == y->cell.kind && x->cell.number == y->cell.number &&
		!strcmp(x->text, y->text))
		return;
	mr_doc_text(doc, "knob", name);
	add_cell(doc, "a", x);
	add_cell(doc, "b", y);
}

static void
add_knobs(struct mr_doc *doc, const struct mr_side *a, const struct mr_side *b)
{
	mr_doc_begin(doc, "policy", 3);
	if (strcmp(a->policy, b->policy) != 0) {
		mr_doc_text(doc, "knob", "name");
		mr_doc_text(doc, "a", a->policy);
		mr_doc_text(doc, "b", b->policy);
	}
	for (size_t i = 0; i < b->knob_count; i++)
		add_knob(doc, a, b, b->knobs[i].name);
	for (size_t i = 0; i < a->knob_count; i++)
		if (!find_knob(b, a->knobs[i].name))
			add_knob(doc, a, b, a->knobs[i].name);
}

void
mr_doc_add_diff(struct mr_doc *doc, const struct mr_side *a, const struct mr_side *b,
	const struct mr_diff *diff)
{
	add_side(doc, "a", a);
	add_side(doc, "b", b);
	add_knobs(doc, a, b);
	mr_doc_begin(doc, "summary", 0);
	mr_doc_count(doc, "compared", diff->count);
	mr_doc_count(doc, "changed", diff->changed);
	mr_doc_begin(doc, "changes", 7);
	for (size_t i = 0; i < diff->changed; i++)
		add_change(doc, &diff->changes[i]);
}
