/* SPDX-License-Identifier: MIT */
#include "replay/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/error.h"

#define NUMBER_SIZE 24

/* The child's exit status if exec fails; the loader's own failures exit 127. */
#define NOT_STARTED 126

/* All that the child between fork and exec needs, made before the fork. */
struct launch {
	char program[4096];
	char name[sizeof("memreplay")];
	char command[sizeof(MR_REPLAY_CHILD)];
	char channel[NUMBER_SIZE];
	char memory[NUMBER_SIZE];
	char schedule[NUMBER_SIZE];
	char parent[NUMBER_SIZE];
	char preload[MR_LIBRARY_SIZE + sizeof("LD_PRELOAD=")];
	char *argv[7];
	char **environment;
	int channel_fd;
	int memory_fd;
	int schedule_fd;
	pid_t parent_pid;
	bool quiet;
};

/*
 * The link names the file that this program was started from, which valgrind
 * follows too; the link itself is the program also if that file was replaced.
 */
static void
find_program(char *path, size_t size)
{
	ssize_t length = readlink("/proc/self/exe", path, size - 1);

	if (length > 0)
		path[length] = '\0';
	if (length <= 0 || access(path, X_OK))
		snprintf(path, size, "/proc/self/exe");
}

static enum mr_status
set_environment(struct launch *launch, char *const *from, const char *library,
	struct mr_error *err)
{
	size_t count = 0, kept = 0;

	while (from && from[count])
		count++;
	launch->environment = calloc(count + 2, sizeof(char *));
	if (!launch->environment)
		return mr_fail_memory(err);
	for (size_t i = 0; i < count; i++)
		if (strncmp(from[i], "LD_PRELOAD=", strlen("LD_PRELOAD=")) != 0)
			launch->environment[kept++] = from[i];
	if (*library) {
		snprintf(launch->preload, sizeof(launch->preload), "LD_PRELOAD=%s",
			library);
		launch->environment[kept] = launch->preload;
	}
	return MR_OK;
}

static void
set_arguments(struct launch *launch)
{
	char *const argv[] = {launch->name, launch->command, launch->channel,
		launch->memory, launch->schedule, launch->parent, NULL};

	launch->parent_pid = getpid();
	snprintf(launch->name, sizeof(launch->name), "memreplay");
	snprintf(launch->command, sizeof(launch->command), MR_REPLAY_CHILD);
	snprintf(launch->channel, NUMBER_SIZE, "%d", launch->channel_fd);
	snprintf(launch->memory, NUMBER_SIZE, "%d", launch->memory_fd);
	snprintf(launch->schedule, NUMBER_SIZE, "%d", launch->schedule_fd);
	snprintf(launch->parent, NUMBER_SIZE, "%ld", (long)launch->parent_pid);
	memcpy(launch->argv, argv, sizeof(argv));
}

/* The child from here on; only what a signal handler may call. */
static _Noreturn void
become(const struct launch *launch)
{
	const struct rlimit no_core = {0, 0};
	int null;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != launch->parent_pid)
		_exit(EXIT_FAILURE);
	/* a crash is reported; gigabytes of core file would help nobody */
	setrlimit(RLIMIT_CORE, &no_core);
	fcntl(launch->channel_fd, F_SETFD, 0);
	if (launch->memory_fd >= 0)
		fcntl(launch->memory_fd, F_SETFD, 0);
	if (launch->schedule_fd >= 0)
		fcntl(launch->schedule_fd, F_SETFD, 0);
	/* the loader's complaints of libraries that are only looked for */
	if (launch->quiet && (null = open("/dev/null", O_WRONLY)) >= 0)
		dup2(null, STDERR_FILENO);
	execve(launch->program, launch->argv, launch->environment);
	_exit(NOT_STARTED);
}

/* Leaves *answer zero if the child ends without one. */
static enum mr_status
hear(struct mr_answer *answer, int channel, const struct mr_start *start,
	struct mr_error *err)
{
	enum mr_status st = MR_OK;
	ssize_t length;
	uint64_t done;

