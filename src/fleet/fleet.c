/* SPDX-License-Identifier: MIT */
#include "fleet/fleet.h"

#include "base/error.h"

/* A fleet with the plan that it carries out. */
struct lead {
	struct mr_fleet *fleet;
	struct mr_plan *plan;
};

static void
errand_fini(struct mr_errand *errand)
{
	mr_packet_fini(&errand->brief);
	mr_packet_fini(&errand->results);
}

/* Takes in what came of a parcel, unless its source has failed meanwhile. */
static enum mr_status
settle(struct lead *lead, const struct mr_parcel *parcel, struct mr_errand *errand,
	struct mr_error *err)
{
	struct mr_fleet *fleet = lead->fleet;
	struct mr_plan *plan = lead->plan;
	size_t source = plan->units[parcel->first].source;

	if (plan->units[parcel->first].done)
		return MR_OK;
	if (errand->status) {
		fleet->fail(fleet->context, source, errand->status,
			mr_packet_get_text(&errand->results, NULL));
		mr_plan_drop(plan, source);
		fleet->stopped = fleet->fail_fast;
		return MR_OK;
	}
	for (size_t i = parcel->first; i < parcel->first + parcel->count; i++) {
		struct mr_packet result = mr_packet_get_packet(&errand->results);

		if (!fleet->take(fleet->context, i, &result))
			return mr_fail(err, MR_EFORMAT, "a result cannot be read");
		mr_plan_tick(plan, i);
	}
	return MR_OK;
}

static enum mr_status
work_alone(struct lead *lead, struct mr_error *err)
{
	struct mr_fleet *fleet = lead->fleet;
	const struct mr_parcel *parcel;
	enum mr_status st = MR_OK;

	while (!st && !fleet->stopped && (parcel = mr_plan_deal(lead->plan, true))) {
		struct mr_errand errand = {0};

		fleet->describe(fleet->context, parcel, &errand.brief);
		fleet->work(fleet->context, &errand);
		st = errand.results.bad ? mr_fail_memory(err)
					: settle(lead, parcel, &errand, err);
		errand_fini(&errand);
	}
	return st;
}

enum mr_status
mr_fleet_lead(struct mr_fleet *fleet, struct mr_plan *plan, struct mr_error *err)
{
	struct lead lead = {.fleet = fleet, .plan = plan};

	return work_alone(&lead, err);
}
