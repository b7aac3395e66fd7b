/* SPDX-License-Identifier: MIT */
#include "memreplay/verify.h"

#include <stdlib.h>

#include "base/error.h"
#include "memreplay/sim.h"

struct mr_verifier {
	struct mr_sim *sim;
	struct mr_verdict verdict;
};

enum mr_status
mr_verifier_new(
	struct mr_verifier **out, const struct mr_policy *policy, struct mr_error *err)
{
	struct mr_verifier *verifier = calloc(1, sizeof(*verifier));
	enum mr_status st;

	*out = NULL;
	if (!verifier)
		return mr_fail_memory(err);
	st = mr_sim_new(&verifier->sim, policy, true, err);
	if (st)
		mr_verifier_free(verifier);
	else
		*out = verifier;
	return st;
}

/* Compares one figure; returns 1 if it differs, 0 if not. */
static uint64_t
compare(struct mr_verdict *verdict, const char *field, uint64_t recorded, uint64_t given)
{
	if (recorded == given)
		return 0;
	if (!verdict->differs)
		verdict->first =
			(struct mr_difference){verdict->events, field, recorded, given};
	verdict->differs = true;
	return 1;
}

static void
compare_malloc(struct mr_verdict *verdict, const struct mr_event *event,
	const struct mr_outcome *outcome)
{
	if (event->has & MR_HAS_HIT) {
		verdict->hits_checked++;
		verdict->hit_differences +=
			compare(verdict, "hit", event->hit, outcome->hit);
	}
	if (event->has & MR_HAS_CAP) {
		verdict->caps_checked++;
		verdict->cap_differences +=
			compare(verdict, "cap", event->cap, outcome->capacity);
	}
}

static void
compare_counters(struct mr_verdict *verdict, const struct mr_event *event,
	const struct mr_sim *sim)
{
	struct mr_result now;
	uint64_t differences;

	mr_sim_result(sim, &now);
	differences = compare(verdict, "active", event->active, now.active_bytes);
	differences += compare(verdict, "cached", event->cached, now.cached_bytes);
	differences += compare(verdict, "peak", event->peak, now.peak_since_reset_bytes);
	verdict->counters_checked++;
	verdict->counters_differences += differences > 0;
}

enum mr_status
mr_verifier_step(
	struct mr_verifier *verifier, const struct mr_event *event, struct mr_error *err)
{
	struct mr_verdict *verdict = &verifier->verdict;
	struct mr_outcome outcome;
	enum mr_status st = mr_sim_step(verifier->sim, event, &outcome, err);

	if (st)
		return st;
	verdict->events++;
	if (event->op == MR_OP_MALLOC)
		compare_malloc(verdict, event, &outcome);
	else if (event->op == MR_OP_COUNTERS)
		compare_counters(verdict, event, verifier->sim);
	return MR_OK;
}

void
mr_verifier_verdict(const struct mr_verifier *verifier, struct mr_verdict *out)
{
	*out = verifier->verdict;
}

void
mr_verifier_free(struct mr_verifier *verifier)
{
	if (!verifier)
		return;
	mr_sim_free(verifier->sim);
	free(verifier);
}
