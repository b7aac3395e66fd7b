/* SPDX-License-Identifier: MIT */
#include "history.h"

#include <stdlib.h>
#include <string.h>

#include "base/wide.h"

/* A stay of a block in the cache. */
struct stay {
	uint64_t capacity;
	uint64_t since;
	uint64_t until; /* 0: it is still there */
	bool reused;
};

/* What is known after an event. */
struct moment {
	const char *phase; /* in which it was */
	bool marks;        /* the phase, with this event */
	struct mr_result result;
	uint64_t causes[4];
};

struct history {
	struct stay *stays;
	size_t stay_count;
	size_t *cached; /* indices of stays, earliest cached first */
	size_t cached_count;
	struct moment *moments; /* [0] is before the first event */
	size_t count;
	uint64_t peak;
	struct mr_detail_bucket histogram[MR_DETAIL_BUCKETS];
};

static void *
resize(void *memory, size_t count, size_t size)
{
	void *grown = reallocarray(memory, count, size);

	if (!grown)
		abort();
	return grown;
}

struct history *
history_new(void)
{
	struct history *history = calloc(1, sizeof(*history));

	if (!history)
		abort();
	history->moments = resize(NULL, 1, sizeof(*history->moments));
	history->moments[0] = (struct moment){.phase = ""};
	return history;
}

void
history_free(struct history *history)
{
	free(history->stays);
	free(history->cached);
	free(history->moments);
	free(history);
}

/* Ends the stay of the block that was reused: of equal ones the earliest. */
static void
reuse(struct history *h, uint64_t capacity)
{
	size_t at = 0;

	while (h->stays[h->cached[at]].capacity != capacity)
		at++;
	h->stays[h->cached[at]].until = h->count;
	h->stays[h->cached[at]].reused = true;
	h->cached_count--;
	memmove(h->cached + at, h->cached + at + 1,
		(h->cached_count - at) * sizeof(*h->cached));
}

/* Ends the stays of the blocks that are no longer in the oracle's cache. */
static size_t
end_stays(struct history *h, const struct oracle *oracle, size_t kept)
{
	size_t out = h->cached_count;

	/* From the newest: of equal blocks the earliest have left. */
	for (size_t i = h->cached_count; i-- > 0;) {
		struct stay *stay = &h->stays[h->cached[i]];

		if (kept && oracle_cached(oracle, kept - 1) == stay->capacity) {
			h->cached[--out] = h->cached[i];
			kept--;
			continue;
		}
		stay->until = h->count;
	}
	if (out)
		memmove(h->cached, h->cached + out,
			(h->cached_count - out) * sizeof(*h->cached));
	h->cached_count -= out;
	return kept;
}

static void
begin_stay(struct history *h, uint64_t capacity)
{
	h->stays = resize(h->stays, h->stay_count + 1, sizeof(*h->stays));
	h->cached = resize(h->cached, h->cached_count + 1, sizeof(*h->cached));
	h->stays[h->stay_count] = (struct stay){.capacity = capacity, .since = h->count};
	h->cached[h->cached_count++] = h->stay_count++;
}

/* Of the blocks that were cached before the event, how many are `size` or more. */
static size_t
large_enough(const struct history *h, uint64_t size)
{
	size_t found = 0;

	for (size_t i = 0; i < h->cached_count; i++)
		found += h->stays[h->cached[i]].capacity >= size;
	return found;
}

static void
explain(struct history *h, struct moment *moment, struct oracle_outcome got,
	struct oracle_outcome endless)
{
	if (endless.hit)
		moment->causes[0]++;
	else if (!h->cached_count)
		moment->causes[1]++;
	else if (!large_enough(h, got.capacity))
		moment->causes[2]++;
	else
		moment->causes[3]++;
}

static void
take_histogram(struct history *h, const struct oracle *oracle)
{
	memset(h->histogram, 0, sizeof(h->histogram));
	for (size_t i = 0; i < oracle_result(oracle)->cached_blocks; i++) {
		uint64_t capacity = oracle_cached(oracle, i);
		size_t bucket = 0;

		while (bucket < 64 && capacity >> bucket)
			bucket++;
		h->histogram[bucket].blocks++;
		h->histogram[bucket].bytes += capacity;
	}
}

void
history_add(struct history *h, const struct mr_event *event, const struct oracle *oracle,
	struct oracle_outcome got, struct oracle_outcome endless)
{
	const struct mr_result *now = oracle_result(oracle);
	struct moment moment = h->moments[h->count];
	bool served = now->mallocs > moment.result.mallocs;
	bool cached;

	moment.marks = event->op == MR_OP_MARK;
	if (moment.marks)
		moment.phase = event->name;
	if (served && !got.hit)
		explain(h, &moment, got, endless);
	moment.result = *now;
	h->count++;
	h->moments = resize(h->moments, h->count + 1, sizeof(*h->moments));
	h->moments[h->count] = moment;

	/* A freed block that was cached is the last; all others were there before. */
	cached = event->op == MR_OP_FREE && now->cached_blocks &&
		now->rejected_frees == h->moments[h->count - 1].result.rejected_frees &&
		now->frees > h->moments[h->count - 1].result.frees &&
		now->active_bytes < h->moments[h->count - 1].result.active_bytes;
	if (got.hit)
		reuse(h, got.capacity);
	if (end_stays(h, oracle, (size_t)now->cached_blocks - cached))
		abort();
	if (cached)
		begin_stay(h, oracle_cached(oracle, (size_t)now->cached_blocks - 1));
	if (now->cached_bytes > h->peak) {
		h->peak = now->cached_bytes;
		take_histogram(h, oracle);
	}
}

