/* SPDX-License-Identifier: MIT */
#include "report/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/draft.h"
#include "base/error.h"

/* Our ends of the child's standard streams. */
enum { IN, OUT, ERR, STREAMS };

struct run {
	struct pollfd ends[STREAMS]; /* fd -1: closed */
	const char *input;
	size_t input_left;
	struct mr_draft output;
	struct mr_filter *filter;
	size_t complained;
};

static enum mr_status
start(pid_t *child, int pipes[STREAMS][2], const char *const *argv,
	char *const *environment, struct mr_error *err)
{
	posix_spawn_file_actions_t actions;
	posix_spawnattr_t attributes;
	sigset_t defaults;
	int failed;

	sigemptyset(&defaults);
	sigaddset(&defaults, SIGPIPE);
	sigaddset(&defaults, SIGXFSZ);
	if (posix_spawn_file_actions_init(&actions))
		return mr_fail_memory(err);
	if (posix_spawnattr_init(&attributes)) {
		posix_spawn_file_actions_destroy(&actions);
		return mr_fail_memory(err);
	}
	posix_spawnattr_setsigdefault(&attributes, &defaults);
	posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSIGDEF);
	failed = 0;
	for (int i = 0; i < STREAMS && !failed; i++)
		failed = posix_spawn_file_actions_adddup2(&actions, pipes[i][i != IN], i);
	if (!failed)
		failed = posix_spawnp(child, argv[0], &actions, &attributes,
			(char *const *)argv, environment);
	posix_spawnattr_destroy(&attributes);
	posix_spawn_file_actions_destroy(&actions);
	if (failed == ENOENT)
		return mr_fail(err, MR_EINVAL, "there is no program %s", argv[0]);
	return failed ? mr_fail_errno(err, failed, "running another program") : MR_OK;
}

static void
shut(struct pollfd *end)
{
	close(end->fd);
	end->fd = -1;
}

/* Standard input does not block, lest the child wait for us and we for it. */
static enum mr_status
feed(struct run *run, struct mr_error *err)
{
	ssize_t n = write(run->ends[IN].fd, run->input, run->input_left);

	if (n > 0) {
		run->input += n;
		run->input_left -= (size_t)n;
	}
	if (n < 0 && errno != EPIPE && errno != EAGAIN && errno != EINTR)
		return mr_fail_errno(err, errno, "writing to another program");
	/* a child that does not want to hear more is no failure of ours */
	if (!run->input_left || (n < 0 && errno == EPIPE))
		shut(&run->ends[IN]);
	return MR_OK;
}

static enum mr_status
hear(struct run *run, int stream, struct mr_error *err)
{
	size_t room = sizeof(run->filter->complaint) - 1 - run->complained;
	char buffer[16384];
	ssize_t n = read(run->ends[stream].fd, buffer, sizeof(buffer));

	if (n < 0)
		return errno == EINTR
			? MR_OK
			: mr_fail_errno(err, errno, "reading from another program");
	if (n == 0) {
		shut(&run->ends[stream]);
	} else if (stream == OUT) {
		fwrite(buffer, 1, (size_t)n, run->output.file);
	} else {
		room = (size_t)n < room ? (size_t)n : room;
		memcpy(run->filter->complaint + run->complained, buffer, room);
		run->complained += room;
	}
	return MR_OK;
}

static enum mr_status
attend(struct run *run, struct mr_error *err)
{
	enum mr_status st = MR_OK;

	while (!st &&
		(run->ends[IN].fd >= 0 || run->ends[OUT].fd >= 0 ||
			run->ends[ERR].fd >= 0)) {
		if (poll(run->ends, STREAMS, -1) < 0) {
			if (errno == EINTR)
				continue;
			return mr_fail_errno(err, errno, "waiting for another program");
		}
		if (run->ends[IN].revents)
			st = feed(run, err);
		if (!st && run->ends[OUT].revents)
			st = hear(run, OUT, err);
		if (!st && run->ends[ERR].revents)
			st = hear(run, ERR, err);
	}
	return st;
}

static enum mr_status
run_child(struct run *run, int pipes[STREAMS][2], const char *const *argv,
	char *const *environment, struct mr_error *err)
{
	enum mr_status st;
	pid_t child;
	int status;

	/* who started us may ignore the ends of children, and we would with it */
	signal(SIGCHLD, SIG_DFL);
	st = start(&child, pipes, argv, environment, err);
	for (int i = 0; i < STREAMS; i++) {
		int theirs = pipes[i][i != IN];

		close(theirs);
		run->ends[i] =
			(struct pollfd){pipes[i][i == IN], i == IN ? POLLOUT : POLLIN, 0};
	}
	if (st) {
		for (int i = 0; i < STREAMS; i++)
			shut(&run->ends[i]);
		return st;
	}
	fcntl(run->ends[IN].fd, F_SETFL, O_NONBLOCK);
	st = attend(run, err);
	for (int i = 0; i < STREAMS; i++)
		if (run->ends[i].fd >= 0)
			shut(&run->ends[i]);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return mr_fail_errno(err, errno, "waiting for another program");
	run->filter->status =
		WIFSIGNALED(status) ? 128 + WTERMSIG(status) : WEXITSTATUS(status);
	return st;
}

static enum mr_status
open_pipes(int pipes[STREAMS][2], struct mr_error *err)
{
	for (int i = 0; i < STREAMS; i++) {
		if (!pipe2(pipes[i], O_CLOEXEC))
			continue;
		mr_fail_errno(err, errno, "a pipe to another program");
		while (i--) {
			close(pipes[i][0]);
			close(pipes[i][1]);
		}
		return MR_EIO;
	}
	return MR_OK;
}

enum mr_status
mr_filter_run(struct mr_filter *out, const char *const *argv, const char *input,
	char *const *environment, struct mr_error *err)
{
	struct run run = {.input = input, .input_left = strlen(input), .filter = out};
	int pipes[STREAMS][2];
	enum mr_status st;

	*out = (struct mr_filter){0};
	if ((st = mr_draft_open(&run.output, err)))
		return st;
	st = open_pipes(pipes, err);
	if (!st)
		st = run_child(&run, pipes, argv, environment, err);
	if (!st)
		st = mr_draft_sync(&run.output, err);
	if (!st) {
		out->length = run.output.length;
		out->output = mr_draft_take(&run.output);
	}
	mr_draft_fini(&run.output);
	return st;
}

void
mr_filter_fini(struct mr_filter *filter)
{
	free(filter->output);
	*filter = (struct mr_filter){0};
}
