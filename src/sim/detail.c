/* SPDX-License-Identifier: MIT */
#include "sim/detail.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sim/bound.h"
#include "sim/phases.h"
#include "sim/sim.h"
#include "sim/stale.h"

struct mr_detail {
	struct mr_sim *sim;
	struct mr_sim *endless; /* the same without a limit */
	struct mr_core *core;   /* of sim; NULL: PyTorch's rules have none */
	struct mr_bound bound;
	struct mr_stale stale;
	struct mr_phases phases;
	bool keep_limits;
	uint64_t event; /* the number of the one that is carried out */
	struct mr_wide cached_byte_events;
	uint64_t largest_evicted; /* by this event */
	uint64_t live_blocks, cached_blocks;
	uint64_t peak_live_blocks, peak_cached_blocks, peak_blocks;
	uint64_t by_limit, nothing_cached, only_smaller, beyond_window;

	uint64_t peak;    /* of cached memory */
	bool peak_is_now; /* the histogram at the peak is that of now */
	struct mr_detail_bucket now[MR_DETAIL_BUCKETS];
	struct mr_detail_bucket at_peak[MR_DETAIL_BUCKETS];
	struct mr_phase *shown; /* what mr_detail_phases() returned */

	mr_detail_left *left; /* NULL: nobody watches */
	void *left_context;
};

/* --- the cache, block by block */

static struct mr_detail_bucket *
bucket_of(struct mr_detail *detail, uint64_t capacity)
{
	return &detail->now[capacity ? 64 - __builtin_clzll(capacity) : 0];
}

/* The cache is about to lose a block. */
static void
leave(struct mr_detail *detail, uint64_t capacity)
{
	struct mr_detail_bucket *bucket;

	if (detail->peak_is_now)
		memcpy(detail->at_peak, detail->now, sizeof(detail->now));
	detail->peak_is_now = false;
	bucket = bucket_of(detail, capacity);
	bucket->blocks--;
	bucket->bytes -= capacity;
	detail->cached_blocks--;
}

static bool
is_inherited(const struct mr_detail *detail, uint32_t block)
{
	return detail->stale.stretches[block].since < detail->phases.began;
}

static void
tell(const struct mr_detail *detail, uint32_t block, uint64_t capacity, bool reused)
{
	uint64_t since = detail->stale.stretches[block].since;

	if (detail->left)
		detail->left(
			detail->left_context, detail->event - since, capacity, reused);
}

static void
on_evict(void *context, struct mr_block *evicted, uint64_t capacity)
{
	struct mr_detail *detail = context;
	uint32_t block = (uint32_t)(evicted - detail->core->blocks);

	if (is_inherited(detail, block))
		detail->phases.evicted += capacity;
	if (capacity > detail->largest_evicted)
		detail->largest_evicted = capacity;
	leave(detail, capacity);
	tell(detail, block, capacity, false);
	mr_stale_evict(&detail->stale, block, capacity, detail->event);
}

static void
on_reuse(struct mr_detail *detail, uint32_t block, uint64_t capacity)
{
	if (is_inherited(detail, block))
		detail->phases.reused += capacity;
	leave(detail, capacity);
	tell(detail, block, capacity, true);
	mr_stale_reuse(&detail->stale, block);
}

static enum mr_status
on_cache(struct mr_detail *detail, uint32_t block, struct mr_error *err)
{
	uint64_t capacity = mr_core_capacity(detail->core, block);
	struct mr_detail_bucket *bucket = bucket_of(detail, capacity);

	bucket->blocks++;
	bucket->bytes += capacity;
	detail->cached_blocks++;
	if (detail->core->cached > detail->peak) {
		detail->peak = detail->core->cached;
		detail->peak_is_now = true;
	}
	return mr_stale_cache(&detail->stale, block, detail->event, err);
}

/* --- events */

/*
 * Why a malloc missed that got a new block of this capacity. What this event
 * evicted was still there when the malloc looked for a block.
 */
static void
explain(struct mr_detail *detail, uint64_t capacity, uint64_t cached, bool endless_hit)
{
	if (endless_hit)
		detail->by_limit++;
	else if (!cached)
		detail->nothing_cached++;
	else if (detail->largest_evicted < capacity &&
		mr_sizes_from(&detail->core->sizes, capacity) == MR_NONE)
		detail->only_smaller++;
	else
		detail->beyond_window++;
}

static enum mr_status
step_malloc(struct mr_detail *detail, const struct mr_event *event, struct mr_error *err)
{
	struct mr_outcome outcome, endless;
	uint64_t cached = detail->core->cached;
	uint32_t block;
	enum mr_status st;

	if ((st = mr_sim_step(detail->sim, event, &outcome, err)) ||
		(st = mr_sim_step(detail->endless, event, &endless, err)))
		return st;
	block = mr_sim_block(detail->sim, event->slot);
	if (block == MR_NONE)
		return MR_OK;
	detail->live_blocks++;
	if (outcome.hit)
		on_reuse(detail, block, outcome.capacity);
	else
		explain(detail, outcome.capacity, cached, endless.hit);
	return mr_bound_malloc(&detail->bound, event->slot, event->size, err);
}

