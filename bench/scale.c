/* SPDX-License-Identifier: MIT */

/*
 * scale WHAT BLOCKS SIZES [EVENTS]: what an event costs when a made-up trace has
 * BLOCKS blocks live and SIZES distinct sizes. Prints the ns an event and the
 * bytes of memory a live block. Neither the events that fill the places are
 * counted nor as many as EVENTS after them, but the EVENTS (1000000) then. Of
 * the same stretch callgrind counts the instructions, with --collect-atstart=no.
 *
 * WHAT is one of
 *   ids        finding the block that a free names, as readers do
 *   simulate   the accounting alone
 *   detail     all that `memreplay simulate` counts
 *   sweep      8 limits; time and memory are those of all together
 *   allocator  real blocks, not touched
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "load.h"
#include "made.h"
#include "memreplay/cache.h"
#include "memreplay/detail.h"
#include "memreplay/sim.h"
#include "memreplay/sweep.h"
#include "replay/memory.h"
#include "trace/slots.h"

#if __has_include(<valgrind/callgrind.h>)
#include <valgrind/callgrind.h>
#else
#define CALLGRIND_TOGGLE_COLLECT
#endif

/* The whole trace in memory, and where its stretches end. */
struct course {
	struct mr_event *events;
	size_t filled;
	size_t warm;
	size_t end;
	size_t at;
	uint64_t resident_filled;
	double started;
	double ended;
};

static void
check(enum mr_status st, const struct mr_error *err)
{
	if (!st || st == MR_END)
		return;
	fprintf(stderr, "scale: %s\n", err->text);
	exit(1);
}

static uint64_t
resident(void)
{
	struct mr_resident now;
	struct mr_error err;

	check(mr_resident_read(&now, &err), &err);
	return now.now;
}

/* To be called at the end of each stretch. */
static void
pass(struct course *course)
{
	if (course->at == course->filled)
		course->resident_filled = resident();
	if (course->at == course->warm)
		course->started = mr_bench_now();
	if (course->at == course->end)
		course->ended = mr_bench_now();
	if (course->at == course->warm || course->at == course->end)
		CALLGRIND_TOGGLE_COLLECT;
}

/* Gives the stretches to take() one by one. */
static void
run(struct course *course, void (*take)(void *, const struct mr_event *, size_t),
	void *context)
{
	const size_t ends[] = {course->filled, course->warm, course->end};

	for (int i = 0; i < 3; i++) {
		take(context, course->events + course->at, ends[i] - course->at);
		course->at = ends[i];
		pass(course);
	}
}

static void
take_ids(void *context, const struct mr_event *events, size_t count)
{
	struct mr_slots *slots = context;
	struct mr_error err;
	uint32_t slot;

	for (size_t i = 0; i < count; i++)
		if (events[i].op == MR_OP_MALLOC)
			check(mr_slots_add(slots, &slot, events[i].id, &err), &err);
		else if (!mr_slots_remove(slots, &slot, events[i].id))
			exit(1);
}

static void
run_ids(struct course *course, const struct mr_policy *policy)
{
	struct mr_slots slots;
	struct mr_error err;

	(void)policy;
	check(mr_slots_init(&slots, &err), &err);
	run(course, take_ids, &slots);
	mr_slots_fini(&slots);
}

static void
take_simulate(void *context, const struct mr_event *events, size_t count)
{
	struct mr_error err;

	check(mr_sim_run(context, events, count, &err), &err);
}

static void
run_simulate(struct course *course, const struct mr_policy *policy)
{
	struct mr_error err;
	struct mr_sim *sim;

	check(mr_sim_new(&sim, policy, true, &err), &err);
	run(course, take_simulate, sim);
	mr_sim_free(sim);
}

static void
take_detail(void *context, const struct mr_event *events, size_t count)
{
	struct mr_error err;

	check(mr_detail_run(context, events, count, &err), &err);
}

static void
run_detail(struct course *course, const struct mr_policy *policy)
{
	struct mr_detail *detail;
	struct mr_error err;

	check(mr_detail_new(&detail, policy, true, &err), &err);
	run(course, take_detail, detail);
	mr_detail_free(detail);
}

