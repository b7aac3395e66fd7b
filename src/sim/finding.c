/* SPDX-License-Identifier: MIT */

/* Findings in words: what was seen, in figures, and what the advice brings. */

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/units.h"
#include "sim/diagnose.h"

const char *
mr_finding_name(enum mr_finding_kind kind)
{
	static const char *const names[] = {
		[MR_FINDING_CLEAR] = "clear",
		[MR_FINDING_RAISE_LIMIT] = "raise_limit",
		[MR_FINDING_LOWER_LIMIT] = "lower_limit",
		[MR_FINDING_ROUND] = "round",
		[MR_FINDING_WINDOW] = "window",
		[MR_FINDING_ON_FULL] = "on_full",
	};

	return names[kind];
}

MR_PRINTF(2, 3)
static void
say(struct mr_words *words, const char *format, ...)
{
	size_t length = strlen(words->text);
	va_list args;

	va_start(args, format);
	vsnprintf(words->text + length, sizeof(words->text) - length, format, args);
	va_end(args);
}

/* Nobody should read 100 % where a miss remains. */
static double
percent(uint64_t part, uint64_t all)
{
	double percent = all ? 100 * (double)part / (double)all : 0;

	return part < all && percent > 99.99 ? 99.99 : percent;
}

/* " 5 hits more: a hit rate of ...". */
static void
say_rates(struct mr_words *words, const struct mr_result *before,
	const struct mr_result *after)
{
	char more[MR_TEXT_SIZE];
	bool gains = after->hits >= before->hits;

	mr_count_print(
		more, gains ? after->hits - before->hits : before->hits - after->hits);
	say(words,
		" %s hit%s %s: a hit rate of %.2f %% instead of %.2f %%, by bytes %.2f "
		"%% "
		"instead of %.2f %%.",
		more, strcmp(more, "1") ? "s" : "", gains ? "more" : "less",
		percent(after->hits, after->mallocs),
		percent(before->hits, before->mallocs),
		percent(after->hit_bytes, after->requested_bytes),
		percent(before->hit_bytes, before->requested_bytes));
}

/* What the advice costs or saves in memory, if that is worth a word. */
static void
say_memory(struct mr_words *words, const struct mr_result *before,
	const struct mr_result *after)
{
	char then[MR_TEXT_SIZE], now[MR_TEXT_SIZE];
	uint64_t a = before->peak_total_bytes, b = after->peak_total_bytes;

	if ((a > b ? a - b : b - a) < a / 100)
		return;
	say(words, " At most %s are live and cached instead of %s.",
		mr_size_print(now, b), mr_size_print(then, a));
}

bool
mr_finding_clear_at(char advice[MR_FINDING_ADVICE], const char *phase)
{
	static const char option[] = "--clear-at='", quote[] = "'\\''";
	char *at = advice + sizeof(option) - 1, *end = advice + MR_FINDING_ADVICE;

	memcpy(advice, option, sizeof(option));
	for (; *phase; phase++) {
		size_t length = *phase == '\'' ? sizeof(quote) - 1 : 1;

		if ((size_t)(end - at) < length + sizeof("'"))
			return false;
		memcpy(at, *phase == '\'' ? quote : phase, length);
		at += length;
	}
	memcpy(at, "'", sizeof("'"));
	return true;
}

static void
write_clear(struct mr_words *words, const struct mr_candidate *candidate)
{
	const struct mr_phase *phase = &candidate->phase;
	char idle[MR_TEXT_SIZE], all[MR_TEXT_SIZE], times[MR_TEXT_SIZE];

	say(words,
		"When the phase \"%s\" begins, %s of the %s cached are blocks that it "
		"does "
		"not reuse. clear_cache() there (%s time%s) gives",
		phase->name,
		mr_size_print(idle, phase->inherited_idle_bytes / phase->entries),
		mr_size_print(all, phase->inherited_bytes / phase->entries),
		mr_count_print(times, phase->entries), phase->entries == 1 ? "" : "s");
	(void)mr_finding_clear_at(words->advice, phase->name);
	snprintf(words->call, sizeof(words->call), "mx.clear_cache()");
}

static void
write_limit(struct mr_words *words, const struct mr_candidate *candidate)
{
	uint64_t limit = candidate->policy.cache_limit;

	if (limit == MR_UNLIMITED) {
		snprintf(words->advice, sizeof(words->advice), "--cache-limit=unlimited");
		snprintf(words->call, sizeof(words->call), "mx.set_cache_limit(2**62)");
		return;
	}
	snprintf(words->advice, sizeof(words->advice), "--cache-limit=%" PRIu64, limit);
	snprintf(words->call, sizeof(words->call), "mx.set_cache_limit(%" PRIu64 ")",
		limit);
}

