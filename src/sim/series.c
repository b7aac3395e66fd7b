/* SPDX-License-Identifier: MIT */
#include "sim/series.h"

#include <string.h>

#include "memreplay/base.h"

void
mr_series_init(struct mr_series *series, bool lasting)
{
	series->lasting = lasting;
	series->width = 1;
	series->count = 0;
}

void
mr_bucket_merge(struct mr_bucket *to, const struct mr_bucket *from)
{
	for (int i = 0; i < MR_LEVEL_COUNT; i++) {
		if (from->least[i] < to->least[i])
			to->least[i] = from->least[i];
		if (from->most[i] > to->most[i])
			to->most[i] = from->most[i];
	}
	for (int i = 0; i < MR_FLOW_COUNT; i++)
		to->flows[i] += from->flows[i];
}

/* Makes one bucket of each two. */
static void
fold(struct mr_series *series)
{
	for (size_t i = 0; i < series->count; i += 2) {
		series->buckets[i / 2] = series->buckets[i];
		if (i + 1 < series->count)
			mr_bucket_merge(&series->buckets[i / 2], &series->buckets[i + 1]);
	}
	series->count = (series->count + 1) / 2;
	series->width *= 2;
}

static void
begin_bucket(struct mr_series *series, const uint64_t levels[MR_LEVEL_COUNT])
{
	struct mr_bucket *bucket = &series->buckets[series->count++];

	memcpy(bucket->least, levels, sizeof(bucket->least));
	memcpy(bucket->most, levels, sizeof(bucket->most));
	memset(bucket->flows, 0, sizeof(bucket->flows));
}

void
mr_series_add(struct mr_series *series, uint64_t position,
	const uint64_t levels[MR_LEVEL_COUNT], const uint64_t flows[MR_FLOW_COUNT])
{
	struct mr_bucket now;

	memcpy(now.least, levels, sizeof(now.least));
	memcpy(now.most, levels, sizeof(now.most));
	memcpy(now.flows, flows, sizeof(now.flows));
	while (position / series->width >= MR_SERIES_BUCKETS)
		fold(series);
	if (!series->count)
		memcpy(series->last, levels, sizeof(series->last));
	/* in buckets without an event, what held before them still holds */
	while (series->count <= position / series->width)
		begin_bucket(
			series, series->lasting && series->count ? series->last : levels);
	mr_bucket_merge(&series->buckets[series->count - 1], &now);
	memcpy(series->last, levels, sizeof(series->last));
}

uint64_t
mr_series_most(const struct mr_series *series, enum mr_level level)
{
	uint64_t most = 0;

	for (size_t i = 0; i < series->count; i++) {
		uint64_t value = series->buckets[i].most[level];

		if (value != MR_UNLIMITED && value > most)
			most = value;
	}
	return most;
}
