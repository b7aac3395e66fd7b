/* SPDX-License-Identifier: MIT */
#ifndef MR_RECORD_DESCRIBE_H
#define MR_RECORD_DESCRIBE_H

/* What a recorded trace says of itself, as JSON; the caller frees the text. */

#include "record/finish.h"

/* The header. MR_ENOMEM */
MR_MUST_CHECK enum mr_status mr_describe_spool(
	char **out, const struct mr_spool_head *head, struct mr_error *err);

/* The end mark. MR_ENOMEM */
MR_MUST_CHECK enum mr_status mr_describe_account(char **out,
	const struct mr_spool_head *head, const struct mr_account *account,
	struct mr_error *err);

#endif
