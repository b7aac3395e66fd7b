/* SPDX-License-Identifier: MIT */
#include "sim/bound.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/core.h"
#include "alloc/round.h"
#include "base/error.h"

#define BITS 20
#define UNIT (1 << BITS)

/* min(1, capacity / 2^lane), rounded down: it grows with the capacity. */
static int32_t
worth(uint64_t capacity, int lane)
{
	if (capacity >> lane)
		return UNIT;
	return (int32_t)(lane > BITS ? capacity >> (lane - BITS)
				     : capacity << (BITS - lane));
}

/* The fee is what a full cache can be worth, rounded up. */
static void
set_room(struct mr_bound *bound)
{
	uint64_t room = bound->limit;

	if (bound->loosened > room)
		room = bound->loosened;
	if (bound->loose)
		room = room > MR_UNLIMITED - bound->largest ? MR_UNLIMITED
							    : room + bound->largest;
	bound->room = room;
	for (int lane = 0; lane < MR_BOUND_LANES; lane++)
		bound->fee[lane] = room == MR_UNLIMITED
			? INFINITY
			: ceil(ldexp((double)room * (1 + 0x1p-50), BITS - lane));
}

void
mr_bound_init(struct mr_bound *bound, const struct mr_policy *policy)
{
	memset(bound, 0, sizeof(*bound));
	bound->policy = *policy;
	bound->shrink = 1;
	for (size_t i = 0; i < MR_BOUND_MEMO; i++)
		bound->memo[i].size = MR_UNLIMITED;
	bound->loose =
		policy->kind == MR_POLICY_MLX_METAL || policy->kind == MR_POLICY_MLX_CUDA;
	bound->limit = policy->cache_limit;
	set_room(bound);
}

void
mr_bound_fini(struct mr_bound *bound)
{
	free(bound->sizes);
	bound->sizes = NULL;
}

static const struct mr_bound_worth *
find_worth(struct mr_bound *bound, uint64_t size)
{
	struct mr_bound_worth *w = &bound->memo[mr_sizes_memo_at(size) % MR_BOUND_MEMO];
	uint64_t end;

	if (w->size == size)
		return w;
	w->size = size;
	w->least = mr_round(&bound->policy, size);
	end = mr_window_end(&bound->policy, w->least);
	w->most = end > w->least ? end - 1 : w->least;
	for (int lane = 0; lane < MR_BOUND_LANES; lane++) {
		w->low[lane] = worth(w->least, lane);
		w->high[lane] = worth(w->most, lane);
	}
	return w;
}

static enum mr_status
reserve_slot(struct mr_bound *bound, uint32_t slot, struct mr_error *err)
{
	size_t space = (size_t)slot + slot / 2 + 64;
	uint64_t *sizes = realloc(bound->sizes, space * sizeof(*sizes));

	if (!sizes)
		return mr_fail_memory(err);
	bound->sizes = sizes;
	bound->slot_space = space > UINT32_MAX ? UINT32_MAX : (uint32_t)space;
	return MR_OK;
}

enum mr_status
mr_bound_malloc(
	struct mr_bound *bound, uint32_t slot, uint64_t size, struct mr_error *err)
{
	struct mr_bound_bytes *bytes = &bound->bytes;
	const struct mr_bound_worth *w;
	enum mr_status st;

	if (slot >= bound->slot_space && (st = reserve_slot(bound, slot, err)))
		return st;
	bound->sizes[slot] = size;
	if (!size) {
		bound->zeros++;
		return MR_OK;
	}
	w = find_worth(bound, size);
	if (w->most > bound->largest || bound->loosened) {
		bound->largest = w->most > bound->largest ? w->most : bound->largest;
		bound->loosened = 0;
		set_room(bound);
	}
	if ((double)size < bound->shrink * (double)w->least)
		bound->shrink = (double)size / (double)w->least;
	for (int lane = 0; lane < MR_BOUND_LANES; lane++) {
		double now = bound->low[lane] += w->low[lane], out;

		bound->high[lane] += w->high[lane];
		out = bound->in[lane] + now;
		bound->out[lane] = out > bound->out[lane] ? out : bound->out[lane];
	}
	bytes->low = mr_wide_plus(bytes->low, mr_wide(w->least));
	bytes->high = mr_wide_plus(bytes->high, mr_wide(w->most));
	bytes->out = mr_wide_larger(bytes->out, mr_wide_plus(bytes->in, bytes->low));
	return MR_OK;
}

/* A moment at which `room` bytes can be cached, or none. */
static void
enter(struct mr_bound *bound, bool empty)
{
	struct mr_bound_bytes *bytes = &bound->bytes;
	struct mr_wide left;

	for (int lane = 0; lane < MR_BOUND_LANES; lane++) {
		double in = bound->out[lane] - bound->high[lane];

		in -= empty ? 0 : bound->fee[lane];
		bound->in[lane] = in > bound->in[lane] ? in : bound->in[lane];
	}
	left = mr_wide_minus(bytes->out, bytes->high);
	left = mr_wide_minus(left, mr_wide(empty ? 0 : bound->room));
	bytes->in = mr_wide_larger(bytes->in, left);
}

void
mr_bound_free(struct mr_bound *bound, uint32_t slot)
{
	struct mr_bound_bytes *bytes = &bound->bytes;
	uint64_t size = bound->sizes[slot];
	const struct mr_bound_worth *w;

	if (!size)
		return;
	w = find_worth(bound, size);
	for (int lane = 0; lane < MR_BOUND_LANES; lane++) {
		bound->low[lane] -= w->low[lane];
		bound->high[lane] -= w->high[lane];
	}
	bytes->low = mr_wide_minus(bytes->low, mr_wide(w->least));
	bytes->high = mr_wide_minus(bytes->high, mr_wide(w->most));
	enter(bound, false);
}

void
mr_bound_clear(struct mr_bound *bound)
{
	enter(bound, true);
}

void
mr_bound_set_limit(struct mr_bound *bound, uint64_t limit)
{
	if (bound->loose && bound->limit > bound->loosened)
		bound->loosened = bound->limit;
	bound->limit = limit;
	set_room(bound);
	enter(bound, false);
}

uint64_t
mr_bound_misses(const struct mr_bound *bound)
{
	double best = 0;

	for (int lane = 0; lane < MR_BOUND_LANES; lane++)
		best = bound->out[lane] > best ? bound->out[lane] : best;
	return bound->zeros + (uint64_t)ceil(best / UNIT);
}

uint64_t
mr_bound_miss_bytes(const struct mr_bound *bound)
{
	if (bound->shrink >= 1)
		return bound->bytes.out.low;
	/* Capacities of new blocks, of which at least this share was asked for. */
	return (uint64_t)(mr_wide_real(bound->bytes.out) * bound->shrink * (1 - 0x1p-50));
}
