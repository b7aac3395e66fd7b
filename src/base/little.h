/* SPDX-License-Identifier: MIT */
#ifndef MR_LITTLE_H
#define MR_LITTLE_H

/* Numbers as files have them: little-endian, at any address. */

#include <stdint.h>

static inline uint32_t
mr_little_get(const unsigned char *at)
{
	return (uint32_t)at[0] | (uint32_t)at[1] << 8 | (uint32_t)at[2] << 16 |
		(uint32_t)at[3] << 24;
}

static inline void
mr_little_put(unsigned char *at, uint32_t number)
{
	for (int i = 0; i < 4; i++)
		at[i] = (unsigned char)(number >> 8 * i);
}

#endif
