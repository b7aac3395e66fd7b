/* SPDX-License-Identifier: MIT */
#include "cli/setup.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "alloc/torchconf.h"
#include "base/error.h"
#include "base/nearest.h"
#include "cli/message.h"

const char *
mr_setup_policy_at(size_t index)
{
	size_t count;
	const char *const *names = mr_policy_names(&count);

	return index < count ? names[index] : NULL;
}

const char *
mr_setup_knob_at(size_t index)
{
	size_t count;
	const struct mr_knob *knobs = mr_knobs(&count);

	return index < count ? knobs[index].name : NULL;
}

static const struct mr_option policy_rows[] = {
	{MR_OPTION_CHOICE, 'p', "policy", "NAME", "mlx-cpu",
		.choices = mr_setup_policy_at,
		.offset = offsetof(struct mr_policy_options, policy),
		.help = "the rules of the caching allocator"},
	{MR_OPTION_LIST, 0, "alloc-conf", "STRING",
		.offset = offsetof(struct mr_policy_options, confs),
		.help = "PyTorch's own settings, as PYTORCH_CUDA_ALLOC_CONF has them; "
			"implies torch-cuda"},
	{MR_OPTION_LIST, 's', "set", "KNOB=VALUE", .choices = mr_setup_knob_at,
		.offset = offsetof(struct mr_policy_options, knobs),
		.help = "set a knob of the policy, whatever the trace and --cache-limit "
			"say; "
			"may be given more than once; KNOB is"},
};
const struct mr_option_group mr_policy_group = {"Policy options", policy_rows, 3};

static const struct mr_option limit_rows[] = {
	{MR_OPTION_SIZE, 'l', "cache-limit", "SIZE", .of_cache = true,
		.offset = offsetof(struct mr_limit_options, cache_limit),
		.help = "most bytes that freed blocks may keep cached (32M, 1.5G, "
			"unlimited), in place of the trace's own limit; its "
			"set_cache_limit events are then ignored"},
	{MR_OPTION_FLAG, 0, "keep-limit-events", .of_cache = true,
		.offset = offsetof(struct mr_limit_options, keep_limit_events),
		.help = "obey the trace's set_cache_limit events all the same"},
};
const struct mr_option_group mr_limit_group = {"Cache limit options", limit_rows, 2};

/* Sets a knob from the header, whose value may be out of the knob's range. */
static enum mr_status
obey_header(
	struct mr_policy *policy, const char *knob, uint64_t value, struct mr_error *err)
{
	char text[24];
	struct mr_error why;

	snprintf(text, sizeof(text), "%" PRIu64, value);
	if (mr_policy_set(policy, knob, text, &why))
		return mr_fail(err, MR_EFORMAT, "header: %s", why.text);
	return MR_OK;
}

static enum mr_status
apply_header(
	struct mr_policy *policy, const struct mr_header *header, struct mr_error *err)
{
	enum mr_status status = MR_OK;
	/* The memory and the page of the machine traced say nothing of a GPU's. */
	bool same_machine =
		policy->kind == MR_POLICY_MLX_CPU || policy->kind == MR_POLICY_NONE;

	/* PyTorch's segments know no such limits */
	if (mr_policy_is_torch(policy))
		return MR_OK;
	if (header->has_cache_limit)
		status = obey_header(policy, "cache_limit", header->cache_limit, err);
	if (!status && header->has_memory_limit && same_machine)
		status = obey_header(policy, "memory_limit", header->memory_limit, err);
	if (!status && header->has_page_size && policy->kind == MR_POLICY_MLX_CPU)
		status = obey_header(policy, "page", header->page_size, err);
	return status;
}

static enum mr_status
unknown_knob(const char *name, struct mr_error *err)
{
	struct mr_nearest nearest = {.text = name};
	const char *known;

	for (size_t i = 0; (known = mr_setup_knob_at(i)); i++)
		mr_nearest_offer(&nearest, known);
	if (nearest.name)
		return mr_fail(err, MR_EINVAL,
			"--set: there is no knob \"%s\"; did you mean %s?", name,
			nearest.name);
	return mr_fail(err, MR_EINVAL, "--set: there is no knob \"%s\"", name);
}

/* Carries out one --set. */
static enum mr_status
apply_knob(struct mr_policy *policy, const char *text, bool say, struct mr_error *err)
{
	char name[48];
	size_t length = strcspn(text, "=");
	const struct mr_knob *knob;
	struct mr_error why;

	if (text[length] != '=' || !length || length >= sizeof(name))
		return mr_fail(err, MR_EINVAL, "--set: \"%s\" is not KNOB=VALUE", text);
	snprintf(name, sizeof(name), "%.*s", (int)length, text);
	knob = mr_knob_find(name);
	if (!knob)
		return unknown_knob(name, err);
	if (mr_policy_set(policy, name, text + length + 1, &why))
		return mr_fail(err, MR_EINVAL, "--set: %s", why.text);
	if (say && !mr_knob_matters(knob, policy))
		mr_say("the knob %s changes nothing under the policy %s", name,
			mr_policy_name(policy));
	return MR_OK;
}

