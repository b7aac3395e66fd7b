/* SPDX-License-Identifier: MIT */
#include "bytes.h"

#include "fuzz.h"

uint64_t
take(struct bytes *bytes, size_t count)
{
	uint64_t value = 0;

	while (count-- && bytes->at < bytes->end)
		value = value << 8 | *bytes->at++;
	return value;
}

uint64_t
take_limit(struct bytes *bytes)
{
	uint64_t value = take(bytes, 2);

	return value == 0xffff ? MR_UNLIMITED : value << (take(bytes, 1) & 7);
}

uint64_t
take_size(struct bytes *bytes)
{
	uint64_t value = take(bytes, 2);

	return value & 0x8000 ? (value & 0x0f) << (value >> 4 & 7) : value;
}

struct mr_policy
take_policy(struct bytes *bytes)
{
	static const char *const names[] = {"mlx-cpu", "mlx-metal", "mlx-cuda", "none"};
	static const uint64_t rounds[] = {0, 0, 1, 4, 8, 16};
	struct mr_policy policy;

	REQUIRE(!mr_policy_init(&policy, names[take(bytes, 1) & 3], NULL));
	/* no knob changes the rules of none */
	if (policy.kind == MR_POLICY_NONE || take(bytes, 1) & 1)
		return policy;
	policy.cache_limit = take_limit(bytes);
	policy.memory_limit = take_limit(bytes);
	policy.page = UINT64_C(1) << (take(bytes, 1) & 15);
	policy.window_factor = 1 + (take(bytes, 1) & 7);
	policy.window_pages = take(bytes, 1) & 7;
	policy.round = rounds[take(bytes, 1) % (sizeof(rounds) / sizeof(rounds[0]))];
	policy.on_full = take(bytes, 1) & 1;
	policy.clear_every = take(bytes, 1) & 31;
	policy.max_blocks = take(bytes, 1) & 63;
	policy.working_set = take_limit(bytes);
	policy.memory = take_limit(bytes);
	return policy;
}
