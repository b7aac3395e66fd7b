/* SPDX-License-Identifier: MIT */
/*
 * The program: finds the command, runs it, and sees to it that what it printed
 * has been written.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "base/nearest.h"
#include "cli/command.h"
#include "cli/interrupt.h"
#include "cli/manual.h"
#include "cli/version.h"
#include "memreplay/replay.h"

extern const struct mr_command mr_cmd_completion;
extern const struct mr_command mr_cmd_convert;
extern const struct mr_command mr_cmd_diff;
extern const struct mr_command mr_cmd_info;
extern const struct mr_command mr_cmd_record;
extern const struct mr_command mr_cmd_replay;
extern const struct mr_command mr_cmd_report;
extern const struct mr_command mr_cmd_simulate;
extern const struct mr_command mr_cmd_sweep;
extern const struct mr_command mr_cmd_tune;
extern const struct mr_command mr_cmd_verify;

/* In the order of the help: what most people want first. */
const struct mr_command *const mr_commands[] = {
	&mr_cmd_replay,
	&mr_cmd_simulate,
	&mr_cmd_sweep,
	&mr_cmd_tune,
	&mr_cmd_diff,
	&mr_cmd_report,
	&mr_cmd_verify,
	&mr_cmd_info,
	&mr_cmd_convert,
	&mr_cmd_record,
	&mr_cmd_completion,
	NULL,
};

static const struct mr_command *
find(const char *name)
{
	for (size_t i = 0; mr_commands[i]; i++)
		if (!strcmp(mr_commands[i]->name, name))
			return mr_commands[i];
	return NULL;
}

static int
unknown_command(const char *name)
{
	struct mr_nearest nearest = {.text = name};

	for (size_t i = 0; mr_commands[i]; i++)
		mr_nearest_offer(&nearest, mr_commands[i]->name);
	if (nearest.name)
		return mr_say_usage(NULL, "there is no command \"%s\"; did you mean %s?",
			name, nearest.name);
	return mr_say_usage(NULL, "there is no command \"%s\"", name);
}

static void
print_command(const char *name, const char *summary)
{
	printf("  %-11s %s\n", name, summary);
}

static int
print_help(void)
{
	puts("Usage: memreplay COMMAND [OPTION]... [OPERAND]...\n"
	     "Shows what a caching allocator does with the allocations of a real "
	     "program.\n\nCommands:");
	for (size_t i = 0; mr_commands[i]; i++)
		print_command(mr_commands[i]->name, mr_commands[i]->summary);
	print_command("help", "the manual of a command, or its help");
	puts("\nOptions:\n"
	     "  -h, --help     print this help and exit\n"
	     "  -V, --version  print the version and what was built in, and exit\n\n"
	     "'memreplay COMMAND --help' tells the options of a command.\n"
	     "Exit status: 0 done, 1 failed, 2 wrong use, 3 an expectation does not "
	     "hold.");
	return MR_EXIT_DONE;
}

static int
print_help_of(char **names)
{
	const struct mr_command *command;

	if (!names[0] || !strcmp(names[0], "--help"))
		return print_help();
	if (names[1])
		return mr_say_usage(
			NULL, "help: \"%s\" is one operand too many", names[1]);
	command = find(names[0]);
	if (!command)
		return unknown_command(names[0]);
	mr_manual_open(command->name);
	mr_command_help(command, stdout);
	return MR_EXIT_DONE;
}

static int
dispatch(int argc, char **argv)
{
	const struct mr_command *command;

	if (argc < 2)
		return mr_say_usage(NULL, "a command is missing");
	if (!strcmp(argv[1], "--help") || !strcmp(argv[1], "-h"))
		return print_help();
	if (!strcmp(argv[1], "help"))
		return print_help_of(argv + 2);
	if (!strcmp(argv[1], "--version") || !strcmp(argv[1], "-V")) {
		mr_version_print();
		return MR_EXIT_DONE;
	}
	if (argv[1][0] == '-')
		return mr_say_usage(NULL, "there is no option %s", argv[1]);
	command = find(argv[1]);
	if (!command)
		return unknown_command(argv[1]);
	return command->run(command, argc - 1, argv + 1);
}

/*
 * A standard stream that the caller closed must not become a file we open:
 * each gets a descriptor that cannot be written to.
 */
static void
keep_standard_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && fd <= 2);
	if (fd > 2)
		close(fd);
}

int
main(int argc, char **argv)
{
	int status;

	mr_interrupt_survive_writing();
	if (argc > 1 && !strcmp(argv[1], MR_REPLAY_CHILD))
		return mr_replay_child(argc, argv);
	keep_standard_streams();
	mr_interrupt_watch();
	status = dispatch(argc, argv);
	errno = 0;
	if (fflush(stdout) || ferror(stdout)) {
		mr_say("standard output: %s", errno ? strerror(errno) : "write failed");
		return MR_EXIT_FAILED;
	}
	return status;
}
