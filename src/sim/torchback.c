/* SPDX-License-Identifier: MIT */
#include "sim/torchback.h"

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/torchfree.h"
#include "base/error.h"

/* Address space of an expandable range: the device is not known here. */
#define WIDE (UINT64_C(1) << 40)

struct life {
	uint64_t addr, size, requested;
	uint8_t state; /* enum mr_torch_state */
};

/* The state while walking back. */
struct back {
	struct mr_torch_script *script;
	const struct mr_recording *recording;
	struct mr_free_set live; /* lives, by (address, 0) */
	struct life *lives;
	uint32_t life_count, life_space;
	struct mr_free_set here;           /* segments and mapped runs, by (address, 0) */
	struct mr_torch_segment *segments; /* all that ever were */
	uint32_t segment_count, segment_space;
	bool failed; /* memory */
};

static bool
room(struct back *back, void **array, uint32_t count, uint32_t *space, size_t size)
{
	uint32_t more = 2 * *space + 64;
	void *grown;

	if (count < *space)
		return true;
	grown = more > *space ? realloc(*array, more * size) : NULL;
	if (!grown) {
		back->failed = true;
		return false;
	}
	*array = grown;
	*space = more;
	return true;
}

/* --- blocks */

static uint32_t
find(const struct mr_free_set *set, uint64_t addr)
{
	struct mr_free_at at = mr_free_lower(set, (struct mr_free_key){addr, 0});

	if (!mr_free_valid(set, at) || mr_free_at_key(set, at).size != addr)
		return MR_TORCH_NONE;
	return mr_free_block(set, at);
}

static uint32_t
add_life(struct back *back, const struct life *life)
{
	void *lives = back->lives;

	if (!room(back, &lives, back->life_count, &back->life_space,
		    sizeof(*back->lives)))
		return MR_TORCH_NONE;
	back->lives = lives;
	back->lives[back->life_count] = *life;
	if (mr_free_insert(
		    &back->live, (struct mr_free_key){life->addr, 0}, back->life_count))
		back->failed = true;
	return back->life_count++;
}

/* Undoes what an event did to a block. Returns the block. */
static uint32_t
undo_block(struct back *back, const struct mr_recorded_event *event)
{
	uint32_t number = find(&back->live, event->addr);
	struct life *life = number == MR_TORCH_NONE ? NULL : &back->lives[number];

	if (event->kind == MR_RECORDED_FREE_COMPLETED) {
		const struct life older = {event->addr,
			mr_torch_round(&back->recording->settings, event->size),
			event->size, MR_TORCH_WAITING};

		return life ? MR_TORCH_NONE : add_life(back, &older);
	}
	if (event->kind == MR_RECORDED_FREE) {
		const struct life older = {event->addr,
			mr_torch_round(&back->recording->settings, event->size),
			event->size, MR_TORCH_ACTIVE};

		return life ? MR_TORCH_NONE : add_life(back, &older);
	}
	if (!life)
		return MR_TORCH_NONE;
	if (event->kind == MR_RECORDED_FREE_REQUESTED) {
		if (life->state != MR_TORCH_WAITING)
			return MR_TORCH_NONE;
		life->state = MR_TORCH_ACTIVE;
		return number;
	}
	if (life->state != MR_TORCH_ACTIVE)
		return MR_TORCH_NONE;
	mr_free_remove(&back->live, (struct mr_free_key){event->addr, 0});
	return number;
}

/* --- segments */

static struct mr_torch_segment *
segment_before(struct back *back, uint64_t addr)
{
	struct mr_free_at at = mr_free_lower(&back->here, (struct mr_free_key){addr, 0});

	if (!back->here.blocks || !mr_free_previous(&back->here, &at))
		return NULL;
	return &back->segments[mr_free_block(&back->here, at)];
}

static struct mr_torch_segment *
segment_from(struct back *back, uint64_t addr)
{
	struct mr_free_at at = mr_free_lower(&back->here, (struct mr_free_key){addr, 0});

	if (!mr_free_valid(&back->here, at))
		return NULL;
	return &back->segments[mr_free_block(&back->here, at)];
}

