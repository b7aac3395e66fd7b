/* SPDX-License-Identifier: MIT */
#include "base/histogram.h"

void
mr_histogram_merge(struct mr_histogram *histogram, const struct mr_histogram *from)
{
	histogram->count += from->count;
	histogram->sum += from->sum;
	if (from->max > histogram->max)
		histogram->max = from->max;
	for (uint32_t i = 0; i < MR_HISTOGRAM_BUCKETS; i++)
		histogram->buckets[i] += from->buckets[i];
}

static uint64_t
bucket_top(uint32_t bucket)
{
	uint32_t shift, part;

	if (bucket < 2 * MR_HISTOGRAM_SUB)
		return bucket;
	shift = bucket / MR_HISTOGRAM_SUB - 1;
	part = bucket % MR_HISTOGRAM_SUB + MR_HISTOGRAM_SUB;
	return ((uint64_t)part << shift) + ((UINT64_C(1) << shift) - 1);
}

/* ceil(count * per_mille / 1000) without overflow, at least 1. */
static uint64_t
rank_of(uint64_t count, uint32_t per_mille)
{
	uint64_t rank =
		count / 1000 * per_mille + (count % 1000 * per_mille + 999) / 1000;

	return rank ? rank : 1;
}

uint64_t
mr_histogram_percentile(const struct mr_histogram *histogram, uint32_t per_mille)
{
	uint64_t left = rank_of(histogram->count, per_mille);

	if (!histogram->count)
		return 0;
	for (uint32_t i = 0; i < MR_HISTOGRAM_BUCKETS; i++) {
		if (histogram->buckets[i] >= left) {
			uint64_t top = bucket_top(i);

			return top < histogram->max ? top : histogram->max;
		}
		left -= histogram->buckets[i];
	}
	return histogram->max;
}

double
mr_histogram_mean(const struct mr_histogram *histogram)
{
	if (!histogram->count)
		return 0;
	return (double)histogram->sum / (double)histogram->count;
}
