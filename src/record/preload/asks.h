/* SPDX-License-Identifier: MIT */
#ifndef MR_PRELOAD_ASKS_H
#define MR_PRELOAD_ASKS_H

/* Whose functions loaded objects call. Part of the preloaded object. */

#include <link.h>
#include <stdbool.h>

/*
 * Whether the object asks the dynamic linker who defines the symbol. One that
 * was bound to itself when it was linked (-Bsymbolic and the like) does not.
 */
bool mr_asks_for(const ElfW(Dyn) * dynamic, const char *symbol);

/*
 * Whether code in C++ has its memory of operators that are the allocator's own (which is
 * known by one of its functions), as jemalloc, tcmalloc and mimalloc have them: they
 * are not the malloc that the recorder stands before.
 */
bool mr_asks_for_operators(const void *allocator);

#endif