/* Adds a segment; false if it overlaps another, or without memory. */
static bool
add_segment(struct back *back, const struct mr_torch_segment *segment)
{
	const struct mr_torch_segment *before = segment_before(back, segment->addr);
	const struct mr_torch_segment *from = segment_from(back, segment->addr);
	void *segments = back->segments;

	if (!segment->size || segment->addr > UINT64_MAX / 2 ||
		segment->size > UINT64_MAX / 4 ||
		(before && before->addr + before->size > segment->addr) ||
		(from && from->addr < segment->addr + segment->size))
		return false;
	if (!room(back, &segments, back->segment_count, &back->segment_space,
		    sizeof(*back->segments)))
		return false;
	back->segments = segments;
	back->segments[back->segment_count] = *segment;
	if (mr_free_insert(&back->here, (struct mr_free_key){segment->addr, 0},
		    back->segment_count))
		back->failed = true;
	back->segment_count++;
	return !back->failed;
}

static void
remove_segment(struct back *back, uint64_t addr)
{
	mr_free_remove(&back->here, (struct mr_free_key){addr, 0});
}

/* Takes what an event mapped out of its run. */
static bool
cut(struct back *back, const struct mr_recorded_event *event)
{
	const struct mr_torch_segment *found = segment_before(back, event->addr + 1);
	struct mr_torch_segment run, rest;
	uint64_t end = event->addr + event->size;

	if (!found || !found->expandable || event->size > found->size ||
		found->addr + found->size < end)
		return false;
	run = rest = *found;
	rest.addr = end;
	rest.size = run.addr + run.size - end;
	remove_segment(back, run.addr);
	run.size = event->addr - run.addr;
	return (!run.size || add_segment(back, &run)) &&
		(!rest.size || add_segment(back, &rest));
}

static bool
is_run(const struct mr_torch_segment *segment, const struct mr_recorded_event *event)
{
	return segment && segment->expandable &&
		segment->queue.stream == event->queue.stream;
}

/* Puts what an event unmapped back, as part of the runs beside it. */
static bool
fill(struct back *back, const struct mr_recorded_event *event)
{
	const struct mr_torch_segment *before = segment_before(back, event->addr);
	const struct mr_torch_segment *from = segment_from(back, event->addr);
	uint64_t end = event->addr + event->size;
	struct mr_torch_segment run = {.queue = event->queue, .expandable = true};

	run.small = event->size % back->recording->settings.large_segment != 0;
	if (is_run(before, event))
		run = *before;
	if (is_run(from, event) &&
		(!is_run(before, event) || from->addr == end ||
			from->addr - end < event->addr - before->addr - before->size))
		run = *from;
	run.addr = event->addr;
	run.size = event->size;
	if (is_run(before, event) && before->small == run.small &&
		before->addr + before->size == event->addr) {
		run.addr = before->addr;
		run.size += before->size;
	}
	if (is_run(from, event) && from->small == run.small && from->addr == end) {
		run.size += from->size;
		remove_segment(back, end);
	}
	if (run.addr < event->addr)
		remove_segment(back, run.addr);
	return add_segment(back, &run);
}

static bool
undo_device(struct back *back, const struct mr_recorded_event *event)
{
	const struct mr_torch_segment *segment = segment_from(back, event->addr);
	const struct mr_torch_segment freed = {.addr = event->addr,
		.size = event->size,
		.queue = event->queue,
		.small = event->size == MR_TORCH_SMALL_SEG};

	if (event->kind == MR_RECORDED_SEGMENT_FREE)
		return add_segment(back, &freed);
	if (event->kind == MR_RECORDED_SEGMENT_MAP)
		return cut(back, event);
	if (event->kind == MR_RECORDED_SEGMENT_UNMAP)
		return fill(back, event);
	if (!segment || segment->addr != event->addr || segment->size != event->size)
		return false;
	remove_segment(back, event->addr);
	return true;
}

/* --- the walk */

