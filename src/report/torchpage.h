/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_TORCHPAGE_H
#define MR_REPORT_TORCHPAGE_H

/* The report under PyTorch's rules: a page like that of report/page.h. */

#include "report/picture.h"
#include "report/torch.h"
#include "sim/torchpeak.h"

struct mr_torch_page {
	const char *name; /* of the trace */
	const struct mr_torch_case *of;
	const struct mr_policy *policy; /* that the pictures are of */
	enum mr_torch_start start;
	const struct mr_torch_peak *peak;
	/* by settings; the first are the policy's */
	const struct mr_torch_study *studies;
	size_t count;
	bool smallest; /* the smallest devices were looked for */
	/* of commands, quoted for a shell, each with a blank before it */
	const char *confs, *arguments;
	char *const *environment; /* for gnuplot */
};

/*
 * Prints the page.
 *   MR_EIO  there is no gnuplot, or it failed
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_torch_page_print(
	const struct mr_torch_page *page, FILE *out, struct mr_error *err);

/*
 * The pictures that gnuplot draws for it, as report/figure.h takes them: memory,
 * and fragmentation, over events. context is the page; the first of them needs no
 * more of it than of, policy and peak, and takes numbers that are NULL.
 */
void mr_torch_course(
	const void *context, struct mr_plot *plot, struct mr_numbers *numbers);
void mr_torch_fragmentation(
	const void *context, struct mr_plot *plot, struct mr_numbers *numbers);

#endif
