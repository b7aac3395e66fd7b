/* SPDX-License-Identifier: MIT */
/* What the machine can give, told from trees of files like /proc and /sys. */
#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "memreplay/replay.h"
#include "replay/memory.h"
#include "suite.h"

/* A tree of files as /proc and /sys show them; each row is one of them. */
struct file {
	const char *path;
	const char *text;
};

#define MEMINFO                                                                          \
	{                                                                                \
		"proc/meminfo",                                                          \
			"MemTotal: 9000 kB\nMemFree: 100 kB\n"                           \
			"MemAvailable:    8000 kB\n"                                     \
	}

static const struct {
	const char *name;
	struct file files[12];
	uint64_t available;
} machines[] = {
	{"no control groups", {MEMINFO}, 8000 * 1024},
	{"unified, no limit",
		{MEMINFO, {"proc/self/cgroup", "0::/a\n"},
			{"sys/fs/cgroup/a/memory.max", "max\n"},
			{"sys/fs/cgroup/a/memory.current", "4096\n"}},
		8000 * 1024},
	{"unified, limit of its own, less what can be reclaimed",
		{MEMINFO, {"proc/self/cgroup", "0::/a\n"},
			{"sys/fs/cgroup/a/memory.max", "1000000\n"},
			{"sys/fs/cgroup/a/memory.current", "400000\n"},
			{"sys/fs/cgroup/a/memory.stat",
				"anon 5\ninactive_file 100000\nactive_file 7\n"}},
		700000},
	{"unified, limit of the group around",
		{MEMINFO, {"proc/self/cgroup", "0::/a/b\n"},
			{"sys/fs/cgroup/a/memory.max", "500000\n"},
			{"sys/fs/cgroup/a/memory.current", "600000\n"},
			{"sys/fs/cgroup/a/b/memory.max", "max\n"},
			{"sys/fs/cgroup/a/b/memory.current", "5\n"}},
		0},
	{"in a container, where the path is not to be seen",
		{MEMINFO, {"proc/self/cgroup", "0::/outer/path\n"},
			{"sys/fs/cgroup/memory.max", "300000\n"},
			{"sys/fs/cgroup/memory.current", "100000\n"}},
		200000},
	{"legacy, beside other controllers",
		{MEMINFO, {"proc/self/cgroup", "9:cpu:/x\n4:hugetlb,memory:/m\n0::/\n"},
			{"sys/fs/cgroup/memory/m/memory.limit_in_bytes", "90000\n"},
			{"sys/fs/cgroup/memory/m/memory.usage_in_bytes", "30000\n"},
			{"sys/fs/cgroup/memory/m/memory.stat",
				"inactive_file 9\ntotal_inactive_file 10000\n"}},
		70000},
	{"a limit above what the machine has",
		{MEMINFO, {"proc/self/cgroup", "0::/\n"},
			{"sys/fs/cgroup/memory.max", "9223372036854771712\n"},
			{"sys/fs/cgroup/memory.current", "100000\n"}},
		8000 * 1024},
};

static void
write_file(const char *root, const struct file *file)
{
	char path[PATH_MAX];
	FILE *out;

	snprintf(path, sizeof(path), "%s/%s", root, file->path);
	for (char *slash = strchr(path + strlen(root) + 1, '/'); slash;
		slash = strchr(slash + 1, '/')) {
		*slash = '\0';
		mkdir(path, 0700);
		*slash = '/';
	}
	out = fopen(path, "w");
	ck_assert_ptr_nonnull(out);
	fputs(file->text, out);
	ck_assert(!fclose(out));
}

START_TEST(available_memory_heeds_control_groups)
{
	char root[] = "/tmp/check_replay.XXXXXX", command[64];
	uint64_t found = 1;

	ck_assert_ptr_nonnull(mkdtemp(root));
	for (const struct file *file = machines[_i].files; file->path; file++)
		write_file(root, file);
	ck_assert(!mr_memory_available_below(&found, root, NULL));
	ck_assert_msg(found == machines[_i].available, "%s: %llu", machines[_i].name,
		(unsigned long long)found);
	snprintf(command, sizeof(command), "rm -r %s", root);
	ck_assert(!system(command));
}
END_TEST