static void
undo(struct back *back, uint32_t *lives, size_t i)
{
	struct mr_recorded_event *event = &back->recording->events[i];
	const struct mr_torch_segment *segment;

	lives[i] = MR_TORCH_NONE;
	switch ((enum mr_torch_recorded)event->kind) {
	case MR_RECORDED_ALLOC:
	case MR_RECORDED_FREE_REQUESTED:
	case MR_RECORDED_FREE_COMPLETED:
	case MR_RECORDED_FREE:
		lives[i] = undo_block(back, event);
		segment = segment_before(back, event->addr + 1);
		if (segment)
			memcpy(event->queue.pool, segment->queue.pool,
				sizeof(event->queue.pool));
		break;
	case MR_RECORDED_SEGMENT_ALLOC:
	case MR_RECORDED_SEGMENT_FREE:
	case MR_RECORDED_SEGMENT_MAP:
	case MR_RECORDED_SEGMENT_UNMAP:
		back->script->strange += !undo_device(back, event);
		break;
	case MR_RECORDED_OOM:
	case MR_RECORDED_OTHER:
		break;
	}
}

/* The state after the last event. */
static enum mr_status
begin(struct back *back, struct mr_error *err)
{
	const struct mr_recording *recording = back->recording;

	for (size_t i = 0; i < recording->segment_count; i++) {
		const struct mr_recorded_segment *segment = &recording->segments[i];
		const struct mr_torch_segment made = {.addr = segment->addr,
			.size = segment->size,
			.queue = segment->queue,
			.small = segment->small,
			.expandable = segment->expandable};

		if (!add_segment(back, &made))
			return back->failed
				? mr_fail_memory(err)
				: mr_fail(err, MR_EFORMAT,
					  "the segment at 0x%" PRIx64 " overlaps another",
					  segment->addr);
		for (size_t j = 0; j < segment->block_count && !back->failed; j++) {
			const struct mr_recorded_block *block =
				&recording->blocks[segment->first_block + j];
			const struct life life = {
				block->addr, block->size, block->requested, block->state};

			if (block->state == MR_TORCH_FREE)
				continue;
			if (!block->size) {
				back->script->strange++;
				continue;
			}
			if (find(&back->live, block->addr) != MR_TORCH_NONE)
				return mr_fail(err, MR_EFORMAT,
					"two blocks at 0x%" PRIx64, block->addr);
			add_life(back, &life);
		}
	}
	return back->failed ? mr_fail_memory(err) : MR_OK;
}

/* --- ranges */

static int
by_address(const void *a, const void *b)
{
	const struct mr_torch_segment *one = a, *other = b;

	return one->addr < other->addr ? -1 : one->addr > other->addr;
}

static bool
same_lane(const struct mr_torch_segment *a, const struct mr_torch_segment *b)
{
	return a->small == b->small && a->queue.stream == b->queue.stream &&
		a->queue.pool[0] == b->queue.pool[0] &&
		a->queue.pool[1] == b->queue.pool[1];
}

/*
 * Makes ranges of all runs that ever were: neighbours of the same pool and
 * stream are one range. It ends where the next thing begins. Frees segments.
 */
static void
make_ranges(struct back *back)
{
	struct mr_torch_script *script = back->script;
	struct mr_torch_segment *all = back->segments;
	uint64_t large = back->recording->settings.large_segment;
	size_t count = 0, kept = 0;

	if (back->segment_count)
		qsort(all, back->segment_count, sizeof(*all), by_address);
	for (size_t i = 0; i < back->segment_count; i++) {
		struct mr_torch_segment *last = count ? &all[count - 1] : NULL;
		uint64_t end = all[i].addr + all[i].size;

		if (last && last->expandable && all[i].expandable &&
			same_lane(last, &all[i])) {
			last->range_end = end > last->range_end ? end : last->range_end;
			continue;
		}
		all[count] = all[i];
		all[count].range_addr = all[i].addr;
		all[count++].range_end = end;
	}
	for (size_t i = 0; i < count; i++) {
		uint64_t step = all[i].small ? MR_TORCH_SMALL_SEG : large;
		uint64_t most = WIDE;

		if (!all[i].expandable)
			continue;
		if (i + 1 < count && all[i + 1].addr - all[i].addr < most)
			most = all[i + 1].addr - all[i].addr;
		most = all[i].addr + most / step * step;
		if (most > all[i].range_end)
			all[i].range_end = most;
		all[kept++] = all[i];
	}
	script->ranges = all;
	script->range_count = kept;
	back->segments = NULL;
}

