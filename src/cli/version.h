/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_VERSION_H
#define MR_CLI_VERSION_H

/*
 * Prints the version on a line of its own, then a line "NAME: VALUE" for each thing
 * that the program was built with or finds here; "no" is the value of what is missing.
 */
void mr_version_print(void);

#endif
