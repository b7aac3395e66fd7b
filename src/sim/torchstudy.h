/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_TORCHSTUDY_H
#define MR_SIM_TORCHSTUDY_H

/* Many settings on one script, shared among threads. */

#include "sim/crew.h"
#include "sim/torchwhatif.h"

/* What is wanted beside a run under the settings as they are. */
#define MR_STUDY_SPREAD   1u /* of the peak, for other addresses */
#define MR_STUDY_ENDLESS  2u /* a run where memory never ends; the spread is then of it */
#define MR_STUDY_SMALLEST 4u /* the smallest device */

/* What studies have in common. */
struct mr_torch_course {
	const struct mr_torch_script *script;
	enum mr_torch_start start;
	uint64_t older_bytes; /* on the device all the time, beside the script's */
	unsigned wanted;      /* MR_STUDY_* */
	unsigned jobs;        /* threads; 0 is 1 */
	/* called on the calling thread with the part that is done; may be NULL */
	void (*progress)(void *context, double part);
	void *context;
};

/*
 * Leaves a script what older bytes, of which nothing more is known, leave of the device;
 * the address space stays that of the whole.
 */
void mr_torch_leave(struct mr_torch_settings *settings, uint64_t older);

/* One setting, and what comes of it. */
struct mr_torch_study {
	struct mr_task task;
	struct mr_torch_settings settings;
	struct mr_torch_whatif whatif;
	struct mr_torch_whatif endless;
	uint64_t low, high; /* peak reserved memory, whatever the addresses */
	struct mr_torch_device smallest;
	enum mr_status status;
	struct mr_error err;
};

/*
 * Carries out count studies, of which settings are set; the outcome is the same for
 * any number of threads. MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_torch_studies(struct mr_torch_study *studies,
	size_t count, const struct mr_torch_course *course, struct mr_error *err);

#endif
