/* SPDX-License-Identifier: MIT */
#include "sim/ranks.h"

#include <stdlib.h>
#include <string.h>

#include "alloc/core.h"
#include "base/error.h"

enum mr_status
mr_ranks_init(
	struct mr_ranks *ranks, const struct mr_policy *policy, struct mr_error *err)
{
	memset(ranks, 0, sizeof(*ranks));
	ranks->policy = *policy;
	return mr_sizes_init(&ranks->sizes, err);
}

void
mr_ranks_fini(struct mr_ranks *ranks)
{
	mr_sizes_fini(&ranks->sizes);
	free(ranks->size);
	free(ranks->window_end);
	free(ranks->rank);
	free(ranks->class_at);
}

enum mr_status
mr_ranks_class(
	struct mr_ranks *ranks, uint64_t size, uint32_t *class, struct mr_error *err)
{
	enum mr_status st;

	*class = mr_sizes_find(&ranks->sizes, size);
	if (*class != MR_NONE)
		return MR_OK;
	if ((st = mr_sizes_reserve(&ranks->sizes, err)))
		return st;
	*class = mr_sizes_add(&ranks->sizes, size);
	ranks->in_use++;
	ranks->unsettled = true;
	return MR_OK;
}

/* Finding out which are used looks at all classes, and at all slots. */
bool
mr_ranks_crowded(const struct mr_ranks *ranks, uint32_t slots)
{
	return ranks->in_use / 2 > (uint64_t)ranks->kept + slots + 4096;
}

static bool
is_unused(const void *context, uint32_t class)
{
	const bool *used = context;

	return !used[class];
}

enum mr_status
mr_ranks_forget(struct mr_ranks *ranks, const bool *used, struct mr_error *err)
{
	enum mr_status st = mr_sizes_sweep(&ranks->sizes, is_unused, used, err);

	if (st)
		return st;
	ranks->kept = 0;
	for (uint32_t class = 0; class < ranks->sizes.class_count; class ++)
		ranks->kept += used[class];
	ranks->in_use = ranks->kept;
	ranks->unsettled = true;
	return MR_OK;
}

static enum mr_status
resize(void *array, size_t count, size_t each, struct mr_error *err)
{
	void *larger = realloc(*(void **)array, count * each);

	if (!larger)
		return mr_fail_memory(err);
	*(void **)array = larger;
	return MR_OK;
}

static enum mr_status
reserve(struct mr_ranks *ranks, uint32_t count, struct mr_error *err)
{
	uint32_t space = count + count / 2;
	enum mr_status st;

	if (count <= ranks->space)
		return MR_OK;
	if ((st = resize(&ranks->size, space, sizeof(*ranks->size), err)) ||
		(st = resize(&ranks->window_end, space, sizeof(*ranks->size), err)) ||
		(st = resize(&ranks->rank, space, sizeof(*ranks->rank), err)) ||
		(st = resize(&ranks->class_at, space, sizeof(*ranks->rank), err)))
		return st;
	ranks->space = space;
	return MR_OK;
}

static void
lay_levels_out(struct mr_ranks *ranks)
{
	uint32_t bits = ranks->in_use;

	ranks->level_count = 0;
	ranks->word_count = 0;
	do {
		bits = (bits + 63) / 64;
		ranks->level[ranks->level_count++] = ranks->word_count;
		ranks->word_count += bits;
	} while (bits > 1);
}

enum mr_status
mr_ranks_settle(struct mr_ranks *ranks, bool *changed, struct mr_error *err)
{
	uint32_t count = ranks->sizes.class_count;
	enum mr_status st;

	*changed = ranks->unsettled;
	if (!*changed)
		return MR_OK;
	if ((st = reserve(ranks, count, err)))
		return st;
	mr_sizes_list(&ranks->sizes, ranks->class_at);
	for (uint32_t rank = 0; rank < ranks->in_use; rank++) {
		uint32_t class = ranks->class_at[rank];

		ranks->rank[class] = rank;
		ranks->size[class] = ranks->sizes.classes[class].size;
		ranks->window_end[class] =
			mr_window_end(&ranks->policy, ranks->size[class]);
	}
	ranks->count = count;
	ranks->unsettled = false;
	lay_levels_out(ranks);
	return MR_OK;
}
