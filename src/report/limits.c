/* SPDX-License-Identifier: MIT */
/* Whether and how the limits were held, in sentences with their figures. */
#include "base/units.h"
#include "report/replay.h"

static void
print_no_cache_limit(const struct mr_result *result, FILE *out)
{
	char peak[MR_TEXT_SIZE];

	fprintf(out, "There was no cache limit: cached memory peaked at %s.\n",
		mr_size_print(peak, result->peak_cached_bytes));
}

static void
print_cache_limit_held(const struct mr_result *result, FILE *out)
{
	char peak[MR_TEXT_SIZE], limit[MR_TEXT_SIZE], room[MR_TEXT_SIZE];
	char events[MR_TEXT_SIZE];

	mr_size_print(peak, result->peak_cached_bytes);
	mr_size_print(limit, result->cache_limit);
	fprintf(out,
		"The cache limit was held: cached memory was within it after each of "
		"the\n%s events. ",
		mr_count_print(events, result->events));
	/* the peak may have been under another limit than that of the end */
	if (result->limit_changes || result->peak_cached_bytes > result->cache_limit)
		fprintf(out, "It peaked at %s; the limit at the end is %s.\n", peak,
			limit);
	else
		fprintf(out, "It peaked at %s, %s below the limit of %s.\n", peak,
			mr_size_print(
				room, result->cache_limit - result->peak_cached_bytes),
			limit);
}

/* The GPUs' policies look at the limit before they cache a block, not after. */
static bool
may_overshoot(const struct mr_policy *policy)
{
	return policy->kind == MR_POLICY_MLX_METAL || policy->kind == MR_POLICY_MLX_CUDA;
}

static void
print_cache_limit_exceeded(
	const struct mr_result *result, const struct mr_policy *policy, FILE *out)
{
	char over[MR_TEXT_SIZE], events[MR_TEXT_SIZE], all[MR_TEXT_SIZE];

	if (may_overshoot(policy))
		fprintf(out,
			"%s lets cached memory be above the limit until the next malloc: "
			"by the\nblock freed last, or after the limit was lowered. That "
			"was so",
			mr_policy_name(policy));
	else
		fputs("The cache limit was NOT held at all times: cached memory was "
		      "above it",
			out);
	fprintf(out, " after %s of\n%s events, by up to %s.\n",
		mr_count_print(events, result->events_over_limit),
		mr_count_print(all, result->events),
		mr_size_print(over, result->max_overshoot_bytes));
}

/* What became of blocks for the sake of the limit. */
static void
print_means(const struct mr_result *result, FILE *out)
{
	char blocks[MR_TEXT_SIZE], bytes[MR_TEXT_SIZE], times[MR_TEXT_SIZE];

	if (result->rejected_frees)
		fprintf(out,
			"%s freed blocks (%s) did not fit and went back to the system.\n",
			mr_count_print(blocks, result->rejected_frees),
			mr_size_print(bytes, result->rejected_bytes));
	else if (result->cache_limit != MR_UNLIMITED)
		fputs("Every freed block did fit.\n", out);
	if (result->limit_changes)
		fprintf(out,
			"It was changed %s times, and lowering it evicted %s blocks "
			"(%s).\n",
			mr_count_print(times, result->limit_changes),
			mr_count_print(blocks, result->evictions_by_limit),
			mr_size_print(bytes, result->evicted_bytes_by_limit));
	else if (result->evictions_by_limit)
		fprintf(out, "Coming back below it evicted %s blocks (%s).\n",
			mr_count_print(blocks, result->evictions_by_limit),
			mr_size_print(bytes, result->evicted_bytes_by_limit));
	if (result->evictions_for_room)
		fprintf(out, "Making room for freed blocks evicted %s others (%s).\n",
			mr_count_print(blocks, result->evictions_for_room),
			mr_size_print(bytes, result->evicted_bytes_for_room));
	if (result->evictions_by_pressure)
		fprintf(out, "Shortage of memory or of blocks evicted %s (%s).\n",
			mr_count_print(blocks, result->evictions_by_pressure),
			mr_size_print(bytes, result->evicted_bytes_by_pressure));
	if (result->cleared_blocks)
		fprintf(out, "Clearing the cache evicted %s blocks (%s).\n",
			mr_count_print(blocks, result->cleared_blocks),
			mr_size_print(bytes, result->cleared_bytes));
}

static void
print_memory_limit(const struct mr_result *result, FILE *out)
{
	char limit[MR_TEXT_SIZE], events[MR_TEXT_SIZE], peak[MR_TEXT_SIZE];

	mr_size_print(limit, result->memory_limit);
	if (result->memory_limit == MR_UNLIMITED && !result->events_over_memory_limit)
		fputs("There was no memory limit.\n", out);
	else if (result->events_over_memory_limit)
		fprintf(out,
			"The memory limit (%s at the end) stops no malloc: after %s "
			"events\nactive memory was above it.\n",
			limit, mr_count_print(events, result->events_over_memory_limit));
	else
		fprintf(out,
			"The memory limit of %s was never reached (active memory peaked "
			"at %s);\nit would stop no malloc.\n",
			limit, mr_size_print(peak, result->peak_active_bytes));
}

void
mr_replay_limits(
	const struct mr_result *result, const struct mr_policy *policy, FILE *out)
{
	char failed[MR_TEXT_SIZE], first[MR_TEXT_SIZE];

	if (result->events_over_limit)
		print_cache_limit_exceeded(result, policy, out);
	else if (result->cache_limit == MR_UNLIMITED && !result->limit_changes)
		print_no_cache_limit(result, out);
	else
		print_cache_limit_held(result, out);
	print_means(result, out);
	print_memory_limit(result, out);
	if (result->failed_mallocs)
		fprintf(out, "The policy refused %s mallocs, the first at event %s.\n",
			mr_count_print(failed, result->failed_mallocs),
			mr_count_print(first, result->first_failed_malloc));
}
