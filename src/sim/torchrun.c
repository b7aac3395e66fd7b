/* SPDX-License-Identifier: MIT */
#include "sim/torchrun.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

enum mr_status
mr_torch_run_init(struct mr_torch_run *run, const struct mr_torch_settings *settings,
	const struct mr_torch_hooks *hooks, struct mr_error *err)
{
	memset(run, 0, sizeof(*run));
	return mr_torch_new(&run->torch, settings, hooks, err);
}

void
mr_torch_run_fini(struct mr_torch_run *run)
{
	mr_torch_free_all(run->torch);
	free(run->held);
	run->torch = NULL;
	run->held = NULL;
}

static enum mr_status
reserve_lives(struct mr_torch_run *run, uint32_t lives, struct mr_error *err)
{
	struct mr_torch_held *held = realloc(run->held, lives * sizeof(*held));

	if (!held)
		return mr_fail_memory(err);
	memset(held + run->lives, 0xff, (lives - run->lives) * sizeof(*held));
	run->held = held;
	run->lives = lives;
	return MR_OK;
}

/* Remembers what a block of the program is. */
static void
hold(struct mr_torch_run *run, uint32_t life, uint32_t block)
{
	uint32_t count;
	const struct mr_torch_block *blocks = mr_torch_blocks(run->torch, &count);

	run->held[life].block = block;
	run->held[life].serial = blocks[block].serial;
}

enum mr_status
mr_torch_run_malloc(struct mr_torch_run *run, uint32_t life, uint64_t size,
	struct mr_torch_queue queue, struct mr_error *err)
{
	enum mr_status st;
	uint32_t block;

	if (life >= run->lives) {
		st = reserve_lives(run, life + life / 2 + 64, err);
		if (st)
			return st;
	}
	run->held[life].block = MR_TORCH_NONE;
	if (!size) {
		run->zero_mallocs++;
		return MR_OK;
	}
	st = mr_torch_malloc(run->torch, &block, size, queue, err);
	if (st)
		return st;
	if (run->served)
		run->served(run->context, run);
	if (block != MR_TORCH_NONE) {
		hold(run, life, block);
		return MR_OK;
	}
	run->oom = true;
	run->oom_event = run->events + 1;
	return MR_OK;
}

void
mr_torch_run_free(struct mr_torch_run *run, uint32_t life)
{
	if (life < run->lives && run->held[life].block != MR_TORCH_NONE)
		mr_torch_free_request(run->torch, run->held[life].block);
}

enum mr_status
mr_torch_run_done(struct mr_torch_run *run, uint32_t life, struct mr_error *err)
{
	struct mr_torch_held held;

	if (life >= run->lives)
		return MR_OK;
	held = run->held[life];
	run->held[life].block = MR_TORCH_NONE;
	if (held.block == MR_TORCH_NONE ||
		!mr_torch_waits(run->torch, held.block, held.serial))
		return MR_OK;
	return mr_torch_free_complete(run->torch, held.block, err);
}

enum mr_status
mr_torch_run_empty(struct mr_torch_run *run, struct mr_error *err)
{
	return mr_torch_release_all(run->torch, err);
}

uint64_t
mr_torch_run_size(const struct mr_torch_run *run, uint32_t life)
{
	uint32_t count;
	const struct mr_torch_block *blocks = mr_torch_blocks(run->torch, &count);

	if (life >= run->lives || run->held[life].block == MR_TORCH_NONE)
		return 0;
	return blocks[run->held[life].block].size;
}

void
mr_torch_run_count(struct mr_torch_run *run)
{
	const struct mr_torch_stats *stats = mr_torch_stats(run->torch);

	run->events++;
	run->reserved_sum += stats->reserved / MR_TORCH_MIN_BLOCK;
	run->unused_sum += (stats->reserved - stats->allocated) / MR_TORCH_MIN_BLOCK;
}

static void
add_device(struct mr_result *out, const struct mr_torch_stats *stats)
{
	out->reserved_bytes = stats->reserved;
	out->allocated_bytes = stats->allocated;
	out->peak_reserved_bytes = out->peak_total_bytes = stats->peak_reserved;
	out->peak_allocated_bytes = stats->peak_allocated;
	out->allocated_at_peak_bytes = stats->allocated_at_peak;
	out->unused_at_peak_bytes = stats->peak_reserved - stats->allocated_at_peak;
	out->segments = stats->segments;
	out->peak_segments = stats->peak_segments;
	out->segment_allocs = stats->segment_allocs;
	out->segment_frees = stats->segment_frees;
	out->segment_maps = stats->maps;
	out->segment_unmaps = stats->unmaps;
	out->released_bytes = stats->released_bytes;
	out->collections = stats->collections;
	out->retries = stats->retries;
}

