/* SPDX-License-Identifier: MIT */
#include "alloc/torchconf.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "base/text.h"
#include "base/units.h"

#define COUNT(array)  (sizeof(array) / sizeof((array)[0]))
#define MIB           (UINT64_C(1) << 20)
#define LARGE_SEGMENT (20 * MIB)
#define ENTRIES       16

void
mr_torch_conf_defaults(struct mr_torch_settings *settings)
{
	settings->max_split_size = MR_UNLIMITED;
	settings->max_non_split_rounding = LARGE_SEGMENT;
	settings->large_segment = LARGE_SEGMENT;
	settings->gc_threshold = 0;
	settings->expandable = 0;
	settings->oom_at_cap = 0;
	memset(settings->roundup, 0, sizeof(settings->roundup));
}

enum mr_status
mr_torch_share_parse(uint64_t *out, const char *text, struct mr_error *err)
{
	char *end;
	double share = strtod(text, &end);

	if (end != text && *end == '%') {
		share /= 100;
		end++;
	}
	if (end == text || *end || !(share >= 0 && share <= 1))
		return mr_fail(err, MR_EINVAL,
			"\"%s\" is not a share: expected 0 to 1, as in 0.8 or 80%%",
			text);
	*out = (uint64_t)(share * (double)MR_TORCH_SHARE + 0.5);
	return MR_OK;
}

/* --- values */

struct parsing {
	struct mr_torch_settings *settings;
	char *remark;
	struct mr_error *err;
};

static enum mr_status
wrong(const struct parsing *parsing, const char *key, const char *value, const char *want)
{
	char quoted[MR_QUOTE_SIZE];

	return mr_fail(parsing->err, MR_EINVAL, "%s:%s: expected %s", key,
		mr_text_quote(quoted, value, strlen(value)), want);
}

static enum mr_status
read_mib(const struct parsing *parsing, uint64_t *out, const char *key, const char *value,
	uint64_t least)
{
	char want[80];
	uint64_t count;

	if (!mr_count_parse(&count, value, NULL) && count >= least && count < MIB * MIB) {
		*out = count * MIB;
		return MR_OK;
	}
	snprintf(want, sizeof(want), "a whole number of MiB from %" PRIu64 " on", least);
	return wrong(parsing, key, value, want);
}

static enum mr_status
read_flag(
	const struct parsing *parsing, uint64_t *out, const char *key, const char *value)
{
	*out = !strcmp(value, "True");
	if (!*out && strcmp(value, "False"))
		return wrong(parsing, key, value, "True or False");
	return MR_OK;
}

static enum mr_status
read_share(const struct parsing *parsing, uint64_t *out, const char *key,
	const char *value, bool whole)
{
	if (mr_torch_share_parse(out, value, NULL) || !*out ||
		(!whole && *out == MR_TORCH_SHARE))
		return wrong(parsing, key, value,
			whole ? "a number above 0 and not above 1"
			      : "a number between 0 and 1");
	return MR_OK;
}

static bool
is_power(uint64_t n)
{
	return n && !(n & (n - 1));
}

static bool
read_divisions(uint64_t *out, const char *text)
{
	return !mr_count_parse(out, text, NULL) && (*out == 0 || is_power(*out)) &&
		*out <= 64;
}

static unsigned
entry_of(uint64_t mib)
{
	unsigned entry = 0;

	while (mib >>= 1)
		entry++;
	return entry < ENTRIES ? entry : ENTRIES - 1;
}

/* The entries of a table of divisions so far. */
struct table {
	uint64_t *roundup;
	unsigned last; /* entry named last */
	bool begun;
};

static bool
read_entry(struct table *table, char *entry, bool *tail)
{
	char *colon = strchr(entry, ':');
	uint64_t mib, divisions;

	if (!colon)
		return false;
	*colon = '\0';
	if (!read_divisions(&divisions, colon + 1))
		return false;
	*tail = !strcmp(entry, ">");
	if (*tail) {
		if (!table->begun)
			return false;
		for (unsigned i = table->last + 1; i < ENTRIES; i++)
			table->roundup[i] = divisions;
		return true;
	}
	if (mr_count_parse(&mib, entry, NULL) || !is_power(mib))
		return false;
	if (!table->begun)
		for (unsigned i = 0; i < entry_of(mib); i++)
			table->roundup[i] = divisions;
	table->begun = true;
	table->last = entry_of(mib);
	table->roundup[table->last] = divisions;
	return true;
}

