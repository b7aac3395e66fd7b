/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_COMMAND_H
#define MR_CLI_COMMAND_H

/*
 * A command of the program: each cmd_NAME.c exports one constant descriptor,
 * which main.c lists. The help of a command is made from its descriptor.
 */

#include <stdio.h>

#include "cli/message.h"
#include "cli/option.h"

struct mr_command {
	const char *name;
	const char *operands; /* as the usage line shows them: "IN OUT" */
	int min_operands;
	int max_operands;
	const char *summary;     /* one line, no full stop */
	const char *description; /* paragraphs, parted by an empty line */
	const struct mr_option_use *options;
	/* argv[0] is the command's name. Returns an exit status. */
	int (*run)(const struct mr_command *self, int argc, char **argv);
};

/* All commands, ended by NULL, in the order of the help; main.c has the table. */
extern const struct mr_command *const mr_commands[];

/*
 * Reads a command's options into *values and returns its operands, as many as
 * it allows and ended by NULL. When there is nothing to run (help was asked
 * for and printed, or the use is wrong and said so) returns NULL, with the
 * exit status in *status.
 */
char **mr_command_parse(
	const struct mr_command *self, void *values, int argc, char **argv, int *status);

/* Prints a command's help, in 80 columns. */
void mr_command_help(const struct mr_command *self, FILE *out);

#endif
