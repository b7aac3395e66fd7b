/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_CURVES_H
#define MR_CLI_CURVES_H

/* The curves of a sweep, kept for one picture of them all. */

#include "cli/saving.h"
#include "report/curve.h"
#include "report/page.h"

struct mr_curves {
	enum mr_plot_format format;
	struct mr_saving saving; /* not open: no picture is wanted */
	struct mr_subject *items;
	size_t count;
};

/* Keeps a copy of the points, named after the trace and what is varied. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_curves_keep(struct mr_curves *curves,
	const struct mr_curve *curve, const struct mr_policy *policy,
	struct mr_error *err);

/* Draws and saves the picture. Returns an exit status. */
int mr_curves_save(struct mr_curves *curves);

void mr_curves_fini(struct mr_curves *curves);

#endif