/* The stale bytes after an event, knowing all that came later. */
static uint64_t
stale_after(const struct history *h, size_t event)
{
	uint64_t stale = 0;

	for (size_t i = 0; i < h->stay_count; i++) {
		const struct stay *stay = &h->stays[i];

		if (!stay->reused && stay->since <= event &&
			(!stay->until || event < stay->until))
			stale += stay->capacity;
	}
	return stale;
}

static void
raise_to(uint64_t *peak, uint64_t value)
{
	if (value > *peak)
		*peak = value;
}

static void
look(struct mr_result *out, const struct mr_result *then)
{
	raise_to(&out->peak_live_blocks, then->live_blocks);
	raise_to(&out->peak_cached_blocks, then->cached_blocks);
	raise_to(&out->peak_blocks, then->live_blocks + then->cached_blocks);
}

static void
set_causes(struct mr_result *out, const struct moment *until, const struct moment *from)
{
	out->misses_by_limit += until->causes[0] - from->causes[0];
	out->misses_nothing_cached += until->causes[1] - from->causes[1];
	out->misses_only_smaller += until->causes[2] - from->causes[2];
	out->misses_beyond_window += until->causes[3] - from->causes[3];
}

void
history_result(const struct history *h, struct mr_result *out)
{
	struct mr_wide stale = {0}, cached = {0};

	set_causes(out, &h->moments[h->count], &h->moments[0]);
	for (size_t event = 1; event <= h->count; event++) {
		uint64_t bytes = stale_after(h, event);

		raise_to(&out->peak_stale_bytes, bytes);
		stale = mr_wide_plus(stale, mr_wide(bytes));
		cached = mr_wide_plus(
			cached, mr_wide(h->moments[event].result.cached_bytes));
		look(out, &h->moments[event].result);
	}
	if (h->count) {
		out->mean_stale_bytes = mr_wide_over(stale, h->count);
		out->mean_cached_bytes = mr_wide_over(cached, h->count);
	}
}

const struct mr_detail_bucket *
history_histogram(const struct history *h)
{
	return h->histogram;
}

/* --- phases */

/* Names that end in one number, or none, as those of the tests do. */
static bool
alike(const char *a, const char *b)
{
	size_t stem = strcspn(a, "0123456789#");

	return stem == strcspn(b, "0123456789#") && !strncmp(a, b, stem) &&
		!a[stem] == !b[stem];
}

#define ADD(member) own->member += until->result.member - from->result.member

/* Adds what happened after moment `from`, up to and with moment `until`. */
static void
add_stretch(struct mr_result *own, const struct moment *from, const struct moment *until)
{
	ADD(events);
	ADD(mallocs);
	ADD(frees);
	ADD(hits);
	ADD(misses);
	ADD(larger_hits);
	ADD(slack_bytes);
	ADD(requested_bytes);
	ADD(hit_bytes);
	ADD(failed_mallocs);
	ADD(rejected_frees);
	ADD(rejected_bytes);
	ADD(evicted_blocks);
	ADD(evicted_bytes);
	ADD(evictions_by_limit);
	ADD(evicted_bytes_by_limit);
	ADD(evictions_for_room);
	ADD(evicted_bytes_for_room);
	ADD(evictions_by_pressure);
	ADD(evicted_bytes_by_pressure);
	ADD(cleared_blocks);
	ADD(cleared_bytes);
	ADD(limit_changes);
	ADD(events_over_limit);
	ADD(events_over_memory_limit);
	set_causes(own, until, from);
	for (const struct moment *at = from; at <= until; at++) {
		const struct mr_result *then = &at->result;

		raise_to(&own->peak_active_bytes, then->active_bytes);
		raise_to(&own->peak_cached_bytes, then->cached_bytes);
		raise_to(&own->peak_total_bytes, then->active_bytes + then->cached_bytes);
		look(own, then);
	}
	own->active_bytes = until->result.active_bytes;
	own->cached_bytes = until->result.cached_bytes;
	own->live_blocks = until->result.live_blocks;
	own->cached_blocks = until->result.cached_blocks;
}

/* What became by the end of a stretch of what was cached before it. */
static void
add_inherited(struct mr_phase *out, const struct history *h, size_t from, size_t until)
{
	for (size_t i = 0; i < h->stay_count; i++) {
		const struct stay *stay = &h->stays[i];

		if (stay->since > from || (stay->until && stay->until <= from))
			continue;
		out->inherited_bytes += stay->capacity;
		if (!stay->until || stay->until > until)
			out->inherited_idle_bytes += stay->capacity;
		else if (stay->reused)
			out->inherited_reused_bytes += stay->capacity;
	}
}

bool
history_phase(const struct history *h, const char *name, struct mr_phase *out)
{
	size_t from = 0;
	bool begun = false;

	memset(out, 0, sizeof(*out));
	for (size_t event = 1; event <= h->count + 1; event++) {
		const char *phase = h->moments[event - 1].phase;
		bool is_first = !begun;

		if (event <= h->count && h->moments[event].marks) {
			out->marks += alike(h->moments[event].phase, name);
			if (!is_first && alike(h->moments[event].phase, phase))
				continue;
			begun = true;
		} else if (event <= h->count) {
			continue;
		}
		if (!is_first && alike(phase, name)) {
			if (!out->entries++)
				out->first_event = from + 1;
			add_stretch(
				&out->result, &h->moments[from], &h->moments[event - 1]);
			add_inherited(out, h, from, event - 1);
		}
		from = event - 1;
	}
	return out->entries;
}
