/* SPDX-License-Identifier: MIT */
#ifndef MR_RECORD_STORE_H
#define MR_RECORD_STORE_H

/*
 * Spools as files: making one before the program starts, finding those that a
 * recording has left, and telling whether their process is still there.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "record/spool.h"

struct mr_record_options {
	enum mr_layer layer;
	bool follow_children;
	uint64_t min_size;
	uint64_t max_events;     /* MR_UNLIMITED: no bound */
	uint64_t max_bytes;      /* of a spool; MR_UNLIMITED: the disk's bound alone */
	uint64_t counters_every; /* mlx: events between counters; 0: only at the end */
	uint64_t slow_ns;        /* a wait for the disk that ends the recording */
};

/*
 * The spool of the trace at path, "PATH.spool"; absolute, since the program may
 * change its folder. The caller frees *out.
 *   MR_EIO     the folder does not exist
 *   MR_EINVAL  the name is too long
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_spool_path(
	char **out, const char *path, struct mr_error *err);

/*
 * Makes a spool and maps its head, shared, for as long as this process lives.
 *   MR_EIO     it exists already, or cannot be made
 *   MR_EINVAL  the name is too long for the files that will be beside it
 */
MR_MUST_CHECK enum mr_status mr_spool_create(struct mr_spool_head **out,
	const char *spool_path, const struct mr_record_options *options,
	struct mr_error *err);

/* Maps the head of a spool that exists. MR_EIO, MR_EFORMAT: it is no spool. */
MR_MUST_CHECK enum mr_status mr_spool_open(
	struct mr_spool_head **out, const char *spool_path, struct mr_error *err);

void mr_spool_close(struct mr_spool_head *head);

/* Whether the process that writes the spool is still there. */
bool mr_spool_is_alive(const struct mr_spool_head *head);

struct mr_spool_list {
	char **paths; /* of spools, the main one first; then by name */
	size_t count;
};

/*
 * Finds the spool at spool_path, if it is there, and those of its children.
 *   MR_EIO     the folder cannot be read
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_spool_list_make(
	struct mr_spool_list *out, const char *spool_path, struct mr_error *err);
void mr_spool_list_fini(struct mr_spool_list *list);

/*
 * The name of the trace that a spool is finished to: "a.mrt.gz.spool" gives
 * "a.mrt.gz", its child "a.mrt.gz.17.spool" gives "a.17.mrt.gz". The caller
 * frees it; NULL: no memory.
 */
char *mr_spool_trace_path(const char *main_spool_path, const char *spool_path);

#endif
