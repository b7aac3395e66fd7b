/* SPDX-License-Identifier: MIT */
#include "sim/torchpeak.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* --- where every block lies */

/* Whether a segment, or a mapped run of one, begins with this block. */
static bool
begins(const struct mr_torch_block *blocks, const struct mr_torch_block *block)
{
	return block->used && block->state != MR_TORCH_UNMAPPED &&
		(block->prev == MR_TORCH_NONE ||
			blocks[block->prev].state == MR_TORCH_UNMAPPED);
}

static void
add_segment(struct mr_torch_peak *out, const struct mr_torch *torch,
	const struct mr_torch_block *blocks, uint32_t first)
{
	struct mr_torch_map_segment *to = &out->segments[out->segment_count++];

	*to = (struct mr_torch_map_segment){
		.addr = blocks[first].addr, .first = out->block_count};
	to->stream = mr_torch_queue_of(torch, &blocks[first], &to->small).stream;
	for (uint32_t i = first;
		i != MR_TORCH_NONE && blocks[i].state != MR_TORCH_UNMAPPED;
		i = blocks[i].next) {
		const struct mr_torch_block *block = &blocks[i];
		bool live = block->state != MR_TORCH_FREE;

		out->blocks[out->block_count++] = (struct mr_torch_map_block){block->addr,
			block->size, live ? block->requested : 0,
			(enum mr_torch_state)block->state};
		to->count++;
		to->size += block->size;
		to->live += live ? block->size : 0;
	}
}

static int
by_unused(const void *a, const void *b)
{
	const struct mr_torch_map_segment *one = a, *other = b;
	uint64_t unused = one->size - one->live, others = other->size - other->live;

	if (unused != others)
		return unused > others ? -1 : 1;
	if (one->size != other->size)
		return one->size > other->size ? -1 : 1;
	return one->addr < other->addr ? -1 : one->addr > other->addr;
}

static enum mr_status
draw(struct mr_torch_peak *out, const struct mr_torch *torch, struct mr_error *err)
{
	uint32_t count;
	const struct mr_torch_block *blocks = mr_torch_blocks(torch, &count);
	size_t segments = 0, mapped = 0;

	for (uint32_t i = 0; i < count; i++) {
		segments += begins(blocks, &blocks[i]);
		mapped += blocks[i].used && blocks[i].state != MR_TORCH_UNMAPPED;
	}
	out->stats = *mr_torch_stats(torch);
	out->segments = calloc(segments + 1, sizeof(*out->segments));
	out->blocks = calloc(mapped + 1, sizeof(*out->blocks));
	if (!out->segments || !out->blocks)
		return mr_fail_memory(err);
	for (uint32_t i = 0; i < count; i++)
		if (begins(blocks, &blocks[i]))
			add_segment(out, torch, blocks, i);
	qsort(out->segments, out->segment_count, sizeof(*out->segments), by_unused);
	return MR_OK;
}

/* --- runs */

/* What looks on as requests are served. */
struct watch {
	struct mr_torch_peak *out;
	uint64_t served; /* requests so far */
	uint64_t peak;   /* so far, in the first run */
	uint64_t noted;  /* of it, in some stretch */
	uint64_t at;     /* the request that made the peak; 0: the beginning */
	bool second;     /* the run that looks */
	enum mr_status status;
	struct mr_error *err;
};

static void
look(void *context, const struct mr_torch_run *run)
{
	const struct mr_torch_stats *stats = mr_torch_stats(run->torch);
	struct watch *watch = context;

	watch->served++;
	if (watch->second && watch->served == watch->at)
		watch->status = draw(watch->out, run->torch, watch->err);
	if (!watch->second && stats->peak_reserved > watch->peak) {
		watch->peak = stats->peak_reserved;
		watch->at = watch->served;
	}
}

static uint64_t
event_of(const struct mr_torch_run *run, const struct mr_torch_script *script)
{
	return run->at ? script->ops[run->at - 1].event + UINT64_C(1) : 0;
}