static enum mr_status
step_free(struct mr_detail *detail, const struct mr_event *event, struct mr_error *err)
{
	uint32_t block = mr_sim_block(detail->sim, event->slot);
	enum mr_status st;

	if ((st = mr_sim_step(detail->sim, event, NULL, err)) ||
		(st = mr_sim_step(detail->endless, event, NULL, err)) || block == MR_NONE)
		return st;
	detail->live_blocks--;
	mr_bound_free(&detail->bound, event->slot);
	/* A block that was live has not been the newest in the cache before. */
	return detail->core->newest == block ? on_cache(detail, block, err) : MR_OK;
}

/* The figures that do not need a look at each cached block's past. */
static void
count_up(const struct mr_detail *detail, struct mr_result *out)
{
	mr_sim_result(detail->sim, out);
	out->misses_by_limit = detail->by_limit;
	out->misses_nothing_cached = detail->nothing_cached;
	out->misses_only_smaller = detail->only_smaller;
	out->misses_beyond_window = detail->beyond_window;
}

static enum mr_status
see_mark(struct mr_detail *detail, const char *name, struct mr_error *err)
{
	struct mr_phases *phases = &detail->phases;
	struct mr_result now;
	size_t row;
	enum mr_status st = mr_phases_find(phases, name, &row, err);

	if (st)
		return st;
	if (row != phases->current) {
		count_up(detail, &now);
		mr_phases_turn(phases, row, detail->event, &now);
	}
	phases->rows[row].marks++;
	return MR_OK;
}

static enum mr_status
step_other(struct mr_detail *detail, const struct mr_event *event, struct mr_error *err)
{
	enum mr_status st = MR_OK;

	if (event->op == MR_OP_MARK)
		st = see_mark(detail, event->name, err);
	if (st || (st = mr_sim_step(detail->sim, event, NULL, err)) ||
		(st = mr_sim_step(detail->endless, event, NULL, err)))
		return st;
	if (event->op == MR_OP_CLEAR_CACHE)
		mr_bound_clear(&detail->bound);
	else if (event->op == MR_OP_SET_CACHE_LIMIT && detail->keep_limits)
		mr_bound_set_limit(&detail->bound, event->bytes);
	return MR_OK;
}

static void
raise_to(uint64_t *peak, uint64_t value)
{
	if (value > *peak)
		*peak = value;
}

/* What is looked at after each event. */
static void
look(struct mr_detail *detail)
{
	const struct mr_core *core = detail->core;
	struct mr_phases *phases = &detail->phases;
	uint64_t blocks = detail->live_blocks + detail->cached_blocks;

	detail->cached_byte_events =
		mr_wide_plus(detail->cached_byte_events, mr_wide(core->cached));
	raise_to(&detail->peak_live_blocks, detail->live_blocks);
	raise_to(&detail->peak_cached_blocks, detail->cached_blocks);
	raise_to(&detail->peak_blocks, blocks);
	raise_to(&phases->peak_active, core->active);
	raise_to(&phases->peak_cached, core->cached);
	raise_to(&phases->peak_total, core->active + core->cached);
	raise_to(&phases->peak_live_blocks, detail->live_blocks);
	raise_to(&phases->peak_cached_blocks, detail->cached_blocks);
	raise_to(&phases->peak_blocks, blocks);
}

static enum mr_status
step(struct mr_detail *detail, const struct mr_event *event, struct mr_error *err)
{
	enum mr_status st;

	detail->event++;
	detail->largest_evicted = 0;
	if (event->op == MR_OP_MALLOC)
		st = step_malloc(detail, event, err);
	else if (event->op == MR_OP_FREE)
		st = step_free(detail, event, err);
	else
		st = step_other(detail, event, err);
	look(detail);
	return st;
}

enum mr_status
mr_detail_run(struct mr_detail *detail, const struct mr_event *events, size_t count,
	struct mr_error *err)
{
	enum mr_status st = MR_OK;

	if (!detail->core)
		return mr_sim_run(detail->sim, events, count, err);
	for (size_t i = 0; i < count && !st; i++)
		st = step(detail, &events[i], err);
	return st;
}

/* --- what came of it */

static uint64_t
capacity_of(const void *context, uint32_t block)
{
	const struct mr_detail *detail = context;

	return mr_core_capacity(detail->core, block);
}

static uint64_t
bound_of(uint64_t all, uint64_t least_missed)
{
	return all > least_missed ? all - least_missed : 0;
}

