/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_TORCHPAGE_H
#define MR_REPORT_TORCHPAGE_H

/* The report under PyTorch's rules: a page like that of report/page.h. */

#include "report/torch.h"
#include "sim/torchpeak.h"

struct mr_torch_page {
	const char *name; /* of the trace */
	const struct mr_torch_case *of;
	const struct mr_policy *policy; /* that the pictures are of */
	enum mr_torch_start start;
	const struct mr_torch_peak *peak;
	const struct mr_torch_study
		*studies; /* by settings; the first are the policy's */
	size_t count;
	bool smallest;         /* the smallest devices were looked for */
	const char *arguments; /* of commands, quoted for a shell */
};

/* Prints the page. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_torch_page_print(
	const struct mr_torch_page *page, FILE *out, struct mr_error *err);

#endif
