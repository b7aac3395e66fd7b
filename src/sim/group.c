/* SPDX-License-Identifier: MIT */
#include "sim/group.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "memreplay/trace.h"

static const struct mr_tally no_tally = {.rejected_at = UINT64_MAX};

void
mr_group_free(struct mr_group *group)
{
	if (!group)
		return;
	for (size_t i = 0; i < group->lane_count; i++)
		free(group->lanes[i]);
	free(group->lanes);
	free(group->counts);
	free(group->live);
	free(group->words);
	free(group);
}

struct mr_group *
mr_group_new(const struct mr_scene *scene)
{
	struct mr_group *group = calloc(1, sizeof(*group));
	const struct mr_scene nothing = {.slot_space = 0};

	if (group && mr_group_resize(group, scene, &nothing, NULL)) {
		mr_group_free(group);
		return NULL;
	}
	if (group) {
		group->tally = no_tally;
		group->memory_limit = scene->ranks.policy.memory_limit;
	}
	return group;
}

static enum mr_status
reserve_lanes(struct mr_group *group, size_t count, struct mr_error *err)
{
	size_t space = count + count / 2 + 4;
	struct mr_lane **lanes;

	if (count <= group->lane_space)
		return MR_OK;
	lanes = realloc(group->lanes, space * sizeof(struct mr_lane *));
	if (!lanes)
		return mr_fail_memory(err);
	group->lanes = lanes;
	group->lane_space = space;
	return MR_OK;
}

/* Makes low and high agree with the lanes, of which there is at least one. */
static void
set_bounds(struct mr_group *group)
{
	group->low = group->lanes[0]->first;
	group->high = group->lanes[group->lane_count - 1]->last;
}

enum mr_status
mr_group_add_lane(
	struct mr_group *group, uint64_t first, uint64_t last, struct mr_error *err)
{
	struct mr_lane *lane = malloc(sizeof(*lane));

	if (!lane || reserve_lanes(group, group->lane_count + 1, err)) {
		free(lane);
		return mr_fail_memory(err);
	}
	*lane = (struct mr_lane){first, last, no_tally};
	group->lanes[group->lane_count++] = lane;
	set_bounds(group);
	return MR_OK;
}

static enum mr_status
grow(void *array, size_t count, size_t old_count, size_t each, int fill,
	struct mr_error *err)
{
	char *larger = realloc(*(void **)array, count * each);

	if (!larger)
		return mr_fail_memory(err);
	memset(larger + old_count * each, fill, (count - old_count) * each);
	*(void **)array = larger;
	return MR_OK;
}

enum mr_status
mr_group_resize(struct mr_group *group, const struct mr_scene *scene,
	const struct mr_scene *old, struct mr_error *err)
{
	enum mr_status st = MR_OK;

	if (scene->class_space > old->class_space)
		st = grow(&group->counts, scene->class_space, old->class_space,
			sizeof(*group->counts), 0, err);
	if (!st && scene->slot_space > old->slot_space)
		st = grow(&group->live, scene->slot_space, old->slot_space,
			sizeof(*group->live), 0xff, err);
	if (!st && scene->word_space > old->word_space)
		st = grow(&group->words, scene->word_space, old->word_space,
			sizeof(*group->words), 0, err);
	return st;
}

void
mr_group_mark(const struct mr_group *group, const struct mr_scene *scene, bool *used)
{
	for (uint32_t class = 0; class < scene->ranks.count; class ++)
		used[class] |= group->counts[class] != 0;
	for (uint32_t slot = 0; slot < scene->slot_count; slot++)
		if (group->live[slot] != MR_NONE)
			used[group->live[slot]] = true;
}

void
mr_group_rerank(struct mr_group *group, const struct mr_scene *scene)
{
	const struct mr_ranks *ranks = &scene->ranks;

	memset(group->words, 0, ranks->word_count * sizeof(*group->words));
	for (uint32_t class = 0; class < ranks->count; class ++)
		if (group->counts[class])
			mr_ranks_fill(ranks, group->words, ranks->rank[class]);
}

