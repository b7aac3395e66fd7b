/* SPDX-License-Identifier: MIT */
#include "sim/sim.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sim/fork.h"
#include "sim/torchrun.h"

/* One or the other, as the policy is. */
struct mr_sim {
	struct mr_core core;
	uint32_t *blocks;          /* the block in each slot */
	struct mr_torch_run torch; /* slots are its lives */
	bool is_torch;
	uint32_t slot_space;
	bool keep_limits;
	uint64_t ignored_limits;
};

static enum mr_status
init_torch(struct mr_sim *sim, const struct mr_policy *policy, struct mr_error *err)
{
	struct mr_policy own = *policy;
	enum mr_status st = mr_policy_check(policy, err);

	if (st)
		return st;
	mr_policy_resolve(&own);
	return mr_torch_run_init(&sim->torch, &own.torch, NULL, err);
}

enum mr_status
mr_sim_new(struct mr_sim **out, const struct mr_policy *policy, bool keep_limits,
	struct mr_error *err)
{
	struct mr_sim *sim = calloc(1, sizeof(*sim));
	enum mr_status st;

	*out = NULL;
	if (!sim)
		return mr_fail_memory(err);
	sim->keep_limits = keep_limits;
	sim->is_torch = mr_policy_is_torch(policy);
	st = sim->is_torch ? init_torch(sim, policy, err)
			   : mr_core_init(&sim->core, policy, err);
	if (st)
		mr_sim_free(sim);
	else
		*out = sim;
	return st;
}

void
mr_sim_free(struct mr_sim *sim)
{
	if (!sim)
		return;
	if (sim->is_torch)
		mr_torch_run_fini(&sim->torch);
	else
		mr_core_fini(&sim->core);
	free(sim->blocks);
	free(sim);
}

static enum mr_status
copy(struct mr_sim *to, const struct mr_sim *from, uint64_t limit, struct mr_error *err)
{
	uint32_t *blocks;

	if (to->slot_space < from->slot_space) {
		blocks = realloc(to->blocks, from->slot_space * sizeof(*blocks));
		if (!blocks)
			return mr_fail_memory(err);
		to->blocks = blocks;
		to->slot_space = from->slot_space;
	}
	if (from->slot_space)
		memcpy(to->blocks, from->blocks, from->slot_space * sizeof(*blocks));
	to->ignored_limits = from->ignored_limits;
	return mr_core_copy(&to->core, &from->core, limit, err);
}

enum mr_status
mr_sim_fork(struct mr_sim **out, const struct mr_sim *sim, uint64_t limit,
	struct mr_error *err)
{
	struct mr_sim *to = *out;
	enum mr_status st = MR_OK;

	if (!to)
		st = mr_sim_new(&to, &sim->core.policy, sim->keep_limits, err);
	if (!st)
		st = copy(to, sim, limit, err);
	if (!st)
		*out = to;
	else if (!*out)
		mr_sim_free(to);
	return st;
}

static enum mr_status
reserve_slot(struct mr_sim *sim, uint32_t slot, struct mr_error *err)
{
	size_t space = (size_t)slot + slot / 2 + 64;
	uint32_t *blocks = realloc(sim->blocks, space * sizeof(*blocks));

	if (!blocks)
		return mr_fail_memory(err);
	sim->blocks = blocks;
	sim->slot_space = space > UINT32_MAX ? UINT32_MAX : (uint32_t)space;
	return MR_OK;
}

MR_TWICE enum mr_status
step_malloc(struct mr_sim *sim, const struct mr_event *event, bool *hit, bool plain,
	struct mr_error *err)
{
	uint32_t block = mr_core_reuse(&sim->core, event->size, plain);
	enum mr_status st;

	*hit = block != MR_NONE;
	if (!*hit) {
		if ((st = mr_core_prepare(&sim->core, event->size, &block, err)))
			return st;
		if (plain || block != MR_NONE)
			mr_core_commit(&sim->core, block, event->size, plain);
	}
	if (event->slot >= sim->slot_space && (st = reserve_slot(sim, event->slot, err)))
		return st;
	sim->blocks[event->slot] = block;
	return MR_OK;
}

/* Everything that is neither malloc nor free, and seldom. */
static void
step_other(struct mr_sim *sim, const struct mr_event *event)
{
	switch ((enum mr_op)event->op) {
	case MR_OP_SET_CACHE_LIMIT:
		if (sim->keep_limits)
			mr_core_set_limit(&sim->core, event->bytes);
		else
			sim->ignored_limits++;
		break;
	case MR_OP_SET_MEMORY_LIMIT:
		mr_core_set_memory_limit(&sim->core, event->bytes);
		break;
	case MR_OP_CLEAR_CACHE:
		mr_core_clear(&sim->core);
		break;
	case MR_OP_RESET_PEAK:
		mr_core_reset_peak(&sim->core);
		break;
	case MR_OP_MALLOC:
	case MR_OP_FREE:
	case MR_OP_MARK:
	case MR_OP_COUNTERS:
		break;
	}
}