void
mr_torch_run_result(const struct mr_torch_run *run, struct mr_result *out)
{
	const struct mr_torch_stats *stats = mr_torch_stats(run->torch);

	memset(out, 0, sizeof(*out));
	add_device(out, stats);
	out->events = run->events;
	out->mallocs = stats->mallocs + run->zero_mallocs;
	out->frees = stats->frees;
	out->hits = stats->hits;
	out->misses = stats->mallocs - stats->hits;
	out->requested_bytes = stats->requested_sum;
	out->hit_bytes = stats->hit_bytes;
	out->active_bytes = stats->active;
	out->cached_bytes = stats->reserved - stats->active;
	out->live_blocks = stats->live_blocks;
	out->peak_active_bytes = out->peak_since_reset_bytes = stats->peak_active;
	out->cache_limit = out->memory_limit = MR_UNLIMITED;
	out->reserved_sum = run->reserved_sum;
	out->unused_sum = run->unused_sum;
	out->ooms = run->oom;
	if (run->oom) {
		out->oom_event = run->oom_event;
		out->oom_bytes = mr_torch_last_oom(run->torch)->requested;
	}
}

/* --- scripts */

/* Puts the older blocks where they were. */
static enum mr_status
seed(struct mr_torch_run *run, const struct mr_torch_script *script, struct mr_error *err)
{
	const struct mr_torch_older *older = script->older;
	const struct mr_torch_older *end = older + script->older_count;
	enum mr_status st = MR_OK;

	for (size_t i = 0; i < script->segment_count && !st; i++) {
		uint32_t rest, block;

		st = mr_torch_seed(run->torch, &rest, &script->segments[i], err);
		for (; !st && older < end && older->segment == i; older++) {
			st = mr_torch_seed_block(
				run->torch, &block, &rest, rest, &older->part, err);
			if (st)
				break;
			hold(run, older->life, block);
			if (older->waiting)
				mr_torch_free_request(run->torch, block);
		}
	}
	mr_torch_seeded(run->torch);
	return st;
}

/* Asks for the older blocks, lowest address first. */
static enum mr_status
rebuild(struct mr_torch_run *run, const struct mr_torch_script *script,
	struct mr_error *err)
{
	enum mr_status st = MR_OK;

	for (size_t i = 0; i < script->older_count && !st && !run->oom; i++) {
		const struct mr_torch_older *older = &script->older[i];

		st = mr_torch_run_malloc(run, older->life, older->part.requested,
			script->queues[older->queue], err);
		if (!st && !run->oom && older->waiting)
			mr_torch_run_free(run, older->life);
	}
	return st;
}

enum mr_status
mr_torch_run_begin(struct mr_torch_run *run, const struct mr_torch_script *script,
	enum mr_torch_start start, struct mr_error *err)
{
	enum mr_status st = reserve_lives(run, script->lives + 1, err);

	if (!st)
		st = start == MR_TORCH_SEEDED ? seed(run, script, err)
					      : rebuild(run, script, err);
	return st;
}

enum mr_status
mr_torch_run_step(struct mr_torch_run *run, const struct mr_torch_script *script,
	const struct mr_torch_op *op, struct mr_error *err)
{
	enum mr_status st = MR_OK;

	switch ((enum mr_torch_op_kind)op->kind) {
	case MR_TORCH_OP_MALLOC:
		st = mr_torch_run_malloc(
			run, op->life, op->size, script->queues[op->queue], err);
		break;
	case MR_TORCH_OP_FREE:
		mr_torch_run_free(run, op->life);
		break;
	case MR_TORCH_OP_DONE:
		st = mr_torch_run_done(run, op->life, err);
		break;
	case MR_TORCH_OP_EMPTY:
		st = mr_torch_run_empty(run, err);
		break;
	case MR_TORCH_OP_FREED:
		mr_torch_run_free(run, op->life);
		st = mr_torch_run_done(run, op->life, err);
		break;
	case MR_TORCH_OP_NONE:
		break;
	case MR_TORCH_OP_REFUSED:
		st = mr_torch_run_malloc(
			run, script->lives, op->size, script->queues[op->queue], err);
		if (!st && !run->oom) {
			mr_torch_run_free(run, script->lives);
			st = mr_torch_run_done(run, script->lives, err);
		}
		break;
	}
	if (!run->oom)
		mr_torch_run_count(run);
	return st;
}

enum mr_status
mr_torch_run_script(struct mr_torch_run *run, const struct mr_torch_script *script,
	enum mr_torch_start start, struct mr_error *err)
{
	enum mr_status st = mr_torch_run_begin(run, script, start, err);

	while (run->at < script->op_count && !st && !run->oom)
		st = mr_torch_run_step(run, script, &script->ops[run->at++], err);
	return st;
}