/*
 * Adds up sums and keeps the highest, or for rejected_at the smallest. peak_active is
 * what a lane had before the peak was reset: a group has none of its own.
 */
static void
add_tally(struct mr_tally *to, const struct mr_tally *from)
{
	to->hits += from->hits;
	to->larger_hits += from->larger_hits;
	to->slack_bytes += from->slack_bytes;
	to->hit_bytes += from->hit_bytes;
	to->rejected_frees += from->rejected_frees;
	to->rejected_bytes += from->rejected_bytes;
	to->cleared_blocks += from->cleared_blocks;
	to->cleared_bytes += from->cleared_bytes;
	to->over_memory += from->over_memory;
	if (from->peak > to->peak)
		to->peak = from->peak;
	if (from->peak_cached > to->peak_cached)
		to->peak_cached = from->peak_cached;
	if (from->peak_total > to->peak_total)
		to->peak_total = from->peak_total;
	if (from->rejected_at < to->rejected_at)
		to->rejected_at = from->rejected_at;
}

void
mr_group_flush(struct mr_group *group)
{
	for (size_t i = 0; i < group->lane_count; i++)
		add_tally(&group->lanes[i]->tally, &group->tally);
	group->tally = no_tally;
}

/* The smallest limit of the grid that is at least `limit`. */
static uint64_t
grid_up(uint64_t limit, uint64_t from, uint64_t resolution)
{
	uint64_t over = limit > from ? (limit - from) % resolution : 0;

	if (limit <= from)
		return from;
	return over ? limit - over + resolution : limit;
}

/* Cuts the one lane that has limits on both sides of `at` in two. */
static enum mr_status
cut_lane(struct mr_group *group, size_t i, uint64_t at, const struct mr_scene *scene,
	struct mr_error *err)
{
	struct mr_lane *low = group->lanes[i], *high;
	enum mr_status st = reserve_lanes(group, group->lane_count + 1, err);

	if (st)
		return st;
	high = malloc(sizeof(*high));
	if (!high)
		return mr_fail_memory(err);
	*high = *low;
	high->first = grid_up(at, scene->grid_from, scene->resolution);
	low->last = high->first - scene->resolution;
	memmove(&group->lanes[i + 2], &group->lanes[i + 1],
		(group->lane_count - i - 1) * sizeof(struct mr_lane *));
	group->lanes[i + 1] = high;
	group->lane_count++;
	return MR_OK;
}

/* A copy of the state, in the memory of spare if there is one. */
static enum mr_status
copy_state(struct mr_group **out, const struct mr_group *group,
	const struct mr_scene *scene, struct mr_group **spare, struct mr_error *err)
{
	struct mr_group *copy = *spare, kept;
	const uint32_t *counts = group->counts, *live = group->live;

	if (copy)
		*spare = copy->next;
	else
		copy = mr_group_new(scene);
	if (!copy)
		return mr_fail_memory(err);
	kept = *copy;
	*copy = *group;
	copy->tally = no_tally;
	copy->counts = kept.counts;
	copy->live = kept.live;
	copy->words = kept.words;
	copy->lanes = kept.lanes;
	copy->lane_space = kept.lane_space;
	copy->lane_count = 0;
	copy->next = NULL;
	memcpy(copy->counts, counts, scene->ranks.count * sizeof(*counts));
	memcpy(copy->live, live, scene->slot_count * sizeof(*live));
	memcpy(copy->words, group->words, scene->ranks.word_count * sizeof(*copy->words));
	*out = copy;
	return MR_OK;
}

/* Gives the limits below `at` to a group of their own. */
static enum mr_status
part(struct mr_group *group, uint64_t at, const struct mr_scene *scene,
	struct mr_group **spare, struct mr_group **rejecting, struct mr_error *err)
{
	size_t below = 0, end = group->lane_count;
	struct mr_group *low = NULL;
	enum mr_status st;

