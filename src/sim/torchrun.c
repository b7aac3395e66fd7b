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

void
mr_torch_run_count(struct mr_torch_run *run)
{
	const struct mr_torch_stats *stats = mr_torch_stats(run->torch);

	run->events++;
	run->reserved_sum += stats->reserved / MR_TORCH_MIN_BLOCK;
	run->unused_sum += (stats->reserved - stats->allocated) / MR_TORCH_MIN_BLOCK;
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

	for (size_t i = 0; i < script->op_count && !st && !run->oom; i++)
		st = mr_torch_run_step(run, script, &script->ops[i], err);
	return st;
}
