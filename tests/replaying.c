/* SPDX-License-Identifier: MIT */
#include "replaying.h"

#include <string.h>
#include <unistd.h>

#include "suite.h"

void
bench_init(struct bench *bench)
{
	memset(bench, 0, sizeof(*bench));
	bench->options.struct_size = sizeof(bench->options);
	bench->options.keep_limits = true;
	bench->options.touch = MR_TOUCH_PAGE;
	bench->options.runs = 1;
	bench->options.environment = environ;
	ck_assert(!mr_policy_init(&bench->options.policy, "mlx-cpu", NULL));
	ck_assert(!mr_program_new(&bench->program, NULL));
}

void
bench_fini(struct bench *bench)
{
	mr_replay_free(bench->replay);
	mr_program_free(bench->program);
	mr_sim_free(bench->sim);
}

void
bench_add(struct bench *bench, struct mr_event event)
{
	if (!bench->sim)
		ck_assert(!mr_sim_new(&bench->sim, &bench->options.policy,
			bench->options.keep_limits, NULL));
	ck_assert(!mr_program_add(bench->program, &event, NULL));
	ck_assert(!mr_sim_step(bench->sim, &event, NULL, NULL));
}

void
bench_malloc(struct bench *bench, uint32_t slot, uint64_t size)
{
	bench_add(
		bench, (struct mr_event){.op = MR_OP_MALLOC, .slot = slot, .size = size});
}

void
bench_free(struct bench *bench, uint32_t slot)
{
	bench_add(bench, (struct mr_event){.op = MR_OP_FREE, .slot = slot});
}

void
bench_replay(struct bench *bench)
{
	struct mr_error err;

	mr_sim_result(bench->sim, &bench->simulated);
	mr_replay_free(bench->replay);
	ck_assert_msg(
		!mr_replay_run(&bench->replay, bench->program, &bench->options, &err),
		"replay: %s", err.text);
	bench->backends = mr_replay_backends(bench->replay, &bench->count);
}

const struct mr_replay_backend *
bench_backend(const struct bench *bench, const char *name)
{
	for (size_t i = 0; i < bench->count; i++)
		if (!strcmp(bench->backends[i].name, name))
			return &bench->backends[i];
	ck_abort_msg("no backend %s", name);
}

void
assert_as_simulated(const struct bench *bench, const char *what)
{
	const struct mr_replay_backend *caching = &bench->backends[0];
	size_t count;
	const struct mr_metric *metrics = mr_metrics(&count);

	ck_assert_msg(!strcmp(caching->exit, "exit 0"), "%s: %s", what, caching->exit);
	ck_assert(caching->caching);
	for (size_t i = 0; i < count; i++)
		ck_assert_msg(mr_metric_count(&metrics[i], &caching->result) ==
				mr_metric_count(&metrics[i], &bench->simulated),
			"%s: %s is %llu, simulated %llu", what, metrics[i].name,
			(unsigned long long)mr_metric_count(
				&metrics[i], &caching->result),
			(unsigned long long)mr_metric_count(
				&metrics[i], &bench->simulated));
	ck_assert_mem_eq(&caching->result, &bench->simulated, sizeof(bench->simulated));
}

int
bench_main(int argc, char **argv, Suite *(*make)(void))
{
	if (argc > 1 && !strcmp(argv[1], MR_REPLAY_CHILD))
		return mr_replay_child(argc, argv);
	return run_suite(make());
}