enum mr_status
mr_setup_policy(struct mr_policy *out, const struct mr_policy_options *options,
	struct mr_error *err)
{
	return mr_policy_init(out, mr_setup_policy_at((size_t)options->policy), err);
}

bool
mr_setup_is_torch(const struct mr_policy_options *options)
{
	struct mr_policy policy;

	return options->confs.count ||
		(!mr_setup_policy(&policy, options, NULL) && mr_policy_is_torch(&policy));
}

static enum mr_status
apply_conf(struct mr_policy *policy, const char *conf, bool say, struct mr_error *err)
{
	char remark[MR_TORCH_REMARK_SIZE];
	struct mr_error why;

	if (mr_torch_conf_parse(&policy->torch, remark, conf, &why))
		return mr_fail(err, MR_EINVAL, "--alloc-conf: %s", why.text);
	if (*remark && say)
		mr_say("--alloc-conf: %s", remark);
	return MR_OK;
}

/* Settings that do nothing as they are. */
static void
say_idle(const struct mr_policy *policy)
{
	const struct mr_torch_settings *torch = &policy->torch;

	if (torch->fraction && policy->memory == MR_UNLIMITED)
		mr_say("fraction does nothing unless the device's memory is set, with "
		       "--set memory=SIZE");
	else if (torch->gc_threshold && !torch->fraction)
		mr_say("garbage collection does nothing without a fraction, in PyTorch "
		       "too: --set fraction=SHARE stands for "
		       "set_per_process_memory_fraction()");
}

enum mr_status
mr_setup_knobs(struct mr_policy *policy, const struct mr_policy_options *options,
	const char *conf, bool say, struct mr_error *err)
{
	enum mr_status status = conf ? apply_conf(policy, conf, say, err) : MR_OK;

	for (size_t i = 0; !status && i < options->knobs.count; i++)
		status = apply_knob(policy, options->knobs.items[i], say, err);
	if (!status && say)
		say_idle(policy);
	return status;
}

/* Whether some --set is of cache_limit. */
static bool
sets_limit(const struct mr_policy_options *options)
{
	for (size_t i = 0; i < options->knobs.count; i++)
		if (!strncmp(options->knobs.items[i], "cache_limit=", 12))
			return true;
	return false;
}

/* Says so if --cache-limit is given to a policy that has no cache. */
static void
say_unheeded(const struct mr_policy *policy)
{
	if (!mr_knob_matters(mr_knob_find("cache_limit"), policy))
		mr_say("--cache-limit changes nothing under the policy %s",
			mr_policy_name(policy));
}

enum mr_status
mr_setup_make(struct mr_setup *out, const struct mr_policy_options *options,
	const struct mr_limit_options *limits, const struct mr_header *header,
	struct mr_error *err)
{
	struct mr_policy *policy = &out->policy;
	bool fixed = limits && (limits->cache_limit.given || sets_limit(options));
	const char *conf = options->confs.count ? options->confs.items[0] : NULL;
	const char *name = mr_setup_policy_at((size_t)options->policy);
	enum mr_status status;

	if (options->confs.count > 1)
		return mr_fail(err, MR_EINVAL, "--alloc-conf: given more than once");
	status = mr_policy_init(policy, name, err);
	if (!status && conf && !mr_policy_is_torch(policy))
		status = mr_policy_init(policy, "torch-cuda", err);
	if (!status && limits && mr_policy_is_torch(policy) &&
		(limits->cache_limit.given || limits->keep_limit_events))
		status = mr_fail(err, MR_EINVAL,
			"--cache-limit: PyTorch's rules know no such limit");
	if (!status && header)
		status = apply_header(policy, header, err);
	if (limits && limits->cache_limit.given)
		policy->cache_limit = limits->cache_limit.value;
	if (!status && limits && limits->cache_limit.given && !header && !options->quiet)
		say_unheeded(policy);
	if (!status)
		status = mr_setup_knobs(
			policy, options, conf, !header && !options->quiet, err);
	mr_policy_resolve(policy);
	out->keep_limits = !fixed || limits->keep_limit_events;
	return status;
}

void
mr_setup_say_ignored(uint64_t ignored)
{
	if (ignored)
		mr_say("%" PRIu64 " set_cache_limit event%s ignored because "
		       "--cache-limit is given; --keep-limit-events obeys them",
			ignored, ignored == 1 ? "" : "s");
}
