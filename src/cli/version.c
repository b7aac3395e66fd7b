/* SPDX-License-Identifier: MIT */
#include "cli/version.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "cli/locate.h"
#include "memreplay/base.h"

/* What it was built by and with. */

static char *
compiler(void)
{
#ifdef __clang__
	return strdup("clang " __clang_version__);
#else
	return strdup("gcc " __VERSION__);
#endif
}

static char *
sanitizers(void)
{
#ifdef MR_SANITIZERS
	return strdup(MR_SANITIZERS);
#else
	return NULL;
#endif
}

static char *
bits(void)
{
	return strdup(sizeof(void *) == 8 ? "64" : "32");
}

/* Libraries as they are loaded now, which may be newer than those built with. */

static char *
cjson(void)
{
	return strdup(cJSON_Version());
}

static char *
zlib(void)
{
	return strdup(zlibVersion());
}

static char *
zstd(void)
{
#ifdef HAVE_ZSTD
	return strdup(ZSTD_versionString());
#else
	return NULL;
#endif
}

/* What is looked for when it is needed. */

static char *
gnuplot(void)
{
	return mr_locate_program("gnuplot");
}

static char *
module(const char *name)
{
	char *path = mr_locate_module(name);

	if (path && !access(path, R_OK))
		return path;
	free(path);
	return NULL;
}

static char *
recorder(void)
{
	return module(MR_LOCATE_RECORDER);
}

static char *
mpi(void)
{
	return module(MR_LOCATE_MPI);
}

static const struct {
	const char *name;
	char *(*value)(void); /* to be freed; NULL: it is not there */
} rows[] = {
	{"compiler", compiler},
	{"bits", bits},
	{"sanitizers", sanitizers},
	{"cjson", cjson},
	{"zlib", zlib},
	{"zstd", zstd},
	{"gnuplot", gnuplot},
	{"recorder", recorder},
	{"mpi", mpi},
};

void
mr_version_print(void)
{
	printf("memreplay %s\n", mr_version());
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		char *value = rows[i].value();

		printf("%s: %s\n", rows[i].name, value ? value : "no");
		free(value);
	}
}
