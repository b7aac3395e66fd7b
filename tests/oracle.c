/* SPDX-License-Identifier: MIT */
#include "oracle.h"

#include <stdlib.h>

struct live {
	uint64_t id;
	uint64_t capacity;
	bool has_block;
};

struct oracle {
	struct mr_policy policy;
	bool keep_limits;
	struct mr_result result;
	struct live *live; /* in no order, those without a block too */
	size_t live_count;
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

static bool
is_gpu(const struct mr_policy *policy)
{
	return policy->kind == MR_POLICY_MLX_METAL || policy->kind == MR_POLICY_MLX_CUDA;
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* What does not fit is more than any size, and the largest number is as good. */
static uint64_t
plus(uint64_t a, uint64_t b)
{
	return a + b < a ? UINT64_MAX : a + b;
}

static uint64_t
times(uint64_t a, uint64_t b)
{
	return b && a > UINT64_MAX / b ? UINT64_MAX : a * b;
}

/* A share of a limit that may be missing. */
static uint64_t
percent(uint64_t bytes, unsigned hundredths)
{
	if (bytes == MR_UNLIMITED)
		return bytes;
	return plus(times(bytes / 100, hundredths), bytes % 100 * hundredths / 100);
}

static void
derive_limits(struct mr_policy *policy)
{
	if (!is_gpu(policy))
		return;
	if (policy->memory_limit == MR_DERIVED)
		policy->memory_limit = least(percent(policy->memory, 95),
			policy->kind == MR_POLICY_MLX_CUDA
				? MR_UNLIMITED
				: percent(policy->working_set, 150));
	if (policy->cache_limit == MR_DERIVED)
		policy->cache_limit = policy->memory_limit;
}

struct oracle *
oracle_new(const struct mr_policy *policy, bool keep_limits)
{
	struct oracle *oracle = calloc(1, sizeof(*oracle));

	if (!oracle)
		abort();
	oracle->policy = *policy;
	oracle->keep_limits = keep_limits;
	derive_limits(&oracle->policy);
	oracle->result.cache_limit = oracle->policy.cache_limit;
	oracle->result.memory_limit = oracle->policy.memory_limit;
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
	return capacity < times(policy->window_factor, size) &&
		capacity < plus(times(policy->window_pages, policy->page), size);
}

static uint64_t
multiple(uint64_t size, uint64_t of)
{
	return (size + of - 1) / of * of;
}

static uint64_t
power_of_two(uint64_t size)
{
	uint64_t power = 1;

	while (power < size)
		power *= 2;
	return power;
}

/* The size that a request is made into. */
static uint64_t
rounded(const struct mr_policy *policy, uint64_t asked)
{
	uint64_t size = asked, octave;

	if (policy->kind == MR_POLICY_MLX_METAL && size > policy->page)
		size = multiple(size, policy->page);
	if (policy->kind == MR_POLICY_MLX_CUDA && size <= 8)
		size = 8;
	else if (policy->kind == MR_POLICY_MLX_CUDA && size < policy->page)
		size = power_of_two(size);
	else if (policy->kind == MR_POLICY_MLX_CUDA)
		size = multiple(size, policy->page);
	if (asked > 0 && policy->round > 0) {
		octave = power_of_two(size / 2 + 1); /* the last power of two <= size */
		if (octave / policy->round > 1)
			size = multiple(size, octave / policy->round);
	}
	return size;
}

/* The place of the smallest cached block of at least size, the earliest of them. */
static size_t
find_best(const struct oracle *oracle, uint64_t size)
{
	size_t best = SIZE_MAX;

	for (size_t i = 0; i < oracle->result.cached_blocks; i++)
		if (oracle->cached[i] >= size &&
			(best == SIZE_MAX || oracle->cached[i] < oracle->cached[best]))
			best = i;
	return best;
}

/* MLX's way to give back so many bytes, or more. Counts them for a cause. */
static void
release(struct oracle *oracle, uint64_t need, uint64_t *blocks, uint64_t *bytes)
{
	struct mr_result *r = &oracle->result;
	/* nine tenths of what is cached, or more */
	bool everything = need >= r->cached_bytes - r->cached_bytes / 10;
	uint64_t gone = 0;

	while (r->cached_blocks > 0 && (everything || gone < need)) {
		gone += evict(oracle);
		++*blocks;
	}
	*bytes += gone;
}

static bool
at_block_limit(const struct oracle *oracle)
{
	const struct mr_result *r = &oracle->result;

	return oracle->policy.max_blocks > 0 &&
		r->live_blocks + r->cached_blocks >= oracle->policy.max_blocks;
}

/* What a miss does to the cache before it asks the system. */
static void
make_way(struct oracle *oracle, uint64_t size)
{
	struct mr_result *r = &oracle->result;
	uint64_t need = plus(plus(r->active_bytes, r->cached_bytes), size);
	uint64_t gc_limit =
		least(percent(oracle->policy.working_set, 95), r->memory_limit);
	uint64_t *blocks = &r->evictions_by_pressure;
	uint64_t *bytes = &r->evicted_bytes_by_pressure;

	if (oracle->policy.kind == MR_POLICY_MLX_METAL) {
		if (need >= gc_limit)
			release(oracle, (uint64_t)(need - gc_limit), blocks, bytes);
		else if (at_block_limit(oracle))
			release(oracle, r->cached_bytes, blocks, bytes);
		return;
	}
	if (oracle->policy.kind == MR_POLICY_MLX_CUDA && need > r->memory_limit)
		release(oracle, need - r->memory_limit, blocks, bytes);
	if (at_block_limit(oracle) && r->cached_blocks > 0) {
		*bytes += evict(oracle);
		++*blocks;
	}
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
remember(struct oracle *oracle, struct live live)
{
	if (oracle->live_count == oracle->live_room) {
		oracle->live_room = 2 * oracle->live_room + 8;
		oracle->live =
			resize(oracle->live, oracle->live_room, sizeof(*oracle->live));
	}
	oracle->live[oracle->live_count++] = live;
}

static void
trim(struct oracle *oracle)
{
	struct mr_result *r = &oracle->result;

	if (r->cached_bytes > r->cache_limit)
		release(oracle, r->cached_bytes - r->cache_limit, &r->evictions_by_limit,
			&r->evicted_bytes_by_limit);
}

/* The end of a malloc that got a block. */
static void
after_malloc(struct oracle *oracle)
{
	if (is_gpu(&oracle->policy))
		trim(oracle);
	if (oracle->policy.clear_every > 0 &&
		oracle->result.mallocs % oracle->policy.clear_every == 0)
		clear(oracle);
}

/* False: it got no block. */
static bool
allocate(struct oracle *oracle, const struct mr_event *event,
	struct oracle_outcome *outcome)
{
	struct mr_result *r = &oracle->result;
	uint64_t size = rounded(&oracle->policy, event->size);
	size_t best = find_best(oracle, size);

	if (best != SIZE_MAX && fits(&oracle->policy, size, oracle->cached[best])) {
		outcome->hit = true;
		outcome->capacity = take(oracle, best);
		r->hits++;
		r->hit_bytes += event->size;
		r->larger_hits += outcome->capacity > event->size;
		r->slack_bytes += outcome->capacity - event->size;
	} else {
		make_way(oracle, size);
		if (at_block_limit(oracle)) {
			if (r->failed_mallocs++ == 0)
				r->first_failed_malloc = r->events;
			return false;
		}
		r->misses++;
		outcome->capacity = size;
	}
	r->mallocs++;
	r->requested_bytes += event->size;
	r->active_bytes += outcome->capacity;
	if (r->active_bytes > r->peak_since_reset_bytes)
		r->peak_since_reset_bytes = r->active_bytes;
	r->live_blocks++;
	after_malloc(oracle);
	return true;
}

/* Forgets what a malloc got. */
static struct live
forget(struct oracle *oracle, uint64_t id)
{
	for (size_t i = 0; i < oracle->live_count; i++)
		if (oracle->live[i].id == id) {
			struct live live = oracle->live[i];

			oracle->live[i] = oracle->live[--oracle->live_count];
			return live;
		}
	abort();
}

/* Whether a block may join so many cached bytes. */
static bool
may_join(const struct oracle *oracle, uint64_t cached, uint64_t capacity)
{
	if (is_gpu(&oracle->policy))
		return cached < oracle->result.cache_limit;
	return plus(cached, capacity) <= oracle->result.cache_limit;
}

static void
deallocate(struct oracle *oracle, uint64_t capacity)
{
	struct mr_result *r = &oracle->result;

	r->frees++;
	r->live_blocks--;
	r->active_bytes -= capacity;
	if (capacity == 0 || oracle->policy.kind == MR_POLICY_NONE)
		return;
	while (oracle->policy.on_full == MR_ON_FULL_EVICT &&
		may_join(oracle, 0, capacity) &&
		!may_join(oracle, r->cached_bytes, capacity)) {
		r->evicted_bytes_for_room += evict(oracle);
		r->evictions_for_room++;
	}
	if (!may_join(oracle, r->cached_bytes, capacity)) {
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
	oracle->result.limit_changes++;
	oracle->result.cache_limit = limit;
	if (!is_gpu(&oracle->policy))
		trim(oracle);
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
	struct live live = {0};

	r->events++;
	switch ((enum mr_op)event->op) {
	case MR_OP_MALLOC:
		live.id = event->id;
		if (event->size == 0 && is_gpu(&oracle->policy)) {
			remember(oracle, live);
			outcome.none = true;
			return outcome;
		}
		live.has_block = allocate(oracle, event, &outcome);
		outcome.none = !live.has_block;
		live.capacity = outcome.capacity;
		remember(oracle, live);
		break;
	case MR_OP_FREE:
		live = forget(oracle, event->id);
		if (!live.has_block)
			return outcome;
		deallocate(oracle, live.capacity);
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
	MEMBER(failed_mallocs),
	MEMBER(first_failed_malloc),
	MEMBER(rejected_frees),
	MEMBER(rejected_bytes),
	MEMBER(evicted_blocks),
	MEMBER(evicted_bytes),
	MEMBER(evictions_by_limit),
	MEMBER(evicted_bytes_by_limit),
	MEMBER(evictions_for_room),
	MEMBER(evicted_bytes_for_room),
	MEMBER(evictions_by_pressure),
	MEMBER(evicted_bytes_by_pressure),
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
	MEMBER(reserved_bytes),
	MEMBER(allocated_bytes),
	MEMBER(peak_reserved_bytes),
	MEMBER(peak_allocated_bytes),
	MEMBER(allocated_at_peak_bytes),
	MEMBER(unused_at_peak_bytes),
	MEMBER(reserved_sum),
	MEMBER(unused_sum),
	MEMBER(segments),
	MEMBER(peak_segments),
	MEMBER(segment_allocs),
	MEMBER(segment_frees),
	MEMBER(segment_maps),
	MEMBER(segment_unmaps),
	MEMBER(released_bytes),
	MEMBER(collections),
	MEMBER(retries),
	MEMBER(ooms),
	MEMBER(oom_event),
	MEMBER(oom_bytes),
	MEMBER(misses_by_limit),
	MEMBER(misses_nothing_cached),
	MEMBER(misses_only_smaller),
	MEMBER(misses_beyond_window),
	MEMBER(peak_stale_bytes),
	MEMBER(mean_stale_bytes),
	MEMBER(mean_cached_bytes),
	MEMBER(peak_live_blocks),
	MEMBER(peak_cached_blocks),
	MEMBER(peak_blocks),
	MEMBER(bound_hits),
	MEMBER(bound_hit_bytes),
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
