/* SPDX-License-Identifier: MIT */
#include "walk.h"

#include <stdlib.h>

#define PALETTE 12

struct block {
	uint64_t id;
	uint32_t slot;
};

struct walk {
	struct walk_options options;
	struct mr_policy policy;
	uint64_t state;
	uint64_t next_id;
	uint64_t palette[PALETTE]; /* sizes that come again and again */
	unsigned malloc_percent;   /* of this phase: the heap grows or shrinks */
	size_t live;
	struct block *blocks; /* the first `live` are live, the others hold free slots */
};

/* splitmix64 */
static uint64_t
draw(struct walk *walk)
{
	uint64_t z = walk->state += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t
walk_below(struct walk *walk, uint64_t bound)
{
	return draw(walk) % bound;
}

static uint64_t
at_most(uint64_t value, uint64_t limit)
{
	return value < limit ? value : limit;
}

/* Any number up to max, small ones as likely as large ones. */
static uint64_t
any(struct walk *walk, uint64_t max)
{
	return at_most(draw(walk) >> walk_below(walk, 64), max);
}

/* value, or one or two beside it */
static uint64_t
beside(struct walk *walk, uint64_t value)
{
	uint64_t shifted = value + walk_below(walk, 5);

	return shifted >= 2 ? shifted - 2 : 0;
}

struct walk *
walk_new(const struct walk_options *options, const struct mr_policy *policy)
{
	struct walk *walk = calloc(1, sizeof(*walk));

	if (!walk)
		abort();
	walk->options = *options;
	walk->policy = *policy;
	walk->state = options->seed;
	walk->next_id = 1;
	walk->malloc_percent = 70;
	walk->blocks = calloc(options->max_live, sizeof(*walk->blocks));
	if (!walk->blocks)
		abort();
	for (size_t i = 0; i < options->max_live; i++)
		walk->blocks[i].slot = (uint32_t)i;
	for (size_t i = 0; i < PALETTE; i++)
		walk->palette[i] = i % 2
			? at_most(beside(walk, 4096 * i), options->max_size)
			: any(walk, options->max_size);
	return walk;
}

void
walk_free(struct walk *walk)
{
	if (!walk)
		return;
	free(walk->blocks);
	free(walk);
}

/* A request that a cached block of this capacity only just serves, or does not. */
static uint64_t
window_edge(struct walk *walk, uint64_t capacity)
{
	const struct mr_policy *policy = &walk->policy;
	uint64_t pages = policy->window_pages * policy->page;

	switch (walk_below(walk, 3)) {
	case 0:
		return beside(walk, capacity);
	case 1:
		return beside(walk,
			capacity / (policy->window_factor + !policy->window_factor));
	default:
		return beside(walk, capacity > pages ? capacity - pages : capacity);
	}
}

static uint64_t
request(struct walk *walk, const struct oracle *oracle)
{
	const struct mr_result *now = oracle_result(oracle);
	uint64_t kind = walk_below(walk, 20);

	if (kind < 1)
		return walk_below(walk, 3);
	if (kind < 3)
		return any(walk, walk->options.max_size);
	if (kind < 10 && now->cached_blocks > 0) {
		size_t at = (size_t)walk_below(walk, now->cached_blocks);
		uint64_t size = window_edge(walk, oracle_cached(oracle, at));

		return at_most(size, walk->options.max_size);
	}
	if (kind < 12)
		return at_most(beside(walk, walk->palette[walk_below(walk, PALETTE)]),
			walk->options.max_size);
	return walk->palette[walk_below(walk, PALETTE)];
}

static uint64_t
limit(struct walk *walk, const struct oracle *oracle)
{
	const struct mr_result *now = oracle_result(oracle);
	uint64_t cached = now->cached_bytes;
	uint64_t limit;

	switch (walk_below(walk, 8)) {
	case 0:
		limit = 0;
		break;
	case 1:
		limit = MR_UNLIMITED;
		break;
	case 2:
		limit = beside(walk, cached);
		break;
	case 3: /* a tenth of what is cached is all that may stay */
		limit = beside(walk, cached / 10);
		break;
	case 4: /* within the reach of the 0.9 rule, or not */
		limit = walk_below(walk, cached / 5 + 1);
		break;
	case 5:
		limit = walk_below(walk, cached + 1);
		break;
	default: /* room for a part of the heap */
		limit = walk_below(walk, now->peak_total_bytes + 1);
		break;
	}
	return at_most(limit, walk->options.max_limit);
}

/* Beside what is in use, or will be with the next malloc. */
static uint64_t
memory_limit(struct walk *walk, const struct oracle *oracle)
{
	const struct mr_result *now = oracle_result(oracle);
	uint64_t total = now->active_bytes + now->cached_bytes;

	switch (walk_below(walk, 6)) {
	case 0:
	case 1:
		return beside(walk, now->active_bytes);
	case 2:
		return beside(walk, total);
	case 3:
		return beside(walk, total + walk->palette[walk_below(walk, PALETTE)]);
	case 4:
		return walk_below(walk, now->peak_total_bytes + 1);
	default:
		return MR_UNLIMITED;
	}
}

static void
control(struct walk *walk, const struct oracle *oracle, struct mr_event *event)
{
	uint64_t kind = walk_below(walk, 16);

	if (kind < 9) {
		event->op = MR_OP_SET_CACHE_LIMIT;
		event->bytes = limit(walk, oracle);
	} else if (kind < 11) {
		event->op = MR_OP_SET_MEMORY_LIMIT;
		event->bytes = memory_limit(walk, oracle);
	} else if (kind < 12) {
		event->op = MR_OP_CLEAR_CACHE;
	} else if (kind < 14) {
		event->op = MR_OP_RESET_PEAK;
	} else if (kind < 15) {
		event->op = MR_OP_MARK;
		event->name = "step";
		event->name_length = 4;
	} else {
		event->op = MR_OP_COUNTERS;
	}
}

static void
malloc_event(struct walk *walk, const struct oracle *oracle, struct mr_event *event)
{
	struct block *block = &walk->blocks[walk->live++];

	block->id = walk->next_id;
	walk->next_id += 1 + walk_below(walk, 2);
	event->op = MR_OP_MALLOC;
	event->id = block->id;
	event->slot = block->slot;
	event->size = request(walk, oracle);
}

static void
free_event(struct walk *walk, struct mr_event *event)
{
	struct block *last = &walk->blocks[walk->live - 1];
	struct block *block = &walk->blocks[walk_below(walk, walk->live)];
	struct block freed = *block;

	*block = *last;
	*last = freed;
	walk->live--;
	event->op = MR_OP_FREE;
	event->id = freed.id;
	event->slot = freed.slot;
}

void
walk_next(struct walk *walk, const struct oracle *oracle, struct mr_event *event)
{
	bool room = walk->live < walk->options.max_live;

	*event = (struct mr_event){0};
	if (walk_below(walk, 40) == 0)
		walk->malloc_percent = 25 + 10 * (unsigned)walk_below(walk, 6);
	if (walk_below(walk, 24) == 0)
		control(walk, oracle, event);
	else if (walk->live == 0 ||
		(room && walk_below(walk, 100) < walk->malloc_percent))
		malloc_event(walk, oracle, event);
	else
		free_event(walk, event);
}

bool
walk_drain(struct walk *walk, struct mr_event *event)
{
	*event = (struct mr_event){0};
	if (walk->live == 0)
		return false;
	free_event(walk, event);
	return true;
}
