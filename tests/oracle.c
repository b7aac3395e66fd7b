/* SPDX-License-Identifier: MIT */
#include "oracle.h"

#include <stdlib.h>

/* Holds any product of two sizes. */
__extension__ typedef unsigned __int128 wide;

struct live {
	uint64_t id;
	uint64_t capacity;
};

struct oracle {
	struct mr_policy policy;
	bool keep_limits;
	struct mr_result result;
	struct live *live; /* result.live_blocks of them, in no order */
	size_t live_room;
	uint64_t *cached; /* result.cached_blocks capacities, earliest first */
	size_t cached_room;
};

static void *
resize(void *memory, size_t count, size_t size)
{
	void *grown = reallocarray(memory, count, size);

	if (!grown)
		abort();
	return grown;
}

struct oracle *
oracle_new(const struct mr_policy *policy, bool keep_limits)
{
	struct oracle *oracle = calloc(1, sizeof(*oracle));

	if (!oracle)
		abort();
	oracle->policy = *policy;
	oracle->keep_limits = keep_limits;
	oracle->result.cache_limit = policy->cache_limit;
	oracle->result.memory_limit = policy->memory_limit;
	return oracle;
}

void
oracle_free(struct oracle *oracle)
{
	if (!oracle)
		return;
	free(oracle->live);
	free(oracle->cached);
	free(oracle);
}

/* Takes one block out of the cache. */
static uint64_t
take(struct oracle *oracle, size_t at)
{
	struct mr_result *r = &oracle->result;
	uint64_t capacity = oracle->cached[at];

	for (size_t i = at; i + 1 < r->cached_blocks; i++)
		oracle->cached[i] = oracle->cached[i + 1];
	r->cached_blocks--;
	r->cached_bytes -= capacity;
	return capacity;
}

/* Gives the earliest cached block back to the system. */
static uint64_t
evict(struct oracle *oracle)
{
	uint64_t capacity = take(oracle, 0);

	oracle->result.evicted_blocks++;
	oracle->result.evicted_bytes += capacity;
	return capacity;
}

static bool
fits(const struct mr_policy *policy, uint64_t size, uint64_t capacity)
{
	wide times = (wide)policy->window_factor * size;
	wide plus = (wide)policy->window_pages * policy->page + size;

	return capacity < times && capacity < plus;
}

static struct oracle_outcome
allocate(struct oracle *oracle, const struct mr_event *event)
{
	struct mr_result *r = &oracle->result;
	struct oracle_outcome outcome = {.capacity = event->size};
	size_t best = r->cached_blocks;

	for (size_t i = 0; i < r->cached_blocks; i++)
		if (oracle->cached[i] >= event->size &&
			(best == r->cached_blocks ||
				oracle->cached[i] < oracle->cached[best]))
			best = i;
	r->mallocs++;
	r->requested_bytes += event->size;
	if (best < r->cached_blocks &&
		fits(&oracle->policy, event->size, oracle->cached[best])) {
		outcome.hit = true;
		outcome.capacity = take(oracle, best);
		r->hits++;
		r->hit_bytes += event->size;
		r->larger_hits += outcome.capacity > event->size;
		r->slack_bytes += outcome.capacity - event->size;
	} else {
		r->misses++;
	}
	r->active_bytes += outcome.capacity;
	if (r->active_bytes > r->peak_since_reset_bytes)
		r->peak_since_reset_bytes = r->active_bytes;
	if (r->live_blocks == oracle->live_room) {
		oracle->live_room = 2 * oracle->live_room + 8;
		oracle->live =
			resize(oracle->live, oracle->live_room, sizeof(*oracle->live));
	}
	oracle->live[r->live_blocks++] =
		(struct live){.id = event->id, .capacity = outcome.capacity};
	return outcome;
}

/* Forgets a live block and says what its capacity was. */
static uint64_t
forget(struct oracle *oracle, uint64_t id)
{
	size_t count = oracle->result.live_blocks;

	for (size_t i = 0; i < count; i++)
		if (oracle->live[i].id == id) {
			uint64_t capacity = oracle->live[i].capacity;

			oracle->live[i] = oracle->live[count - 1];
			return capacity;
		}
	abort();
}

static void
deallocate(struct oracle *oracle, const struct mr_event *event)
{
	struct mr_result *r = &oracle->result;
	uint64_t capacity = forget(oracle, event->id);

	r->frees++;
	r->live_blocks--;
	r->active_bytes -= capacity;
	if (capacity == 0 || oracle->policy.kind == MR_POLICY_NONE)
		return;
	if ((wide)r->cached_bytes + capacity > r->cache_limit) {
		r->rejected_frees++;
		r->rejected_bytes += capacity;
		return;
	}
	if (r->cached_blocks == oracle->cached_room) {
		oracle->cached_room = 2 * oracle->cached_room + 8;
		oracle->cached = resize(
			oracle->cached, oracle->cached_room, sizeof(*oracle->cached));
	}
	oracle->cached[r->cached_blocks++] = capacity;
	r->cached_bytes += capacity;
}

