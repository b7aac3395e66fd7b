/* SPDX-License-Identifier: MIT */
/*
 * Makes a policy and calls out of any bytes, and holds the caching allocator and
 * the simulator against the slow model of oracle.c after each: every counter,
 * every capacity, and their own invariants.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../oracle.h"
#include "bytes.h"
#include "fuzz.h"
#include "memreplay/cache.h"
#include "memreplay/sim.h"

#define MAX_LIVE 48

struct run {
	struct bytes bytes;
	struct mr_policy policy;
	struct mr_cache *cache;
	struct mr_sim *sim;
	struct oracle *oracle;
	void *blocks[MAX_LIVE]; /* by slot */
	uint64_t ids[MAX_LIVE]; /* 0: the slot is free */
	uint64_t last_id;
};

const char *const fuzz_folders[] = {"tests/fuzz/alloc", NULL};

static void
check(const struct run *run)
{
	struct mr_result want = *oracle_result(run->oracle), got;
	const char *differs;
	struct mr_error err = {.text = "?"};

	mr_sim_result(run->sim, &got);
	differs = oracle_difference(&got, &want);
	if (differs || mr_sim_check(run->sim, &err))
		fuzz_fail("simulator", differs ? differs : err.text);
	/* numbers of events: the allocator does not see them all */
	want.events = want.mallocs + want.frees;
	mr_cache_result(run->cache, &got);
	got.first_failed_malloc = want.first_failed_malloc;
	differs = oracle_difference(&got, &want);
	if (differs || mr_cache_check(run->cache, &err))
		fuzz_fail("allocator", differs ? differs : err.text);
	REQUIRE(mr_cache_refused(run->cache) == want.failed_mallocs);
	REQUIRE(mr_cache_peak(run->cache) == want.peak_since_reset_bytes);
}

static void
do_malloc(struct run *run, struct mr_event *event)
{
	struct oracle_outcome want = oracle_step(run->oracle, event);
	struct mr_outcome outcome = {0};
	void *block = mr_cache_alloc(run->cache, (size_t)event->size);

	REQUIRE(!mr_sim_step(run->sim, event, &outcome, NULL));
	REQUIRE(!block == want.none);
	run->blocks[event->slot] = block;
	run->ids[event->slot] = event->id;
	if (want.none)
		return;
	REQUIRE(mr_cache_capacity(run->cache, block) == want.capacity);
	REQUIRE(outcome.capacity == want.capacity && outcome.hit == want.hit);
	memset(block, 0x5a, (size_t)want.capacity);
}

static void
do_free(struct run *run, struct mr_event *event)
{
	event->id = run->ids[event->slot];
	oracle_step(run->oracle, event);
	REQUIRE(!mr_sim_step(run->sim, event, NULL, NULL));
	mr_cache_dealloc(run->cache, run->blocks[event->slot]);
	run->ids[event->slot] = 0;
}

static void
do_other(struct run *run, uint8_t op, struct mr_event *event)
{
	static const uint8_t ops[] = {MR_OP_SET_CACHE_LIMIT, MR_OP_SET_MEMORY_LIMIT,
		MR_OP_CLEAR_CACHE, MR_OP_RESET_PEAK};

	event->op = ops[op & 3];
	if (event->op <= MR_OP_SET_MEMORY_LIMIT)
		event->bytes = take_limit(&run->bytes);
	if (event->op == MR_OP_SET_CACHE_LIMIT)
		mr_cache_set_limit(run->cache, event->bytes);
	else if (event->op == MR_OP_SET_MEMORY_LIMIT)
		mr_cache_set_memory_limit(run->cache, event->bytes);
	else if (event->op == MR_OP_CLEAR_CACHE)
		mr_cache_clear(run->cache);
	else
		mr_cache_reset_peak(run->cache);
	oracle_step(run->oracle, event);
	REQUIRE(!mr_sim_step(run->sim, event, NULL, NULL));
}

/* One call: a malloc or free of a slot, or, of some bytes, something else. */
static void
do_call(struct run *run)
{
	uint8_t op = (uint8_t)take(&run->bytes, 1);
	struct mr_event event = {.slot = op % MAX_LIVE};

	if (op >= 0xf0) {
		do_other(run, op, &event);
	} else if (run->ids[event.slot]) {
		event.op = MR_OP_FREE;
		do_free(run, &event);
	} else {
		event.op = MR_OP_MALLOC;
		event.id = ++run->last_id;
		event.size = take_size(&run->bytes);
		do_malloc(run, &event);
	}
	check(run);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct run run = {.bytes = {data, data + size}};
	struct mr_cache_options options = {.struct_size = sizeof(options)};

	run.policy = take_policy(&run.bytes);
	options.policy = run.policy;
	REQUIRE(!mr_cache_new(&run.cache, &options, NULL));
	REQUIRE(!mr_sim_new(&run.sim, &run.policy, true, NULL));
	run.oracle = oracle_new(&run.policy, true);
	while (run.bytes.at < run.bytes.end)
		do_call(&run);
	for (uint32_t slot = 0; slot < MAX_LIVE; slot++) {
		struct mr_event event = {.op = MR_OP_FREE, .slot = slot};

		if (!run.ids[slot])
			continue;
		do_free(&run, &event);
		check(&run);
	}
	mr_cache_free(run.cache);
	mr_sim_free(run.sim);
	oracle_free(run.oracle);
	return 0;
}
