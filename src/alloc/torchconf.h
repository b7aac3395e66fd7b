/* SPDX-License-Identifier: MIT */
#ifndef MR_ALLOC_TORCHCONF_H
#define MR_ALLOC_TORCHCONF_H

/*
 * PyTorch's own settings string, as PYTORCH_CUDA_ALLOC_CONF has it:
 * "max_split_size_mb:128,roundup_power2_divisions:[256:1,512:2,>:4]".
 */

#include "memreplay/policy.h"

#define MR_TORCH_CONF_SIZE   512
#define MR_TORCH_REMARK_SIZE 256

/*
 * Sets what the string can say, and what it does not say to PyTorch's defaults,
 * as the environment variable does. remark ("": none) becomes what is to be
 * said of it: keys that are not known and ignored, and what versions of PyTorch
 * read differently.
 *   MR_EINVAL  a value is wrong; err names key, value and what is expected
 */
MR_MUST_CHECK enum mr_status mr_torch_conf_parse(struct mr_torch_settings *settings,
	char remark[MR_TORCH_REMARK_SIZE], const char *text, struct mr_error *err);

/*
 * Writes the string that says settings, shortest first: "" for the defaults. It
 * means the same to all versions of PyTorch that know its keys. Returns text.
 */
char *mr_torch_conf_print(
	char text[MR_TORCH_CONF_SIZE], const struct mr_torch_settings *settings);

/* Reads a share ("0.8", "80%") as billionths. MR_EINVAL. */
MR_MUST_CHECK enum mr_status mr_torch_share_parse(
	uint64_t *out, const char *text, struct mr_error *err);

/* What PyTorch does when nothing is said. */
void mr_torch_conf_defaults(struct mr_torch_settings *settings);

#endif
