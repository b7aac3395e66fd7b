/* SPDX-License-Identifier: MIT */
#include "faultrun.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memreplay/base.h"

#define WORDS      32
#define INPUTS     160
#define NAME_SIZE  64
#define CANNOT_RUN 126      /* a shell's own, for a program that it cannot run */
#define SECONDS    120      /* a run that takes longer hangs */
#define TOOLS      ".tools" /* first in PATH */
#define SPOOL      ".spool"
#define SANITIZERS "exitcode=99:verify_asan_link_order=0:allocator_may_return_null=1"

/* The picture is the script: quickly drawn, and wrong if the script is. */
static const char gnuplot[] = "#!/bin/sh\n"
			      "echo '<svg><defs></defs><!--'; cat; echo '--></svg>'\n";

struct input {
	char name[NAME_SIZE];
	struct fault_bytes content;
};

static char folder[] = "/tmp/memreplay-faults-XXXXXX";
static char program[4096], library[4096];
static struct input inputs[INPUTS];
static size_t input_count;
static struct fault *fault;
static int fault_fd, out_fd, err_fd;
static char complaint_text[4096];

static bool
give_up(const char *what)
{
	printf("Bail out! %s: %s\n", what, strerror(errno));
	return false;
}

/* Stores what a file holds, from its first byte; false: it cannot be read. */
static bool
take_fd(struct fault_bytes *out, int fd)
{
	struct stat about;
	size_t length;

	if (fstat(fd, &about))
		return false;
	length = (size_t)about.st_size;
	*out = (struct fault_bytes){malloc(length + 1), length};
	if (!out->at || pread(fd, out->at, length, 0) != (ssize_t)length)
		return false;
	out->at[length] = '\0';
	return true;
}

static bool
take_file(struct fault_bytes *out, const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	bool done = fd >= 0 && take_fd(out, fd);

	if (fd >= 0)
		close(fd);
	return done;
}

static bool
put_file(const char *path, const void *content, size_t length)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	bool done = fd >= 0 && write(fd, content, length) == (ssize_t)length;

	if (fd >= 0)
		close(fd);
	return done || give_up(path);
}

bool
fault_setup(const char *program_path, const char *library_path)
{
	if (!realpath(program_path, program))
		return give_up(program_path);
	if (!realpath(library_path, library))
		return give_up(library_path);
	if (!mkdtemp(folder) || chdir(folder) || mkdir(TOOLS, 0755))
		return give_up(folder);
	fault_fd = memfd_create("fault", MFD_CLOEXEC);
	out_fd = memfd_create("out", MFD_CLOEXEC);
	err_fd = memfd_create("err", MFD_CLOEXEC);
	if (err_fd < 0 || ftruncate(fault_fd, sizeof(*fault)))
		return give_up("memfd_create");
	fault = mmap(
		NULL, sizeof(*fault), PROT_READ | PROT_WRITE, MAP_SHARED, fault_fd, 0);
	if (fault == MAP_FAILED)
		return give_up("mmap");
	if (!put_file(TOOLS "/gnuplot", gnuplot, strlen(gnuplot)) ||
		chmod(TOOLS "/gnuplot", 0755))
		return give_up("gnuplot");
	/* children of a run that ends before them are then ours */
	return !prctl(PR_SET_CHILD_SUBREAPER, 1) || give_up("prctl");
}

bool
fault_input(const char *name, const void *content, size_t length)
{
	struct input *input = &inputs[input_count++];
	char *copy = malloc(length + 1);

	if (!copy || input_count == INPUTS || strlen(name) >= NAME_SIZE)
		return give_up(name);
	memcpy(copy, content, length);
	strcpy(input->name, name);
	input->content = (struct fault_bytes){copy, length};
	return put_file(name, content, length);
}

bool
fault_input_file(const char *name, const char *path)
{
	struct fault_bytes content = {0};
	bool done = take_file(&content, path)
		? fault_input(name, content.at, content.length)
		: give_up(path);

	free(content.at);
	return done;
}

static struct input *
find_input(const char *name)
{
	for (size_t i = 0; i < input_count; i++)
		if (!strcmp(inputs[i].name, name))
			return &inputs[i];
	return NULL;
}

