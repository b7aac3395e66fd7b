/* SPDX-License-Identifier: MIT */

/* Simulation speed at one limit, events in memory, one core. */

#include <stdio.h>
#include <stdlib.h>

#include "load.h"
#include "memreplay/sim.h"

#define PASSES 15

/* Million events a second. */
static double
simulate(const struct mr_load *load, uint64_t limit)
{
	struct mr_policy policy;
	struct mr_sim *sim;
	double start;

	if (mr_policy_init(&policy, "mlx-cpu", NULL))
		exit(1);
	policy.cache_limit = limit;
	start = mr_bench_now();
	if (mr_sim_new(&sim, &policy, true, NULL) ||
		mr_sim_run(sim, load->events, load->count, NULL))
		exit(1);
	mr_sim_free(sim);
	return (double)load->count * 1e3 / (mr_bench_now() - start);
}

int
main(int argc, char **argv)
{
	printf("simulate: million events/s, events in memory, one core; median of %d\n\n",
		PASSES);
	printf("%-20s %12s %12s\n", "trace", "unlimited", "32 MiB");
	for (int i = 1; i < argc; i++) {
		double speed[2][PASSES];
		struct mr_load load;

		mr_load(&load, argv[i]);
		for (int pass = 0; pass < PASSES; pass++) {
			speed[0][pass] = simulate(&load, MR_UNLIMITED);
			speed[1][pass] = simulate(&load, UINT64_C(32) << 20);
		}
		printf("%-20s %12.1f %12.1f\n", load.name,
			mr_bench_median(speed[0], PASSES),
			mr_bench_median(speed[1], PASSES));
		mr_load_free(&load);
	}
	return 0;
}