/* A user may be in so many groups that their line is longer than all others. */
START_TEST(long_lines_are_passed_over)
{
	char root[] = "/tmp/check_replay.XXXXXX", command[64], text[20000];
	const struct file file = {"proc/meminfo", text};
	uint64_t found = 1;

	snprintf(
		text, sizeof(text), "Uid: 0\nGroups:%15000d\nMemAvailable: 8000 kB\n", 5);
	ck_assert_ptr_nonnull(mkdtemp(root));
	write_file(root, &file);
	ck_assert(!mr_memory_available_below(&found, root, NULL));
	ck_assert_uint_eq(found, 8000 * 1024);
	snprintf(command, sizeof(command), "rm -r %s", root);
	ck_assert(!system(command));
}
END_TEST

START_TEST(unknown_memory_is_said)
{
	struct mr_error err;
	uint64_t found;

	ck_assert_int_eq(mr_memory_available_below(&found, "/dev/null", &err), MR_EIO);
	ck_assert(!mr_memory_available(&found, &err));
	ck_assert_uint_gt(found, 1 << 20);
}
END_TEST

#define MIB (UINT64_C(1) << 20)

/* What a replay needs of count blocks of size bytes, all live at one time. */
static uint64_t
need(uint32_t count, uint64_t size, uint64_t peak_total, enum mr_touch touch)
{
	const struct mr_result simulated = {
		.peak_total_bytes = peak_total, .misses = count};
	struct mr_program *program;
	uint64_t bytes;

	ck_assert(!mr_program_new(&program, NULL));
	for (uint32_t slot = 0; slot < count; slot++) {
		struct mr_event event = {.op = MR_OP_MALLOC, .slot = slot, .size = size};

		ck_assert(!mr_program_add(program, &event, NULL));
	}
	bytes = mr_program_need(program, &simulated, touch, false);
	mr_program_free(program);
	return bytes;
}

static const struct {
	const char *name;
	uint32_t count;
	uint64_t size;
	uint64_t peak_total;
	enum mr_touch touch;
	uint64_t least, most;
} needs[] = {
	{"active and cached memory", 100, MIB, 250 * MIB, MR_TOUCH_PAGE, 250 * MIB,
		260 * MIB},
	{"what malloc needs is more", 100, MIB, 50 * MIB, MR_TOUCH_FULL, 100 * MIB,
		110 * MIB},
	{"untouched, a page for each block", 1000, MIB, 2000 * MIB, MR_TOUCH_NONE,
		1000 * 4096, 1000 * 4096 + 10 * MIB},
	{"untouched, small blocks fill pages", 100000, 64, 6400000, MR_TOUCH_NONE,
		6400000, 30 * MIB},
	{"beyond all numbers, without wrapping", 4, UINT64_C(1) << 62, UINT64_MAX,
		MR_TOUCH_PAGE, UINT64_C(1) << 62, UINT64_MAX},
};

START_TEST(need_is_the_larger_of_the_peaks)
{
	uint64_t found = need(
		needs[_i].count, needs[_i].size, needs[_i].peak_total, needs[_i].touch);

	ck_assert_msg(found >= needs[_i].least && found <= needs[_i].most, "%s: %llu",
		needs[_i].name, (unsigned long long)found);
}
END_TEST

/* Memory that was there before the reset is in the peak no more. */
START_TEST(resident_peak_starts_anew)
{
	struct mr_resident before, after;
	size_t bytes = 64 * MIB;
	char *memory = mmap(
		NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	ck_assert_ptr_ne(memory, MAP_FAILED);
	memset(memory, 1, bytes);
	munmap(memory, bytes);
	ck_assert(!mr_resident_read(&before, NULL));
	ck_assert_uint_ge(before.peak, before.now + bytes / 2);
	if (access("/proc/self/clear_refs", W_OK))
		return; /* a kernel that cannot reset it */
	mr_resident_reset_peak();
	ck_assert(!mr_resident_read(&after, NULL));
	ck_assert_uint_lt(after.peak, before.peak - bytes / 2);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("memory");
	TCase *tests = tcase_create("memory");

	tcase_add_loop_test(tests, available_memory_heeds_control_groups, 0,
		(int)(sizeof(machines) / sizeof(machines[0])));
	tcase_add_loop_test(tests, need_is_the_larger_of_the_peaks, 0,
		(int)(sizeof(needs) / sizeof(needs[0])));
	tcase_add_test(tests, long_lines_are_passed_over);
	tcase_add_test(tests, unknown_memory_is_said);
	tcase_add_test(tests, resident_peak_starts_anew);
	suite_add_tcase(suite, tests);
	return run_suite(suite);
}
