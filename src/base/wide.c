/* SPDX-License-Identifier: MIT */
#include "base/wide.h"

/* a * b + add, which always fits, as two halves. */
static uint64_t
multiply(uint64_t *high, uint64_t a, uint64_t b, uint64_t add)
{
	uint64_t a0 = a & UINT32_MAX, a1 = a >> 32, b0 = b & UINT32_MAX, b1 = b >> 32;
	uint64_t low = a0 * b0 + (add & UINT32_MAX);
	uint64_t mid = a1 * b0 + (add >> 32) + (low >> 32);
	uint64_t other = a0 * b1 + (mid & UINT32_MAX);

	*high = a1 * b1 + (mid >> 32) + (other >> 32);
	return other << 32 | (low & UINT32_MAX);
}

bool
mr_wide_times(struct mr_wide *out, struct mr_wide a, uint64_t b)
{
	bool negative = a.high < 0;
	uint64_t high, over;

	if (negative)
		a = mr_wide_minus(mr_wide(0), a);
	out->low = multiply(&high, a.low, b, 0);
	high = multiply(&over, (uint64_t)a.high, b, high);
	out->high = (int64_t)high;
	if (over || high > INT64_MAX)
		return false;
	if (negative)
		*out = mr_wide_minus(mr_wide(0), *out);
	return true;
}

uint64_t
mr_wide_over(struct mr_wide a, uint64_t b)
{
	uint64_t rest = (uint64_t)a.high % b, quotient = 0;

	for (int bit = 63; bit >= 0; bit--) {
		bool carry = rest >> 63;

		rest = rest << 1 | (a.low >> bit & 1);
		if (carry || rest >= b) {
			rest -= b;
			quotient |= UINT64_C(1) << bit;
		}
	}
	return quotient;
}

double
mr_wide_real(struct mr_wide a)
{
	return (double)a.high * 0x1p64 + (double)a.low;
}
