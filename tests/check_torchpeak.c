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
		ck_assert_uint_le(segment->size, peak->segments[index - 1].size);
	sums[0] += segment->size;
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
		uint64_t sums[3] = {0}, most = 0, blocks = 0;

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
		for (size_t i = 0; i < peak.moment_count; i++)
			if (peak.moments[i].reserved > most)
				most = peak.moments[i].reserved;
		ck_assert_uint_eq(most, whatif.result.peak_reserved_bytes);
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

int
main(void)
{
	Suite *suite = suite_create("torchpeak");
	TCase *tcase = tcase_create("torchpeak");

	tcase_set_timeout(tcase, 120);
	tcase_add_loop_test(tcase, adds_up, 0, sizeof(files) / sizeof(files[0]));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
