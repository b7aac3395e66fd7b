/* SPDX-License-Identifier: MIT */
#include "sim/phases.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define AT(member)   offsetof(struct mr_result, member)

/* What a phase has of its own; all else is a highest or a last value. */
static const size_t counters[] = {
	AT(events),
	AT(mallocs),
	AT(frees),
	AT(hits),
	AT(misses),
	AT(larger_hits),
	AT(slack_bytes),
	AT(requested_bytes),
	AT(hit_bytes),
	AT(failed_mallocs),
	AT(rejected_frees),
	AT(rejected_bytes),
	AT(evicted_blocks),
	AT(evicted_bytes),
	AT(evictions_by_limit),
	AT(evicted_bytes_by_limit),
	AT(evictions_for_room),
	AT(evicted_bytes_for_room),
	AT(evictions_by_pressure),
	AT(evicted_bytes_by_pressure),
	AT(cleared_blocks),
	AT(cleared_bytes),
	AT(limit_changes),
	AT(events_over_limit),
	AT(events_over_memory_limit),
	AT(misses_by_limit),
	AT(misses_nothing_cached),
	AT(misses_only_smaller),
	AT(misses_beyond_window),
};

static uint64_t *
member(struct mr_result *result, size_t offset)
{
	return (uint64_t *)(void *)((char *)result + offset);
}

static uint64_t
value(const struct mr_result *result, size_t offset)
{
	return *(const uint64_t *)(const void *)((const char *)result + offset);
}

static void
raise_to(uint64_t *peak, uint64_t found)
{
	if (found > *peak)
		*peak = found;
}

static const char *
skip_number(const char *text)
{
	return text + strspn(text, "0123456789#");
}

bool
mr_phase_is(const char *phase, const char *mark)
{
	for (;;) {
		const char *a = skip_number(phase), *b = skip_number(mark);

		if ((a == phase) != (b == mark) || *a != *b)
			return false;
		if (!*a)
			return true;
		phase = a + 1;
		mark = b + 1;
	}
}

/* The name of a phase: that of its marks with # for each number; the caller's. */
static char *
name_phase(const char *mark)
{
	char *name = malloc(strlen(mark) + 1), *out = name;

	for (; out && *mark; mark++) {
		const char *end = skip_number(mark);

		if (end > mark) {
			*out++ = '#';
			mark = end - 1;
		} else {
			*out++ = *mark;
		}
	}
	if (out)
		*out = '\0';
	return name;
}

enum mr_status
mr_phases_find(
	struct mr_phases *phases, const char *name, size_t *row, struct mr_error *err)
{
	struct mr_phase *rows;

	/* Mostly it is the current one that goes on. */
	*row = phases->current;
	if (phases->current && mr_phase_is(phases->rows[*row].name, name))
		return MR_OK;

	/* The one before the first mark is none of those called "" by a mark. */
	for (*row = phases->count ? 1 : 0; *row < phases->count; (*row)++)
		if (mr_phase_is(phases->rows[*row].name, name))
			return MR_OK;
	if (phases->count == MR_PHASES_MAX) {
		name = "...";
	} else if (phases->count > MR_PHASES_MAX) {
		*row = MR_PHASES_MAX;
		return MR_OK;
	}
	if (phases->count == phases->space) {
		size_t space = phases->space * 2 + 8;

		rows = realloc(phases->rows, space * sizeof(*rows));
		if (!rows)
			return mr_fail_memory(err);
		phases->rows = rows;
		phases->space = space;
	}
	rows = &phases->rows[phases->count];
	*rows = (struct mr_phase){.name = name_phase(name)};
	if (!rows->name)
		return mr_fail_memory(err);
	*row = phases->count++;
	return MR_OK;
}

static void
begin(struct mr_phases *phases, size_t row, uint64_t event, const struct mr_result *now)
{
	struct mr_phase *phase = &phases->rows[row];

	phases->current = row;
	phases->before = *now;
	phases->began = event;
	phases->inherited = now->cached_bytes;
	phases->reused = phases->evicted = 0;
	phases->peak_active = now->active_bytes;
	phases->peak_cached = now->cached_bytes;
	phases->peak_total = now->active_bytes + now->cached_bytes;
	phases->peak_live_blocks = now->live_blocks;
	phases->peak_cached_blocks = now->cached_blocks;
	phases->peak_blocks = now->live_blocks + now->cached_blocks;
	phase->entries++;
	if (!phase->first_event)
		phase->first_event = event;
	phase->inherited_bytes += now->cached_bytes;
}

enum mr_status
mr_phases_init(struct mr_phases *phases, struct mr_error *err)
{
	static const struct mr_result nothing;
	size_t row;
	enum mr_status st;

	memset(phases, 0, sizeof(*phases));
	st = mr_phases_find(phases, "", &row, err);
	if (!st)
		begin(phases, row, 1, &nothing);
	return st;
}

void
mr_phases_fini(struct mr_phases *phases)
{
	for (size_t i = 0; i < phases->count; i++)
		free((char *)phases->rows[i].name);
	free(phases->rows);
	phases->rows = NULL;
	phases->count = 0;
}

void
mr_phases_flush(struct mr_phases *phases, const struct mr_result *now)
{
	struct mr_phase *phase = &phases->rows[phases->current];
	struct mr_result *own = &phase->result;

	for (size_t i = 0; i < COUNT(counters); i++)
		*member(own, counters[i]) +=
			value(now, counters[i]) - value(&phases->before, counters[i]);
	phases->before = *now;
	phase->inherited_reused_bytes += phases->reused;
	phase->inherited_idle_bytes +=
		phases->inherited - phases->reused - phases->evicted;
	raise_to(&own->peak_active_bytes, phases->peak_active);
	raise_to(&own->peak_cached_bytes, phases->peak_cached);
	raise_to(&own->peak_total_bytes, phases->peak_total);
	raise_to(&own->peak_live_blocks, phases->peak_live_blocks);
	raise_to(&own->peak_cached_blocks, phases->peak_cached_blocks);
	raise_to(&own->peak_blocks, phases->peak_blocks);
	own->active_bytes = now->active_bytes;
	own->cached_bytes = now->cached_bytes;
	own->live_blocks = now->live_blocks;
	own->cached_blocks = now->cached_blocks;
}

void
mr_phases_turn(
	struct mr_phases *phases, size_t row, uint64_t event, const struct mr_result *now)
{
	mr_phases_flush(phases, now);
	begin(phases, row, event, now);
}
