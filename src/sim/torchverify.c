/* SPDX-License-Identifier: MIT */
#include "sim/torchverify.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "sim/torchrun.h"

struct verifier {
	const struct mr_recording *recording;
	const struct mr_torch_script *script;
	struct mr_torch_verdict *verdict;
	struct mr_torch_run run;
	size_t next; /* the device event expected next */
	size_t end;  /* the first that belongs to a later operation */
};

static const char *const action_names[] = {
	[MR_TORCH_SEGMENT_ALLOC] = "segment_alloc",
	[MR_TORCH_SEGMENT_FREE] = "segment_free",
	[MR_TORCH_SEGMENT_MAP] = "segment_map",
	[MR_TORCH_SEGMENT_UNMAP] = "segment_unmap",
};

static void
differ(struct verifier *verifier, uint64_t *count, struct mr_torch_difference difference)
{
	++*count;
	if (!verifier->verdict->differs)
		verifier->verdict->first = difference;
	verifier->verdict->differs = true;
}

/* --- what the device is asked for */

/* The policy asks the device for something. */
static void
asked(void *context, enum mr_torch_action action, uint64_t addr, uint64_t bytes)
{
	struct verifier *verifier = context;
	struct mr_torch_verdict *verdict = verifier->verdict;
	const struct mr_torch_device_event *want =
		&verifier->script->device[verifier->next];
	struct mr_torch_difference difference = {
		.event = verifier->run.events + 1,
		.field = action_names[action],
		.at = addr,
		.recorded = MR_UNLIMITED,
		.given = bytes,
	};

	verdict->devices++;
	if (verifier->next == verifier->end) {
		differ(verifier, &verdict->device_differences, difference);
		return;
	}
	verifier->next++;
	difference.event = want->event + 1;
	if (want->action == action) {
		if (want->addr == addr && want->bytes == bytes)
			return;
		difference.recorded = want->bytes;
		if (want->bytes == bytes) {
			difference.recorded = want->addr;
			difference.given = addr;
		}
	}
	differ(verifier, &verdict->device_differences, difference);
}

/* Where the driver put what the policy asks for now. */
static bool
place(void *context, uint64_t *addr, uint64_t *bytes)
{
	const struct verifier *verifier = context;
	const struct mr_torch_script *script = verifier->script;
	const struct mr_torch_device_event *want = &script->device[verifier->next];

	if (verifier->next == verifier->end)
		return false;
	*addr = want->addr;
	if (want->action == MR_TORCH_SEGMENT_ALLOC)
		return want->bytes == *bytes;
	for (size_t i = 0; i < script->range_count; i++) {
		const struct mr_torch_segment *range = &script->ranges[i];

		if (want->addr < range->range_addr || want->addr >= range->range_end)
			continue;
		if (*bytes > range->range_end - want->addr)
			*bytes = range->range_end - want->addr;
		return want->action == MR_TORCH_SEGMENT_MAP;
	}
	return false;
}

/* What was recorded for this operation and did not come. */
static void
missing(struct verifier *verifier)
{
	for (; verifier->next < verifier->end; verifier->next++) {
		const struct mr_torch_device_event *want =
			&verifier->script->device[verifier->next];

		differ(verifier, &verifier->verdict->device_differences,
			(struct mr_torch_difference){
				.event = want->event + 1,
				.field = action_names[want->action],
				.at = want->addr,
				.recorded = want->bytes,
				.given = MR_UNLIMITED,
			});
	}
}

/* The device events that belong to an operation end here. */
static size_t
end_of(const struct verifier *verifier, const struct mr_torch_op *op)
{
	const struct mr_torch_script *script = verifier->script;
	size_t end = verifier->next;

	if (op->kind == MR_TORCH_OP_EMPTY)
		return end + (size_t)op->size;
	while (end < script->device_count && script->device[end].event < op->event)
		end++;
	return end;
}

/* --- the program's requests */

static void
check_address(struct verifier *verifier, const struct mr_torch_op *op)
{
	uint64_t recorded = verifier->recording->events[op->event].addr;
	uint32_t block = verifier->run.held[op->life].block, count;
	const struct mr_torch_block *blocks =
		mr_torch_blocks(verifier->run.torch, &count);
	uint64_t given = block == MR_TORCH_NONE ? MR_UNLIMITED : blocks[block].addr;

	verifier->verdict->allocs++;
	if (given != recorded)
		differ(verifier, &verifier->verdict->alloc_differences,
			(struct mr_torch_difference){
				.event = op->event + 1,
				.field = "address",
				.at = op->size,
				.recorded = recorded,
				.given = given,
			});
}

static void
check_refusal(struct verifier *verifier, const struct mr_torch_op *op, bool refused)
{
	verifier->verdict->ooms++;
	if (!refused)
		differ(verifier, &verifier->verdict->oom_differences,
			(struct mr_torch_difference){
				.event = op->event + 1,
				.field = "oom",
				.recorded = op->size,
				.given = MR_UNLIMITED,
			});
}