/* "4", or "[256:1,512:2,>:4]": the first fills what is below, ">" what is above. */
static enum mr_status
read_roundup(const struct parsing *parsing, const char *key, const char *value)
{
	static const char want[] = "a power of two to 64, or [MIB:N,...,>:N] of such";
	struct table table = {.roundup = parsing->settings->roundup};
	char copy[MR_TORCH_CONF_SIZE], *entry, *rest = copy;
	uint64_t divisions;
	bool tail = false;

	if (*value != '[') {
		if (!read_divisions(&divisions, value))
			return wrong(parsing, key, value, want);
		for (unsigned i = 0; i < ENTRIES; i++)
			table.roundup[i] = divisions;
		return MR_OK;
	}
	snprintf(copy, sizeof(copy), "%s", value + 1);
	if (!*copy || copy[strlen(copy) - 1] != ']')
		return wrong(parsing, key, value, want);
	copy[strlen(copy) - 1] = '\0';
	while ((entry = strsep(&rest, ",")))
		if (tail || !read_entry(&table, entry, &tail))
			return wrong(parsing, key, value, want);
	if (tail && table.last < ENTRIES - 1 &&
		table.roundup[table.last] != table.roundup[table.last + 1])
		snprintf(parsing->remark, MR_TORCH_REMARK_SIZE,
			"\">:%" PRIu64 "\" is taken to begin above %u MiB, as in the "
			"newest PyTorch; up to 2.9 it replaces the entry of %u MiB too",
			table.roundup[ENTRIES - 1], 1u << table.last, 1u << table.last);
	return MR_OK;
}

/* --- keys */

static enum mr_status
read_backend(const struct parsing *parsing, const char *key, const char *value)
{
	if (!strcmp(value, "native"))
		return MR_OK;
	return wrong(parsing, key, value, "native, the allocator that is simulated");
}

/* Keys that change nothing of which block a request gets. */
static bool
has_no_effect(const char *key)
{
	static const char *const keys[] = {
		"graph_capture_record_stream_reuse",
		"pinned_num_register_threads",
		"pinned_reserve_segment_size_mb",
		"pinned_use_background_threads",
		"pinned_use_cuda_host_register",
		"pinned_use_hip_host_register",
		"release_lock_on_cudamalloc",
		"release_lock_on_hipmalloc",
	};

	for (size_t i = 0; i < COUNT(keys); i++)
		if (!strcmp(keys[i], key))
			return true;
	return false;
}

static void
note_unknown(const struct parsing *parsing, const char *key)
{
	char quoted[MR_QUOTE_SIZE];
	size_t length = strlen(parsing->remark);

	snprintf(parsing->remark + length, MR_TORCH_REMARK_SIZE - length,
		"%s\"%s\" is not known and ignored", length ? "; " : "",
		mr_text_quote(quoted, key, strlen(key)));
}

static enum mr_status
read_key(const struct parsing *parsing, const char *key, const char *value)
{
	struct mr_torch_settings *settings = parsing->settings;

	if (!strcmp(key, "max_split_size_mb"))
		return read_mib(parsing, &settings->max_split_size, key, value, 20);
	if (!strcmp(key, "roundup_power2_divisions"))
		return read_roundup(parsing, key, value);
	if (!strcmp(key, "garbage_collection_threshold"))
		return read_share(parsing, &settings->gc_threshold, key, value, false);
	if (!strcmp(key, "expandable_segments"))
		return read_flag(parsing, &settings->expandable, key, value);
	if (!strcmp(key, "large_segment_size_mb"))
		return read_mib(parsing, &settings->large_segment, key, value, 11);
	if (!strcmp(key, "max_non_split_rounding_mb"))
		return read_mib(
			parsing, &settings->max_non_split_rounding, key, value, 1);
	if (!strcmp(key, "per_process_memory_fraction"))
		return read_share(parsing, &settings->fraction, key, value, true);
	if (!strcmp(key, "throw_on_cudamalloc_oom"))
		return read_flag(parsing, &settings->oom_at_cap, key, value);
	if (!strcmp(key, "backend"))
		return read_backend(parsing, key, value);
	if (!has_no_effect(key))
		note_unknown(parsing, key);
	return MR_OK;
}

/* Cuts the next "key:value" off; commas within [] belong to the value. */
static char *
next_pair(char **rest)
{
	char *pair = *rest, *at;
	int depth = 0;

	for (at = pair; *at && (*at != ',' || depth); at++)
		depth += (*at == '[') - (*at == ']');
	*rest = *at ? at + 1 : at;
	*at = '\0';
	return pair;
}

