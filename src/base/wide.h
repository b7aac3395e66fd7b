/* SPDX-License-Identifier: MIT */
#ifndef MR_BASE_WIDE_H
#define MR_BASE_WIDE_H

/*
 * Whole numbers of 128 bits with a sign, for sums and products of sizes. Machines of
 * 32 bits have no such type, and one form for all of them is one to test.
 */

#include <stdbool.h>
#include <stdint.h>

struct mr_wide {
	uint64_t low;
	int64_t high; /* the number is high * 2^64 + low */
};

static inline struct mr_wide
mr_wide(uint64_t number)
{
	return (struct mr_wide){.low = number};
}

static inline struct mr_wide
mr_wide_plus(struct mr_wide a, struct mr_wide b)
{
	uint64_t low = a.low + b.low;

	return (struct mr_wide){
		low, (int64_t)((uint64_t)a.high + (uint64_t)b.high + (low < a.low))};
}

static inline struct mr_wide
mr_wide_minus(struct mr_wide a, struct mr_wide b)
{
	return (struct mr_wide){a.low - b.low,
		(int64_t)((uint64_t)a.high - (uint64_t)b.high - (a.low < b.low))};
}

/* Below, at or above 0 as a is smaller than b, equal or larger. */
static inline int
mr_wide_compare(struct mr_wide a, struct mr_wide b)
{
	if (a.high != b.high)
		return a.high < b.high ? -1 : 1;
	return (a.low > b.low) - (a.low < b.low);
}

static inline struct mr_wide
mr_wide_larger(struct mr_wide a, struct mr_wide b)
{
	return mr_wide_compare(a, b) > 0 ? a : b;
}

/* Multiplies; false if the product does not fit, and *out is then any number. */
bool mr_wide_times(struct mr_wide *out, struct mr_wide a, uint64_t b);

/* a / b, rounded down, of a number that is not negative and a quotient that fits. */
uint64_t mr_wide_over(struct mr_wide a, uint64_t b);

/* The double that is nearest to a number that is not negative, or next to it. */
double mr_wide_real(struct mr_wide a);

#endif
