/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_MANUAL_H
#define MR_CLI_MANUAL_H

/*
 * Opens memreplay(1) at a command's section in place of this program; comes
 * back if standard output is no terminal or there is no such page.
 */
void mr_manual_open(const char *command);

#endif
