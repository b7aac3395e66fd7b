/* SPDX-License-Identifier: MIT */
#include "memreplay/policy.h"

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "base/units.h"

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static const char *const names[] = {
	[MR_POLICY_MLX_CPU] = "mlx-cpu",
	[MR_POLICY_NONE] = "none",
};

/* clang-format off */
static const struct mr_knob knobs[] = {
	{ "cache_limit", "most bytes that freed blocks may keep cached", "32MiB",
		offsetof(struct mr_policy, cache_limit), MR_UNIT_BYTES, 0, MR_UNLIMITED },
	{ "memory_limit", "bytes of active memory above which events are counted",
		"unlimited",
		offsetof(struct mr_policy, memory_limit), MR_UNIT_BYTES, 0,
		MR_UNLIMITED },
	{ "page", "bytes of a page, the unit of window_pages", "4096",
		offsetof(struct mr_policy, page), MR_UNIT_BYTES, 1, UINT64_C(1) << 40 },
	{ "window_factor", "a reused block is smaller than this many times the request",
		"2",
		offsetof(struct mr_policy, window_factor), MR_UNIT_COUNT, 1,
		UINT64_C(1) << 20 },
	{ "window_pages", "a reused block is smaller than the request and so many pages",
		"2",
		offsetof(struct mr_policy, window_pages), MR_UNIT_COUNT, 0,
		UINT64_C(1) << 20 },
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

static enum mr_status
parse(uint64_t *out, const struct mr_knob *knob, const char *text, struct mr_error *err)
{
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
		return MR_OK;
	}
	return mr_fail(err, MR_EINVAL, "no policy is called \"%s\"", name);
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
