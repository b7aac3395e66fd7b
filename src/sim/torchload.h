/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_TORCHLOAD_H
#define MR_SIM_TORCHLOAD_H

/*
 * What the torch policies run: the requests of one device of a snapshot, or of
 * any other trace, in memory, to be run many times.
 */

#include "memreplay/trace.h"
#include "sim/torchscript.h"
#include "trace/snapshot.h"

struct mr_torch_case {
	struct mr_snapshot *snapshot; /* NULL: it is another trace */
	size_t device;
	struct mr_recording recording; /* of a snapshot */
	struct mr_torch_script script;
	bool settings_known; /* recording.settings are those recorded */
	size_t op_space;
	/* of an import: what is older and of which nothing more is known; 0: nothing */
	uint64_t older_bytes;
};

/*
 * Makes the case of a snapshot, which becomes the case's own, also on failure.
 * text names the device ("cuda:0"; NULL: the only one with events). The case is
 * the caller's, for mr_torch_case_fini().
 *   MR_EFORMAT  several devices have events, or none; segments overlap
 *   MR_EINVAL   there is no such device
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_torch_case_snapshot(struct mr_torch_case *out,
	struct mr_snapshot *snapshot, const char *text, struct mr_error *err);

/*
 * Adds an event from a reader to the case of another trace, a struct of zeros
 * to begin with. clear_cache is a call of empty_cache(), other limits and marks
 * are left out. MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_torch_case_add(
	struct mr_torch_case *out, const struct mr_event *event, struct mr_error *err);

void mr_torch_case_fini(struct mr_torch_case *out);

/*
 * The innermost frames of the code that asked for what event (0 is the first)
 * of a snapshot is about, most telling first: "train.py:17 forward". "" if
 * there are none. Returns text.
 */
#define MR_TORCH_PLACE_SIZE 256
char *mr_torch_case_place(
	char text[MR_TORCH_PLACE_SIZE], const struct mr_torch_case *of, size_t event);

#endif
