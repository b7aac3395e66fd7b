/* SPDX-License-Identifier: MIT */

/* Where every block lies when most is reserved: it adds up, on recordings. */

#include <check.h>
#include <string.h>
#include <unistd.h>

#include "kit.h"
#include "sim/torchload.h"
#include "sim/torchpeak.h"
#include "sim/torchwhatif.h"
#include "suite.h"
#include "trace/input.h"

static const struct {
	const char *folder, *name;
} files[] = {
	{"traces", "toy_torch.pickle.gz"},
	{"../shared/torch", "octree_infer_24g.pickle"},
	{"../shared/torch", "gpt_fullstep_ctx128.pickle"},
};

/* False: it is not there. */
static bool
load(struct mr_torch_case *of, int file)
{
	const char *path = source_path(files[file].folder, files[file].name);
	struct mr_snapshot *snapshot;
	struct mr_input *in;
	struct mr_error err;

	if (access(path, R_OK)) {
		ck_assert_int_ne(file, 0);
		return false;
	}
	ck_assert_int_eq(mr_input_open(&in, path, &err), MR_OK);
	ck_assert_int_eq(mr_snapshot_read(&snapshot, in, false, &err), MR_OK);
	mr_input_close(in);
	memset(of, 0, sizeof(*of));
	ck_assert_int_eq(mr_torch_case_snapshot(of, snapshot, NULL, &err), MR_OK);
	return true;
}

static void
check_segment(const struct mr_torch_peak *peak, size_t index, uint64_t sums[3])
{
	const struct mr_torch_map_segment *segment = &peak->segments[index];
	uint64_t at = segment->addr, live = 0;

	for (size_t i = segment->first; i < segment->first + segment->count; i++) {
		const struct mr_torch_map_block *block = &peak->blocks[i];

		ck_assert_uint_eq(block->addr, at);
		ck_assert_uint_gt(block->size, 0);
		at += block->size;
		if (block->state == MR_TORCH_FREE) {
			ck_assert_uint_eq(block->requested, 0);
			continue;
		}
		live += block->size;
		sums[1] += block->state == MR_TORCH_ACTIVE ? block->size : 0;
		sums[2] += block->size;
	}
	ck_assert_uint_eq(at - segment->addr, segment->size);
	ck_assert_uint_eq(live, segment->live);
	if (index)
		ck_assert_uint_le(segment->size - segment->live,
			segment[-1].size - segment[-1].live);
	sums[0] += segment->size;
}

/* The stretches follow one another to the last request, and hold the peaks. */
static void
check_stretches(const struct mr_torch_peak *peak, const struct mr_torch_script *script,
	const struct mr_result *result)
{
	const struct mr_torch_stretch *last = &peak->stretches[peak->stretch_count - 1];
	uint64_t reserved = 0, allocated = 0;

	for (size_t i = 0; i < peak->stretch_count; i++) {
		const struct mr_torch_stretch *stretch = &peak->stretches[i];

		ck_assert_uint_le(stretch->from, stretch->to);
		if (i)
			ck_assert_uint_ge(stretch->from, stretch[-1].to);
		ck_assert_uint_le(stretch->reserved.least, stretch->reserved.most);
		ck_assert_uint_le(stretch->allocated.least, stretch->allocated.most);
		ck_assert_uint_le(stretch->allocated.most, stretch->reserved.most);
		ck_assert(stretch->least_unused >= 0 &&
			stretch->least_unused <= stretch->most_unused &&
			stretch->most_unused <= 1);
		if (stretch->reserved.most > reserved)
			reserved = stretch->reserved.most;
		if (stretch->allocated.most > allocated)
			allocated = stretch->allocated.most;
	}
	ck_assert_uint_eq(last->to, script->ops[script->op_count - 1].event + 1);
	ck_assert_uint_eq(reserved, result->peak_reserved_bytes);
	ck_assert_uint_eq(allocated, result->peak_allocated_bytes);
}

/* A file under settings, in both ways to begin. */
static void
check_peak(const struct mr_torch_case *of, bool expandable)
{
	struct mr_torch_settings settings = of->recording.settings;

	settings.expandable = expandable;
	for (int start = MR_TORCH_SEEDED; start <= MR_TORCH_REBUILT; start++) {
		struct mr_torch_whatif whatif;
		struct mr_torch_peak peak;
		uint64_t sums[3] = {0}, blocks = 0;

		ck_assert_int_eq(mr_torch_whatif(&whatif, &of->script, &settings,
					 (enum mr_torch_start)start, NULL),
			MR_OK);
		ck_assert_int_eq(mr_torch_peak(&peak, &of->script, &settings,
					 (enum mr_torch_start)start, NULL),
			MR_OK);
		for (size_t i = 0; i < peak.segment_count; i++) {
			check_segment(&peak, i, sums);
			blocks += peak.segments[i].count;
		}
		ck_assert_uint_gt(peak.segment_count, 0);
		ck_assert_uint_eq(blocks, peak.block_count);
		ck_assert_uint_eq(sums[0], whatif.result.peak_reserved_bytes);
		ck_assert_uint_eq(sums[1], whatif.result.allocated_at_peak_bytes);
		ck_assert_uint_eq(sums[2], peak.stats.active);
		check_stretches(&peak, &of->script, &whatif.result);
		mr_torch_peak_fini(&peak);
	}
}

