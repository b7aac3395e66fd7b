/* SPDX-License-Identifier: MIT */
#ifndef MR_PRELOAD_MLX_H
#define MR_PRELOAD_MLX_H

/*
 * Standing between a program and MLX's CPU allocator. Part of the preloaded
 * object.
 *
 * The functions below the hooks are MLX's own, found in the loaded libmlx. The
 * classes are known by their layout in memory (the Itanium C++ ABI): a virtual
 * table begins with malloc, free, size, make_buffer and release; Buffer is one
 * pointer and Stream three ints, both passed as a C struct of the same members
 * would be; a std::vector is three pointers, returned as a C struct is.
 */

#include <stdbool.h>
#include <stddef.h>

struct mr_mlx_stream {
	int index;
	int device_type;
	int device_index;
};

struct mr_mlx_streams {
	struct mr_mlx_stream *begin;
	struct mr_mlx_stream *end;
	struct mr_mlx_stream *room;
};

struct mr_mlx {
	void *(*allocator)(void);
	size_t (*get_active)(void);
	size_t (*get_cached)(void);
	size_t (*get_peak)(void);
	size_t (*get_memory_limit)(void);
	size_t (*set_cache_limit)(size_t);
	size_t (*set_memory_limit)(size_t);
	void (*clear_cache)(void);
	void (*reset_peak)(void);
	struct mr_mlx_streams (*get_streams)(void);
	void (*synchronize)(struct mr_mlx_stream);
	void (*drop)(void *); /* operator delete, for the vector's array */
	/* libmlx calls these functions where the dynamic linker tells it to */
	bool allocator_is_hooked;
	bool streams_are_hooked;
};

/* How the file names of libmlx begin. */
#define MR_MLX_LIBRARY "libmlx"

/* Their names in libmlx, and so in the preloaded object. */
#define MR_MLX_ALLOCATOR        "_ZN3mlx4core9allocator9allocatorEv"
#define MR_MLX_SET_CACHE_LIMIT  "_ZN3mlx4core15set_cache_limitEm"
#define MR_MLX_SET_MEMORY_LIMIT "_ZN3mlx4core16set_memory_limitEm"
#define MR_MLX_CLEAR_CACHE      "_ZN3mlx4core11clear_cacheEv"
#define MR_MLX_RESET_PEAK       "_ZN3mlx4core17reset_peak_memoryEv"
#define MR_MLX_GET_STREAMS      "_ZN3mlx4core11get_streamsEv"

/*
 * Looks for a libmlx that is loaded, for all of the program or for a part of it
 * alone (RTLD_LOCAL), and for its functions. false: there is none, or it is not
 * one that can be recorded.
 */
bool mr_mlx_find(struct mr_mlx *out);

/*
 * Steps in at once if a libmlx is loaded that would never ask for the hooks,
 * being bound to itself (-Bsymbolic). Any other is left until it calls one.
 */
void mr_mlx_look(void);

/* Whether calls that change the cache limit wait for streams inside the lock. */
bool mr_mlx_waits_for_streams(void);

/* Whether this thread is one that MLX started since that was so. */
bool mr_mlx_has_thread(void);

#endif
