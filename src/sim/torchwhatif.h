/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_TORCHWHATIF_H
#define MR_SIM_TORCHWHATIF_H

/*
 * What if: a script under other settings, on other devices.
 */

#include "sim/torchrun.h"

/* A segment that holds free memory which it cannot give back. */
struct mr_torch_holder {
	uint64_t addr;
	uint64_t size;
	uint64_t unused;      /* bytes in it that are free */
	uint64_t largest;     /* of its free blocks */
	uint64_t live_blocks; /* that keep it from being given back */
	uint64_t live_bytes;
	uint64_t stream;
	bool small;
};

#define MR_TORCH_HOLDERS 5

/* How memory was when a request could not be served. */
struct mr_torch_shortage {
	struct mr_torch_oom oom;
	uint64_t unused;      /* reserved and not in use, all pools and streams */
	uint64_t unused_here; /* of those: where the request looks */
	uint64_t largest;     /* free block there */
	uint32_t holder_count;
	struct mr_torch_holder holders[MR_TORCH_HOLDERS]; /* most unused first */
};

/* How memory was at a moment, and the most that was reserved up to it. */
struct mr_torch_sample {
	uint64_t event; /* in the recording; 0: before the first */
	uint64_t reserved, allocated, requested;
	uint64_t peak_reserved; /* since the sample before */
};

#define MR_TORCH_SAMPLES 20

struct mr_torch_whatif {
	struct mr_result result;
	size_t sample_count;
	struct mr_torch_sample samples[MR_TORCH_SAMPLES + 1]; /* evenly apart */
	struct mr_torch_shortage shortage;                    /* if result.ooms */
	uint32_t oom_index; /* event in the recording, 0 is the first; if so */
	bool oom_before;    /* it was an older block, before the first event */
};

/* Runs a script under settings. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_torch_whatif(struct mr_torch_whatif *out,
	const struct mr_torch_script *script, const struct mr_torch_settings *settings,
	enum mr_torch_start start, struct mr_error *err);

/*
 * How much the peak of reserved memory owes to addresses: *low and *high are
 * what rising and falling ones make of it. MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_torch_spread(uint64_t *low, uint64_t *high,
	const struct mr_torch_script *script, const struct mr_torch_settings *settings,
	enum mr_torch_start start, struct mr_error *err);

#define MR_TORCH_DEVICE_STEP (UINT64_C(1) << 20)

/* The smallest device on which a script runs to its end. */
struct mr_torch_device {
	uint64_t bytes;       /* a multiple of MR_TORCH_DEVICE_STEP; MR_UNLIMITED: none */
	uint64_t runs;        /* that were made to find it */
	uint64_t fits_below;  /* of the probes on smaller devices, those that fit */
	uint64_t fails_above; /* of those on larger ones, those that do not */
	uint64_t retries;     /* on that device */
};

/*
 * Finds it by bisection, then probes every 20 MiB for 400 MiB on both sides: a
 * larger device is not always enough where a smaller one is. The smallest that
 * was found to fit is told. settings->memory does not matter. MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_torch_smallest(struct mr_torch_device *out,
	const struct mr_torch_script *script, const struct mr_torch_settings *settings,
	enum mr_torch_start start, struct mr_error *err);

#endif
