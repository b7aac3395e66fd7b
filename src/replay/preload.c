/* SPDX-License-Identifier: MIT */
#include "replay/preload.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/error.h"
#include "replay/spawn.h"

_Static_assert(MR_LIBRARY_SIZE >= PATH_MAX, "realpath() writes PATH_MAX bytes");

/* Libraries known by a name; the first file that the loader finds is taken. */
static const struct known {
	const char *name;
	const char *package; /* of Debian */
	const char *files[5];
} known[] = {
	{"jemalloc", "libjemalloc2", {"libjemalloc.so.2", "libjemalloc.so.1"}},
	{"mimalloc", "libmimalloc2.0",
		{"libmimalloc.so.2", "libmimalloc.so.2.0", "libmimalloc.so.3",
			"libmimalloc.so"}},
	{"tcmalloc", "libtcmalloc-minimal4",
		{"libtcmalloc_minimal.so.4", "libtcmalloc.so.4", "libtcmalloc.so"}},
};

#define KNOWN_COUNT (sizeof(known) / sizeof(known[0]))

void
mr_malloc_library(char *path)
{
	void *address = dlsym(RTLD_DEFAULT, "malloc");
	Dl_info info;

	*path = '\0';
	if (!address || !dladdr(address, &info) || !info.dli_fname)
		return;
	/* the loader names the program itself as it was started: not by a path */
	snprintf(path, MR_LIBRARY_SIZE, "%s", info.dli_fname);
}

bool
mr_is_library(const char *path, const char *library)
{
	const char *name = strrchr(path, '/');
	struct stat found, wanted;

	if (!strchr(library, '/'))
		return !strcmp(name ? name + 1 : path, library);
	return !stat(path, &found) && !stat(library, &wanted) &&
		found.st_dev == wanted.st_dev && found.st_ino == wanted.st_ino;
}

/* What a child that preloads a library has come to. */
struct probe {
	bool replaces; /* its malloc is that of the library */
	struct mr_answer answer;
	char end[MR_REPLAY_EXIT_SIZE];
};

static enum mr_status
probe(struct probe *out, const char *library, char *const *environment,
	struct mr_error *err)
{
	struct mr_order order = {.struct_size = sizeof(order), .kind = MR_ORDER_PROBE};
	const struct mr_start start = {.order = &order,
		.memory_fd = -1,
		.schedule_fd = -1,
		.environment = environment};
	enum mr_status st;

	snprintf(order.library, sizeof(order.library), "%s", library);
	if ((st = mr_spawn(&out->answer, out->end, &start, err)))
		return st;
	out->replaces =
		out->answer.done && mr_is_library(out->answer.malloc_library, library);
	return MR_OK;
}

static enum mr_status
find_known(char *path, const struct known *library, char *const *environment,
	struct mr_error *err)
{
	for (size_t i = 0; i < sizeof(library->files) / sizeof(library->files[0]); i++) {
		struct probe found;
		enum mr_status st;

		if (!library->files[i])
			break;
		if ((st = probe(&found, library->files[i], environment, err)))
			return st;
		if (found.replaces) {
			memcpy(path, found.answer.malloc_library, MR_LIBRARY_SIZE);
			return MR_OK;
		}
	}
	return mr_fail(err, MR_EIO,
		"%s: %s is not among the system's libraries, or does not replace malloc "
		"here; install the Debian package %s or give the library's path",
		library->name, library->files[0], library->package);
}

static enum mr_status
find_file(char *path, const char *file, char *const *environment, struct mr_error *err)
{
	char real[PATH_MAX];
	struct probe found;
	enum mr_status st;

	if (!realpath(file, real) || access(real, R_OK))
		return mr_fail_errno(err, errno, file);
	if (strpbrk(real, " :"))
		return mr_fail(err, MR_EIO,
			"%s: a library whose path holds a blank or a colon cannot be "
			"preloaded",
			real);
	if ((st = probe(&found, real, environment, err)))
		return st;
	if (!found.answer.done)
		return mr_fail(err, MR_EIO, "%s: no program runs with it preloaded (%s)",
			file, found.end);
	if (!found.replaces)
		return mr_fail(
			err, MR_EIO, "%s: preloaded, it does not replace malloc", file);
	strcpy(path, real);
	return MR_OK;
}

enum mr_status
mr_preload_find(
	char *path, const char *baseline, char *const *environment, struct mr_error *err)
{
	if (strchr(baseline, '/'))
		return find_file(path, baseline, environment, err);
	for (size_t i = 0; i < KNOWN_COUNT; i++)
		if (!strcmp(baseline, known[i].name))
			return find_known(path, &known[i], environment, err);
	return mr_fail(err, MR_EINVAL,
		"there is no baseline \"%s\": expected jemalloc, mimalloc, tcmalloc or "
		"the path of a shared library, with a slash in it",
		baseline);
}