static enum mr_status
next(void *source, struct mr_event *event, struct mr_error *err)
{
	struct course *course = source;

	(void)err;
	pass(course);
	if (course->at == course->end)
		return MR_END;
	*event = course->events[course->at++];
	return MR_OK;
}

static void
run_sweep(struct course *course, const struct mr_policy *policy)
{
	const uint64_t limits[] = {0, UINT64_C(1) << 16, UINT64_C(1) << 20,
		UINT64_C(1) << 23, UINT64_C(1) << 25, UINT64_C(1) << 28,
		UINT64_C(1) << 32, MR_UNLIMITED};
	const struct mr_sweep_options options = {
		.limits = limits, .limit_count = sizeof(limits) / sizeof(limits[0])};
	struct mr_sweep *sweep;
	struct mr_error err;

	check(mr_sweep_new(&sweep, policy, &options, &err), &err);
	check(mr_sweep_run(sweep, next, course, &err), &err);
	mr_sweep_free(sweep);
}

struct allocator {
	struct mr_cache *cache;
	void **blocks;
};

static void
take_allocator(void *context, const struct mr_event *events, size_t count)
{
	struct allocator *allocator = context;

	for (size_t i = 0; i < count; i++) {
		void **block = &allocator->blocks[events[i].slot];

		if (events[i].op == MR_OP_FREE)
			mr_cache_dealloc(allocator->cache, *block);
		else if (!(*block = mr_cache_alloc(allocator->cache, events[i].size)))
			exit(1);
	}
}

static void
run_allocator(struct course *course, const struct mr_policy *policy)
{
	const struct mr_cache_options options = {
		.struct_size = sizeof(options), .policy = *policy};
	struct allocator allocator = {.blocks = calloc(course->filled, sizeof(void *))};
	struct mr_error err;

	check(mr_cache_new(&allocator.cache, &options, &err), &err);
	if (allocator.blocks)
		run(course, take_allocator, &allocator);
	/* the blocks that are live are the system's soon */
	free(allocator.blocks);
}

static const struct subject {
	const char *name;
	void (*run)(struct course *course, const struct mr_policy *policy);
} subjects[] = {
	{"ids", run_ids},
	{"simulate", run_simulate},
	{"detail", run_detail},
	{"sweep", run_sweep},
	{"allocator", run_allocator},
};

static void
measure(const struct subject *subject, uint32_t blocks, uint64_t sizes, size_t events)
{
	struct course course = {.filled = blocks};
	struct mr_policy policy;
	struct mr_made made;
	struct mr_error err;
	uint64_t before;

	check(mr_policy_init(&policy, "mlx-cpu", &err), &err);
	policy.cache_limit = MR_UNLIMITED;
	course.warm = course.filled + events;
	course.end = course.warm + events;
	course.events = malloc(course.end * sizeof(*course.events));
	if (!course.events)
		check(MR_ENOMEM, &(struct mr_error){.text = "no memory for the trace"});
	mr_made_init(&made, blocks, sizes);
	for (size_t i = 0; i < course.end; i++)
		mr_made_next(&made, &course.events[i]);
	mr_made_fini(&made);
	before = resident();
	subject->run(&course, &policy);
	printf("%.1f %.0f\n", (course.ended - course.started) / (double)events,
		(double)(course.resident_filled - before) / blocks);
	free(course.events);
}

int
main(int argc, char **argv)
{
	unsigned long blocks = argc > 3 ? strtoul(argv[2], NULL, 10) : 0;
	unsigned long sizes = argc > 3 ? strtoul(argv[3], NULL, 10) : 0;
	unsigned long events = argc > 4 ? strtoul(argv[4], NULL, 10) : 1000000;

	for (size_t i = 0; i < sizeof(subjects) / sizeof(subjects[0]); i++)
		if (argc > 3 && !strcmp(argv[1], subjects[i].name) && blocks && sizes &&
			blocks < UINT32_MAX && events) {
			measure(&subjects[i], (uint32_t)blocks, sizes, events);
			return 0;
		}
	fputs("usage: scale ids|simulate|detail|sweep|allocator BLOCKS SIZES [EVENTS]\n",
		stderr);
	return 2;
}