	for (;;) {
		length = recv(channel, answer, sizeof(*answer), 0);
		if (length == sizeof(done) && start->progress) {
			memcpy(&done, answer, sizeof(done));
			start->progress(start->context, done);
		} else if (length >= 0 || errno != EINTR) {
			break;
		}
	}
	/* a child that ends before it has read its order resets the channel */
	if (length < 0 && errno != ECONNRESET)
		st = mr_fail_errno(err, errno, "a channel to a child process");
	if (length != sizeof(*answer) || answer->struct_size != sizeof(*answer))
		memset(answer, 0, sizeof(*answer));
	answer->text[sizeof(answer->text) - 1] = '\0';
	answer->malloc_library[MR_LIBRARY_SIZE - 1] = '\0';
	return st;
}

static void
describe(char *end, int status, const struct mr_answer *answer)
{
	if (WIFSIGNALED(status))
		snprintf(end, MR_REPLAY_EXIT_SIZE, "signal %d (%s)", WTERMSIG(status),
			strsignal(WTERMSIG(status)));
	else if (answer->text[0])
		snprintf(end, MR_REPLAY_EXIT_SIZE, "exit %d: %s", WEXITSTATUS(status),
			answer->text);
	else if (!answer->struct_size)
		snprintf(end, MR_REPLAY_EXIT_SIZE, "exit %d: ended without an answer",
			WEXITSTATUS(status));
	else
		snprintf(end, MR_REPLAY_EXIT_SIZE, "exit %d", WEXITSTATUS(status));
}

static enum mr_status
run(struct mr_answer *answer, char *end, const struct launch *launch, int channel,
	const struct mr_start *start, struct mr_error *err)
{
	int status;
	enum mr_status st;
	pid_t child = fork();

	if (child == 0)
		become(launch);
	/* only the child may hold its side, so that its end ends the wait */
	close(launch->channel_fd);
	if (child < 0)
		return mr_fail_errno(err, errno, "starting a child process");
	st = hear(answer, channel, start, err);
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return mr_fail_errno(err, errno, "waiting for a child process");
	if (st)
		return st;
	if (WIFEXITED(status) && WEXITSTATUS(status) == NOT_STARTED &&
		!answer->struct_size)
		return mr_fail(err, MR_EIO, "cannot start %s anew", launch->program);
	answer->done = answer->done && WIFEXITED(status) && !WEXITSTATUS(status);
	describe(end, status, answer);
	return MR_OK;
}

/*
 * Whether this program was itself started anew, and did not give way to the child's
 * main(): it would start another, and that one the next.
 */
static bool
is_forgetful(void)
{
	static const char start[] = "memreplay\0" MR_REPLAY_CHILD;
	char line[sizeof(start)] = "";
	int fd = open("/proc/self/cmdline", O_RDONLY | O_CLOEXEC);
	ssize_t length;

	if (fd < 0)
		return false;
	length = read(fd, line, sizeof(line));
	close(fd);
	return length == sizeof(line) && !memcmp(line, start, sizeof(start));
}

enum mr_status
mr_spawn(struct mr_answer *answer, char *end, const struct mr_start *start,
	struct mr_error *err)
{
	const struct mr_order *order = start->order;
	struct launch launch = {.memory_fd = start->memory_fd,
		.schedule_fd = start->schedule_fd,
		.quiet = order->kind == MR_ORDER_PROBE};
	int channel[2];
	enum mr_status st;

	memset(answer, 0, sizeof(*answer));
	if (is_forgetful())
		return mr_fail(err, MR_EINVAL,
			"main() does not begin with mr_replay_child(), as a program that "
			"replays must");
	find_program(launch.program, sizeof(launch.program));
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, channel))
		return mr_fail_errno(err, errno, "a channel to a child process");
	launch.channel_fd = channel[1];
	set_arguments(&launch);
	if ((st = set_environment(&launch, start->environment, order->library, err))) {
		close(channel[1]);
		goto out;
	}
	/* waits in the channel's buffer for the child */
	if (send(channel[0], order, sizeof(*order), MSG_NOSIGNAL) != sizeof(*order)) {
		st = mr_fail_errno(err, errno, "a channel to a child process");
		close(channel[1]);
		goto out;
	}
	st = run(answer, end, &launch, channel[0], start, err);
out:
	free(launch.environment);
	close(channel[0]);
	return st;
}
