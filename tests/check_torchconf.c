/* SPDX-License-Identifier: MIT */

/* PyTorch's settings string: what it says, and how it is said. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/torchconf.h"

/* What a string is once read and written again; NULL: it is refused. */
static const struct {
	const char *text;
	const char *again;
} strings[] = {
	{"", ""},
	{" , ", ""},
	{"max_split_size_mb:128", "max_split_size_mb:128"},
	{" max_split_size_mb : 128 ", "max_split_size_mb:128"},
	{"max_split_size_mb:20", "max_split_size_mb:20"},
	{"max_split_size_mb:19", NULL},
	{"max_split_size_mb:-1", NULL},
	{"max_split_size_mb:1.5", NULL},
	{"max_split_size_mb:", NULL},
	{"max_split_size_mb", NULL},
	{"max_split_size_mb:128,large_segment_size_mb:256", NULL},
	{"max_split_size_mb:999999999999999999999", NULL},
	{"expandable_segments:True", "expandable_segments:True"},
	{"expandable_segments:False", ""},
	{"expandable_segments:true", NULL},
	{"expandable_segments:1", NULL},
	{"garbage_collection_threshold:0.8", "garbage_collection_threshold:0.8"},
	{"garbage_collection_threshold:0", NULL},
	{"garbage_collection_threshold:1", NULL},
	{"garbage_collection_threshold:x", NULL},
	{"roundup_power2_divisions:4", "roundup_power2_divisions:4"},
	{"roundup_power2_divisions:0", ""},
	{"roundup_power2_divisions:3", NULL},
	{"roundup_power2_divisions:128", NULL},
	{"roundup_power2_divisions:[256:1,512:2,1024:4,>:8]",
		"roundup_power2_divisions:[256:1,512:2,1024:4,2048:8,>:8]"},
	{"roundup_power2_divisions:[64:8,256:4,>:2]",
		"roundup_power2_divisions:[64:8,128:0,256:4,512:2,>:2]"},
	{"roundup_power2_divisions:[1:2,32768:4]",
		"roundup_power2_divisions:[1:2,2:0,4:0,8:0,16:0,32:0,64:0,128:0,256:0,"
		"512:0,1024:0,2048:0,4096:0,8192:0,16384:0,32768:4,>:4]"},
	{"roundup_power2_divisions:[4:2]", "roundup_power2_divisions:[4:2,8:0,>:0]"},
	{"roundup_power2_divisions:[3:2]", NULL},
	{"roundup_power2_divisions:[4:3]", NULL},
	{"roundup_power2_divisions:[>:2]", NULL},
	{"roundup_power2_divisions:[4:2,>:4,8:1]", NULL},
	{"roundup_power2_divisions:[4:2", NULL},
	{"roundup_power2_divisions:[]", NULL},
	{"backend:native", ""},
	{"backend:cudaMallocAsync", NULL},
	{"large_segment_size_mb:40", "large_segment_size_mb:40"},
	{"large_segment_size_mb:10", NULL},
	{"max_non_split_rounding_mb:40", "max_non_split_rounding_mb:40"},
	{"per_process_memory_fraction:0.5", "per_process_memory_fraction:0.5"},
	{"per_process_memory_fraction:1.5", NULL},
	{"throw_on_cudamalloc_oom:True", "throw_on_cudamalloc_oom:True"},
	{"pinned_use_cuda_host_register:True", ""},
	{"max_split_size_mb:128,roundup_power2_divisions:[256:1,512:2,>:4],"
	 "garbage_collection_threshold:0.8,expandable_segments:True",
		"expandable_segments:True,max_split_size_mb:128,"
		"roundup_power2_divisions:[256:1,512:2,1024:4,>:4],"
		"garbage_collection_threshold:0.8"},
};

START_TEST(read_and_written)
{
	struct mr_torch_settings settings = {0}, twice = {0};
	char remark[MR_TORCH_REMARK_SIZE], again[MR_TORCH_CONF_SIZE];
	struct mr_error err;
	enum mr_status st =
		mr_torch_conf_parse(&settings, remark, strings[_i].text, &err);

	ck_assert_msg((st == MR_OK) == (strings[_i].again != NULL), "%s: %s",
		strings[_i].text, st ? err.text : "read");
	if (st) {
		ck_assert_int_eq(st, MR_EINVAL);
		ck_assert_uint_gt(strlen(err.text), 0);
		return;
	}
	ck_assert_str_eq(mr_torch_conf_print(again, &settings), strings[_i].again);
	ck_assert(!mr_torch_conf_parse(&twice, remark, again, NULL));
	ck_assert(!memcmp(&settings, &twice, sizeof(settings)));
}
END_TEST

static const struct {
	const char *text;
	const char *part; /* of what is said of it; NULL: nothing is */
} remarks[] = {
	{"foo:3", "\"foo\""},
	{"foo:3,max_split_size_mb:128,bar:[1,2]", "\"bar\""},
	{"release_lock_on_cudamalloc:True", NULL},
	{"roundup_power2_divisions:[256:1,>:4]", "up to 2.9"},
	{"roundup_power2_divisions:[256:4,>:4]", NULL},
	{"roundup_power2_divisions:[32768:1,>:4]", NULL},
};

