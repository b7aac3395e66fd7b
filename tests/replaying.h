/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_REPLAYING_H
#define MR_TESTS_REPLAYING_H

/* What tests of replays in child processes share. */

#include <check.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/replay.h"
#include "memreplay/sim.h"

/* A trace on its way into a program and a simulation. */
struct bench {
	struct mr_program *program;
	struct mr_sim *sim;
	struct mr_replay_options options;
	struct mr_result simulated;
	struct mr_replay *replay;
	const struct mr_replay_backend *backends;
	size_t count;
};

/* An empty program, to be replayed once on mlx-cpu and malloc. */
void bench_init(struct bench *bench);
void bench_fini(struct bench *bench);

/* Adds an event. The policy is final from the first on. */
void bench_add(struct bench *bench, struct mr_event event);
void bench_malloc(struct bench *bench, uint32_t slot, uint64_t size);
void bench_free(struct bench *bench, uint32_t slot);

/* Carries it out; fails the test if that cannot be done at all. */
void bench_replay(struct bench *bench);

/* The backend of this name. */
const struct mr_replay_backend *bench_backend(
	const struct bench *bench, const char *name);

/* That the caching allocator counted, on one thread, what the simulation did. */
void assert_as_simulated(const struct bench *bench, const char *what);

/* What main() returns: that of a child if it is one, else of the suite. */
int bench_main(int argc, char **argv, Suite *(*make)(void));

#define ADD_LOOP(tests, function, table)                                                 \
	tcase_add_loop_test(tests, function, 0, (int)(sizeof(table) / sizeof((table)[0])))

#endif
