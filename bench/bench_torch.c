/* SPDX-License-Identifier: MIT */

/* Speed of PyTorch's rules on memory snapshots, one setting, one core. */

#include <stdio.h>
#include <stdlib.h>

#include "load.h"
#include "sim/torchload.h"
#include "sim/torchrun.h"

#define PASSES 15

static void
fail(const char *path, const struct mr_error *err)
{
	fprintf(stderr, "%s: %s\n", path, err->text);
	exit(1);
}

static void
load(struct mr_torch_case *out, const char *path)
{
	struct mr_snapshot *snapshot;
	struct mr_input *input;
	struct mr_error err;

	if (mr_input_open(&input, path, &err) ||
		mr_snapshot_read(&snapshot, input, true, &err))
		fail(path, &err);
	mr_input_close(input);
	if (mr_torch_case_snapshot(out, snapshot, NULL, &err))
		fail(path, &err);
}

/* Million requests of the program a second, over enough runs to be measured. */
static double
simulate(const struct mr_torch_case *of, const struct mr_torch_settings *settings)
{
	size_t runs = 1000000 / of->script.op_count + 1;
	double start = mr_bench_now();

	for (size_t i = 0; i < runs; i++) {
		struct mr_torch_run run;
		struct mr_error err;

		if (mr_torch_run_init(&run, settings, NULL, &err) ||
			mr_torch_run_script(&run, &of->script, MR_TORCH_REBUILT, &err))
			fail("simulate", &err);
		mr_torch_run_fini(&run);
	}
	return (double)(runs * of->script.op_count) * 1e3 / (mr_bench_now() - start);
}

int
main(int argc, char **argv)
{
	printf("PyTorch's rules: million requests and frees/s, one core; median of "
	       "%d\n\n",
		PASSES);
	printf("%-60s %10s %10s\n", "snapshot", "as it was", "expandable");
	for (int i = 1; i < argc; i++) {
		struct mr_torch_settings settings;
		struct mr_torch_case of;
		double speed[2][PASSES];

		load(&of, argv[i]);
		settings = of.recording.settings;
		settings.memory = MR_UNLIMITED;
		for (int pass = 0; pass < PASSES; pass++) {
			speed[0][pass] = simulate(&of, &of.recording.settings);
			settings.expandable = 1;
			speed[1][pass] = simulate(&of, &settings);
		}
		printf("%-60s %10.1f %10.1f\n", argv[i],
			mr_bench_median(speed[0], PASSES),
			mr_bench_median(speed[1], PASSES));
		mr_torch_case_fini(&of);
	}
	return 0;
}
