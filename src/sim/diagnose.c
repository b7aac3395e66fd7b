/* SPDX-License-Identifier: MIT */
#include "sim/diagnose.h"

#include <stdlib.h>
#include <string.h>

#include "alloc/core.h"
#include "base/error.h"
#include "sim/sim.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* A gain of less than this share is not worth a word. */
#define LEAST_GAIN 0.01
/* And none is bought with this much more misses or missed bytes. */
#define MOST_LOSS   0.001
#define MOST_CLEARS 4

/* What is tried: of the limit so many eighths, size classes, and wider windows. */
static const uint64_t eighths[] = {1, 2, 3, 4, 6, 10, 12, 16, 24, 32, 64, 128};
static const uint64_t steps[] = {
	MR_ROUND_POW2, MR_ROUND_QUARTER, MR_ROUND_EIGHTH, MR_ROUND_SIXTEENTH};
static const uint64_t times[] = {4, 32, 256};

/* And no limit at all, and the other way of on_full. */
_Static_assert(MOST_CLEARS + COUNT(eighths) + 1 + COUNT(steps) + COUNT(times) + 1 <=
		MR_CANDIDATES_MAX,
	"there is room for every candidate");

struct mr_diagnosis {
	struct mr_policy policy;
	bool keep_limits;
	struct mr_result before;
	struct mr_candidate candidates[MR_CANDIDATES_MAX];
	size_t count;
	struct mr_finding findings[MR_FINDINGS_MAX];
	struct mr_words words[MR_FINDINGS_MAX];
};

bool
mr_clear_at(struct mr_clear_at *clear, const struct mr_event *event)
{
	bool was_inside = clear->inside;

	if (event->op != MR_OP_MARK)
		return false;
	clear->inside = mr_phase_is(clear->phase, event->name);
	return clear->inside && !was_inside;
}

/* --- what may help */

/* A further candidate, for which there is room. */
static struct mr_candidate *
add(struct mr_diagnosis *d, enum mr_finding_kind kind)
{
	struct mr_candidate *candidate = &d->candidates[d->count++];

	candidate->kind = kind;
	candidate->policy = d->policy;
	return candidate;
}

/* Where the trace changes its limit, what counts is how far it let the cache go. */
static uint64_t
limit_now(const struct mr_diagnosis *d)
{
	return d->before.limit_changes ? d->before.peak_cached_bytes
				       : d->before.cache_limit;
}

static void
try_limit(struct mr_diagnosis *d, uint64_t limit)
{
	uint64_t now = limit_now(d);
	struct mr_candidate *candidate;

	if (!limit || limit == now)
		return;
	candidate = add(d, limit > now ? MR_FINDING_RAISE_LIMIT : MR_FINDING_LOWER_LIMIT);
	candidate->policy.cache_limit = limit;
}

/* Parts and multiples of the limit; without one, of the most that was cached. */
static void
try_limits(struct mr_diagnosis *d)
{
	uint64_t now = limit_now(d);
	uint64_t base = now == MR_UNLIMITED ? d->before.peak_cached_bytes : now;

	for (size_t i = 0; i < COUNT(eighths); i++)
		if (base <= UINT64_MAX / eighths[i] &&
			(now != MR_UNLIMITED || eighths[i] < 8))
			try_limit(d, base * eighths[i] / 8);
	try_limit(d, MR_UNLIMITED);
}

static void
try_rounding(struct mr_diagnosis *d)
{
	for (size_t i = 0; i < COUNT(steps); i++)
		if (steps[i] != d->policy.round)
			add(d, MR_FINDING_ROUND)->policy.round = steps[i];
}

static void
try_windows(struct mr_diagnosis *d)
{
	uint64_t pages = d->policy.window_pages ? d->policy.window_pages : 1;
	uint64_t most = mr_knob_find("window_pages")->max;

	for (size_t i = 0; i < COUNT(times); i++)
		if (pages <= most / times[i])
			add(d, MR_FINDING_WINDOW)->policy.window_pages = times[i] * pages;
}