static enum mr_status
replay(struct verifier *verifier, struct mr_error *err)
{
	const struct mr_torch_script *script = verifier->script;
	enum mr_status st = MR_OK;

	for (size_t i = 0; i < script->op_count && !st; i++) {
		const struct mr_torch_op *op = &script->ops[i];
		bool refused;

		verifier->end = end_of(verifier, op);
		verifier->run.events = op->event;
		st = mr_torch_run_step(&verifier->run, script, op, err);
		missing(verifier);
		refused = verifier->run.oom;
		verifier->run.oom = false;
		if (op->kind == MR_TORCH_OP_MALLOC)
			check_address(verifier, op);
		if (op->kind == MR_TORCH_OP_REFUSED)
			check_refusal(verifier, op, refused);
	}
	verifier->end = script->device_count;
	missing(verifier);
	return st;
}

/* --- the state at the end */

/* A block as both sides know it; segments begin where `first`. */
struct final {
	uint64_t addr, size, requested;
	uint8_t state;
	bool first;
};

static int
by_address(const void *a, const void *b)
{
	const struct final *one = a, *other = b;

	return one->addr < other->addr ? -1 : one->addr > other->addr;
}

static struct final *
list_given(const struct mr_torch *torch, size_t *count)
{
	uint32_t numbers;
	const struct mr_torch_block *blocks = mr_torch_blocks(torch, &numbers);
	struct final *list = calloc((size_t)numbers + 1, sizeof(*list));

	*count = 0;
	for (uint32_t i = 0; list && i < numbers; i++) {
		const struct mr_torch_block *block = &blocks[i];

		if (!block->used || block->state == MR_TORCH_UNMAPPED)
			continue;
		list[(*count)++] = (struct final){block->addr, block->size,
			block->state == MR_TORCH_FREE ? 0 : block->requested,
			block->state,
			block->prev == MR_TORCH_NONE ||
				blocks[block->prev].state == MR_TORCH_UNMAPPED};
	}
	if (*count)
		qsort(list, *count, sizeof(*list), by_address);
	return list;
}

static struct final *
list_recorded(const struct mr_recording *recording, size_t *count)
{
	struct final *list = calloc(recording->block_count + 1, sizeof(*list));

	*count = 0;
	for (size_t i = 0; list && i < recording->segment_count; i++) {
		const struct mr_recorded_segment *segment = &recording->segments[i];

		for (size_t j = 0; j < segment->block_count; j++) {
			const struct mr_recorded_block *block =
				&recording->blocks[segment->first_block + j];

			list[(*count)++] = (struct final){block->addr, block->size,
				block->state == MR_TORCH_FREE ? 0 : block->requested,
				block->state, j == 0};
		}
	}
	if (*count)
		qsort(list, *count, sizeof(*list), by_address);
	return list;
}

static bool
same(const struct final *a, const struct final *b)
{
	return a->addr == b->addr && a->size == b->size && a->state == b->state &&
		a->requested == b->requested && a->first == b->first;
}

/* Compares two lists by address; what only one of them has is a difference. */
static void
compare(struct verifier *verifier, const struct final *want, size_t want_count,
	const struct final *given, size_t given_count)
{
	struct mr_torch_verdict *verdict = verifier->verdict;
	size_t i = 0, j = 0;

	verdict->blocks = want_count;
	while (i < want_count || j < given_count) {
		bool has_want = j == given_count ||
			(i < want_count && want[i].addr <= given[j].addr);
		bool has_given = i == want_count ||
			(j < given_count && given[j].addr <= want[i].addr);

		if (!has_want || !has_given || !same(&want[i], &given[j]))
			differ(verifier, &verdict->block_differences,
				(struct mr_torch_difference){
					.field = "state",
					.at = has_want ? want[i].addr : given[j].addr,
					.recorded =
						has_want ? want[i].size : MR_UNLIMITED,
					.given = has_given ? given[j].size : MR_UNLIMITED,
				});
		i += has_want;
		j += has_given;
	}
}

static enum mr_status
check_final(struct verifier *verifier, struct mr_error *err)
{
	size_t want_count, given_count;
	struct final *want = list_recorded(verifier->recording, &want_count);
	struct final *given = list_given(verifier->run.torch, &given_count);
	enum mr_status st = MR_OK;

	if (want && given)
		compare(verifier, want, want_count, given, given_count);
	else
		st = mr_fail_memory(err);
	free(want);
	free(given);
	return st;
}

enum mr_status
mr_torch_verify(struct mr_torch_verdict *out, const struct mr_recording *recording,
	const struct mr_torch_script *script, const struct mr_torch_settings *settings,
	struct mr_error *err)
{
	struct verifier verifier = {
		.recording = recording, .script = script, .verdict = out};
	struct mr_torch_hooks hooks = {&verifier, asked, place};
	struct mr_torch_settings used = *settings;
	enum mr_status st;

	memset(out, 0, sizeof(*out));
	if (used.memory == MR_UNLIMITED && script->device_below != MR_UNLIMITED)
		used.memory = script->peak_reserved;
	out->memory = used.memory;
	st = mr_torch_run_init(&verifier.run, &used, &hooks, err);
	if (!st)
		st = mr_torch_run_begin(&verifier.run, script, MR_TORCH_SEEDED, err);
	if (!st)
		st = replay(&verifier, err);
	if (!st)
		st = check_final(&verifier, err);
	if (!st) {
		out->events = recording->event_count;
		out->retries = mr_torch_stats(verifier.run.torch)->retries;
	}
	mr_torch_run_fini(&verifier.run);
	return st;
}
