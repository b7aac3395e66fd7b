/* SPDX-License-Identifier: MIT */
#include "cli/locate.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

char *
mr_locate_program(const char *command)
{
	const char *path = getenv("PATH");
	char *candidate;
	int length;

	if (strchr(command, '/') || !path)
		return strdup(command);
	for (; *path; path += length + (path[length] == ':')) {
		length = (int)strcspn(path, ":");
		if (asprintf(&candidate, "%.*s/%s", length, path, command) < 0)
			return NULL;
		if (!access(candidate, X_OK))
			return candidate;
		free(candidate);
	}
	return NULL;
}

char *
mr_locate_module(const char *name)
{
	char program[PATH_MAX], *built = NULL;
	ssize_t length = readlink("/proc/self/exe", program, sizeof(program) - 1);
	char *slash;

	program[length > 0 ? length : 0] = '\0';
	slash = strrchr(program, '/');
	if (slash &&
		asprintf(&built, "%.*s/.libs/%s", (int)(slash - program), program, name) <
			0)
		return NULL;
	if (built && !access(built, R_OK))
		return built;
	free(built);
	return asprintf(&built, MR_PKGLIBDIR "/%s", name) < 0 ? NULL : built;
}
