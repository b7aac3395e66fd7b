/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_LOCATE_H
#define MR_CLI_LOCATE_H

/* Where other files are that the program runs or loads. The caller frees paths. */

/* The file that a command's first word means to a shell; NULL: none, or no memory. */
char *mr_locate_program(const char *command);

/*
 * The recorder's object: that of this build if it was not installed, otherwise where
 * it is installed, whether it is there or not. NULL: no memory.
 */
char *mr_locate_recorder(void);

#endif
