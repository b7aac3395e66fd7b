/* SPDX-License-Identifier: MIT */
#include "alloc/round.h"

#define CUDA_SMALL 8 /* bytes: no block is smaller */

static uint64_t
up_to_multiple(uint64_t n, uint64_t step)
{
	uint64_t over = n % step;

	return !over || n > UINT64_MAX - (step - over) ? n : n - over + step;
}

/* n > 0, into classes of so many steps an octave. */
static uint64_t
up_to_class(uint64_t n, uint64_t steps)
{
	uint64_t octave = UINT64_C(1) << (63 - __builtin_clzll(n));

	return octave > steps ? up_to_multiple(n, octave / steps) : n;
}

static uint64_t
own_size(const struct mr_policy *policy, uint64_t n)
{
	switch (policy->kind) {
	case MR_POLICY_MLX_CPU:
	case MR_POLICY_NONE:
	case MR_POLICY_TORCH_CUDA:
	case MR_POLICY_TORCH_NPU:
		break;
	case MR_POLICY_MLX_METAL:
		return n > policy->page ? up_to_multiple(n, policy->page) : n;
	case MR_POLICY_MLX_CUDA:
		if (n <= CUDA_SMALL)
			return CUDA_SMALL;
		if (n < policy->page)
			return up_to_class(n, MR_ROUND_POW2);
		return up_to_multiple(n, policy->page);
	}
	return n;
}

uint64_t
mr_round(const struct mr_policy *policy, uint64_t n)
{
	if (!n)
		return 0;
	n = own_size(policy, n);
	return policy->round ? up_to_class(n, policy->round) : n;
}

uint64_t
mr_share(uint64_t bytes, uint64_t percent)
{
	uint64_t whole, part = bytes % 100 * percent / 100;

	if (bytes == MR_UNLIMITED ||
		__builtin_mul_overflow(bytes / 100, percent, &whole) ||
		__builtin_add_overflow(whole, part, &whole))
		return MR_UNLIMITED;
	return whole;
}
