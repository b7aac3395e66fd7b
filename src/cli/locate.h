/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_LOCATE_H
#define MR_CLI_LOCATE_H

/* Where other files are that the program runs or loads. The caller frees paths. */

/* The file that a command's first word means to a shell; NULL: none, or no memory. */
char *mr_locate_program(const char *command);

/* Shared objects of ours, that are loaded only where they are needed. */
#define MR_LOCATE_RECORDER "memreplay-record.so"
#define MR_LOCATE_MPI      "memreplay-mpi.so"

/*
 * The object of this name: that of this build if it was not installed, otherwise where
 * it is installed, whether it is there or not. NULL: no memory.
 */
char *mr_locate_module(const char *name);

#endif
