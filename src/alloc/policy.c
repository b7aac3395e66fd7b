/* SPDX-License-Identifier: MIT */
#include "memreplay/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alloc/core.h"
#include "alloc/round.h"
#include "alloc/torchconf.h"
#include "base/error.h"
#include "base/units.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define AT(member)   offsetof(struct mr_policy, member)
#define MIB          (UINT64_C(1) << 20)

static const char *const names[] = {
	[MR_POLICY_MLX_CPU] = "mlx-cpu",
	[MR_POLICY_NONE] = "none",
	[MR_POLICY_MLX_METAL] = "mlx-metal",
	[MR_POLICY_MLX_CUDA] = "mlx-cuda",
	[MR_POLICY_TORCH_CUDA] = "torch-cuda",
	[MR_POLICY_TORCH_NPU] = "torch-npu",
};

static const struct mr_choice rounds[] = {
	{"none", MR_ROUND_NONE},
	{"pow2", MR_ROUND_POW2},
	{"1/4", MR_ROUND_QUARTER},
	{"1/8", MR_ROUND_EIGHTH},
	{"1/16", MR_ROUND_SIXTEENTH},
	{NULL, 0},
};

static const struct mr_choice on_fulls[] = {
	{"reject", MR_ON_FULL_REJECT},
	{"evict", MR_ON_FULL_EVICT},
	{NULL, 0},
};

static const struct mr_choice switches[] = {
	{"False", 0},
	{"True", 1},
	{NULL, 0},
};

static const struct mr_choice divisions[] = {
	{"0", 0},
	{"1", 1},
	{"2", 2},
	{"4", 4},
	{"8", 8},
	{"16", 16},
	{"32", 32},
	{"64", 64},
	{NULL, 0},
};

static const struct mr_choice directions[] = {
	{"rising", 0},
	{"falling", 1},
	{NULL, 0},
};

/* the end of a row of a policy that is not PyTorch's */
#define MLX(choices) choices, false, 0

/* clang-format off */
static const struct mr_knob knobs[] = {
	{ "cache_limit", "most bytes that freed blocks may keep cached", "32MiB",
		AT(cache_limit), MR_UNIT_BYTES, 0, MR_UNLIMITED, MLX(NULL) },
	{ "memory_limit", "bytes of active memory above which events are counted",
		"unlimited", AT(memory_limit),
		MR_UNIT_BYTES, 0, MR_UNLIMITED, MLX(NULL) },
	{ "page", "bytes of a page, the unit of window_pages", "4096",
		AT(page), MR_UNIT_BYTES, 1, UINT64_C(1) << 40, MLX(NULL) },
	{ "window_factor", "a reused block is smaller than this many times the request",
		"2", AT(window_factor), MR_UNIT_COUNT, 1, UINT64_C(1) << 20, MLX(NULL) },
	{ "window_pages", "a reused block is smaller than the request and so many pages",
		"2", AT(window_pages), MR_UNIT_COUNT, 0, UINT64_C(1) << 20, MLX(NULL) },
	{ "round", "size classes, in parts of an octave, that requests are rounded up to",
		"none", AT(round), MR_UNIT_COUNT, 0, MR_ROUND_SIXTEENTH, MLX(rounds) },
	{ "on_full", "what makes room for a freed block: itself, or the oldest cached",
		"reject", AT(on_full),
		MR_UNIT_COUNT, 0, MR_ON_FULL_EVICT, MLX(on_fulls) },
	{ "clear_every", "clear the cache after every so many mallocs; 0: never",
		"0", AT(clear_every), MR_UNIT_COUNT, 0, UINT64_MAX, MLX(NULL) },
	{ "max_blocks", "most blocks live and cached; 0: any number",
		"0", AT(max_blocks), MR_UNIT_COUNT, 0, UINT64_MAX, MLX(NULL) },
	{ "working_set", "bytes that the GPU recommends to use, for mlx-metal",
		"unlimited", AT(working_set), MR_UNIT_BYTES, 0, MR_UNLIMITED, MLX(NULL) },
	{ "memory", "bytes of memory that the GPU has for the program",
		"unlimited", AT(memory), MR_UNIT_BYTES, 0, MR_UNLIMITED, MLX(NULL) },
	{ "fraction",
		"share of memory that the process may reserve; 0: no cap",
		"0", AT(torch.fraction),
		MR_UNIT_RATIO, 0, MR_TORCH_SHARE, NULL, true, 0 },
	{ "expandable_segments",
		"segments that grow, in place of ones of fixed size",
		"False", AT(torch.expandable),
		MR_UNIT_COUNT, 0, 1, switches, true, 0 },
	{ "max_split_size",
		"bytes from which on a block is not split",
		"unlimited", AT(torch.max_split_size),
		MR_UNIT_BYTES, 20 * MIB, MR_UNLIMITED, NULL, true, 0 },
	{ "max_non_split_rounding",
		"bytes that such a block may be too large",
		"20MiB", AT(torch.max_non_split_rounding),
		MR_UNIT_BYTES, MIB, MIB * MIB, NULL, true, 0 },
	{ "roundup_power2_divisions",
		"steps of an octave that requests are rounded up to",
		"0", AT(torch.roundup),
		MR_UNIT_COUNT, 0, 64, divisions, true, 16 },
	{ "gc_threshold",
		"share of the cap above which old segments are released",
		"0", AT(torch.gc_threshold),
		MR_UNIT_RATIO, 0, MR_TORCH_SHARE, NULL, true, 0 },
	{ "large_segment",
		"bytes of a segment for requests of 1 to 10 MiB",
		"20MiB", AT(torch.large_segment),
		MR_UNIT_BYTES, 11 * MIB, MIB * MIB, NULL, true, 0 },
	{ "oom_at_cap",
		"over the cap memory is out at once, with nothing released",
		"False", AT(torch.oom_at_cap),
		MR_UNIT_COUNT, 0, 1, switches, true, 0 },
	{ "extra",
		"bytes added to each request, as torch_npu does",
		"0", AT(torch.extra),
		MR_UNIT_BYTES, 0, 1024 * MIB, NULL, true, 0 },
	{ "align",
		"large expandable blocks start at multiples of this, as in torch_npu",
		"0", AT(torch.align),
		MR_UNIT_BYTES, 0, 2 * MIB, NULL, true, 0 },
	{ "addresses",
		"where new segments go: above or below all there are",
		"rising", AT(torch.descending),
		MR_UNIT_COUNT, 0, 1, directions, true, 0 },
	{ "range",
		"address space that expandable segments grow in; 0: 9/8 of memory",
		"0", AT(torch.range),
		MR_UNIT_BYTES, 0, MIB * MIB, NULL, true, 0 },
};
/* clang-format on */

