/* SPDX-License-Identifier: MIT */
#include "sim/torchwhatif.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define PROBE_STEP  (20 * MR_TORCH_DEVICE_STEP)
#define PROBE_COUNT 20
#define LARGEST     (UINT64_C(1) << 50)

/* --- who holds what */

/* Keeps the holders with most unused bytes, in order; equal ones by address. */
static void
offer(struct mr_torch_shortage *out, const struct mr_torch_holder *holder)
{
	size_t at = out->holder_count < MR_TORCH_HOLDERS ? out->holder_count
							 : MR_TORCH_HOLDERS;

	out->holder_count++;
	while (at > 0 &&
		(out->holders[at - 1].unused < holder->unused ||
			(out->holders[at - 1].unused == holder->unused &&
				out->holders[at - 1].addr > holder->addr))) {
		if (at < MR_TORCH_HOLDERS)
			out->holders[at] = out->holders[at - 1];
		at--;
	}
	if (at < MR_TORCH_HOLDERS)
		out->holders[at] = *holder;
}

/* Sums a segment, or a mapped run of an expandable one, from its first block. */
static struct mr_torch_holder
sum_segment(
	const struct mr_torch *torch, const struct mr_torch_block *blocks, uint32_t first)
{
	struct mr_torch_holder holder = {.addr = blocks[first].addr};

	holder.stream = mr_torch_queue_of(torch, &blocks[first], &holder.small).stream;
	for (uint32_t i = first; i != MR_TORCH_NONE; i = blocks[i].next) {
		const struct mr_torch_block *block = &blocks[i];

		if (block->state == MR_TORCH_UNMAPPED)
			break;
		holder.size += block->size;
		if (block->state != MR_TORCH_FREE) {
			holder.live_blocks++;
			holder.live_bytes += block->size;
			continue;
		}
		holder.unused += block->size;
		if (block->size > holder.largest)
			holder.largest = block->size;
	}
	return holder;
}

static void
describe(struct mr_torch_shortage *out, const struct mr_torch *torch)
{
	uint32_t count;
	const struct mr_torch_block *blocks = mr_torch_blocks(torch, &count);

	memset(out, 0, sizeof(*out));
	out->oom = *mr_torch_last_oom(torch);
	for (uint32_t i = 0; i < count; i++) {
		uint32_t before = blocks[i].prev;
		struct mr_torch_holder holder;

		if (!blocks[i].used || blocks[i].state == MR_TORCH_UNMAPPED ||
			(before != MR_TORCH_NONE &&
				blocks[before].state != MR_TORCH_UNMAPPED))
			continue;
		holder = sum_segment(torch, blocks, i);
		if (!holder.unused)
			continue;
		out->unused += holder.unused;
		if (holder.stream == out->oom.stream &&
			holder.small == (out->oom.size <= MR_TORCH_SMALL)) {
			out->unused_here += holder.unused;
			if (holder.largest > out->largest)
				out->largest = holder.largest;
		}
		offer(out, &holder);
	}
}

/* --- runs */

static void
sample(struct mr_torch_whatif *out, const struct mr_torch_run *run,
	const struct mr_torch_script *script, uint64_t peak)
{
	const struct mr_torch_stats *stats = mr_torch_stats(run->torch);

	out->samples[out->sample_count++] = (struct mr_torch_sample){
		.event = run->at ? script->ops[run->at - 1].event + 1 : 0,
		.reserved = stats->reserved,
		.allocated = stats->allocated,
		.requested = stats->requested,
		.peak_reserved = peak > stats->reserved ? peak : stats->reserved,
	};
}

/* Runs a script and looks at it from time to time. */
static enum mr_status
run_sampled(struct mr_torch_whatif *out, struct mr_torch_run *run,
	const struct mr_torch_script *script, enum mr_torch_start start,
	struct mr_error *err)
{
	enum mr_status st = mr_torch_run_begin(run, script, start, err);
	uint64_t peak = 0;

	if (!st)
		sample(out, run, script, 0);
	while (!st && run->at < script->op_count && !run->oom) {
		size_t next = (size_t)((double)script->op_count *
			(double)out->sample_count / MR_TORCH_SAMPLES);
		uint64_t reserved;

		st = mr_torch_run_step(run, script, &script->ops[run->at++], err);
		reserved = mr_torch_stats(run->torch)->reserved;
		peak = reserved > peak ? reserved : peak;
		if (st || (run->at < next && run->at < script->op_count && !run->oom))
			continue;
		sample(out, run, script, peak);
		peak = 0;
	}
	return st;
}