	mr_group_flush(group);
	while (below < end) {
		size_t middle = below + (end - below) / 2;

		if (group->lanes[middle]->first < at)
			below = middle + 1;
		else
			end = middle;
	}
	if (group->lanes[below - 1]->last >= at &&
		(st = cut_lane(group, below - 1, at, scene, err)))
		return st;
	if ((st = copy_state(&low, group, scene, spare, err)))
		return st;
	if ((st = reserve_lanes(low, below, err))) {
		mr_group_free(low);
		return st;
	}
	memcpy(low->lanes, group->lanes, below * sizeof(struct mr_lane *));
	low->lane_count = below;
	group->lane_count -= below;
	memmove(group->lanes, group->lanes + below,
		group->lane_count * sizeof(struct mr_lane *));
	set_bounds(low);
	set_bounds(group);
	*rejecting = low;
	return MR_OK;
}

static inline void
watch(struct mr_group *group)
{
	group->tally.over_memory += group->active > group->memory_limit;
}

static inline void
step_malloc(
	struct mr_group *group, const struct mr_ranks *ranks, const struct mr_step *step)
{
	uint32_t asked = step->class, got = asked;
	uint64_t size = ranks->size[asked], capacity;
	struct mr_tally *tally = &group->tally;

	if (!group->counts[asked]) {
		uint32_t rank =
			mr_ranks_next(ranks, group->words, ranks->rank[asked] + 1);

		got = rank == MR_NONE ? MR_NONE : ranks->class_at[rank];
	}
	if (got != MR_NONE && ranks->size[got] < ranks->window_end[asked]) {
		capacity = ranks->size[got];
		if (!--group->counts[got])
			mr_ranks_empty(ranks, group->words, ranks->rank[got]);
		group->cached -= capacity;
		group->cached_blocks--;
		tally->hits++;
		tally->larger_hits += capacity != size;
		tally->slack_bytes += capacity - size;
		tally->hit_bytes += size;
	} else {
		capacity = size;
		got = asked;
		if (group->active + size + group->cached > tally->peak_total)
			tally->peak_total = group->active + size + group->cached;
	}
	group->active += capacity;
	if (group->active > tally->peak)
		tally->peak = group->active;
	group->live[step->slot] = got;
	watch(group);
}

static inline void
cache_block(struct mr_group *group, const struct mr_ranks *ranks, uint32_t class,
	uint64_t cached)
{
	if (!group->counts[class]++)
		mr_ranks_fill(ranks, group->words, ranks->rank[class]);
	group->cached = cached;
	group->cached_blocks++;
	if (cached > group->tally.peak_cached)
		group->tally.peak_cached = cached;
}

/* Frees; or returns true, and nothing is done, if the group must be parted first. */
static inline bool
step_free(struct mr_group *group, const struct mr_ranks *ranks, uint32_t slot)
{
	uint32_t class = group->live[slot];
	uint64_t capacity = ranks->size[class];
	uint64_t cached = group->cached + capacity;

	if (capacity) {
		if (cached > group->low && cached <= group->high)
			return true;
		if (cached <= group->low) {
			cache_block(group, ranks, class, cached);
		} else {
			group->tally.rejected_frees++;
			group->tally.rejected_bytes += capacity;
			if (cached < group->tally.rejected_at)
				group->tally.rejected_at = cached;
		}
	}
	group->active -= capacity;
	group->live[slot] = MR_NONE;
	watch(group);
	return false;
}

static void
clear(struct mr_group *group, const struct mr_ranks *ranks)
{
	group->tally.cleared_blocks += group->cached_blocks;
	group->tally.cleared_bytes += group->cached;
	group->cached = group->cached_blocks = 0;
	memset(group->counts, 0, ranks->count * sizeof(*group->counts));
	memset(group->words, 0, ranks->word_count * sizeof(*group->words));
}

static void
reset_peak(struct mr_group *group)
{
	mr_group_flush(group);
	for (size_t i = 0; i < group->lane_count; i++) {
		struct mr_tally *tally = &group->lanes[i]->tally;

		if (tally->peak > tally->peak_active)
			tally->peak_active = tally->peak;
		tally->peak = 0;
	}
}