MR_TWICE enum mr_status
step(struct mr_sim *sim, const struct mr_event *event, bool *hit, bool plain,
	struct mr_error *err)
{
	sim->core.events++;
	if (event->op == MR_OP_MALLOC)
		return step_malloc(sim, event, hit, plain, err);
	if (event->op == MR_OP_FREE)
		mr_core_free(&sim->core, sim->blocks[event->slot], plain);
	else
		step_other(sim, event);
	return MR_OK;
}

/*
 * One event under PyTorch's rules. clear_cache is empty_cache(); a free is
 * complete at once; other limits than the device's do not exist.
 */
static enum mr_status
step_torch(
	struct mr_sim *sim, const struct mr_event *event, bool *hit, struct mr_error *err)
{
	struct mr_torch_run *run = &sim->torch;
	struct mr_torch_queue queue = {0};
	uint64_t hits = mr_torch_stats(run->torch)->hits;
	enum mr_status st = MR_OK;

	if (run->oom)
		return MR_OK;
	if (event->op == MR_OP_MALLOC) {
		queue.stream = event->has & MR_HAS_STREAM ? event->stream : 0;
		st = mr_torch_run_malloc(run, event->slot, event->size, queue, err);
	} else if (event->op == MR_OP_FREE) {
		mr_torch_run_free(run, event->slot);
		st = mr_torch_run_done(run, event->slot, err);
	} else if (event->op == MR_OP_CLEAR_CACHE) {
		st = mr_torch_run_empty(run, err);
	} else if (event->op == MR_OP_SET_CACHE_LIMIT && !sim->keep_limits) {
		sim->ignored_limits++;
	}
	if (!run->oom)
		mr_torch_run_count(run);
	*hit = mr_torch_stats(run->torch)->hits > hits;
	return st;
}

enum mr_status
mr_sim_step(struct mr_sim *sim, const struct mr_event *event, struct mr_outcome *outcome,
	struct mr_error *err)
{
	bool hit = false, asked = outcome && event->op == MR_OP_MALLOC;
	enum mr_status st;

	if (sim->is_torch) {
		st = step_torch(sim, event, &hit, err);
		if (!st && asked) {
			outcome->hit = hit;
			/* once memory ran out, slots hold what was there before */
			outcome->capacity = sim->torch.oom
				? 0
				: mr_torch_run_size(&sim->torch, event->slot);
		}
		return st;
	}
	st = sim->core.plain ? step(sim, event, &hit, true, err)
			     : step(sim, event, &hit, false, err);
	if (!st && asked) {
		uint32_t block = sim->blocks[event->slot];

		outcome->hit = hit;
		outcome->capacity =
			block == MR_NONE ? 0 : mr_core_capacity(&sim->core, block);
	}
	return st;
}

static enum mr_status
run_torch(struct mr_sim *sim, const struct mr_event *events, size_t count,
	struct mr_error *err)
{
	enum mr_status st = MR_OK;
	bool hit;

	for (size_t i = 0; i < count && !st; i++)
		st = step_torch(sim, &events[i], &hit, err);
	return st;
}

MR_TWICE enum mr_status
run(struct mr_sim *sim, const struct mr_event *events, size_t count, bool plain,
	struct mr_error *err)
{
	enum mr_status st = MR_OK;
	bool hit;

	for (size_t i = 0; i < count && !st; i++)
		st = step(sim, &events[i], &hit, plain, err);
	return st;
}

enum mr_status
mr_sim_run(struct mr_sim *sim, const struct mr_event *events, size_t count,
	struct mr_error *err)
{
	if (sim->is_torch)
		return run_torch(sim, events, count, err);
	if (sim->core.plain)
		return run(sim, events, count, true, err);
	return run(sim, events, count, false, err);
}

void
mr_sim_clear(struct mr_sim *sim)
{
	mr_core_clear_between(&sim->core);
}

void
mr_sim_result(const struct mr_sim *sim, struct mr_result *out)
{
	if (sim->is_torch) {
		mr_torch_run_result(&sim->torch, out);
		return;
	}
	mr_core_result(&sim->core, out);
	out->events = sim->core.events;
}

void
mr_sim_valid_range(const struct mr_sim *sim, uint64_t *from, uint64_t *to)
{
	*from = 0;
	*to = MR_UNLIMITED;
	if (!sim->is_torch)
		mr_core_same(&sim->core, from, to);
}

uint64_t
mr_sim_first_over_memory(const struct mr_sim *sim)
{
	return sim->core.first_over_memory;
}

uint64_t
mr_sim_ignored_limits(const struct mr_sim *sim)
{
	return sim->ignored_limits;
}

enum mr_status
mr_sim_check(const struct mr_sim *sim, struct mr_error *err)
{
	return sim->is_torch ? mr_torch_check(sim->torch.torch, err)
			     : mr_core_check(&sim->core, err);
}

struct mr_core *
mr_sim_core(struct mr_sim *sim)
{
	return &sim->core;
}

uint32_t
mr_sim_block(const struct mr_sim *sim, uint32_t slot)
{
	return sim->blocks[slot];
}