enum mr_status
mr_torch_whatif(struct mr_torch_whatif *out, const struct mr_torch_script *script,
	const struct mr_torch_settings *settings, enum mr_torch_start start,
	struct mr_error *err)
{
	struct mr_torch_run run;
	enum mr_status st = mr_torch_run_init(&run, settings, NULL, err);

	memset(out, 0, sizeof(*out));
	if (!st)
		st = run_sampled(out, &run, script, start, err);
	if (!st) {
		mr_torch_run_result(&run, &out->result);
		if (run.oom) {
			out->oom_before = run.at == 0;
			out->oom_index = run.at ? script->ops[run.at - 1].event : 0;
			out->result.oom_event = run.at ? out->oom_index + 1 : 0;
			describe(&out->shortage, run.torch);
		}
	}
	if (run.torch)
		mr_torch_run_fini(&run);
	return st;
}

enum mr_status
mr_torch_spread(uint64_t *low, uint64_t *high, const struct mr_torch_script *script,
	const struct mr_torch_settings *settings, enum mr_torch_start start,
	struct mr_error *err)
{
	*low = MR_UNLIMITED;
	*high = 0;
	for (uint64_t falling = 0; falling < 2; falling++) {
		struct mr_torch_settings used = *settings;
		struct mr_torch_whatif whatif;
		enum mr_status st;
		uint64_t peak;

		used.descending = falling;
		st = mr_torch_whatif(&whatif, script, &used, start, err);
		if (st)
			return st;
		peak = whatif.result.peak_reserved_bytes;
		*low = peak < *low ? peak : *low;
		*high = peak > *high ? peak : *high;
	}
	return MR_OK;
}

/* --- devices */

/* A search for a device. */
struct search {
	struct mr_torch_device *out;
	const struct mr_torch_script *script;
	struct mr_torch_settings settings;
	enum mr_torch_start start;
	struct mr_error *err;
};

/* Whether the script runs to its end on a device of so many steps. */
static enum mr_status
fits(struct search *search, uint64_t steps, bool *fit)
{
	struct mr_torch_run run;
	enum mr_status st;

	search->settings.memory = steps * MR_TORCH_DEVICE_STEP;
	search->out->runs++;
	st = mr_torch_run_init(&run, &search->settings, NULL, search->err);
	if (!st)
		st = mr_torch_run_script(
			&run, search->script, search->start, search->err);
	*fit = !st && !run.oom;
	if (*fit)
		search->out->retries = mr_torch_stats(run.torch)->retries;
	if (run.torch)
		mr_torch_run_fini(&run);
	return st;
}

/* Probes on both sides of *steps, which becomes the smallest that fits. */
static enum mr_status
probe(struct search *search, uint64_t *steps)
{
	uint64_t middle = *steps, step = PROBE_STEP / MR_TORCH_DEVICE_STEP;
	enum mr_status st = MR_OK;
	bool fit;

	for (uint64_t i = 1; i <= PROBE_COUNT && !st; i++) {
		st = fits(search, middle + i * step, &fit);
		search->out->fails_above += !st && !fit;
		if (st || middle <= i * step)
			continue;
		st = fits(search, middle - i * step, &fit);
		if (st || !fit)
			continue;
		search->out->fits_below++;
		*steps = middle - i * step;
	}
	return st;
}

enum mr_status
mr_torch_smallest(struct mr_torch_device *out, const struct mr_torch_script *script,
	const struct mr_torch_settings *settings, enum mr_torch_start start,
	struct mr_error *err)
{
	struct search search = {
		.out = out,
		.script = script,
		.settings = *settings,
		.start = start,
		.err = err,
	};
	uint64_t low = 0, high = 1024;
	enum mr_status st = MR_OK;
	bool fit = false;

	memset(out, 0, sizeof(*out));
	out->bytes = MR_UNLIMITED;
	while (!st && !fit && high <= LARGEST / MR_TORCH_DEVICE_STEP) {
		st = fits(&search, high, &fit);
		if (!fit) {
			low = high;
			high *= 2;
		}
	}
	while (!st && fit && high - low > 1) {
		uint64_t middle = low + (high - low) / 2;
		bool middle_fits;

		st = fits(&search, middle, &middle_fits);
		if (middle_fits)
			high = middle;
		else
			low = middle;
	}
	if (st || !fit)
		return st;
	st = probe(&search, &high);
	out->bytes = high * MR_TORCH_DEVICE_STEP;
	return st ? st : fits(&search, high, &fit);
}
