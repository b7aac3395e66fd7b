/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_MESSAGE_H
#define MR_CLI_MESSAGE_H

/*
 * What the program says on standard error. Each message is one line, and
 * control characters in it (from file names, marks and the like) are shown as
 * \n or \x1b and never reach the terminal.
 */

#include <stdio.h>

#include "memreplay/base.h"

/*
 * From now on what this thread says goes to sink, and with NULL to standard error
 * again.
 */
void mr_say_to(FILE *sink);

/* Exit statuses. Nothing else shares their numbers. */
enum mr_exit {
	MR_EXIT_DONE = 0,
	MR_EXIT_FAILED = 1, /* bad input, I/O, memory */
	MR_EXIT_USAGE = 2,  /* the command line is wrong */
	MR_EXIT_UNMET = 3   /* done, but an expectation does not hold */
};

/* Prints "memreplay: " and the message. */
void mr_say(const char *format, ...) MR_PRINTF(1, 2);

/*
 * Prints why the library failed on the file called path (NULL: on none), with
 * its place there: "memreplay: FILE:LINE: text". Returns the exit status that
 * the failure calls for.
 */
int mr_say_error(const char *path, const struct mr_error *err);

/*
 * Prints what is wrong with the command line and where help is: command names
 * the command, NULL is the program itself. Returns MR_EXIT_USAGE.
 */
int mr_say_usage(const char *command, const char *format, ...) MR_PRINTF(2, 3);

/*
 * Prints why options were not accepted, under the command's name: as wrong use, or
 * as a failure if they might be right, but memory ran out or a file could not be
 * read. Returns the exit status.
 */
int mr_say_refusal(const char *command, const struct mr_error *err);

/* A path for people: "-" is standard input. */
const char *mr_path_name(const char *path);

/* Prints text as one word for a shell. */
void mr_print_quoted(FILE *out, const char *text);

#endif