/* In the new process. */
static _Noreturn void
become(const char *line)
{
	char words[1024], path[64], *argv[WORDS + 2] = {program}, *rest = words;
	size_t count = 1;

	snprintf(words, sizeof(words), "%s", line);
	while (count <= WORDS && (argv[count] = strsep(&rest, " ")))
		count++;
	snprintf(path, sizeof(path), "/proc/%ld/fd/%d", (long)getppid(), fault_fd);
	setenv(FAULT_VARIABLE, path, 1);
	setenv("LD_PRELOAD", library, 1);
	setenv("ASAN_OPTIONS", SANITIZERS, 1);
	setenv("UBSAN_OPTIONS", SANITIZERS, 1);
	dup2(open("/dev/null", O_RDONLY | O_CLOEXEC), 0);
	dup2(out_fd, 1);
	dup2(err_fd, 2);
	alarm(SECONDS);
	execv(program, argv);
	_exit(127);
}

/* Runs it and returns its status as waitpid() tells it. */
static int
run(const char *line)
{
	int status = -1;
	pid_t child;

	for (const int *fd = (const int[]){out_fd, err_fd, -1}; *fd >= 0; fd++)
		if (ftruncate(*fd, 0) || lseek(*fd, 0, SEEK_SET))
			give_up("an output");
	fflush(stdout);
	child = fork();
	if (!child)
		become(line);
	if (child < 0 || waitpid(child, &status, 0) != child)
		give_up("a run");
	return status;
}

/* The complaint in words, and what the program said itself. */
MR_PRINTF(1, 2)
static const char *
complain(const char *format, ...)
{
	struct fault_bytes said = {0};
	size_t length;
	va_list args;

	va_start(args, format);
	length = (size_t)vsnprintf(complaint_text, sizeof(complaint_text), format, args);
	va_end(args);
	if (take_fd(&said, err_fd) && length < sizeof(complaint_text))
		snprintf(complaint_text + length, sizeof(complaint_text) - length,
			"; it said:\n%s", said.at);
	free(said.at);
	return complaint_text;
}

bool
fault_input_made(const char *name, const char *line, bool printed)
{
	struct fault_bytes made = {0};
	bool done;

	memset(fault, 0, sizeof(*fault));
	if (run(line))
		return give_up(complain("memreplay %s failed", line));
	done = printed ? take_fd(&made, out_fd) : take_file(&made, name);
	done = done && fault_input(name, made.at, made.length);
	free(made.at);
	return done;
}

static void
ask(const struct fault_command *command, enum fault_calls calls, enum fault_how how,
	uint64_t nth)
{
	const char *meant = command->recorded ? command->recorded : "memreplay";

	memset(fault, 0, sizeof(*fault));
	fault->calls = calls;
	fault->how = how;
	fault->nth = nth;
	snprintf(fault->program, sizeof(fault->program), "%s", meant);
	if (command->child)
		snprintf(fault->argument, sizeof(fault->argument), "%s", command->child);
	if (command->recorded)
		snprintf(fault->object, sizeof(fault->object), "memreplay-record.so");
}

/* Brings the folder back to its inputs. */
static void
restore(void)
{
	DIR *dir = opendir(".");
	struct dirent *entry;

	while (dir && (entry = readdir(dir)))
		if (entry->d_name[0] != '.' && !find_input(entry->d_name))
			unlink(entry->d_name);
	closedir(dir);
	for (size_t i = 0; i < input_count; i++) {
		const struct fault_bytes *want = &inputs[i].content;
		struct fault_bytes have = {0};

		if (!take_file(&have, inputs[i].name) || have.length != want->length ||
			memcmp(have.at, want->at, want->length) != 0)
			put_file(inputs[i].name, want->at, want->length);
		free(have.at);
	}
}

static bool
is_spool(const char *name)
{
	size_t length = strlen(name), end = strlen(SPOOL);

	return length > end && !strcmp(name + length - end, SPOOL);
}

/* The output, or what is recorded beside it of a child: "r.jsonl", "r.17.jsonl". */
static bool
is_made(const struct fault_command *command, const char *name)
{
	if (!command->output || !strcmp(name, command->output))
		return command->output;
	return command->recorded && !is_spool(name) &&
		!strncmp(name, command->output, strcspn(command->output, ".") + 1);
}

