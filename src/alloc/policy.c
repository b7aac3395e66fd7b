/* SPDX-License-Identifier: MIT */
#include "memreplay/policy.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alloc/round.h"
#include "base/error.h"
#include "base/units.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))
#define AT(member)   offsetof(struct mr_policy, member)

static const char *const names[] = {
	[MR_POLICY_MLX_CPU] = "mlx-cpu",
	[MR_POLICY_NONE] = "none",
	[MR_POLICY_MLX_METAL] = "mlx-metal",
	[MR_POLICY_MLX_CUDA] = "mlx-cuda",
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

/* clang-format off */
static const struct mr_knob knobs[] = {
	{ "cache_limit", "most bytes that freed blocks may keep cached", "32MiB",
		AT(cache_limit), MR_UNIT_BYTES, 0, MR_UNLIMITED, NULL },
	{ "memory_limit", "bytes of active memory above which events are counted",
		"unlimited", AT(memory_limit), MR_UNIT_BYTES, 0, MR_UNLIMITED, NULL },
	{ "page", "bytes of a page, the unit of window_pages", "4096",
		AT(page), MR_UNIT_BYTES, 1, UINT64_C(1) << 40, NULL },
	{ "window_factor", "a reused block is smaller than this many times the request",
		"2", AT(window_factor), MR_UNIT_COUNT, 1, UINT64_C(1) << 20, NULL },
	{ "window_pages", "a reused block is smaller than the request and so many pages",
		"2", AT(window_pages), MR_UNIT_COUNT, 0, UINT64_C(1) << 20, NULL },
	{ "round", "size classes, in parts of an octave, that requests are rounded up to",
		"none", AT(round), MR_UNIT_COUNT, 0, MR_ROUND_SIXTEENTH, rounds },
	{ "on_full", "what makes room for a freed block: itself, or the oldest cached",
		"reject", AT(on_full), MR_UNIT_COUNT, 0, MR_ON_FULL_EVICT, on_fulls },
	{ "clear_every", "clear the cache after every so many mallocs; 0: never",
		"0", AT(clear_every), MR_UNIT_COUNT, 0, UINT64_MAX, NULL },
	{ "max_blocks", "most blocks live and cached; 0: any number",
		"0", AT(max_blocks), MR_UNIT_COUNT, 0, UINT64_MAX, NULL },
	{ "working_set", "bytes that the GPU recommends to use, for mlx-metal",
		"unlimited", AT(working_set), MR_UNIT_BYTES, 0, MR_UNLIMITED, NULL },
	{ "memory", "bytes of memory that the GPU can use, for mlx-metal, mlx-cuda",
		"unlimited", AT(memory), MR_UNIT_BYTES, 0, MR_UNLIMITED, NULL },
};
/* clang-format on */

const struct mr_knob *
mr_knobs(size_t *count)
{
	*count = COUNT(knobs);
	return knobs;
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
	if (knob->unit == MR_UNIT_BYTES)
		return mr_size_parse(out, text, err);
	return mr_count_parse(out, text, err);
}

enum mr_status
mr_policy_set(struct mr_policy *policy, const char *name, const char *text,
	struct mr_error *err)
{
	for (size_t i = 0; i < COUNT(knobs); i++) {
		const struct mr_knob *knob = &knobs[i];
		struct mr_error why;
		uint64_t value;

		if (strcmp(knob->name, name))
			continue;
		if (parse(&value, knob, text, &why))
			return mr_fail(err, MR_EINVAL, "%s: %s", name, why.text);
		if (value < knob->min || value > knob->max)
			return mr_fail(err, MR_EINVAL,
				"%s: %s is out of range: expected %" PRIu64
				" to %" PRIu64,
				name, text, knob->min, knob->max);
		*knob_at(knob, policy) = value;
		return MR_OK;
	}
	return mr_fail(err, MR_EINVAL, "no knob is called \"%s\"", name);
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
	}
	policy->page = 16384;
	policy->cache_limit = policy->memory_limit = MR_DERIVED;
}

enum mr_status
mr_policy_init(struct mr_policy *policy, const char *name, struct mr_error *err)
{
	for (size_t kind = 0; kind < COUNT(names); kind++) {
		if (strcmp(names[kind], name))
			continue;
		memset(policy, 0, sizeof(*policy));
		policy->kind = (enum mr_policy_kind)kind;
		for (size_t i = 0; i < COUNT(knobs); i++) {
			enum mr_status st = mr_policy_set(
				policy, knobs[i].name, knobs[i].default_text, err);

			if (st)
				return st;
		}
		set_own_defaults(policy);
		return MR_OK;
	}
	return mr_fail(err, MR_EINVAL, "no policy is called \"%s\"", name);
}

void
mr_policy_resolve(struct mr_policy *policy)
{
	uint64_t limit = mr_share(policy->memory, 95), set = policy->working_set;

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