static void
set_limit(struct oracle *oracle, uint64_t limit)
{
	struct mr_result *r = &oracle->result;
	uint64_t need, gone = 0;
	bool everything;

	r->limit_changes++;
	r->cache_limit = limit;
	if (r->cached_bytes <= limit)
		return;
	need = r->cached_bytes - limit;
	everything = (wide)10 * need >= (wide)9 * r->cached_bytes;
	while (r->cached_blocks > 0 && (everything || gone < need)) {
		gone += evict(oracle);
		r->evictions_by_limit++;
	}
	r->evicted_bytes_by_limit += gone;
}

static void
clear(struct oracle *oracle)
{
	while (oracle->result.cached_blocks > 0) {
		oracle->result.cleared_blocks++;
		oracle->result.cleared_bytes += evict(oracle);
	}
}

static void
raise_to(uint64_t *peak, uint64_t value)
{
	if (value > *peak)
		*peak = value;
}

/* What is looked at after each event that was carried out. */
static void
look(struct mr_result *r)
{
	raise_to(&r->peak_active_bytes, r->active_bytes);
	raise_to(&r->peak_cached_bytes, r->cached_bytes);
	raise_to(&r->peak_total_bytes, r->active_bytes + r->cached_bytes);
	if (r->cached_bytes > r->cache_limit) {
		r->events_over_limit++;
		raise_to(&r->max_overshoot_bytes, r->cached_bytes - r->cache_limit);
	}
	if (r->active_bytes > r->memory_limit)
		r->events_over_memory_limit++;
}

struct oracle_outcome
oracle_step(struct oracle *oracle, const struct mr_event *event)
{
	struct oracle_outcome outcome = {0};
	struct mr_result *r = &oracle->result;

	r->events++;
	switch ((enum mr_op)event->op) {
	case MR_OP_MALLOC:
		outcome = allocate(oracle, event);
		break;
	case MR_OP_FREE:
		deallocate(oracle, event);
		break;
	case MR_OP_SET_CACHE_LIMIT:
		if (!oracle->keep_limits)
			return outcome;
		set_limit(oracle, event->bytes);
		break;
	case MR_OP_SET_MEMORY_LIMIT:
		r->memory_limit = event->bytes;
		break;
	case MR_OP_CLEAR_CACHE:
		clear(oracle);
		break;
	case MR_OP_RESET_PEAK:
		r->peak_since_reset_bytes = 0;
		break;
	case MR_OP_MARK:
	case MR_OP_COUNTERS:
		return outcome;
	}
	look(r);
	/* what is cached leaves by reuse, by eviction, or with the end */
	r->stale_bytes = r->evicted_bytes + r->cached_bytes;
	return outcome;
}

const struct mr_result *
oracle_result(const struct oracle *oracle)
{
	return &oracle->result;
}

uint64_t
oracle_cached(const struct oracle *oracle, size_t at)
{
	return oracle->cached[at];
}

#define MEMBER(name)                                                                     \
	{                                                                                \
#name, offsetof(struct mr_result, name)                                  \
	}

static const struct member {
	const char *name;
	size_t offset;
} members[] = {
	MEMBER(events),
	MEMBER(mallocs),
	MEMBER(frees),
	MEMBER(hits),
	MEMBER(misses),
	MEMBER(larger_hits),
	MEMBER(slack_bytes),
	MEMBER(requested_bytes),
	MEMBER(hit_bytes),
	MEMBER(rejected_frees),
	MEMBER(rejected_bytes),
	MEMBER(evicted_blocks),
	MEMBER(evicted_bytes),
	MEMBER(evictions_by_limit),
	MEMBER(evicted_bytes_by_limit),
	MEMBER(cleared_blocks),
	MEMBER(cleared_bytes),
	MEMBER(stale_bytes),
	MEMBER(active_bytes),
	MEMBER(cached_bytes),
	MEMBER(live_blocks),
	MEMBER(cached_blocks),
	MEMBER(peak_active_bytes),
	MEMBER(peak_since_reset_bytes),
	MEMBER(peak_cached_bytes),
	MEMBER(peak_total_bytes),
	MEMBER(cache_limit),
	MEMBER(memory_limit),
	MEMBER(limit_changes),
	MEMBER(max_overshoot_bytes),
	MEMBER(events_over_limit),
	MEMBER(events_over_memory_limit),
};

_Static_assert(sizeof(members) / sizeof(members[0]) ==
		sizeof(struct mr_result) / sizeof(uint64_t),
	"every member of struct mr_result is compared");

static uint64_t
value(const struct mr_result *result, const struct member *member)
{
	return *(const uint64_t *)(const void *)((const char *)result + member->offset);
}

const char *
oracle_difference(const struct mr_result *a, const struct mr_result *b)
{
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++)
		if (value(a, &members[i]) != value(b, &members[i]))
			return members[i].name;
	return NULL;
}