static void
write_raise(struct mr_words *words, const struct mr_candidate *candidate,
	const struct mr_result *before)
{
	char misses[MR_TEXT_SIZE], all[MR_TEXT_SIZE], bytes[MR_TEXT_SIZE];
	char now[MR_TEXT_SIZE], then[MR_TEXT_SIZE], rejected[MR_TEXT_SIZE];

	if (before->limit_changes)
		say(words, "The trace's own limits cost");
	else
		say(words, "The limit of %s costs",
			mr_size_print(then, before->cache_limit));
	say(words, " %s of the %s misses: %s freed blocks (%s) did not fit.",
		mr_count_print(misses, before->misses_by_limit),
		mr_count_print(all, before->misses),
		mr_count_print(rejected, before->rejected_frees),
		mr_size_print(bytes, before->rejected_bytes));
	if (candidate->policy.cache_limit == MR_UNLIMITED)
		say(words, " No limit gives");
	else
		say(words, " A limit of %s gives",
			mr_size_print(now, candidate->policy.cache_limit));
	write_limit(words, candidate);
}

static void
write_lower(struct mr_words *words, const struct mr_candidate *candidate,
	const struct mr_result *before)
{
	const struct mr_result *after = &candidate->result;
	char limit[MR_TEXT_SIZE], cached[MR_TEXT_SIZE], active[MR_TEXT_SIZE];
	char less[MR_TEXT_SIZE], more[MR_TEXT_SIZE];

	say(words,
		"Up to %s are cached, for a program that has %s in use at most. A limit "
		"of %s gives back %s of that and loses no hit",
		mr_size_print(cached, before->peak_cached_bytes),
		mr_size_print(active, before->peak_active_bytes),
		mr_size_print(limit, candidate->policy.cache_limit),
		mr_size_print(
			less, before->peak_cached_bytes - after->peak_cached_bytes));
	if (after->hits > before->hits)
		say(words, " (it gives %s more)",
			mr_count_print(more, after->hits - before->hits));
	say(words, ".");
	write_limit(words, candidate);
}

static void
write_knob(struct mr_words *words, const struct mr_candidate *candidate, const char *name)
{
	const struct mr_knob *knob = mr_knob_find(name);
	uint64_t value = mr_knob_get(knob, &candidate->policy);
	const char *choice = mr_knob_choice(knob, value);

	if (choice)
		snprintf(words->advice, sizeof(words->advice), "--set %s=%s", name,
			choice);
	else
		snprintf(words->advice, sizeof(words->advice), "--set %s=%" PRIu64, name,
			value);
	say(words, " %s gives", words->advice + strlen("--set "));
}

/* Why sizes matter: they meet only blocks that are too small or too large. */
static void
say_sizes(struct mr_words *words, const struct mr_result *before, size_t told)
{
	char small[MR_TEXT_SIZE], large[MR_TEXT_SIZE];

	if (told) {
		say(words, "In place of finding %zu,", told);
		return;
	}
	say(words,
		"%.2f %% of the mallocs hit, but %.2f %% of their bytes: %s misses found "
		"only smaller blocks cached and %s only blocks too large to reuse, limit "
		"or not.",
		percent(before->hits, before->mallocs),
		percent(before->hit_bytes, before->requested_bytes),
		mr_count_print(small, before->misses_only_smaller),
		mr_count_print(large, before->misses_beyond_window));
}

static void
write_on_full(struct mr_words *words, const struct mr_candidate *candidate,
	const struct mr_result *before)
{
	char frees[MR_TEXT_SIZE], bytes[MR_TEXT_SIZE];

	if (candidate->policy.on_full == MR_ON_FULL_EVICT)
		say(words, "%s freed blocks (%s) were rejected by a full cache.",
			mr_count_print(frees, before->rejected_frees),
			mr_size_print(bytes, before->rejected_bytes));
	else
		say(words, "%s cached blocks (%s) were evicted to make room for others.",
			mr_count_print(frees, before->evictions_for_room),
			mr_size_print(bytes, before->evicted_bytes_for_room));
	write_knob(words, candidate, "on_full");
}

void
mr_finding_write(struct mr_words *words, const struct mr_candidate *candidate,
	const struct mr_result *before, size_t sizes)
{
	memset(words, 0, sizeof(*words));
	switch (candidate->kind) {
	case MR_FINDING_CLEAR:
		write_clear(words, candidate);
		break;
	case MR_FINDING_RAISE_LIMIT:
		write_raise(words, candidate, before);
		break;
	case MR_FINDING_LOWER_LIMIT:
		write_lower(words, candidate, before);
		return;
	case MR_FINDING_ROUND:
		say_sizes(words, before, sizes);
		write_knob(words, candidate, "round");
		break;
	case MR_FINDING_WINDOW:
		say_sizes(words, before, sizes);
		write_knob(words, candidate, "window_pages");
		break;
	case MR_FINDING_ON_FULL:
		write_on_full(words, candidate, before);
		break;
	}
	say_rates(words, before, &candidate->result);
	say_memory(words, before, &candidate->result);
}