static void
try_on_full(struct mr_diagnosis *d)
{
	add(d, MR_FINDING_ON_FULL)->policy.on_full = d->policy.on_full == MR_ON_FULL_EVICT
		? MR_ON_FULL_REJECT
		: MR_ON_FULL_EVICT;
}

/*
 * Phases that the limit makes miss while a good part of what they inherited is
 * of no use to them; those that miss most first. None that no advice can name.
 */
static void
try_clears(struct mr_diagnosis *d, const struct mr_phase *phases, size_t count)
{
	bool taken[MR_PHASES_MAX + 2] = {false};
	char advice[MR_FINDING_ADVICE];

	for (int n = 0; n < MOST_CLEARS; n++) {
		struct mr_candidate *candidate;
		size_t best = count;

		for (size_t i = 0; i < count; i++) {
			const struct mr_phase *phase = &phases[i];

			if (taken[i] || !phase->marks || !strcmp(phase->name, "...") ||
				phase->inherited_idle_bytes <
					phase->inherited_bytes / 4 ||
				!phase->result.misses_by_limit ||
				!mr_finding_clear_at(advice, phase->name))
				continue;
			if (best == count ||
				phase->result.misses_by_limit >
					phases[best].result.misses_by_limit)
				best = i;
		}
		if (best == count)
			return;
		candidate = add(d, MR_FINDING_CLEAR);
		taken[best] = true;
		candidate->phase = phases[best];
		candidate->clear.phase = phases[best].name;
	}
}

enum mr_status
mr_diagnosis_new(struct mr_diagnosis **out, struct mr_detail *detail,
	const struct mr_policy *policy, bool keep_limits, struct mr_error *err)
{
	struct mr_diagnosis *d = calloc(1, sizeof(*d));
	const struct mr_phase *phases;
	size_t count;
	enum mr_status st;

	*out = NULL;
	if (!d)
		return mr_fail_memory(err);
	d->policy = *policy;
	d->keep_limits = keep_limits;
	mr_detail_result(detail, &d->before);
	if ((st = mr_detail_phases(detail, &phases, &count, err)))
		goto out;
	if (policy->kind != MR_POLICY_NONE && !mr_policy_is_torch(policy)) {
		try_clears(d, phases, count);
		try_limits(d);
		try_rounding(d);
		try_windows(d);
		try_on_full(d);
	}
	for (size_t i = 0; i < d->count && !st; i++) {
		struct mr_candidate *candidate = &d->candidates[i];
		bool own_limit = candidate->kind == MR_FINDING_RAISE_LIMIT ||
			candidate->kind == MR_FINDING_LOWER_LIMIT;

		st = mr_sim_new(&candidate->sim, &candidate->policy,
			keep_limits && !own_limit, err);
	}
out:
	if (st)
		mr_diagnosis_free(d);
	else
		*out = d;
	return st;
}

void
mr_diagnosis_free(struct mr_diagnosis *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->count; i++)
		mr_sim_free(d->candidates[i].sim);
	free(d);
}

/* --- the second reading */

static enum mr_status
run_cleared(struct mr_candidate *candidate, const struct mr_event *events, size_t count,
	struct mr_error *err)
{
	enum mr_status st = MR_OK;

	for (size_t i = 0; i < count && !st; i++) {
		st = mr_sim_run(candidate->sim, &events[i], 1, err);
		if (!st && mr_clear_at(&candidate->clear, &events[i]))
			mr_sim_clear(candidate->sim);
	}
	return st;
}

enum mr_status
mr_diagnosis_run(struct mr_diagnosis *d, const struct mr_event *events, size_t count,
	struct mr_error *err)
{
	enum mr_status st = MR_OK;

	for (size_t i = 0; i < d->count && !st; i++) {
		struct mr_candidate *candidate = &d->candidates[i];

		st = candidate->kind == MR_FINDING_CLEAR
			? run_cleared(candidate, events, count, err)
			: mr_sim_run(candidate->sim, events, count, err);
	}
	return st;
}

