/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_BYTES_H
#define MR_TESTS_BYTES_H

/* What is left of an input, and what the targets make of it. It ends in zeros. */

#include <stddef.h>
#include <stdint.h>

#include "memreplay/policy.h"

struct bytes {
	const uint8_t *at;
	const uint8_t *end;
};

uint64_t take(struct bytes *bytes, size_t count);

/* Of a few bytes, or as good as none. */
uint64_t take_limit(struct bytes *bytes);

/* A size near one that was given before, or any up to 32 KiB. */
uint64_t take_size(struct bytes *bytes);

struct mr_policy take_policy(struct bytes *bytes);

#endif
