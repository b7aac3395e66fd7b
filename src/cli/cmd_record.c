/* SPDX-License-Identifier: MIT */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "cli/command.h"
#include "cli/locate.h"
#include "cli/recorded.h"
#include "record/finish.h"
#include "record/launch.h"
#include "record/store.h"

/* A shell's own, for a program that cannot be run. */
#define EXIT_CANNOT_RUN 126
#define EXIT_NOT_FOUND  127

struct options {
	const char *output;
	int layer; /* enum mr_layer */
	struct mr_number min_size, max_events, max_file, counters;
	bool follow_children;
	bool print_env;
	const char *finish;
};

static const char *
layer_name(size_t index)
{
	static const char *const names[] = {"auto", "malloc", "mlx", NULL};

	return names[index];
}

#define OFFSET(member) offsetof(struct options, member)

static const struct mr_option rows[] = {
	{MR_OPTION_TEXT, 'o', "output", "FILE", .offset = OFFSET(output),
		.help = "the trace to write; by default PROGRAM.PID.mrt.gz"},
	{MR_OPTION_CHOICE, 'l', "layer", "LAYER", .default_text = "auto",
		.choices = layer_name, .offset = OFFSET(layer),
		.help = "whose calls: auto is mlx when the program uses libmlx, "
			"otherwise malloc; these are"},
	{MR_OPTION_SIZE, 0, "min-size", "SIZE", .default_text = "0",
		.offset = OFFSET(min_size), .help = "leave smaller blocks out (malloc)"},
	{MR_OPTION_COUNT, 0, "counters", "N", .default_text = "1000",
		.offset = OFFSET(counters),
		.help = "note MLX's own counters after every N events, and at the "
			"end; 0: only at the end"},
	{MR_OPTION_COUNT, 0, "max-events", "N", .offset = OFFSET(max_events),
		.help = "stop recording after N events; the program goes on"},
	{MR_OPTION_SIZE, 0, "max-file", "SIZE", .offset = OFFSET(max_file),
		.help = "stop recording when the unfinished recording of a process, "
			"32 bytes an event, reaches SIZE; by default nine tenths of "
			"the free disk"},
	{MR_OPTION_FLAG, 'f', "follow-children", .offset = OFFSET(follow_children),
		.help = "record the processes that it starts too, each to a trace "
			"with its PID in the name"},
	{MR_OPTION_FLAG, 0, "print-env", .offset = OFFSET(print_env),
		.help = "run nothing, but print the variables that have the next "
			"program recorded to FILE"},
	{MR_OPTION_TEXT, 0, "finish", "FILE", .offset = OFFSET(finish),
		.help = "run nothing, but make a trace of an unfinished recording"},
};
static const struct mr_option_group group = {
	"Recording options", rows, sizeof(rows) / sizeof(rows[0])};
static const struct mr_option_use uses[] = {{&group, 0}, {0}};

/* The preloaded object, which must be there; the caller frees its path. */
static enum mr_status
find_recorder(char **out, struct mr_error *err)
{
	*out = mr_locate_module(MR_LOCATE_RECORDER);
	if (!*out)
		return mr_fail_memory(err);
	return access(*out, R_OK) ? mr_fail_errno(err, errno, *out) : MR_OK;
}

static struct mr_record_options
record_options(const struct options *options)
{
	const uint64_t too_slow_ns = 2000000000;
	struct mr_record_options out = {
		.layer = (enum mr_layer)options->layer,
		.follow_children = options->follow_children,
		.min_size = options->min_size.value,
		.max_events = MR_UNLIMITED,
		.max_bytes = MR_UNLIMITED,
		.counters_every = options->counters.value,
		.slow_ns = too_slow_ns,
	};

	if (options->max_events.given)
		out.max_events = options->max_events.value;
	if (options->max_file.given)
		out.max_bytes = options->max_file.value;
	return out;
}

/* All that is needed before the program runs. */
struct recording {
	char *output;
	char *spool_path;
	char *recorder;
	struct mr_spool_head *head;
	struct mr_launch_variables variables;
	struct mr_error err;
};

static void
close_recording(struct recording *recording)
{
	mr_launch_variables_fini(&recording->variables);
	mr_spool_close(recording->head);
	free(recording->recorder);
	free(recording->spool_path);
	free(recording->output);
}

static char *
default_output(const char *program)
{
	const char *slash = strrchr(program, '/');
	char *output;

	if (asprintf(&output, "%s.%ld.mrt.gz", slash ? slash + 1 : program,
		    (long)getpid()) < 0)
		return NULL;
	return output;
}

