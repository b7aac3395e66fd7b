/* SPDX-License-Identifier: MIT */
#include "sim/stale.h"

#include <stdlib.h>
#include <string.h>

#include "alloc/sizes.h"
#include "base/error.h"

void
mr_stale_init(struct mr_stale *stale)
{
	memset(stale, 0, sizeof(*stale));
	stale->oldest = stale->newest = MR_NONE;
}

void
mr_stale_fini(struct mr_stale *stale)
{
	free(stale->stretches);
	stale->stretches = NULL;
}

/* The stretch of a block, or the base. */
static struct mr_stretch *
stretch(struct mr_stale *stale, uint32_t block)
{
	return block == MR_NONE ? &stale->base : &stale->stretches[block];
}

enum mr_status
mr_stale_cache(
	struct mr_stale *stale, uint32_t block, uint64_t event, struct mr_error *err)
{
	if (block >= stale->space) {
		size_t space = (size_t)block + block / 2 + 64;
		struct mr_stretch *stretches =
			realloc(stale->stretches, space * sizeof(*stretches));

		if (!stretches)
			return mr_fail_memory(err);
		stale->stretches = stretches;
		stale->space = space > UINT32_MAX ? UINT32_MAX : (uint32_t)space;
	}
	stale->stretches[block] = (struct mr_stretch){
		.since = event, .older = stale->newest, .newer = MR_NONE};
	if (stale->newest == MR_NONE)
		stale->oldest = block;
	else
		stale->stretches[stale->newest].newer = block;
	stale->newest = block;
	return MR_OK;
}

/* Appends the steps of the block's stretch to the one before, and forgets it. */
static void
join(struct mr_stale *stale, uint32_t block)
{
	struct mr_stretch *gone = &stale->stretches[block];
	struct mr_stretch *before = stretch(stale, gone->older);

	before->most =
		mr_wide_larger(before->most, mr_wide_plus(before->sum, gone->most));
	before->sum = mr_wide_plus(before->sum, gone->sum);
	if (gone->older == MR_NONE)
		stale->oldest = gone->newer;
	else
		before->newer = gone->newer;
	if (gone->newer == MR_NONE)
		stale->newest = gone->older;
	else
		stale->stretches[gone->newer].older = gone->older;
}

void
mr_stale_reuse(struct mr_stale *stale, uint32_t block)
{
	join(stale, block);
}

/* Puts a step before all others of a stretch. */
static void
begin_with(struct mr_stretch *own, uint64_t capacity)
{
	own->sum = mr_wide_plus(own->sum, mr_wide(capacity));
	own->most = mr_wide_plus(own->most, mr_wide(capacity));
}

/* Adds those of a block that leaves the cache with an event. */
static void
add_byte_events(struct mr_wide *sum, const struct mr_stretch *own, uint64_t capacity,
	uint64_t event)
{
	struct mr_wide product;

	(void)mr_wide_times(&product, mr_wide(capacity), event - own->since);
	*sum = mr_wide_plus(*sum, product);
}

void
mr_stale_evict(struct mr_stale *stale, uint32_t block, uint64_t capacity, uint64_t event)
{
	struct mr_stretch *own = &stale->stretches[block], *newest;

	add_byte_events(&stale->byte_events, own, capacity, event);
	begin_with(own, capacity);
	newest = &stale->stretches[stale->newest];
	newest->sum = mr_wide_minus(newest->sum, mr_wide(capacity));
	join(stale, block);
}

void
mr_stale_result(const struct mr_stale *stale, uint64_t event,
	uint64_t (*capacity)(const void *context, uint32_t block), const void *context,
	uint64_t *peak, struct mr_wide *byte_events)
{
	struct mr_wide sum = stale->base.sum, most = stale->base.most;

	*byte_events = stale->byte_events;
	for (uint32_t b = stale->oldest; b != MR_NONE; b = stale->stretches[b].newer) {
		struct mr_stretch own = stale->stretches[b];
		uint64_t bytes = capacity(context, b);

		add_byte_events(byte_events, &own, bytes, event + 1);
		begin_with(&own, bytes);
		most = mr_wide_larger(most, mr_wide_plus(sum, own.most));
		sum = mr_wide_plus(sum, own.sum);
	}
	*peak = most.low;
}