void
mr_detail_result(const struct mr_detail *detail, struct mr_result *out)
{
	struct mr_wide stale;

	count_up(detail, out);
	if (!detail->core)
		return;
	mr_stale_result(&detail->stale, detail->event, capacity_of, detail,
		&out->peak_stale_bytes, &stale);
	if (detail->event) {
		out->mean_stale_bytes = mr_wide_over(stale, detail->event);
		out->mean_cached_bytes =
			mr_wide_over(detail->cached_byte_events, detail->event);
	}
	out->peak_live_blocks = detail->peak_live_blocks;
	out->peak_cached_blocks = detail->peak_cached_blocks;
	out->peak_blocks = detail->peak_blocks;
	out->bound_hits = bound_of(out->mallocs, mr_bound_misses(&detail->bound));
	out->bound_hit_bytes =
		bound_of(out->requested_bytes, mr_bound_miss_bytes(&detail->bound));
}

const struct mr_sim *
mr_detail_sim(const struct mr_detail *detail)
{
	return detail->sim;
}

enum mr_status
mr_detail_phases(struct mr_detail *detail, const struct mr_phase **out, size_t *count,
	struct mr_error *err)
{
	struct mr_phases *phases = &detail->phases;
	struct mr_phases saved;
	struct mr_phase current = phases->rows[phases->current];
	struct mr_result now;
	size_t skip;

	free(detail->shown);
	detail->shown = malloc(phases->count * sizeof(*detail->shown));
	if (!detail->shown)
		return mr_fail_memory(err);
	count_up(detail, &now);
	/* The current phase is counted as if it ended here, and then goes on. */
	saved = *phases;
	mr_phases_flush(phases, &now);
	skip = phases->rows[0].result.events ? 0 : 1;
	memcpy(detail->shown, phases->rows, phases->count * sizeof(*detail->shown));
	*phases = saved;
	phases->rows[phases->current] = current;
	*out = detail->shown + skip;
	*count = phases->count - skip;
	return MR_OK;
}

void
mr_detail_histogram(const struct mr_detail *detail,
	struct mr_detail_bucket buckets[MR_DETAIL_BUCKETS])
{
	memcpy(buckets, detail->peak_is_now ? detail->now : detail->at_peak,
		sizeof(detail->now));
}

/* --- for those who watch */

void
mr_detail_fates(const struct mr_detail *detail, uint64_t out[MR_FATE_COUNT])
{
	out[MR_FATE_HIT] = detail->core->hits;
	out[MR_FATE_BY_LIMIT] = detail->by_limit;
	out[MR_FATE_NOTHING_CACHED] = detail->nothing_cached;
	out[MR_FATE_ONLY_SMALLER] = detail->only_smaller;
	out[MR_FATE_BEYOND_WINDOW] = detail->beyond_window;
}

const struct mr_core *
mr_detail_core(const struct mr_detail *detail)
{
	return detail->core;
}

void
mr_detail_clear(struct mr_detail *detail)
{
	detail->event++; /* the next event is the first without what goes */
	mr_sim_clear(detail->sim);
	detail->event--;
	mr_sim_clear(detail->endless);
	mr_bound_clear(&detail->bound);
}

void
mr_detail_watch(struct mr_detail *detail, mr_detail_left *left, void *context)
{
	detail->left = left;
	detail->left_context = context;
}

void
mr_detail_left_over(const struct mr_detail *detail)
{
	const struct mr_core *core = detail->core;

	for (uint32_t block = core->oldest; block != MR_NONE;
		block = core->blocks[block].newer)
		tell(detail, block, mr_core_capacity(core, block), false);
}

/* --- making and freeing */

enum mr_status
mr_detail_new(struct mr_detail **out, const struct mr_policy *policy, bool keep_limits,
	struct mr_error *err)
{
	struct mr_policy endless = *policy;
	struct mr_detail *detail = calloc(1, sizeof(*detail));
	enum mr_status st;

	*out = NULL;
	if (!detail)
		return mr_fail_memory(err);
	endless.cache_limit = MR_UNLIMITED;
	detail->keep_limits = keep_limits;
	mr_stale_init(&detail->stale);
	if ((st = mr_phases_init(&detail->phases, err)) ||
		(st = mr_sim_new(&detail->sim, policy, keep_limits, err)) ||
		mr_policy_is_torch(policy) ||
		(st = mr_sim_new(&detail->endless, &endless, false, err)))
		goto out;
	detail->core = mr_sim_core(detail->sim);
	detail->core->evict = on_evict;
	detail->core->context = detail;
	mr_bound_init(&detail->bound, &detail->core->policy);
out:
	if (st)
		mr_detail_free(detail);
	else
		*out = detail;
	return st;
}

void
mr_detail_free(struct mr_detail *detail)
{
	if (!detail)
		return;
	mr_sim_free(detail->sim);
	mr_sim_free(detail->endless);
	mr_bound_fini(&detail->bound);
	mr_stale_fini(&detail->stale);
	mr_phases_fini(&detail->phases);
	free(detail->shown);
	free(detail);
}
