/* SPDX-License-Identifier: MIT */
#ifndef MR_ALLOC_ROUND_H
#define MR_ALLOC_ROUND_H

/* The sizes that policies make of others. Nothing here wraps around. */

#include <stdint.h>

#include "memreplay/policy.h"

/*
 * What a request of n bytes is looked up as and asked of the system as; n
 * itself where that would not fit in 64 bits.
 */
uint64_t mr_round(const struct mr_policy *policy, uint64_t n);

/*
 * Percent of bytes, rounded down; of MR_UNLIMITED it is MR_UNLIMITED, and so is
 * what would be more. Below 2^53 this is what MLX reckons in doubles.
 */
uint64_t mr_share(uint64_t bytes, uint64_t percent);

#endif