/* Lines of all that was recorded; 0 where no recorder is to fail. */
static uint64_t
count_recorded(const struct fault_command *command)
{
	DIR *dir = command->recorded ? opendir(".") : NULL;
	struct fault_bytes trace;
	struct dirent *entry;
	uint64_t lines = 0;

	while (dir && (entry = readdir(dir))) {
		if (!is_made(command, entry->d_name) || !take_file(&trace, entry->d_name))
			continue;
		for (size_t i = 0; i < trace.length; i++)
			lines += trace.at[i] == '\n';
		free(trace.at);
	}
	if (dir)
		closedir(dir);
	return lines;
}

bool
fault_reference(struct fault_reference *out, const struct fault_command *command,
	enum fault_calls calls)
{
	*out = (struct fault_reference){0};
	restore();
	ask(command, calls, FAULT_NEVER, 0);
	out->status = run(command->line);
	out->made = fault->made;
	out->site_count = fault->site_count;
	memcpy(out->sites, fault->sites, sizeof(out->sites));
	memcpy(out->owners, fault->owners, sizeof(out->owners));
	out->open_fds = fault->open_fds;
	out->recorded = count_recorded(command);
	if (!take_fd(&out->out, out_fd) ||
		(command->output && !take_file(&out->file, command->output)))
		return false;
	return WIFEXITED(out->status) && WEXITSTATUS(out->status) != 1 &&
		WEXITSTATUS(out->status) != 2;
}

void
fault_reference_fini(struct fault_reference *reference)
{
	free(reference->out.at);
	free(reference->file.at);
}

/* How much of text is a number, or stands where one could not be measured. */
static size_t
number_at(const char *text)
{
	return strncmp(text, "null", 4) ? strspn(text, "0123456789.e+-") : 4;
}

/* Compares two outputs; without their numbers, if those were measured. */
static bool
same(const struct fault_bytes *a, const struct fault_bytes *b, bool measures)
{
	size_t i = 0, j = 0;

	if (!measures)
		return a->length == b->length && !memcmp(a->at, b->at, a->length);
	for (;;) {
		i += number_at(a->at + i);
		j += number_at(b->at + j);
		if (i == a->length || j == b->length)
			return i == a->length && j == b->length;
		if (a->at[i++] != b->at[j++])
			return false;
	}
}

/* Whether it said something that begins as messages do. */
static bool
has_message(void)
{
	struct fault_bytes said = {0};
	bool has = take_fd(&said, err_fd) && strstr(said.at, "memreplay: ") != NULL;

	free(said.at);
	return has;
}

/* Whether it said that not all was recorded. */
static bool
admits_loss(void)
{
	static const char *const words[] = {
		" dropped: ", "nothing was recorded", "not be recorded", "not finished"};
	struct fault_bytes said = {0};
	bool admits = false;

	if (take_fd(&said, err_fd))
		for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
			admits = admits || strstr(said.at, words[i]);
	free(said.at);
	return admits;
}

static const char *
judge_blocks(const struct fault_reference *reference)
{
	for (size_t i = 0; i < FAULT_OWNERS && fault->owners[i].blocks; i++) {
		const struct fault_owner *owner = &fault->owners[i], *before = NULL;

		/* the loader keeps what threads had for the next ones */
		if (!strncmp(owner->object, "ld-linux", strlen("ld-linux")))
			continue;
		for (size_t j = 0; j < FAULT_OWNERS; j++)
			if (reference->owners[j].offset == owner->offset &&
				!strcmp(reference->owners[j].object, owner->object))
				before = &reference->owners[j];
		if (!before || before->blocks < owner->blocks)
			return complain("blocks leaked, asked for by %s+%#" PRIx64,
				owner->object, owner->offset);
	}
	if (fault->lost)
		return complain("%" PRIu64 " blocks too many to note", fault->lost);
	if (fault->open_fds > reference->open_fds)
		return complain("%" PRIu64 " files left open", fault->open_fds);
	return NULL;
}

/* A recording that could not be finished waits: what was said to do with it works. */
static const char *
judge_spool(const struct fault_command *command, const char *name)
{
	char line[256];
	struct stat about;

	if (!command->output || !has_message() ||
		strncmp(name, command->output, strlen(command->output)) != 0)
		return complain("%s was left behind", name);
	memset(fault, 0, sizeof(*fault));
	snprintf(line, sizeof(line), "record --finish %s", command->output);
	if (run(line) || stat(command->output, &about))
		return complain("%s could not be finished", name);
	unlink(command->output);
	return NULL;
}