/* Which stretch of the run this is; the beginning is one of its own. */
static size_t
stretch_of(const struct mr_torch_run *run, const struct mr_torch_script *script)
{
	return run->at ? 1 + (run->at - 1) * MR_TORCH_STRETCHES / script->op_count : 0;
}

static void
widen(struct mr_torch_range *range, uint64_t number)
{
	range->least = number < range->least ? number : range->least;
	range->most = number > range->most ? number : range->most;
}

/* Notes how things are, in the stretch that is under way or in a new one. */
static void
note(struct watch *watch, const struct mr_torch_run *run,
	const struct mr_torch_script *script, bool begins_stretch)
{
	static const struct mr_torch_range none = {UINT64_MAX, 0};
	const struct mr_torch_stats *stats = mr_torch_stats(run->torch);
	struct mr_torch_stretch *stretch =
		&watch->out->stretches[watch->out->stretch_count];
	uint64_t event = event_of(run, script);
	double unused = stats->reserved
		? (double)(stats->reserved - stats->allocated) / (double)stats->reserved
		: 0;

	if (begins_stretch) {
		watch->out->stretch_count++;
		*stretch =
			(struct mr_torch_stretch){event, event, none, none, none, 1, 0};
	} else {
		stretch--;
	}
	stretch->to = event;
	widen(&stretch->reserved, stats->reserved);
	if (watch->peak > watch->noted)
		widen(&stretch->reserved, watch->noted = watch->peak);
	widen(&stretch->allocated, stats->allocated);
	widen(&stretch->requested, stats->requested);
	stretch->least_unused = fmin(stretch->least_unused, unused);
	stretch->most_unused = fmax(stretch->most_unused, unused);
}

/* Finds the peak, and follows the course. */
static enum mr_status
survey(struct watch *watch, struct mr_torch_run *run,
	const struct mr_torch_script *script, enum mr_torch_start start)
{
	enum mr_status st = mr_torch_run_begin(run, script, start, watch->err);
	size_t at = 0;

	if (st)
		return st;
	if (!watch->served)
		watch->peak = mr_torch_stats(run->torch)->peak_reserved;
	note(watch, run, script, true);
	while (!st && run->at < script->op_count && !run->oom) {
		size_t before = at;

		st = mr_torch_run_step(run, script, &script->ops[run->at++], watch->err);
		at = stretch_of(run, script);
		if (!st)
			note(watch, run, script, at != before);
	}
	return st;
}

/* Goes as far as the peak. */
static enum mr_status
revisit(struct watch *watch, struct mr_torch_run *run,
	const struct mr_torch_script *script, enum mr_torch_start start)
{
	enum mr_status st = mr_torch_run_begin(run, script, start, watch->err);

	if (!st && !watch->at)
		st = draw(watch->out, run->torch, watch->err);
	while (!st && !watch->status && watch->served < watch->at)
		st = mr_torch_run_step(run, script, &script->ops[run->at++], watch->err);
	watch->out->event = event_of(run, script);
	return st ? st : watch->status;
}

enum mr_status
mr_torch_peak(struct mr_torch_peak *out, const struct mr_torch_script *script,
	const struct mr_torch_settings *settings, enum mr_torch_start start,
	struct mr_error *err)
{
	struct watch watch = {.out = out, .err = err};
	enum mr_status st = MR_OK;

	memset(out, 0, sizeof(*out));
	for (int turn = 0; turn < 2 && !st; turn++) {
		struct mr_torch_run run;

		st = mr_torch_run_init(&run, settings, NULL, err);
		if (st)
			break;
		run.served = look;
		run.context = &watch;
		watch.served = 0;
		watch.second = turn == 1;
		st = turn ? revisit(&watch, &run, script, start)
			  : survey(&watch, &run, script, start);
		mr_torch_run_fini(&run);
	}
	return st;
}

void
mr_torch_peak_fini(struct mr_torch_peak *peak)
{
	free(peak->segments);
	free(peak->blocks);
	peak->segments = NULL;
	peak->blocks = NULL;
}