void
mr_diagnosis_clear(struct mr_diagnosis *d)
{
	for (size_t i = 0; i < d->count; i++)
		mr_sim_clear(d->candidates[i].sim);
}

/* --- what helps */

/* By which share of itself a figure is smaller; negative: it is larger. */
static double
saved(uint64_t before, uint64_t after)
{
	if (before == after)
		return 0;
	return before ? ((double)before - (double)after) / (double)before : -1;
}

static uint64_t
missed_bytes(const struct mr_result *result)
{
	return result->requested_bytes - result->hit_bytes;
}

/*
 * The share of the misses, or of the missed bytes, that go away; of a lower
 * limit, which must not lose a hit, the share of the most that was cached.
 */
static double
gain_of(const struct mr_candidate *candidate, const struct mr_result *before)
{
	const struct mr_result *after = &candidate->result;
	double misses = saved(before->misses, after->misses);
	double bytes = saved(missed_bytes(before), missed_bytes(after));

	if (after->failed_mallocs > before->failed_mallocs)
		return 0;
	if (candidate->kind == MR_FINDING_LOWER_LIMIT)
		return misses < 0 || bytes < 0
			? 0
			: saved(before->peak_cached_bytes, after->peak_cached_bytes);
	if (misses < -MOST_LOSS || bytes < -MOST_LOSS)
		return 0;
	return misses > bytes ? misses : bytes;
}

/*
 * Of candidates of one kind the best. Of larger limits it is the smallest that
 * brings nine tenths of what the best of them does.
 */
static struct mr_candidate *
best_of(struct mr_diagnosis *d, enum mr_finding_kind kind)
{
	struct mr_candidate *best = NULL;

	for (size_t i = 0; i < d->count; i++) {
		struct mr_candidate *candidate = &d->candidates[i];

		if (candidate->kind == kind && candidate->gain >= LEAST_GAIN &&
			(!best || candidate->gain > best->gain))
			best = candidate;
	}
	for (size_t i = 0; best && kind == MR_FINDING_RAISE_LIMIT && i < d->count; i++) {
		struct mr_candidate *candidate = &d->candidates[i];

		if (candidate->kind == kind && candidate->gain >= 0.9 * best->gain)
			return candidate;
	}
	return best;
}

static const enum mr_finding_kind kinds[] = {MR_FINDING_CLEAR, MR_FINDING_RAISE_LIMIT,
	MR_FINDING_LOWER_LIMIT, MR_FINDING_ROUND, MR_FINDING_WINDOW, MR_FINDING_ON_FULL};

void
mr_diagnosis_findings(
	struct mr_diagnosis *d, const struct mr_finding **findings, size_t *count)
{
	bool told[COUNT(kinds)] = {false};
	size_t sizes = 0; /* the finding that tells how sizes make mallocs miss */

	for (size_t i = 0; i < d->count; i++) {
		struct mr_candidate *candidate = &d->candidates[i];

		mr_sim_result(candidate->sim, &candidate->result);
		candidate->gain = gain_of(candidate, &d->before);
	}
	*findings = d->findings;
	for (*count = 0; *count < MR_FINDINGS_MAX; ++*count) {
		struct mr_words *words = &d->words[*count];
		struct mr_candidate *next = NULL;

		for (size_t i = 0; i < COUNT(kinds); i++) {
			struct mr_candidate *best = told[i] ? NULL : best_of(d, kinds[i]);

			if (best && (!next || best->gain > next->gain))
				next = best;
		}
		if (!next)
			break;
		told[next->kind] = true;
		mr_finding_write(words, next, &d->before, sizes);
		if (next->kind == MR_FINDING_ROUND || next->kind == MR_FINDING_WINDOW)
			sizes = *count + 1;
		d->findings[*count] = (struct mr_finding){next->kind, words->text,
			words->advice, words->call, d->before, next->result};
	}
}
