/* SPDX-License-Identifier: MIT */
/*
 * Makes policies, limits and a trace out of any bytes, and holds simulations and
 * sweeps against each other and the slow model of oracle.c: every counter after each
 * event, the range of limits that run the same at both of its ends, and every point
 * of a sweep, by one thread and by two, against a simulation of its own.
 */
#include <string.h>

#include "../limits.h"
#include "alloc/core.h"
#include "bytes.h"
#include "fuzz.h"
#include "memreplay/sim.h"

#define MAX_LIVE   48
#define MAX_EVENTS 700 /* some batches of sweeps by groups, which join between them */
#define MAX_FORKED 100 /* of sweeps that fork a simulation for each range of limits */
#define MAX_LIMITS 64
#define TRIED      8 /* points of a sweep, about */

struct trace {
	struct events events;
	struct mr_event items[MAX_EVENTS];
	uint64_t ids[MAX_LIVE]; /* 0: the slot is free */
	uint64_t last_id;
};

const char *const fuzz_folders[] = {"tests/fuzz/sim", NULL};

static void
take_other(struct bytes *bytes, uint8_t op, struct mr_event *event)
{
	static const uint8_t ops[] = {MR_OP_SET_CACHE_LIMIT, MR_OP_SET_MEMORY_LIMIT,
		MR_OP_CLEAR_CACHE, MR_OP_RESET_PEAK, MR_OP_MARK, MR_OP_COUNTERS};

	event->op = ops[op % sizeof(ops)];
	if (event->op == MR_OP_MARK) {
		event->name = "step";
		event->name_length = 4;
	} else if (event->op <= MR_OP_SET_MEMORY_LIMIT) {
		event->bytes = take_limit(bytes);
	}
}

/* A malloc or free of a slot, or, of some bytes, something else. */
static void
take_event(struct bytes *bytes, struct trace *trace)
{
	struct mr_event *event = &trace->items[trace->events.count++];
	uint8_t op = (uint8_t)take(bytes, 1);
	uint32_t slot = op % MAX_LIVE;

	*event = (struct mr_event){0};
	if (op >= 0xf0) {
		take_other(bytes, op, event);
		return;
	}
	event->slot = slot;
	if (trace->ids[slot]) {
		event->op = MR_OP_FREE;
		event->id = trace->ids[slot];
		trace->ids[slot] = 0;
		return;
	}
	event->op = MR_OP_MALLOC;
	event->size = take_size(bytes);
	event->id = trace->ids[slot] = ++trace->last_id;
}

/* What the rest of the input says, again and again if it says so. */
static void
take_events(struct bytes *bytes, struct trace *trace)
{
	uint64_t rounds = 1 + (take(bytes, 1) & 15);
	const uint8_t *begin = bytes->at;
	struct events *events = &trace->events;
	bool groups = events->policy_count == 1 && mr_core_is_plain(events->policies);
	size_t most = groups ? MAX_EVENTS : MAX_FORKED;

	events->items = trace->items;
	while (rounds-- && begin < bytes->end)
		for (bytes->at = begin; bytes->at < bytes->end && events->count < most;)
			take_event(bytes, trace);
}

static void
expect(const char *what, const char *differs)
{
	if (differs)
		fuzz_fail(what, differs);
}

/* Event by event against the model; sets *result to what it comes to. */
static void
try_steps(const struct events *events, const struct mr_policy *policy, bool keep_limits,
	struct mr_result *result)
{
	struct oracle *oracle = oracle_new(policy, keep_limits);
	struct mr_error err = {.text = "?"};
	uint64_t ends[2];
	struct mr_sim *sim;

	REQUIRE(!mr_sim_new(&sim, policy, keep_limits, NULL));
	for (size_t i = 0; i < events->count; i++) {
		oracle_step(oracle, &events->items[i]);
		REQUIRE(!mr_sim_step(sim, &events->items[i], NULL, NULL));
		mr_sim_result(sim, result);
		expect("simulator", oracle_difference(result, oracle_result(oracle)));
		if (mr_sim_check(sim, &err))
			fuzz_fail("simulator", err.text);
	}
	mr_sim_result(sim, result);
	mr_sim_valid_range(sim, &ends[0], &ends[1]);
	REQUIRE(ends[0] < ends[1]);
	ends[1] -= ends[1] != MR_UNLIMITED;
	for (int i = 0; i < 2; i++)
		expect("range",
			limits_model_differs(
				events, policy, keep_limits, ends[i], result));
	mr_sim_free(sim);
	oracle_free(oracle);
}