/* Returns an exit status, having said what failed. */
static int
prepare(struct recording *recording, const struct options *options, const char *program)
{
	struct mr_record_options asked = record_options(options);
	struct mr_error *err = &recording->err;

	recording->output =
		options->output ? strdup(options->output) : default_output(program);
	if (!recording->output) {
		mr_say("out of memory");
		return MR_EXIT_FAILED;
	}
	if (mr_finish_check(recording->output, err))
		return mr_say_error(recording->output, err);
	if (find_recorder(&recording->recorder, err))
		return mr_say_error(NULL, err);
	if (mr_spool_path(&recording->spool_path, recording->output, err))
		return mr_say_error(recording->output, err);
	if (mr_launch_variables_make(&recording->variables, recording->recorder,
		    recording->spool_path, getenv("LD_PRELOAD"), err))
		return mr_say_error(NULL, err);
	if (mr_spool_create(&recording->head, recording->spool_path, &asked, err))
		return mr_say_error(recording->output, err);
	return MR_EXIT_DONE;
}

static void
print_variables(const struct recording *recording)
{
	puts(recording->variables.preload);
	puts(recording->variables.spool);
	mr_say("the first program that starts with these variables is recorded; "
	       "then run: memreplay record --finish %s",
		recording->output);
}

/* Ends as the program did, so that whoever started us sees the same. */
static int
end_like(int status)
{
	const struct rlimit no_core = {0};

	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	fflush(stdout);
	setrlimit(RLIMIT_CORE, &no_core);
	signal(WTERMSIG(status), SIG_DFL);
	raise(WTERMSIG(status));
	return MR_EXIT_FAILED;
}

static int
run_program(struct recording *recording, char **argv)
{
	struct mr_launch_result result;
	int finished;

	if (mr_launch(&result, argv, &recording->variables, recording->head,
		    &recording->err)) {
		unlink(recording->spool_path);
		return mr_say_error(NULL, &recording->err);
	}
	if (result.exec_errno) {
		unlink(recording->spool_path);
		mr_say("cannot run %s: %s", argv[0], strerror(result.exec_errno));
		return result.exec_errno == ENOENT ? EXIT_NOT_FOUND : EXIT_CANNOT_RUN;
	}
	finished = mr_recorded_finish(recording->spool_path, argv[0]);
	if (finished && WIFEXITED(result.status) && !WEXITSTATUS(result.status))
		return finished;
	return end_like(result.status);
}

/*
 * Options end at the program: what follows is its own, with or without "--".
 * getopt() does so by itself only if this variable is set.
 */
static char **
parse(const struct mr_command *self, struct options *options, int argc, char **argv,
	int *status)
{
	const char *variable = "POSIXLY_CORRECT";
	bool was_set = getenv(variable) != NULL;
	char **operands;

	if (!was_set)
		setenv(variable, "1", 1);
	operands = mr_command_parse(self, options, argc, argv, status);
	if (!was_set)
		unsetenv(variable);
	return operands;
}

static int
run(const struct mr_command *self, int argc, char **argv)
{
	struct recording recording = {0};
	struct options options;
	int status;
	char **operands = parse(self, &options, argc, argv, &status);

	if (!operands)
		return status;
	if (options.finish)
		return mr_recorded_finish_named(options.finish);
	if (!operands[0] && !options.print_env)
		return mr_say_usage(self->name, "record: the program to run is missing");
	if (options.print_env && !options.output)
		return mr_say_usage(
			self->name, "record: --print-env needs --output=FILE");
	if (options.output && !strcmp(options.output, "-"))
		return mr_say_usage(self->name,
			"record: a trace cannot go to standard output, which is the "
			"program's: --output needs the name of a file");
	status = prepare(&recording, &options, operands[0]);
	if (!status && options.print_env)
		print_variables(&recording);
	else if (!status)
		status = run_program(&recording, operands);
	close_recording(&recording);
	return status;
}

const struct mr_command mr_cmd_record = {
	.name = "record",
	.operands = "[--] PROGRAM [ARGUMENT]...",
	.max_operands = INT_MAX,
	.summary = "a trace from an unmodified program",
	.description =
		"Runs PROGRAM with a recorder loaded before its libraries and leaves a "
		"trace of what it asked of its allocator: all calls of the malloc "
		"family, or those of MLX's allocator. Its input, output, signals and "
		"exit status stay its own.\n\n"
		"While the program runs, the recording is kept as FILE.spool beside "
		"the trace; the trace appears under its name when it is complete. "
		"Nothing recorded is lost when the program is killed.",
	.options = uses,
	.run = run,
};
