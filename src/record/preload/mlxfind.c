/* SPDX-License-Identifier: MIT */
/* Finding libmlx in a process. */
#include <dlfcn.h>
#include <link.h>
#include <string.h>

#include "record/preload/asks.h"
#include "record/preload/lane.h"
#include "record/preload/mlx.h"

struct search {
	char path[MR_SPOOL_TEXT];
	bool found;
};

static int
is_mlx(struct dl_phdr_info *info, size_t size, void *context)
{
	struct search *search = context;
	const char *path = info->dlpi_name ? info->dlpi_name : "";
	const char *slash = strrchr(path, '/');
	const char *name = slash ? slash + 1 : path;

	(void)size;
	if (strncmp(name, MR_MLX_LIBRARY, strlen(MR_MLX_LIBRARY)) != 0 ||
		strlen(path) >= sizeof(search->path))
		return 0;
	strcpy(search->path, path);
	search->found = true;
	return 1;
}

/* ISO C has no conversion from an object pointer to a function pointer. */
static int
find(void *function, void *handle, const char *name)
{
	void *found = dlsym(handle, name);

	memcpy(function, &found, sizeof(found));
	return found != NULL;
}

/* All are looked for, even if one is missing: the hooks may need another. */
static bool
find_functions(struct mr_mlx *out, void *handle)
{
	int whole;

	whole = find(&out->allocator, handle, MR_MLX_ALLOCATOR) &
		find(&out->get_active, handle, "_ZN3mlx4core17get_active_memoryEv") &
		find(&out->get_cached, handle, "_ZN3mlx4core16get_cache_memoryEv") &
		find(&out->get_peak, handle, "_ZN3mlx4core15get_peak_memoryEv") &
		find(&out->get_memory_limit, handle, "_ZN3mlx4core16get_memory_limitEv") &
		find(&out->set_cache_limit, handle, MR_MLX_SET_CACHE_LIMIT) &
		find(&out->set_memory_limit, handle, MR_MLX_SET_MEMORY_LIMIT) &
		find(&out->clear_cache, handle, MR_MLX_CLEAR_CACHE) &
		find(&out->reset_peak, handle, MR_MLX_RESET_PEAK);

	/* an MLX without these waits for nobody */
	if (find(&out->get_streams, handle, MR_MLX_GET_STREAMS))
		whole &= find(&out->synchronize, handle,
				 "_ZN3mlx4core11synchronizeENS0_6StreamE") &
			find(&out->drop, handle, "_ZdlPv");
	return whole;
}

typedef void *dlopen_call(const char *file, int mode);

static dlopen_call *
real_dlopen(void)
{
	static dlopen_call *_Atomic call;
	dlopen_call *found = call;

	if (!found) {
		(void)find(&found, RTLD_NEXT, "dlopen");
		call = found;
	}
	return found;
}

/* Jumps to the function, also in builds that do not optimize. */
#if defined(__clang__)
#define OPTIMIZED
#define JUMP __attribute__((musttail)) return
#else
#define OPTIMIZED __attribute__((optimize("O2")))
#define JUMP      return
#endif

/*
 * Where a library's name is looked for depends on who calls dlopen(): such
 * calls are passed on by a jump, so that the caller stays the caller. That
 * leaves those with a path, which is how Python loads modules.
 */
MR_EXPORT OPTIMIZED void *
dlopen(const char *file, int mode)
{
	dlopen_call *call = real_dlopen();
	void *handle;

	if (!file || !strchr(file, '/') || strchr(file, '$'))
		JUMP call(file, mode);
	handle = call(file, mode);
	if (handle)
		mr_mlx_look();
	return handle;
}

bool
mr_mlx_find(struct mr_mlx *out)
{
	struct search search = {.found = false};
	struct link_map *map;
	void *handle;

	dl_iterate_phdr(is_mlx, &search);
	if (!search.found)
		return false;
	/* kept open: it must not go away while we point into it */
	handle = real_dlopen()(search.path, RTLD_LAZY | RTLD_NOLOAD);
	if (!handle || dlinfo(handle, RTLD_DI_LINKMAP, &map) ||
		!find_functions(out, handle)) {
		(void)dlerror(); /* not the program's business */
		return false;
	}
	out->allocator_is_hooked = mr_asks_for(map->l_ld, MR_MLX_ALLOCATOR);
	out->streams_are_hooked = mr_asks_for(map->l_ld, MR_MLX_GET_STREAMS);
	return true;
}
