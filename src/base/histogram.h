/* SPDX-License-Identifier: MIT */
#ifndef MR_BASE_HISTOGRAM_H
#define MR_BASE_HISTOGRAM_H

/*
 * A histogram of whole numbers in constant memory, for percentiles of times.
 *
 * Buckets are linear up to MR_HISTOGRAM_SUB and log-linear above: each power of
 * two is cut into MR_HISTOGRAM_SUB equal parts, so that a bucket is at most
 * 1/64 (1.6 %) as wide as the smallest value in it. Count, sum, least and
 * largest value are exact. A struct of zeros is an empty histogram.
 */

#include <stdint.h>

#define MR_HISTOGRAM_SUB_BITS 6
#define MR_HISTOGRAM_SUB      (1u << MR_HISTOGRAM_SUB_BITS)
#define MR_HISTOGRAM_BUCKETS  ((64 - MR_HISTOGRAM_SUB_BITS + 1) * MR_HISTOGRAM_SUB)

struct mr_histogram {
	uint64_t count;
	uint64_t sum; /* wraps beyond 2^64: 584 years of ns */
	uint64_t max; /* 0 if empty */
	uint64_t buckets[MR_HISTOGRAM_BUCKETS];
};

/* The bucket that holds value. */
static inline uint32_t
mr_histogram_bucket(uint64_t value)
{
	uint32_t shift;

	if (value < MR_HISTOGRAM_SUB)
		return (uint32_t)value;
	shift = 63 - MR_HISTOGRAM_SUB_BITS - (uint32_t)__builtin_clzll(value);
	return shift * MR_HISTOGRAM_SUB + (uint32_t)(value >> shift);
}

/* Adds one value. */
static inline void
mr_histogram_add(struct mr_histogram *histogram, uint64_t value)
{
	histogram->count++;
	histogram->sum += value;
	if (value > histogram->max)
		histogram->max = value;
	histogram->buckets[mr_histogram_bucket(value)]++;
}

/* Adds all values of from to histogram. */
void mr_histogram_merge(struct mr_histogram *histogram, const struct mr_histogram *from);

/*
 * The value that per_mille thousandths of all values do not exceed: the
 * ceil(count * per_mille / 1000)-th smallest, as the top of its bucket, so never
 * below the true one and at most 1.6 % above. 1000 gives max; 0 if empty.
 */
uint64_t mr_histogram_percentile(
	const struct mr_histogram *histogram, uint32_t per_mille);

/* The mean of all values, exact up to rounding; 0 if empty. */
double mr_histogram_mean(const struct mr_histogram *histogram);

#endif
