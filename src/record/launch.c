/* SPDX-License-Identifier: MIT */
#include "record/launch.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"
#include "record/clock.h"

enum mr_status
mr_launch_variables_make(struct mr_launch_variables *out, const char *recorder,
	const char *spool_path, const char *preloaded, struct mr_error *err)
{
	bool others = preloaded && *preloaded;

	*out = (struct mr_launch_variables){0};
	if (strpbrk(recorder, " :"))
		return mr_fail(err, MR_EINVAL,
			"%s cannot be preloaded: there is a blank or a colon in its path",
			recorder);
	if (asprintf(&out->preload, "LD_PRELOAD=%s%s%s", recorder, others ? ":" : "",
		    others ? preloaded : "") < 0)
		out->preload = NULL;
	if (asprintf(&out->spool, MR_SPOOL_VARIABLE "=%s", spool_path) < 0)
		out->spool = NULL;
	if (out->preload && out->spool)
		return MR_OK;
	mr_launch_variables_fini(out);
	return mr_fail_memory(err);
}

void
mr_launch_variables_fini(struct mr_launch_variables *variables)
{
	free(variables->preload);
	free(variables->spool);
	*variables = (struct mr_launch_variables){0};
}

#define SIGNALS 5
static const int signals[SIGNALS] = {SIGINT, SIGQUIT, SIGTERM, SIGHUP, SIGCHLD};

/* What signals did before, so that the program starts with the same. */
struct actions {
	struct sigaction of[SIGNALS];
};

static volatile sig_atomic_t running_pid;

static void
pass_on(int number)
{
	if (running_pid > 0)
		kill((pid_t)running_pid, number);
}

static void
stand_aside(struct actions *before)
{
	struct sigaction action;

	for (size_t i = 0; i < SIGNALS; i++) {
		sigaction(signals[i], NULL, &before->of[i]);
		action = (struct sigaction){.sa_handler = SIG_IGN};
		if (signals[i] == SIGCHLD)
			action.sa_handler = SIG_DFL; /* or there is nothing to wait for */
		if (signals[i] == SIGTERM || signals[i] == SIGHUP)
			action.sa_handler = pass_on;
		if (signals[i] == SIGHUP && before->of[i].sa_handler == SIG_IGN)
			action.sa_handler = SIG_IGN; /* nohup */
		action.sa_flags = SA_RESTART;
		sigaction(signals[i], &action, NULL);
	}
}

static void
step_back(const struct actions *before)
{
	for (size_t i = 0; i < SIGNALS; i++)
		sigaction(signals[i], &before->of[i], NULL);
}

/* In the new process. The pipe closes with exec, or takes the reason it failed. */
static void
become(char *const *argv, const struct mr_launch_variables *variables,
	struct mr_spool_head *head, int pipe_end)
{
	int error;

	head->pid = (int32_t)getpid();
	if (!putenv(variables->preload) && !putenv(variables->spool))
		execvp(argv[0], argv);
	error = errno;
	while (write(pipe_end, &error, sizeof(error)) < 0 && errno == EINTR)
		;
	_exit(127);
}

static void
wait_for(pid_t pid, struct mr_launch_result *out, int pipe_end)
{
	ssize_t got;

	do
		got = read(pipe_end, &out->exec_errno, sizeof(out->exec_errno));
	while (got < 0 && errno == EINTR);
	if (got != sizeof(out->exec_errno))
		out->exec_errno = 0;
	while (waitpid(pid, &out->status, 0) < 0 && errno == EINTR)
		;
}

static void
note_end(struct mr_spool_head *head, const struct mr_launch_result *result)
{
	head->status = result->status;
	head->has_status = 1;
	if (!head->end.ns && head->images)
		head->end = mr_clock_instant((int)head->has_tsc);
}

enum mr_status
mr_launch(struct mr_launch_result *out, char *const *argv,
	const struct mr_launch_variables *variables, struct mr_spool_head *head,
	struct mr_error *err)
{
	struct actions before;
	int ends[2];
	pid_t pid;

	*out = (struct mr_launch_result){0};
	if (pipe2(ends, O_CLOEXEC))
		return mr_fail_errno(err, errno, "cannot make a pipe");
	running_pid = 0;
	stand_aside(&before);
	pid = fork();
	if (!pid) {
		step_back(&before);
		become(argv, variables, head, ends[1]);
	}
	close(ends[1]);
	running_pid = (sig_atomic_t)pid;
	if (pid > 0) {
		wait_for(pid, out, ends[0]);
		note_end(head, out);
	}
	running_pid = 0;
	step_back(&before);
	close(ends[0]);
	return pid < 0 ? mr_fail_errno(err, errno, "cannot start a process") : MR_OK;
}
