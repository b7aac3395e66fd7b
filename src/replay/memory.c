/* SPDX-License-Identifier: MIT */
#include "replay/memory.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/error.h"
#include "memreplay/replay.h"

/* Holds any file read here, fifty lines or so, but for a user's many groups. */
#define FILE_BYTES 8192
#define PATH_BYTES 4096

/* Of a line that the text has no room for, the beginning is left out. */
static bool
read_file(char text[FILE_BYTES], const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t length = 0;
	ssize_t got = 0;

	if (fd < 0)
		return false;
	do {
		got = read(fd, text + length, FILE_BYTES - 1 - length);
		length += got > 0 ? (size_t)got : 0;
		if (length == FILE_BYTES - 1)
			while (length && text[length - 1] != '\n')
				length--;
	} while (got > 0 || (got < 0 && errno == EINTR));
	close(fd);
	text[length] = '\0';
	return got >= 0 && length > 0;
}

/* The number after key, which begins a line and ends at a blank. */
static bool
find_number(uint64_t *out, const char *text, const char *key)
{
	size_t length = strlen(key);

	for (const char *line = text; line; line = strchr(line, '\n')) {
		if (*line == '\n')
			line++;
		if (!strncmp(line, key, length) &&
			sscanf(line + length, "%" SCNu64, out) == 1)
			return true;
	}
	return false;
}

/* One version of control groups: what its files are called. */
struct hierarchy {
	const char *mount;
	const char *limit;
	const char *usage;
	const char *reclaimable; /* key in memory.stat */
};

static const struct hierarchy unified = {
	"/sys/fs/cgroup", "memory.max", "memory.current", "inactive_file "};
static const struct hierarchy legacy = {"/sys/fs/cgroup/memory", "memory.limit_in_bytes",
	"memory.usage_in_bytes", "total_inactive_file "};

static bool
read_group_file(char text[FILE_BYTES], const char *directory, const char *name)
{
	char path[PATH_BYTES];
	int length = snprintf(path, sizeof(path), "%s/%s", directory, name);

	return length > 0 && (size_t)length < sizeof(path) && read_file(text, path);
}

/* Lowers *available to what one group leaves; "max" and no file leave all. */
static void
apply_group(uint64_t *available, const struct hierarchy *hierarchy, const char *directory)
{
	char text[FILE_BYTES];
	uint64_t limit, usage, reclaimable = 0, left;

	if (!read_group_file(text, directory, hierarchy->limit) ||
		!find_number(&limit, text, ""))
		return;
	if (!read_group_file(text, directory, hierarchy->usage) ||
		!find_number(&usage, text, ""))
		return;
	if (read_group_file(text, directory, "memory.stat") &&
		find_number(&reclaimable, text, hierarchy->reclaimable))
		usage -= reclaimable < usage ? reclaimable : usage;
	left = limit > usage ? limit - usage : 0;
	if (left < *available)
		*available = left;
}

/*
 * The group itself and all that it lies in. Inside a container the path may
 * not exist below the mount; the mount's own files are then the group's.
 */
static void
apply_groups(uint64_t *available, const struct hierarchy *hierarchy, const char *root,
	const char *group)
{
	char directory[PATH_BYTES];
	size_t mount;
	int length = snprintf(
		directory, sizeof(directory), "%s%s%s", root, hierarchy->mount, group);

	if (length < 0 || (size_t)length >= sizeof(directory))
		return;
	mount = strlen(root) + strlen(hierarchy->mount);
	for (;;) {
		char *slash;

		apply_group(available, hierarchy, directory);
		slash = strrchr(directory, '/');
		if (!slash || (size_t)(slash - directory) < mount)
			return;
		*slash = '\0';
	}
}

/* Whether name is one of the words of list, which commas part. */
static bool
has_word(const char *list, size_t length, const char *name)
{
	const char *at = list, *end = list + length;

	while (at < end) {
		const char *comma = memchr(at, ',', (size_t)(end - at));
		size_t word = (size_t)((comma ? comma : end) - at);

		if (word == strlen(name) && !memcmp(at, name, word))
			return true;
		at += word + 1;
	}
	return false;
}

/* Lines of /proc/self/cgroup: "0::/path", "4:memory:/path". */
static void
apply_cgroups(uint64_t *available, const char *root)
{
	char path[PATH_BYTES], text[FILE_BYTES], *rest = text, *line;

	snprintf(path, sizeof(path), "%s/proc/self/cgroup", root);
	if (!read_file(text, path))
		return;
	while ((line = strsep(&rest, "\n"))) {
		char *names = strchr(line, ':');
		char *group = names ? strchr(names + 1, ':') : NULL;

		if (!group)
			continue;
		if (names + 1 == group)
			apply_groups(available, &unified, root, group + 1);
		else if (has_word(names + 1, (size_t)(group - names - 1), "memory"))
			apply_groups(available, &legacy, root, group + 1);
	}
}

enum mr_status
mr_memory_available_below(uint64_t *out, const char *root, struct mr_error *err)
{
	char path[PATH_BYTES], text[FILE_BYTES];
	uint64_t kib;

	snprintf(path, sizeof(path), "%s/proc/meminfo", root);
	if (!read_file(text, path) || !find_number(&kib, text, "MemAvailable:"))
		return mr_fail(err, MR_EIO,
			"/proc/meminfo does not say how much memory is available");
	*out = kib * 1024;
	apply_cgroups(out, root);
	return MR_OK;
}

enum mr_status
mr_memory_available(uint64_t *out, struct mr_error *err)
{
	return mr_memory_available_below(out, "", err);
}

enum mr_status
mr_resident_read(struct mr_resident *out, struct mr_error *err)
{
	char text[FILE_BYTES];

	if (!read_file(text, "/proc/self/status") ||
		!find_number(&out->now, text, "VmRSS:") ||
		!find_number(&out->peak, text, "VmHWM:"))
		return mr_fail(err, MR_EIO,
			"/proc/self/status does not say how much memory is resident");
	out->now *= 1024;
	out->peak *= 1024;
	return MR_OK;
}

void
mr_resident_reset_peak(void)
{
	int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
	ssize_t written;

	if (fd < 0)
		return;
	/* a kernel without it leaves the peak since the program's start */
	written = write(fd, "5", 1);
	(void)written;
	close(fd);
}
