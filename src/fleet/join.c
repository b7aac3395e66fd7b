/* SPDX-License-Identifier: MIT */
#include "fleet/join.h"

#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

bool
mr_join_is_launched(void)
{
	/* Open MPI and Slurm's PMI say how many there are, PMIx only that there may be */
	static const char *const sizes[] = {"OMPI_COMM_WORLD_SIZE", "PMI_SIZE"};

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		if (getenv(sizes[i]))
			return strcmp(getenv(sizes[i]), "1") != 0;
	return getenv("PMIX_RANK");
}

enum mr_status
mr_join(const struct mr_transport **out, const char *path, struct mr_error *err)
{
	/* MPI's own modules look for its symbols; it is never unloaded */
	void *module = dlopen(path, RTLD_NOW | RTLD_GLOBAL);
	mr_transport_starter start;
	void *symbol;

	*out = NULL;
	if (!module)
		return mr_fail(err, MR_EIO, "cannot be loaded: %s", dlerror());
	symbol = dlsym(module, MR_TRANSPORT_START);
	if (!symbol)
		return mr_fail(err, MR_EIO, "is no module of memreplay");
	memcpy(&start, &symbol, sizeof(start));
	start(out);
	return *out ? MR_OK : mr_fail(err, MR_EIO, "MPI cannot be started");
}
