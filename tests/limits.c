/* SPDX-License-Identifier: MIT */
#include "limits.h"

#include <stdlib.h>

#include "memreplay/sim.h"

enum mr_status
events_next(void *context, struct mr_event *event, struct mr_error *err)
{
	struct events *events = context;

	(void)err;
	if (events->next == events->count)
		return MR_END;
	*event = events->items[events->next++];
	return MR_OK;
}

const char *
limits_model_differs(const struct events *events, const struct mr_policy *policy,
	bool keep_limits, uint64_t limit, const struct mr_result *want)
{
	struct mr_policy at_limit = *policy;
	struct oracle *oracle;
	struct mr_result got;

	at_limit.cache_limit = limit;
	oracle = oracle_new(&at_limit, keep_limits);
	for (size_t i = 0; i < events->count; i++)
		oracle_step(oracle, &events->items[i]);
	got = *oracle_result(oracle);
	oracle_free(oracle);
	/* relative to the limit, also to the first of several */
	got.max_overshoot_bytes = want->max_overshoot_bytes;
	if (!want->limit_changes)
		got.cache_limit = want->cache_limit;
	return oracle_difference(&got, want);
}

const char *
limits_run_differs(
	const struct events *events, uint64_t limit, const struct mr_point *point)
{
	struct mr_policy policy = events->policies[point->policy];
	struct mr_result single, swept = point->result;
	struct mr_sim *sim;
	uint64_t from, to;

	policy.cache_limit = limit;
	if (mr_sim_new(&sim, &policy, false, NULL) ||
		mr_sim_run(sim, events->items, events->count, NULL))
		abort();
	mr_sim_result(sim, &single);
	mr_sim_valid_range(sim, &from, &to);
	mr_sim_free(sim);
	if (from != point->valid_from)
		return "valid_from";
	if (to != point->valid_to)
		return "valid_to";
	if (limit != point->cache_limit)
		swept.max_overshoot_bytes = single.max_overshoot_bytes;
	swept.cache_limit = limit;
	return oracle_difference(&single, &swept);
}

const char *
limits_point_differs(
	const struct events *events, const struct mr_point *point, uint64_t *limit)
{
	const uint64_t limits[] = {point->cache_limit, point->valid_from,
		point->valid_to == MR_UNLIMITED ? MR_UNLIMITED : point->valid_to - 1};
	const char *differs = NULL;

	for (size_t i = 0; i < 3 && !differs; i++) {
		*limit = limits[i];
		differs = limits_run_differs(events, *limit, point);
	}
	if (differs)
		return differs;
	*limit = point->cache_limit;
	if (*limit < point->valid_from ||
		(*limit >= point->valid_to && point->valid_to != MR_UNLIMITED))
		return "the range is elsewhere:";
	return NULL;
}
