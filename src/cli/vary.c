/* SPDX-License-Identifier: MIT */
#include "cli/vary.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

/* In place of the first knob, cache_limit: each curve is over that. */
static const char *
name_at(size_t index)
{
	return index ? mr_setup_knob_at(index) : "policy";
}

static const struct mr_option rows[] = {
	{MR_OPTION_LIST, 'V', "vary", "KNOB=A,B,C", .of_cache = true, .choices = name_at,
		.offset = offsetof(struct mr_vary_options, texts),
		.help = "sweep with each of these values of a knob, or under each of "
			"these policies; if given more than once, with all "
			"combinations; KNOB is"},
};
const struct mr_option_group mr_vary_group = {"Policy options", rows, 1};

/* How many values "KNOB=a,b,c" lists. */
static size_t
values_of(const char *text)
{
	size_t count = 1;

	for (text += strcspn(text, "="); *text; text++)
		count += *text == ',';
	return count;
}

/* "KNOB=VALUE" with the value at index. NULL: no memory. */
static char *
pick(const char *text, size_t index)
{
	size_t name = strcspn(text, "=") + 1, length;
	const char *value = text + name;
	char *out;

	for (; index; index--)
		value += strcspn(value, ",") + 1;
	length = strcspn(value, ",");
	out = malloc(name + length + 1);
	if (!out)
		return NULL;
	memcpy(out, text, name);
	memcpy(out + name, value, length);
	out[name + length] = '\0';
	return out;
}

static enum mr_status
set_policy(struct mr_policy_options *options, const char *name, struct mr_error *err)
{
	size_t count;
	const char *const *names = mr_policy_names(&count);

	for (size_t i = 0; i < count; i++)
		if (!strcmp(names[i], name)) {
			options->policy = (int)i;
			return MR_OK;
		}
	return mr_fail(err, MR_EINVAL, "--vary: there is no policy \"%.40s\"", name);
}

/* Makes the combination of that number. */
static enum mr_status
make(struct mr_variant *variant, size_t number, const struct mr_texts *vary,
	const struct mr_policy_options *policy, const struct mr_header *header,
	struct mr_error *err)
{
	struct mr_policy_options own = *policy;
	enum mr_status st = MR_OK;

	/* of each policy's combinations the first speaks for all */
	for (size_t i = vary->count; i-- > 0;) {
		size_t values = values_of(vary->items[i]);

		own.quiet |= number % values && strncmp(vary->items[i], "policy=", 7);
		variant->texts[i] = pick(vary->items[i], number % values);
		if (!variant->texts[i])
			return mr_fail_memory(err);
		number /= values;
	}
	for (size_t i = 0; i < vary->count && !st; i++) {
		if (!strncmp(variant->texts[i], "policy=", 7))
			st = set_policy(&own, variant->texts[i] + 7, err);
		else if (own.knobs.count == MR_TEXTS_MAX)
			st = mr_fail(err, MR_EINVAL, "too many --set and --vary");
		else
			own.knobs.items[own.knobs.count++] = variant->texts[i];
	}
	return st ? st : mr_setup_make(&variant->setup, &own, NULL, header, err);
}

static enum mr_status
refuse_limit(const char *option, const struct mr_texts *texts, struct mr_error *err)
{
	for (size_t i = 0; i < texts->count; i++)
		if (!strncmp(texts->items[i], "cache_limit=", 12))
			return mr_fail(err, MR_EINVAL,
				"--%s: each curve is over cache_limit already; "
				"--limits says at which",
				option);
	return MR_OK;
}

enum mr_status
mr_variants_make(struct mr_variants *out, const struct mr_vary_options *vary,
	const struct mr_policy_options *policy, const struct mr_header *header,
	struct mr_error *err)
{
	enum mr_status st = MR_OK;
	size_t count = 1;

	*out = (struct mr_variants){.varied = vary->texts.count};
	if ((st = refuse_limit("vary", &vary->texts, err)) ||
		(st = refuse_limit("set", &policy->knobs, err)))
		return st;
	for (size_t i = 0; i < vary->texts.count; i++) {
		const char *text = vary->texts.items[i];

		if (!strchr(text, '='))
			return mr_fail(err, MR_EINVAL,
				"--vary: \"%.40s\" is not KNOB=A,B,C", text);
		count *= values_of(text);
		if (count > MR_VARY_MOST)
			return mr_fail(err, MR_EINVAL,
				"--vary: more than %d combinations", MR_VARY_MOST);
	}
	out->items = calloc(count, sizeof(*out->items));
	if (!out->items)
		return mr_fail_memory(err);
	out->count = count;
	for (size_t i = 0; i < count && !st; i++)
		st = make(&out->items[i], i, &vary->texts, policy, header, err);
	return st;
}

void
mr_variants_fini(struct mr_variants *variants)
{
	for (size_t i = 0; i < variants->count; i++)
		for (size_t k = 0; k < variants->varied; k++)
			free(variants->items[i].texts[k]);
	free(variants->items);
}
