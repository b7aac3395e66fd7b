/* SPDX-License-Identifier: MIT */
#ifndef MR_REPLAY_PRELOAD_H
#define MR_REPLAY_PRELOAD_H

/* Shared libraries that replace malloc: finding them, and proof that they do. */

#include <stdbool.h>
#include <stddef.h>

#include "replay/order.h"

/*
 * Finds the file of a baseline (struct mr_replay_options) by letting a child
 * preload it. path gets MR_LIBRARY_SIZE bytes.
 *   MR_EINVAL  no such name
 *   MR_EIO     it is not there, cannot be preloaded, or does not replace malloc
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_preload_find(
	char *path, const char *baseline, char *const *environment, struct mr_error *err);

/*
 * The file that this process has its malloc from; "" if the loader does not
 * say. path gets MR_LIBRARY_SIZE bytes.
 */
void mr_malloc_library(char *path);

/*
 * Whether path is what was asked for by library, a path or a mere file name,
 * which the loader has looked for in its folders.
 */
bool mr_is_library(const char *path, const char *library);

#endif
