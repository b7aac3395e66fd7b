/* SPDX-License-Identifier: MIT */
#include "fleet/plan.h"

#include <stdlib.h>

#include "base/error.h"

/* Parcels for each worker, so that none is idle for long at the end. */
#define PARCELS_EACH 4

/* One behind the last unit of a row. */
static size_t
row_end(const struct mr_plan *plan, size_t first)
{
	const struct mr_work_unit *units = plan->units;
	size_t end = first;

	while (end < plan->count && units[end].source == units[first].source &&
		units[end].row == units[first].row)
		end++;
	return end;
}

static bool
is_row_start(const struct mr_plan *plan, size_t unit)
{
	return !unit || plan->units[unit - 1].source != plan->units[unit].source ||
		plan->units[unit - 1].row != plan->units[unit].row;
}

/* Takes up units to `end` if none is done and the parcel does not grow too large. */
static bool
extend(const struct mr_plan *plan, struct mr_parcel *parcel, size_t end, uint64_t most)
{
	uint64_t weight = parcel->weight;
	size_t width = 0;

	for (size_t i = parcel->first; i < parcel->first + parcel->count; i++)
		width += plan->units[i].width;
	for (size_t i = parcel->first + parcel->count; i < end; i++) {
		if (plan->units[i].done)
			return false;
		weight += plan->units[i].weight;
		width += plan->units[i].width;
	}
	if (!parcel->once && (weight > most || width > MR_PARCEL_WIDTH))
		return false;
	parcel->count = end - parcel->first;
	parcel->weight = weight;
	return true;
}

/* The parcel that begins with a unit: whole rows if one fits, or a part of its row. */
static struct mr_parcel
parcel_from(const struct mr_plan *plan, size_t first, uint64_t most)
{
	const struct mr_work_unit *unit = &plan->units[first];
	struct mr_parcel parcel = {.first = first, .once = unit->once};
	size_t end = row_end(plan, first);

	if (is_row_start(plan, first) && extend(plan, &parcel, end, most)) {
		while (end < plan->count && plan->units[end].source == unit->source) {
			end = row_end(plan, end);
			if (!extend(plan, &parcel, end, most))
				break;
		}
		return parcel;
	}
	parcel.count = 1;
	parcel.weight = unit->weight;
	while (parcel.first + parcel.count < end &&
		extend(plan, &parcel, parcel.first + parcel.count + 1, most))
		;
	return parcel;
}

/* Heavy ones first; otherwise in the order of the units. */
static int
by_weight(const void *a, const void *b)
{
	const struct mr_parcel *x = a, *y = b;

	if (x->weight != y->weight)
		return x->weight < y->weight ? 1 : -1;
	return (x->first > y->first) - (x->first < y->first);
}

enum mr_status
mr_plan_make(struct mr_plan *plan, size_t workers, struct mr_error *err)
{
	uint64_t most = UINT64_MAX;

	free(plan->parcels);
	plan->parcels = calloc(plan->count + 1, sizeof(*plan->parcels));
	plan->parcel_count = plan->done = 0;
	plan->weight = plan->weight_done = 0;
	if (!plan->parcels)
		return mr_fail_memory(err);
	for (size_t i = 0; i < plan->count; i++)
		if (plan->units[i].done)
			plan->done++;
		else
			plan->weight += plan->units[i].weight;
	if (workers > 1)
		most = plan->weight / (workers * PARCELS_EACH);
	for (size_t i = 0; i < plan->count;) {
		struct mr_parcel *parcel = &plan->parcels[plan->parcel_count];

		if (plan->units[i].done) {
			i++;
			continue;
		}
		*parcel = parcel_from(plan, i, most);
		i += parcel->count;
		plan->parcel_count++;
	}
	if (workers > 1)
		qsort(plan->parcels, plan->parcel_count, sizeof(*plan->parcels),
			by_weight);
	return MR_OK;
}

const struct mr_parcel *
mr_plan_deal(struct mr_plan *plan, bool here)
{
	struct mr_parcel *parcel = plan->parcels,
			 *end = plan->parcels + plan->parcel_count;

	while (parcel < end && (parcel->dealt || (parcel->once && !here)))
		parcel++;
	if (parcel == end)
		return NULL;
	parcel->dealt = true;
	return parcel;
}

void
mr_plan_tick(struct mr_plan *plan, size_t unit)
{
	if (plan->units[unit].done)
		return;
	plan->units[unit].done = true;
	plan->weight_done += plan->units[unit].weight;
	plan->done++;
}

void
mr_plan_drop(struct mr_plan *plan, size_t source)
{
	for (size_t i = 0; i < plan->parcel_count; i++)
		if (plan->units[plan->parcels[i].first].source == source)
			plan->parcels[i].dealt = true;
	for (size_t i = 0; i < plan->count; i++)
		if (plan->units[i].source == source)
			mr_plan_tick(plan, i);
}

void
mr_plan_fini(struct mr_plan *plan)
{
	for (size_t i = 0; i < plan->count; i++)
		free(plan->units[i].key);
	free(plan->units);
	free(plan->parcels);
	*plan = (struct mr_plan){0};
}