START_TEST(remarked)
{
	struct mr_torch_settings settings = {0};
	char remark[MR_TORCH_REMARK_SIZE];

	ck_assert(!mr_torch_conf_parse(&settings, remark, remarks[_i].text, NULL));
	if (remarks[_i].part)
		ck_assert_msg(strstr(remark, remarks[_i].part) != NULL, "%s: %s",
			remarks[_i].text, remark);
	else
		ck_assert_str_eq(remark, "");
}
END_TEST

/* A string says everything: what another said before is forgotten. */
START_TEST(replaced)
{
	struct mr_torch_settings settings = {0};
	char text[MR_TORCH_CONF_SIZE], remark[MR_TORCH_REMARK_SIZE];

	ck_assert(!mr_torch_conf_parse(&settings, remark,
		"roundup_power2_divisions:4,max_split_size_mb:30", NULL));
	ck_assert(!mr_torch_conf_parse(
		&settings, remark, "expandable_segments:True", NULL));
	ck_assert_str_eq(
		mr_torch_conf_print(text, &settings), "expandable_segments:True");
}
END_TEST

START_TEST(too_long)
{
	struct mr_torch_settings settings = {0};
	char text[2 * MR_TORCH_CONF_SIZE], remark[MR_TORCH_REMARK_SIZE];

	for (size_t i = 0; i < sizeof(text) - 2; i += 2)
		memcpy(text + i, "a,", 3);
	ck_assert_int_eq(mr_torch_conf_parse(&settings, remark, text, NULL), MR_EINVAL);
}
END_TEST

/* What no string says, numbers without end, is cut and ends. */
START_TEST(cut)
{
	struct mr_torch_settings settings;
	char text[2 * MR_TORCH_CONF_SIZE];

	mr_torch_conf_defaults(&settings);
	settings.expandable = 1;
	for (uint64_t i = 0; i < 16; i++)
		settings.roundup[i] = UINT64_MAX - i;
	memset(text, 'x', sizeof(text));
	settings.max_split_size = UINT64_MAX - 1;
	settings.gc_threshold = settings.fraction = MR_TORCH_SHARE / 3;
	settings.large_segment = UINT64_C(1) << 60;
	ck_assert_uint_eq(
		strlen(mr_torch_conf_print(text, &settings)), MR_TORCH_CONF_SIZE - 1);
	for (size_t i = MR_TORCH_CONF_SIZE; i < sizeof(text); i++)
		ck_assert_int_eq(text[i], 'x');
	ck_assert_int_eq(strncmp(text, "expandable_segments:True,", 25), 0);
}
END_TEST

/* The policies start as PyTorch does; knobs and string are the same settings. */
START_TEST(policies)
{
	struct mr_policy policy;
	char text[MR_TORCH_CONF_SIZE];

	ck_assert(!mr_policy_init(&policy, "torch-cuda", NULL));
	ck_assert_str_eq(mr_torch_conf_print(text, &policy.torch), "");
	ck_assert_uint_eq(policy.torch.extra, 0);
	ck_assert(!mr_policy_set(&policy, "max_split_size", "64MiB", NULL));
	ck_assert(!mr_policy_set(&policy, "roundup_power2_divisions", "8", NULL));
	ck_assert(!mr_policy_set(&policy, "gc_threshold", "80%", NULL));
	ck_assert(!mr_policy_set(&policy, "memory", "24G", NULL));
	ck_assert_str_eq(mr_torch_conf_print(text, &policy.torch),
		"max_split_size_mb:64,roundup_power2_divisions:8,"
		"garbage_collection_threshold:0.8");
	mr_policy_resolve(&policy);
	ck_assert_uint_eq(policy.torch.memory, UINT64_C(24) << 30);
	ck_assert_int_eq(mr_policy_set(&policy, "window_pages", "1", NULL), MR_EINVAL);
	ck_assert_int_eq(
		mr_policy_set(&policy, "max_split_size", "19MiB", NULL), MR_EINVAL);
	ck_assert_int_eq(mr_policy_set(&policy, "fraction", "2", NULL), MR_EINVAL);
	ck_assert(!mr_policy_init(&policy, "torch-npu", NULL));
	ck_assert_uint_eq(policy.torch.extra, 32);
	ck_assert_uint_eq(policy.torch.align, 16384);
	ck_assert(!mr_policy_init(&policy, "mlx-cpu", NULL));
	ck_assert_int_eq(mr_policy_set(&policy, "fraction", "0.5", NULL), MR_EINVAL);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("torchconf");
	TCase *all = tcase_create("all");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(
		all, read_and_written, 0, (int)(sizeof(strings) / sizeof(strings[0])));
	tcase_add_loop_test(
		all, remarked, 0, (int)(sizeof(remarks) / sizeof(remarks[0])));
	tcase_add_test(all, replaced);
	tcase_add_test(all, too_long);
	tcase_add_test(all, cut);
	tcase_add_test(all, policies);
	suite_add_tcase(suite, all);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