START_TEST(adds_up)
{
	struct mr_torch_case of;

	if (!load(&of, _i))
		return;
	check_peak(&of, false);
	check_peak(&of, true);
	mr_torch_case_fini(&of);
}
END_TEST

#define MIB UINT64_C(1048576)

static void
add(struct mr_torch_case *of, enum mr_op op, uint64_t id, uint64_t size)
{
	const struct mr_event event = {
		.op = (uint8_t)op, .id = id, .slot = (uint32_t)id, .size = size};

	ck_assert_int_eq(mr_torch_case_add(of, &event, NULL), MR_OK);
}

/*
 * A request is given memory in a hole between expandable blocks, is refused the rest
 * of it, and is served elsewhere once all that is unused has been given back: the peak
 * was in between, and the map is of what is there after it.
 */
START_TEST(refused_in_part)
{
	struct mr_torch_case of = {0};
	struct mr_torch_whatif whatif;
	struct mr_torch_peak peak;
	struct mr_policy policy;
	uint64_t sums[3] = {0};

	ck_assert_int_eq(mr_policy_init(&policy, "torch-cuda", NULL), MR_OK);
	policy.torch.expandable = 1;
	policy.torch.memory = 110 * MIB;
	for (uint64_t id = 1; id <= 3; id++)
		add(&of, MR_OP_MALLOC, id, 20 * MIB);
	add(&of, MR_OP_FREE, 2, 0);
	add(&of, MR_OP_CLEAR_CACHE, 0, 0); /* the hole */
	for (uint64_t id = 4; id < 44; id++)
		add(&of, MR_OP_MALLOC, id, MIB);
	for (uint64_t id = 4; id < 44; id++)
		add(&of, MR_OP_FREE, id, 0);
	add(&of, MR_OP_FREE, 3, 0);
	add(&of, MR_OP_MALLOC, 44, 50 * MIB);
	ck_assert_int_eq(mr_torch_whatif(&whatif, &of.script, &policy.torch,
				 MR_TORCH_REBUILT, NULL),
		MR_OK);
	ck_assert_int_eq(
		mr_torch_peak(&peak, &of.script, &policy.torch, MR_TORCH_REBUILT, NULL),
		MR_OK);
	ck_assert_uint_eq(whatif.result.ooms, 0);
	ck_assert_uint_eq(whatif.result.retries, 1);
	ck_assert_uint_eq(whatif.result.peak_reserved_bytes, 100 * MIB);
	ck_assert_uint_eq(peak.stats.peak_reserved, 100 * MIB);
	ck_assert_uint_eq(peak.stats.reserved, 80 * MIB);
	ck_assert_uint_eq(peak.event, of.script.event_count);
	check_stretches(&peak, &of.script, &whatif.result);
	ck_assert_uint_eq(peak.segment_count, 1);
	check_segment(&peak, 0, sums);
	ck_assert_uint_eq(sums[0], 80 * MIB);
	ck_assert_uint_eq(sums[1], 70 * MIB);
	mr_torch_peak_fini(&peak);
	mr_torch_case_fini(&of);
}
END_TEST

/*
 * A device that is larger may be too small: what is unused is given back later there.
 * The smallest that fits is looked for below the first that was found, too.
 */
START_TEST(larger_and_too_small)
{
	static const int program[] = {20, 80, -1, 90, -0, 50, -2, 120};
	struct mr_torch_case of = {0};
	struct mr_torch_device device;
	struct mr_policy policy;
	uint64_t refused = 0, id = 0;

	for (size_t i = 0; i < sizeof(program) / sizeof(program[0]); i++) {
		if (program[i] > 0)
			add(&of, MR_OP_MALLOC, id++, (uint64_t)program[i] * MIB);
		else
			add(&of, MR_OP_FREE, (uint64_t)-program[i], 0);
	}
	ck_assert_int_eq(mr_policy_init(&policy, "torch-cuda", NULL), MR_OK);
	ck_assert_int_eq(mr_torch_smallest(&device, &of.script, &policy.torch,
				 MR_TORCH_REBUILT, NULL),
		MR_OK);
	ck_assert_uint_eq(device.bytes, 180 * MIB);
	ck_assert_uint_eq(device.fits_below, 1);
	ck_assert_uint_eq(device.fails_above, 0);
	for (uint64_t more = 0; more <= 40; more++) {
		struct mr_torch_whatif whatif;

		policy.torch.memory = (180 + more) * MIB;
		ck_assert_int_eq(mr_torch_whatif(&whatif, &of.script, &policy.torch,
					 MR_TORCH_REBUILT, NULL),
			MR_OK);
		ck_assert(more || !whatif.result.ooms);
		refused += whatif.result.ooms;
	}
	ck_assert_uint_gt(refused, 0);
	mr_torch_case_fini(&of);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("torchpeak");
	TCase *tcase = tcase_create("torchpeak");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, adds_up, 0, sizeof(files) / sizeof(files[0]));
	tcase_add_test(tcase, refused_in_part);
	tcase_add_test(tcase, larger_and_too_small);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
