/* SPDX-License-Identifier: MIT */
#include "fleet/fleet.h"

#include "base/clock.h"
#include "base/error.h"

void
mr_errand_run(struct mr_errand *errand, const struct mr_fleet *fleet)
{
	uint64_t start = mr_clock_ns();

	fleet->work(fleet->context, errand);
	errand->ns = mr_clock_ns() - start;
}

void
mr_errand_fini(struct mr_errand *errand)
{
	mr_packet_fini(&errand->brief);
	mr_packet_fini(&errand->results);
}

static enum mr_status
take(struct mr_fleet *fleet, struct mr_plan *plan, size_t unit, struct mr_packet *result,
	struct mr_error *err)
{
	const char *key = plan->units[unit].key;
	enum mr_status st = MR_OK;

	if (fleet->journal && key)
		st = mr_journal_add(fleet->journal, key, result, err);
	if (!st && !fleet->take(fleet->context, unit, result))
		st = mr_fail(err, MR_EFORMAT, "a result cannot be read");
	if (!st)
		mr_plan_tick(plan, unit);
	return st;
}

enum mr_status
mr_fleet_settle(struct mr_fleet *fleet, struct mr_plan *plan,
	const struct mr_parcel *parcel, struct mr_errand *errand, struct mr_error *err)
{
	size_t source = plan->units[parcel->first].source;
	enum mr_status st = MR_OK;

	/* its source may have failed meanwhile, in other hands */
	if (plan->units[parcel->first].done)
		return MR_OK;
	if (errand->status) {
		fleet->fail(fleet->context, source, errand->status,
			mr_packet_get_text(&errand->results, NULL));
		mr_plan_drop(plan, source);
		fleet->stopped = fleet->fail_fast;
		return MR_OK;
	}
	for (size_t i = 0; i < parcel->count && !st; i++) {
		struct mr_packet result = mr_packet_get_packet(&errand->results);

		st = take(fleet, plan, parcel->first + i, &result, err);
	}
	return st;
}

static enum mr_status
work_alone(struct mr_fleet *fleet, struct mr_plan *plan, struct mr_error *err)
{
	const struct mr_parcel *parcel;
	enum mr_status st = MR_OK;

	while (!st && !fleet->stopped && (parcel = mr_plan_deal(plan, true))) {
		struct mr_errand errand = {0};

		fleet->describe(fleet->context, parcel, &errand.brief);
		mr_errand_run(&errand, fleet);
		st = errand.results.bad
			? mr_fail_memory(err)
			: mr_fleet_settle(fleet, plan, parcel, &errand, err);
		mr_errand_fini(&errand);
	}
	return st;
}

enum mr_status
mr_fleet_lead(struct mr_fleet *fleet, struct mr_plan *plan, struct mr_error *err)
{
	size_t workers = fleet->transport ? (size_t)fleet->transport->size : 1;
	enum mr_status st = mr_plan_make(plan, workers, err);

	if (st)
		return st;
	return fleet->transport ? mr_fleet_lead_others(fleet, plan, err)
				: work_alone(fleet, plan, err);
}