enum mr_status
mr_torch_conf_parse(struct mr_torch_settings *settings, char remark[MR_TORCH_REMARK_SIZE],
	const char *text, struct mr_error *err)
{
	struct parsing parsing = {settings, remark, err};
	char copy[MR_TORCH_CONF_SIZE], *rest = copy;
	size_t length = 0;
	enum mr_status st = MR_OK;

	*remark = '\0';
	mr_torch_conf_defaults(settings);
	for (const char *at = text; *at; at++) {
		if (length + 1 == sizeof(copy))
			return mr_fail(err, MR_EINVAL, "longer than %zu characters",
				sizeof(copy) - 1);
		if (!isspace((unsigned char)*at))
			copy[length++] = *at;
	}
	copy[length] = '\0';
	while (*rest && !st) {
		char *pair = next_pair(&rest), *colon = strchr(pair, ':');

		if (!*pair)
			continue;
		if (!colon)
			return wrong(&parsing, pair, "", "a value");
		*colon = '\0';
		st = read_key(&parsing, pair, colon + 1);
	}
	if (!st && settings->max_split_size < settings->large_segment)
		st = mr_fail(err, MR_EINVAL,
			"max_split_size_mb is less than large_segment_size_mb");
	return st;
}

/* --- printing */

/* A text that grows; what does not fit is dropped. */
struct writing {
	char *text;
	size_t length;
};

static void MR_PRINTF(2, 3) put(struct writing *writing, const char *format, ...);

static void
put(struct writing *writing, const char *format, ...)
{
	va_list args;
	int length;

	va_start(args, format);
	length = vsnprintf(writing->text + writing->length,
		MR_TORCH_CONF_SIZE - writing->length, format, args);
	va_end(args);
	if (length > 0)
		writing->length += (size_t)length;
	if (writing->length >= MR_TORCH_CONF_SIZE)
		writing->length = MR_TORCH_CONF_SIZE - 1;
}

static const char *
comma(const struct writing *writing)
{
	return writing->length ? "," : "";
}

/*
 * A table from the last entry of its first run of equal ones to the first of
 * its last, so that ">" repeats the entry before it.
 */
static void
put_roundup(struct writing *writing, const uint64_t *roundup)
{
	unsigned first = 0, last = ENTRIES - 1;

	while (first < last && roundup[first + 1] == roundup[0])
		first++;
	while (last > 0 && roundup[last - 1] == roundup[ENTRIES - 1])
		last--;
	if (first == ENTRIES - 1) {
		if (roundup[0])
			put(writing, "%sroundup_power2_divisions:%" PRIu64,
				comma(writing), roundup[0]);
		return;
	}
	put(writing, "%sroundup_power2_divisions:[", comma(writing));
	for (unsigned i = first; i <= last; i++)
		put(writing, "%s%u:%" PRIu64, i > first ? "," : "", 1u << i, roundup[i]);
	put(writing, ",>:%" PRIu64 "]", roundup[ENTRIES - 1]);
}

static double
share(uint64_t billionths)
{
	return (double)billionths / (double)MR_TORCH_SHARE;
}

char *
mr_torch_conf_print(
	char text[MR_TORCH_CONF_SIZE], const struct mr_torch_settings *settings)
{
	struct writing writing = {text, 0};

	*text = '\0';
	if (settings->expandable)
		put(&writing, "expandable_segments:True");
	if (settings->max_split_size != MR_UNLIMITED)
		put(&writing, "%smax_split_size_mb:%" PRIu64, comma(&writing),
			settings->max_split_size / MIB);
	put_roundup(&writing, settings->roundup);
	if (settings->gc_threshold)
		put(&writing, "%sgarbage_collection_threshold:%.9g", comma(&writing),
			share(settings->gc_threshold));
	if (settings->fraction)
		put(&writing, "%sper_process_memory_fraction:%.9g", comma(&writing),
			share(settings->fraction));
	if (settings->large_segment != LARGE_SEGMENT)
		put(&writing, "%slarge_segment_size_mb:%" PRIu64, comma(&writing),
			settings->large_segment / MIB);
	if (settings->max_non_split_rounding != LARGE_SEGMENT)
		put(&writing, "%smax_non_split_rounding_mb:%" PRIu64, comma(&writing),
			settings->max_non_split_rounding / MIB);
	if (settings->oom_at_cap)
		put(&writing, "%sthrow_on_cudamalloc_oom:True", comma(&writing));
	return text;
}
