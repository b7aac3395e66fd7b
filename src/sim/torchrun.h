/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_TORCHRUN_H
#define MR_SIM_TORCHRUN_H

/*
 * One run of a program's requests through the torch allocator: blocks by their
 * number in the program, and what is counted over time. It stops at the first
 * request that cannot be served; what the program would do then, nobody knows.
 */

#include "memreplay/result.h"
#include "sim/torchscript.h"

/* How a run of a script begins. */
enum mr_torch_start {
	MR_TORCH_SEEDED, /* with the segments that were there: this run goes on */
	MR_TORCH_REBUILT /* empty, the older blocks asked for first: from scratch */
};

/* What a block of the program got. */
struct mr_torch_held {
	uint32_t block; /* MR_TORCH_NONE: it is not there */
	uint32_t serial;
};

struct mr_torch_run {
	struct mr_torch *torch;
	struct mr_torch_held *held; /* by life */
	uint32_t lives;
	size_t at;          /* operations of a script done, the last maybe in vain */
	bool oom;           /* memory ran out: nothing more is done */
	uint64_t events;    /* carried out */
	uint64_t oom_event; /* 1 is the first; 0: before the first */
	uint64_t zero_mallocs;
	uint64_t reserved_sum, unused_sum; /* over events, in blocks of 512 bytes */
	/* Told of every request that was tried; NULL: nobody looks on. */
	void (*served)(void *context, const struct mr_torch_run *run);
	void *context;
};

/* Makes a run of nothing. *run is the caller's, for mr_torch_run_fini(). MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_torch_run_init(struct mr_torch_run *run,
	const struct mr_torch_settings *settings, const struct mr_torch_hooks *hooks,
	struct mr_error *err);

void mr_torch_run_fini(struct mr_torch_run *run);

/* Each of these does one thing that the program asks for. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_torch_run_malloc(struct mr_torch_run *run, uint32_t life,
	uint64_t size, struct mr_torch_queue queue, struct mr_error *err);
void mr_torch_run_free(struct mr_torch_run *run, uint32_t life);
MR_MUST_CHECK enum mr_status mr_torch_run_done(
	struct mr_torch_run *run, uint32_t life, struct mr_error *err);
MR_MUST_CHECK enum mr_status mr_torch_run_empty(
	struct mr_torch_run *run, struct mr_error *err);

/* The bytes that a block of the program has; 0: it is not there. */
uint64_t mr_torch_run_size(const struct mr_torch_run *run, uint32_t life);

/* Counts one event of the program, carried out in one or two of the above. */
void mr_torch_run_count(struct mr_torch_run *run);

/* The figures so far. */
void mr_torch_run_result(const struct mr_torch_run *run, struct mr_result *out);

/* Brings the run to where a script begins. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_torch_run_begin(struct mr_torch_run *run,
	const struct mr_torch_script *script, enum mr_torch_start start,
	struct mr_error *err);

/* Carries out one operation of a script. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_torch_run_step(struct mr_torch_run *run,
	const struct mr_torch_script *script, const struct mr_torch_op *op,
	struct mr_error *err);

/* Carries out all of a script, from its beginning. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_torch_run_script(struct mr_torch_run *run,
	const struct mr_torch_script *script, enum mr_torch_start start,
	struct mr_error *err);

#endif
