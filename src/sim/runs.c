/* SPDX-License-Identifier: MIT */
#include "sim/runs.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sim/fork.h"

bool
mr_limit_up(const struct mr_limit_set *set, uint64_t limit, uint64_t *out)
{
	uint64_t over;

	if (set->list) {
		for (size_t i = 0; i < set->count; i++)
			if (set->list[i] >= limit) {
				*out = set->list[i];
				return true;
			}
		return false;
	}
	over = limit > set->from ? (limit - set->from) % set->step : 0;
	*out = limit < set->from ? set->from : limit;
	return !over || !__builtin_add_overflow(limit - over, set->step, out);
}

bool
mr_limit_below(const struct mr_limit_set *set, uint64_t limit, uint64_t *out)
{
	if (set->list) {
		for (size_t i = set->count; i-- > 0;)
			if (set->list[i] < limit) {
				*out = set->list[i];
				return true;
			}
		return false;
	}
	if (limit <= set->from)
		return false;
	*out = limit - 1 - (limit - 1 - set->from) % set->step;
	return true;
}

struct mr_run *
mr_run_new(const struct mr_policy *policy, size_t index, uint64_t first, uint64_t last,
	struct mr_error *err)
{
	struct mr_run *run = calloc(1, sizeof(*run));
	struct mr_policy own = *policy;

	if (!run) {
		(void)mr_fail_memory(err);
		return NULL;
	}
	*run = (struct mr_run){
		.policy = index, .first = first, .last = last, .limit = last};
	own.cache_limit = last;
	if (mr_sim_new(&run->sim, &own, false, err)) {
		free(run);
		return NULL;
	}
	return run;
}

void
mr_run_free(struct mr_run *run)
{
	if (!run)
		return;
	mr_sim_free(run->sim);
	mr_sim_free(run->before);
	free(run);
}

/* The lowest limits of a run get one of their own, in the state before. */
static enum mr_status
part(struct mr_run **out, const struct mr_run *run, uint64_t first, uint64_t last,
	struct mr_error *err)
{
	struct mr_run *other = calloc(1, sizeof(*other));
	enum mr_status st;

	if (!other)
		return mr_fail_memory(err);
	*other = (struct mr_run){
		.policy = run->policy, .first = first, .last = last, .limit = last};
	st = mr_sim_fork(&other->sim, run->before, last, err);
	if (st)
		free(other);
	else
		*out = other;
	return st;
}

enum mr_status
mr_run_advance(struct mr_run *run, const struct mr_limit_set *set,
	const struct mr_event *events, size_t count, struct mr_run **low,
	struct mr_error *err)
{
	bool several = run->first != run->last;
	uint64_t from, to, bound;
	enum mr_status st = MR_OK;

	*low = NULL;
	if (several)
		st = mr_sim_fork(&run->before, run->sim, run->limit, err);
	if (!st)
		st = mr_sim_run(run->sim, events, count, err);
	if (st || !several)
		return st;
	mr_sim_valid_range(run->sim, &from, &to);
	if (from <= run->first || !mr_limit_below(set, from, &bound))
		return MR_OK;
	if ((st = part(low, run, run->first, bound, err)))
		return st;
	if (!mr_limit_up(set, from, &run->first) || run->first > run->last)
		run->first = run->last;
	return MR_OK;
}

void
mr_run_point(const struct mr_run *run, uint64_t limit, struct mr_point *out)
{
	memset(out, 0, sizeof(*out));
	mr_sim_result(run->sim, &out->result);
	out->policy = run->policy;
	out->cache_limit = out->result.cache_limit = limit;
	mr_sim_valid_range(run->sim, &out->valid_from, &out->valid_to);
	/* The events above the limit are the same, but not how far above it. */
	if (out->result.max_overshoot_bytes)
		out->result.max_overshoot_bytes += run->limit - limit;
}