static void
step_other(
	struct mr_group *group, const struct mr_ranks *ranks, const struct mr_step *step)
{
	if (step->op == MR_OP_SET_MEMORY_LIMIT)
		group->memory_limit = step->bytes;
	else if (step->op == MR_OP_CLEAR_CACHE)
		clear(group, ranks);
	else if (step->op == MR_OP_RESET_PEAK)
		reset_peak(group);
	watch(group);
}

enum mr_status
mr_group_advance(struct mr_group *group, const struct mr_scene *scene,
	const struct mr_step *steps, size_t count, struct mr_group **spare,
	struct mr_group **rejecting, struct mr_error *err)
{
	const struct mr_ranks *ranks = &scene->ranks;
	size_t at;

	*rejecting = NULL;
	for (at = group->at; at < count; at++) {
		const struct mr_step *step = &steps[at];

		if (step->op == MR_OP_MALLOC) {
			step_malloc(group, ranks, step);
		} else if (step->op != MR_OP_FREE) {
			step_other(group, ranks, step);
		} else if (step_free(group, ranks, step->slot)) {
			uint64_t cached =
				group->cached + ranks->size[group->live[step->slot]];

			group->at = at;
			return part(group, cached, scene, spare, rejecting, err);
		}
	}
	group->at = at;
	return MR_OK;
}

static uint64_t
mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

void
mr_group_hash(struct mr_group *group, const struct mr_scene *scene)
{
	uint64_t hash = mix(group->cached, group->active);

	for (uint32_t class = 0; class < scene->ranks.count; class ++)
		hash = mix(hash, group->counts[class]);
	for (uint32_t slot = 0; slot < scene->slot_count; slot++)
		hash = mix(hash, group->live[slot]);
	group->hash = hash;
}

bool
mr_group_equal(
	const struct mr_group *a, const struct mr_group *b, const struct mr_scene *scene)
{
	/* what is active and cached follows from these; all have one memory limit */
	return a->hash == b->hash &&
		!memcmp(a->counts, b->counts, scene->ranks.count * sizeof(*a->counts)) &&
		!memcmp(a->live, b->live, scene->slot_count * sizeof(*a->live));
}

static int
by_first(const void *a, const void *b)
{
	const struct mr_lane *x = *(struct mr_lane *const *)a;
	const struct mr_lane *y = *(struct mr_lane *const *)b;

	return (x->first > y->first) - (x->first < y->first);
}

enum mr_status
mr_group_join(struct mr_group *const *groups, size_t count, struct mr_error *err)
{
	struct mr_group *into = groups[0];
	size_t lanes = 0;
	enum mr_status st;

	for (size_t i = 0; i < count; i++)
		lanes += groups[i]->lane_count;
	if ((st = reserve_lanes(into, lanes, err)))
		return st;
	mr_group_flush(into);
	for (size_t i = 1; i < count; i++) {
		struct mr_group *other = groups[i];

		mr_group_flush(other);
		memcpy(into->lanes + into->lane_count, other->lanes,
			other->lane_count * sizeof(struct mr_lane *));
		into->lane_count += other->lane_count;
		other->lane_count = 0;
	}
	qsort(into->lanes, into->lane_count, sizeof(struct mr_lane *), by_first);
	set_bounds(into);
	return MR_OK;
}

void
mr_group_thin(struct mr_group *group, uint64_t from, uint64_t resolution)
{
	size_t kept = 0;

	for (size_t i = 0; i < group->lane_count; i++) {
		struct mr_lane *lane = group->lanes[i];

		lane->first = grid_up(lane->first, from, resolution);
		if (lane->last != MR_UNLIMITED)
			lane->last -= (lane->last - from) % resolution;
		if (lane->first <= lane->last)
			group->lanes[kept++] = lane;
		else
			free(lane);
	}
	group->lane_count = kept;
	if (kept)
		set_bounds(group);
}