/* What was recorded of a program beside a failing recorder can be read. */
static const char *
judge_trace(const char *name)
{
	char line[256];

	memset(fault, 0, sizeof(*fault));
	snprintf(line, sizeof(line), "info %s", name);
	return run(line) ? complain("%s cannot be read", name) : NULL;
}

/* The file has changed under it: what it prints may be another thing. */
static bool
may_differ(void)
{
	return fault->how == FAULT_SHRINK || fault->how == FAULT_GROW;
}

static bool
is_harmless(void)
{
	return fault->how == FAULT_SHORT || fault->how == FAULT_INTERRUPT;
}

static const char *
judge_file(const struct fault_command *command, const struct fault_reference *reference,
	const char *name, bool succeeded)
{
	const struct input *input = find_input(name);
	bool made = is_made(command, name);
	struct fault_bytes have = {0};
	bool good;

	if (!made && !input && is_spool(name))
		return judge_spool(command, name);
	if (!made && !input)
		return complain("%s was left behind", name);
	if (!made && may_differ())
		return NULL;
	if (made && command->recorded)
		return judge_trace(name);
	good = take_file(&have, name);
	/* what fails behind its output leaves it: whole */
	good = good &&
		((made && same(&have, &reference->file, command->measures)) ||
			(input && !(made && succeeded) &&
				same(&have, &input->content, false)));
	free(have.at);
	return good ? NULL : complain("%s has not the right content", name);
}

static const char *
judge_folder(const struct fault_command *command, const struct fault_reference *reference,
	bool succeeded)
{
	const char *complaint = NULL;
	DIR *dir = opendir(".");
	struct dirent *entry;
	size_t there = 0;

	while (dir && !complaint && (entry = readdir(dir))) {
		if (entry->d_name[0] == '.')
			continue;
		there += find_input(entry->d_name) != NULL;
		complaint = judge_file(command, reference, entry->d_name, succeeded);
	}
	closedir(dir);
	if (!complaint && there < input_count &&
		!(command->takes && !access(command->output, F_OK)))
		return complain("an input is gone");
	return complaint;
}

static const char *
judge(const struct fault_command *command, const struct fault_reference *reference,
	int status)
{
	bool succeeded = status == reference->status;
	struct fault_bytes printed = {0};
	const char *complaint = NULL;

	if (waitpid(-1, NULL, WNOHANG) >= 0 || errno != ECHILD) {
		complaint = complain("a process was left behind");
		while (waitpid(-1, NULL, 0) >= 0)
			;
	} else if (WIFSIGNALED(status))
		complaint = complain("killed: %s", strsignal(WTERMSIG(status)));
	else if (!succeeded && WEXITSTATUS(status) != 1 &&
		!(command->starts && WEXITSTATUS(status) == CANNOT_RUN))
		complaint = complain("exit status %d", WEXITSTATUS(status));
	else if (!succeeded && (!fault->injected || is_harmless()))
		complaint = complain("it failed, and need not");
	else if (!succeeded && !has_message())
		complaint = complain("it failed without a message");
	else if ((succeeded || command->recorded) && !may_differ() &&
		!(command->results && has_message()) &&
		(!take_fd(&printed, out_fd) ||
			!same(&printed, &reference->out, command->measures)))
		complaint = complain("it printed something else");
	/* the program's own call can fail by way of the recorder: it then ends early */
	else if (succeeded && count_recorded(command) < reference->recorded &&
		!admits_loss())
		complaint = complain("events are missing without a word");
	free(printed.at);
	if (!complaint)
		complaint = judge_blocks(reference);
	return complaint ? complaint : judge_folder(command, reference, succeeded);
}

uint64_t
fault_run(const char **complaint, const struct fault_command *command,
	const struct fault_reference *reference, enum fault_calls calls,
	enum fault_how how, uint64_t nth)
{
	uint64_t injected;
	int status;

	restore();
	ask(command, calls, how, nth);
	status = run(command->line);
	injected = fault->injected;
	*complaint = judge(command, reference, status);
	return injected;
}

void
fault_cleanup(void)
{
	while (input_count)
		free(inputs[--input_count].content.at);
	restore();
	unlink(TOOLS "/gnuplot");
	rmdir(TOOLS);
	if (chdir("/") || rmdir(folder))
		give_up(folder);
}