const struct mr_knob *
mr_knobs(size_t *count)
{
	*count = COUNT(knobs);
	return knobs;
}

const struct mr_knob *
mr_knob_find(const char *name)
{
	for (size_t i = 0; i < COUNT(knobs); i++)
		if (!strcmp(knobs[i].name, name))
			return &knobs[i];
	return NULL;
}

static uint64_t *
knob_at(const struct mr_knob *knob, struct mr_policy *policy)
{
	return (uint64_t *)(void *)((char *)policy + knob->offset);
}

uint64_t
mr_knob_get(const struct mr_knob *knob, const struct mr_policy *policy)
{
	return *(const uint64_t *)(const void *)((const char *)policy + knob->offset);
}

const char *
mr_knob_choice(const struct mr_knob *knob, uint64_t value)
{
	for (const struct mr_choice *c = knob->choices; c && c->name; c++)
		if (c->value == value)
			return c->name;
	return NULL;
}

static enum mr_status
parse_choice(uint64_t *out, const struct mr_choice *choice, const char *text,
	struct mr_error *err)
{
	char list[80] = "";
	size_t length = 0;

	for (; choice->name; choice++) {
		if (!strcmp(choice->name, text)) {
			*out = choice->value;
			return MR_OK;
		}
		length += (size_t)snprintf(list + length, sizeof(list) - length, "%s%s",
			length ? ", " : "", choice->name);
	}
	return mr_fail(err, MR_EINVAL, "\"%s\" is not one of %s", text, list);
}

static enum mr_status
parse(uint64_t *out, const struct mr_knob *knob, const char *text, struct mr_error *err)
{
	if (knob->choices)
		return parse_choice(out, knob->choices, text, err);
	if (knob->unit == MR_UNIT_RATIO)
		return mr_torch_share_parse(out, text, err);
	if (knob->unit == MR_UNIT_BYTES)
		return mr_size_parse(out, text, err);
	return mr_count_parse(out, text, err);
}

/* Whether a value is one of a knob's row. */
static bool
is_of(const struct mr_knob *knob, uint64_t value)
{
	return value >= knob->min && value <= knob->max &&
		(!knob->choices || mr_knob_choice(knob, value));
}

enum mr_status
mr_policy_check(const struct mr_policy *policy, struct mr_error *err)
{
	if ((unsigned)policy->kind >= COUNT(names))
		return mr_fail(err, MR_EINVAL, "there is no policy of kind %u",
			(unsigned)policy->kind);
	for (size_t i = 0; i < COUNT(knobs); i++) {
		const struct mr_knob *knob = &knobs[i];
		uint64_t value = mr_knob_get(knob, policy);

		if (mr_knob_applies(knob, policy) && !is_of(knob, value))
			return mr_fail(err, MR_EINVAL,
				"%s: %" PRIu64 " is none of its values", knob->name,
				value);
	}
	return MR_OK;
}

