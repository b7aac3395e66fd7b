/* SPDX-License-Identifier: MIT */
#include "sim/runs.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sim/fork.h"
#include "sim/sim.h"

uint64_t
mr_limit_step(const struct mr_limit_set *set, uint64_t top)
{
	uint64_t step = set->step;

	while (set->most && top > set->from && (top - set->from) / step > set->most)
		step *= 2;
	return step;
}

bool
mr_limit_up(const struct mr_limit_set *set, uint64_t limit, uint64_t *out)
{
	uint64_t over;

	if (set->list) {
		const uint64_t *at = set->list;

		while (*at < limit)
			at++;
		*out = *at;
		return true;
	}
	over = limit > set->from ? (limit - set->from) % set->step : 0;
	*out = limit < set->from ? set->from : limit;
	return !over || !__builtin_add_overflow(limit - over, set->step, out);
}

uint64_t
mr_limit_below(const struct mr_limit_set *set, uint64_t limit)
{
	size_t at = set->count;

	if (!set->list)
		return limit - 1 - (limit - 1 - set->from) % set->step;
	do
		at--;
	while (set->list[at] >= limit);
	return set->list[at];
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
	*run = (struct mr_run){.policy = index, .first = first, .last = last};
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
		.policy = run->policy, .first = first, .last = last, .step = run->step};
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
	struct mr_limit_set grid = *set;
	uint64_t from, to, below;
	enum mr_status st = MR_OK;

	*low = NULL;
	if (several)
		st = mr_sim_fork(&run->before, run->sim, run->last, err);
	if (!st)
		st = mr_sim_run(run->sim, events, count, err);
	if (st || !several)
		return st;
	mr_sim_valid_range(run->sim, &from, &to);
	if (from <= run->first)
		return MR_OK;
	/* what goes the same from here on only shrinks, so the step will be no smaller */
	if (run->last == MR_UNLIMITED)
		run->step = mr_limit_step(set, from);
	if (run->step > grid.step)
		grid.step = run->step;
	below = mr_limit_below(&grid, from);
	if (below >= run->first)
		st = part(low, run, run->first, below, err);
	/* there is one: it went the same at its last limit, of course */
	if (!st)
		(void)mr_limit_up(&grid, from, &run->first);
	return st;
}

bool
mr_run_thin(struct mr_run *run, const struct mr_limit_set *set)
{
	uint64_t last = run->last;

	if (last != MR_UNLIMITED)
		last = mr_limit_below(set, last + 1);
	if (!mr_limit_up(set, run->first, &run->first) || run->first > last)
		return false;
	mr_core_move_limit(mr_sim_core(run->sim), last);
	run->last = last;
	return true;
}

void
mr_run_point(const struct mr_run *run, uint64_t limit, struct mr_point *out)
{
	memset(out, 0, sizeof(*out));
	mr_sim_result(run->sim, &out->result);
	out->policy = run->policy;
	out->cache_limit = out->result.cache_limit = limit;
	mr_sim_valid_range(run->sim, &out->valid_from, &out->valid_to);
	mr_move_overshoot(&out->result, run->last, limit);
}
