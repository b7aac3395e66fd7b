/* SPDX-License-Identifier: MIT */
#ifndef MEMREPLAY_BASE_H
#define MEMREPLAY_BASE_H

/*
 * What every part of memreplay shares: status codes, error reports, units.
 *
 * Sizes are plain bytes in uint64_t and times plain nanoseconds in uint64_t
 * (their names end in _ns or are the field `t`). The library never prints,
 * never exits, never reads the environment and keeps no global state; two
 * objects can be used from two threads at once, one object from one thread at
 * a time unless its header says more.
 */

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#if defined(__GNUC__)
#define MR_API        __attribute__((visibility("default")))
#define MR_MUST_CHECK __attribute__((warn_unused_result))
#define MR_PRINTF(format_at, first_at)                                                   \
	__attribute__((format(printf, format_at, first_at)))
#define MR_EXTENSION __extension__ /* C11 has what follows, C++ does not say so */
#else
#define MR_API
#define MR_MUST_CHECK
#define MR_PRINTF(format_at, first_at)
#define MR_EXTENSION
#endif

/* A limit that never binds. Text and tables write it "unlimited", JSON null. */
#define MR_UNLIMITED UINT64_MAX

/*
 * What a call that can fail returns. A request that a simulated or real
 * allocator cannot serve is a result, counted there, and never one of these.
 */
enum mr_status {
	MR_OK = 0,
	MR_END,     /* nothing more to read; not a failure */
	MR_ENOMEM,  /* the host has no memory for our own bookkeeping */
	MR_EIO,     /* the host could not open, read, write or run something */
	MR_EFORMAT, /* the input is not what its format promises */
	MR_EINVAL   /* the caller asked for something that does not exist */
};

/* What mr_error.where counts. */
enum mr_place {
	MR_PLACE_NONE, /* the failure has no place in the input */
	MR_PLACE_LINE, /* 1 is the first line */
	MR_PLACE_BYTE, /* 0 is the first byte, after gunzip */
	MR_PLACE_EVENT /* 1 is the first event after the header */
};

/*
 * Why a call failed: filled in by the call that knows, and only when it fails.
 * Every function that takes one accepts NULL. `text` is one sentence without a
 * file name, a place, a final full stop or a newline; the caller adds those.
 */
struct mr_error {
	enum mr_status status;
	enum mr_place place;
	uint64_t where;
	char text[256];
};

/* The version of the library that is running, as "1.2.3". Static storage. */
MR_API const char *mr_version(void);

#ifdef __cplusplus
}
#endif
#endif