bool
mr_policy_is_torch(const struct mr_policy *policy)
{
	return policy->kind == MR_POLICY_TORCH_CUDA ||
		policy->kind == MR_POLICY_TORCH_NPU;
}

bool
mr_knob_applies(const struct mr_knob *knob, const struct mr_policy *policy)
{
	return knob->of_torch == mr_policy_is_torch(policy) || knob->offset == AT(memory);
}

bool
mr_knob_matters(const struct mr_knob *knob, const struct mr_policy *policy)
{
	bool of_metal = knob->offset == AT(working_set);

	switch (policy->kind) {
	case MR_POLICY_MLX_CPU:
		return !of_metal && knob->offset != AT(memory);
	case MR_POLICY_NONE:
		return knob->offset == AT(memory_limit);
	case MR_POLICY_MLX_CUDA:
		return !of_metal;
	case MR_POLICY_MLX_METAL:
	case MR_POLICY_TORCH_CUDA:
	case MR_POLICY_TORCH_NPU:
		break;
	}
	return true;
}

static enum mr_status
set(struct mr_policy *policy, const struct mr_knob *knob, const char *text,
	struct mr_error *err)
{
	struct mr_error why;
	uint64_t value, *at = knob_at(knob, policy);

	if (parse(&value, knob, text, &why))
		return mr_fail(err, MR_EINVAL, "%s: %s", knob->name, why.text);
	if (value < knob->min || value > knob->max)
		return mr_fail(err, MR_EINVAL,
			"%s: %s is out of range: expected %" PRIu64 " to %" PRIu64,
			knob->name, text, knob->min, knob->max);
	*at = value;
	for (size_t i = 1; i < knob->repeat; i++)
		at[i] = value;
	return MR_OK;
}

enum mr_status
mr_policy_set(struct mr_policy *policy, const char *name, const char *text,
	struct mr_error *err)
{
	const struct mr_knob *knob = mr_knob_find(name);

	if (!knob)
		return mr_fail(err, MR_EINVAL, "no knob is called \"%s\"", name);
	if (!mr_knob_applies(knob, policy))
		return mr_fail(err, MR_EINVAL, "the policy %s has no knob %s",
			mr_policy_name(policy), name);
	return set(policy, knob, text, err);
}

/* Where a policy differs from mlx-cpu in the knobs that it starts with. */
static void
set_own_defaults(struct mr_policy *policy)
{
	switch (policy->kind) {
	case MR_POLICY_MLX_CPU:
	case MR_POLICY_NONE:
		return;
	case MR_POLICY_MLX_METAL:
		policy->max_blocks = 499000;
		break;
	case MR_POLICY_MLX_CUDA:
		break;
	case MR_POLICY_TORCH_NPU:
		policy->torch.extra = 32;
		policy->torch.align = 16384;
		return;
	case MR_POLICY_TORCH_CUDA:
		return;
	}
	policy->page = 16384;
	policy->cache_limit = policy->memory_limit = MR_DERIVED;
}

enum mr_status
mr_policy_init(struct mr_policy *policy, const char *name, struct mr_error *err)
{
	enum mr_status st = MR_OK;

	for (size_t kind = 0; kind < COUNT(names); kind++) {
		if (strcmp(names[kind], name))
			continue;
		memset(policy, 0, sizeof(*policy));
		policy->kind = (enum mr_policy_kind)kind;
		for (size_t i = 0; i < COUNT(knobs) && !st; i++)
			st = set(policy, &knobs[i], knobs[i].default_text, err);
		set_own_defaults(policy);
		return st;
	}
	return mr_fail(err, MR_EINVAL, "no policy is called \"%s\"", name);
}

void
mr_policy_resolve(struct mr_policy *policy)
{
	uint64_t limit = mr_share(policy->memory, 95), set = policy->working_set;

	policy->torch.memory = policy->memory;
	if (policy->kind != MR_POLICY_MLX_METAL && policy->kind != MR_POLICY_MLX_CUDA)
		return;
	if (policy->kind == MR_POLICY_MLX_METAL && mr_share(set, 150) < limit)
		limit = mr_share(set, 150);
	if (policy->memory_limit == MR_DERIVED)
		policy->memory_limit = limit;
	if (policy->cache_limit == MR_DERIVED)
		policy->cache_limit = policy->memory_limit;
}

const char *const *
mr_policy_names(size_t *count)
{
	*count = COUNT(names);
	return names;
}

const char *
mr_policy_name(const struct mr_policy *policy)
{
	return names[policy->kind];
}