/* The fast way, in stretches of any length. */
static void
try_run(const struct events *events, const struct mr_policy *policy, bool keep_limits,
	size_t stretch, const struct mr_result *want)
{
	struct mr_result got;
	struct mr_sim *sim;

	REQUIRE(!mr_sim_new(&sim, policy, keep_limits, NULL));
	for (size_t at = 0; at < events->count; at += stretch) {
		size_t left = events->count - at;

		REQUIRE(!mr_sim_run(
			sim, events->items + at, left < stretch ? left : stretch, NULL));
	}
	mr_sim_result(sim, &got);
	expect("run", oracle_difference(&got, want));
	mr_sim_free(sim);
}

/* A list, a grid, every limit there is, or a resolution that is to be found. */
static struct mr_sweep_options
take_options(struct bytes *bytes, uint64_t limits[MAX_LIMITS])
{
	struct mr_sweep_options options = {.to = MR_UNLIMITED};

	switch (take(bytes, 1) & 3) {
	case 0:
		options.limits = limits;
		options.limit_count = 1 + take(bytes, 1) % MAX_LIMITS;
		for (size_t i = 0; i < options.limit_count; i++)
			limits[i] = take_limit(bytes);
		break;
	case 1:
		options.from = take(bytes, 2);
		options.resolution = 1 + take(bytes, 2);
		options.to =
			options.from + options.resolution * (take(bytes, 1) % MAX_LIMITS);
		break;
	case 2:
		options.resolution = 1;
		break;
	default:
		break;
	}
	return options;
}

static struct mr_sweep *
sweep(struct events *events, const struct mr_sweep_options *options)
{
	struct mr_sweep *sweep;

	events->next = 0;
	REQUIRE(!mr_sweep_new_grid(
		&sweep, events->policies, events->policy_count, options, NULL));
	REQUIRE(!mr_sweep_run(sweep, events_next, events, NULL));
	return sweep;
}

/* Points of all policies; every few of them is looked at closely. */
static void
try_points(const struct events *events, const struct mr_sweep_options *options,
	const struct mr_point *points, size_t count)
{
	bool all = !options->limits && options->resolution == 1 &&
		options->to == MR_UNLIMITED;
	uint64_t limit;

	REQUIRE(count > 0);
	for (size_t i = 0; i < count; i++) {
		bool last = i + 1 == count || points[i + 1].policy > points[i].policy;

		REQUIRE(last || points[i].cache_limit < points[i + 1].cache_limit);
		REQUIRE(!all ||
			points[i].valid_to ==
				(last ? MR_UNLIMITED : points[i + 1].cache_limit));
	}
	for (size_t i = 0; i < count; i += 1 + count / TRIED)
		expect("point", limits_point_differs(events, &points[i], &limit));
}

static void
try_sweep(struct events *events, struct mr_sweep_options *options)
{
	const struct mr_point *points, *same;
	size_t count, same_count;
	struct mr_sweep *one = sweep(events, options), *two;

	options->jobs = 2;
	two = sweep(events, options);
	REQUIRE(!mr_sweep_points(one, &points, &count, NULL));
	REQUIRE(!mr_sweep_points(two, &same, &same_count, NULL));
	REQUIRE(count == same_count);
	REQUIRE(!memcmp(points, same, count * sizeof(*points)));
	try_points(events, options, points, count);
	mr_sweep_free(one);
	mr_sweep_free(two);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = {data, data + size};
	struct trace trace = {.last_id = 0};
	struct events *events = &trace.events;
	struct mr_sweep_options options;
	uint64_t limits[MAX_LIMITS];
	struct mr_policy policy;
	struct mr_result result;
	uint8_t how = (uint8_t)take(&bytes, 1);
	bool keep_limits = how & 1;

	/* those without a cache are not swept */
	for (int i = 0; i < 1 + (how >> 1 & 3); i++) {
		policy = take_policy(&bytes);
		if (policy.kind != MR_POLICY_NONE)
			events->policies[events->policy_count++] = policy;
	}
	options = take_options(&bytes, limits);
	take_events(&bytes, &trace);
	try_steps(events, &policy, keep_limits, &result);
	try_run(events, &policy, keep_limits, 1 + (how >> 3), &result);
	if (events->policy_count)
		try_sweep(events, &options);
	return 0;
}