static void
find_range(const struct mr_torch_script *script, struct mr_torch_segment *segment)
{
	for (size_t i = 0; i < script->range_count; i++)
		if (script->ranges[i].addr <= segment->addr &&
			segment->addr < script->ranges[i].range_end) {
			segment->range_addr = script->ranges[i].range_addr;
			segment->range_end = script->ranges[i].range_end;
		}
}

/* --- the beginning */

/* Keeps the segments that are there at the beginning. */
static bool
keep_segments(struct back *back)
{
	struct mr_torch_script *script = back->script;
	const struct mr_free_set *here = &back->here;

	script->segments = calloc(here->blocks + 1, sizeof(*script->segments));
	if (!script->segments)
		return false;
	for (struct mr_free_at at = mr_free_first(); mr_free_valid(here, at);
		at = mr_free_next(here, at))
		script->segments[script->segment_count++] =
			back->segments[mr_free_block(here, at)];
	return true;
}

/*
 * Without expandable segments every free block of a large pool is above 1 MiB:
 * less than that after a block is its own unsplit tail.
 */
static void
add_tail(const struct mr_torch_segment *segment, struct mr_torch_part *part, uint64_t end)
{
	uint64_t gap = end - part->addr - part->size;

	if (!segment->small && !segment->expandable && gap <= MR_TORCH_SMALL)
		part->size += gap;
}

/* Where a block has to end: the next older block, or its segment's end. */
static uint64_t
end_of(const struct mr_torch_script *script, size_t i)
{
	const struct mr_torch_older *older = &script->older[i];
	const struct mr_torch_segment *segment = &script->segments[older->segment];
	uint64_t end = segment->addr + segment->size;

	if (i + 1 < script->older_count && older[1].part.addr < end)
		end = older[1].part.addr;
	return end;
}

/* Keeps the blocks that are in use at the beginning, each in its segment. */
static bool
keep_blocks(struct back *back)
{
	struct mr_torch_script *script = back->script;
	const struct mr_free_set *live = &back->live;
	uint32_t segment = 0;

	script->older = calloc(live->blocks + 1, sizeof(*script->older));
	if (!script->older)
		return false;
	for (struct mr_free_at at = mr_free_first(); mr_free_valid(live, at);
		at = mr_free_next(live, at)) {
		uint32_t number = mr_free_block(live, at);
		const struct life *life = &back->lives[number];
		struct mr_torch_older *older = &script->older[script->older_count];

		while (segment < script->segment_count &&
			script->segments[segment].addr + script->segments[segment].size <=
				life->addr)
			segment++;
		if (segment == script->segment_count ||
			script->segments[segment].addr > life->addr) {
			script->strange++;
			continue;
		}
		*older = (struct mr_torch_older){.life = number,
			.segment = segment,
			.waiting = life->state == MR_TORCH_WAITING,
			.part = {life->addr, life->size, life->requested}};
		script->older_count++;
	}
	for (size_t i = 0; i < script->older_count; i++) {
		struct mr_torch_part *part = &script->older[i].part;
		uint64_t end = end_of(script, i);

		if (part->size > end - part->addr) {
			part->size = end - part->addr;
			script->strange++;
		}
		add_tail(&script->segments[script->older[i].segment], part, end);
	}
	return true;
}

enum mr_status
mr_torch_walk_back(struct mr_torch_script *script, uint32_t *lives,
	const struct mr_recording *recording, struct mr_error *err)
{
	struct back back = {.script = script, .recording = recording};
	enum mr_status st = begin(&back, err);

	for (size_t i = recording->event_count; !st && i-- > 0 && !back.failed;)
		undo(&back, lives, i);
	if (!st && (back.failed || !keep_segments(&back) || !keep_blocks(&back)))
		st = mr_fail_memory(err);
	if (!st) {
		make_ranges(&back);
		for (size_t i = 0; i < script->segment_count; i++)
			if (script->segments[i].expandable)
				find_range(script, &script->segments[i]);
		script->lives = back.life_count;
	}
	mr_free_set_fini(&back.live);
	mr_free_set_fini(&back.here);
	free(back.lives);
	free(back.segments);
	return st;
}
