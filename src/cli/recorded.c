/* SPDX-License-Identifier: MIT */
#include "cli/recorded.h"

#include <fcntl.h>
#include <inttypes.h>
#include <link.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/units.h"
#include "cli/interrupt.h"
#include "cli/locate.h"
#include "cli/message.h"
#include "record/finish.h"
#include "record/store.h"

/* A wait for the disk that is worth a word. */
#define LONG_STALL_NS 100000000

#define WHY_SIZE 160

#define OWN_BITS  (8 * (int)sizeof(void *))
#define OWN_CLASS (sizeof(void *) == 8 ? ELFCLASS64 : ELFCLASS32)

/* What a program's file tells of whether it can load the recorder. */
enum file_kind { FILE_UNKNOWN, FILE_STATIC, FILE_OTHER_BITS };

/* Whether the program loads no shared library at all, as far as can be told. */
static bool
is_static(int fd, const ElfW(Ehdr) * elf)
{
	ElfW(Phdr) part;

	for (int i = 0; i < elf->e_phnum; i++) {
		off_t at = (off_t)(elf->e_phoff + (uint64_t)i * elf->e_phentsize);

		if (pread(fd, &part, sizeof(part), at) != sizeof(part))
			break;
		if (part.p_type == PT_INTERP)
			return false;
	}
	return true;
}

static enum file_kind
kind_of_file(const char *path)
{
	enum file_kind kind = FILE_UNKNOWN;
	ElfW(Ehdr) elf;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return kind;
	if (read(fd, &elf, sizeof(elf)) == sizeof(elf) &&
		!memcmp(elf.e_ident, ELFMAG, SELFMAG)) {
		if (elf.e_ident[EI_CLASS] != OWN_CLASS)
			kind = FILE_OTHER_BITS;
		else if (is_static(fd, &elf))
			kind = FILE_STATIC;
	}
	close(fd);
	return kind;
}

static void
say_never_loaded(const char *command)
{
	char *file = mr_locate_program(command);

	switch (file ? kind_of_file(file) : FILE_UNKNOWN) {
	case FILE_STATIC:
		mr_say("%s is statically linked: it loads no library, so none of its "
		       "calls can be recorded",
			command);
		break;
	case FILE_OTHER_BITS:
		mr_say("%s is a program of %d bits; this memreplay records those of %d",
			command, 96 - OWN_BITS, OWN_BITS);
		break;
	case FILE_UNKNOWN:
		mr_say("%s did not load the recorder, so nothing was recorded: it is "
		       "set-uid, clears its environment, or ended too early",
			command);
		break;
	}
	free(file);
}

static void
explain_stop(char *out, size_t size, uint32_t stop, int error)
{
	*out = '\0';
	switch ((enum mr_stop)stop) {
	case MR_STOP_NONE:
		break;
	case MR_STOP_EVENTS:
		snprintf(out, size, ": as many as --max-events allows were recorded");
		break;
	case MR_STOP_BYTES:
		snprintf(out, size, ": the recording grew to what --max-file allows");
		break;
	case MR_STOP_DISK:
		snprintf(out, size,
			": the recording grew to nine tenths of what was free on the "
			"disk");
		break;
	case MR_STOP_SLOW:
		snprintf(out, size, ": the disk was too slow, and held the program up");
		break;
	case MR_STOP_ERRNO:
		snprintf(out, size, ": the recording could not grow (%s)",
			strerror(error));
		break;
	}
}

/* Why there is no trace at path of what command names, or the head. */
static void
say_nothing_recorded(
	const char *path, const char *command, const struct mr_spool_head *head)
{
	char why[WHY_SIZE];

	explain_stop(why, sizeof(why), head->stop, head->stop_errno);
	if (!command)
		command = head->command;
	if (!head->images)
		say_never_loaded(command);
	else if (*why)
		mr_say("%s: nothing was recorded%s", path, why);
	else if (head->recorded_layer == MR_LAYER_MLX && !head->mlx_found)
		mr_say("%s did not use libmlx, so nothing was recorded at the mlx layer",
			command);
	else if (head->own_malloc[0] && head->recorded_layer == MR_LAYER_MALLOC)
		mr_say("%s brings its own malloc (in %s), which cannot be recorded at "
		       "the malloc layer",
			command, head->own_malloc);
	else
		mr_say("%s asked for no memory, so there is no trace", command);
}

static void
say_trace(const char *path, const struct mr_account *account)
{
	char events[MR_TEXT_SIZE], bytes[MR_TEXT_SIZE] = "?", dropped[MR_TEXT_SIZE];
	char why[WHY_SIZE];
	struct stat status;

	if (!stat(path, &status))
		mr_size_print(bytes, (uint64_t)status.st_size);
	explain_stop(why, sizeof(why), account->stop, account->stop_errno);
	mr_say("%s: %s events, %s, %" PRIu32 " %s, %s dropped%s", path,
		mr_count_print(events, account->events), bytes, account->threads,
		account->threads == 1 ? "thread" : "threads",
		mr_count_print(dropped, account->dropped), why);
}

static void
say_lacks(const char *path, const struct mr_account *account)
{
	char count[MR_TEXT_SIZE], longest[MR_TEXT_SIZE];

	if (account->unwritten)
		mr_say("%s: events begun when the program was killed, and lost: %s", path,
			mr_count_print(count, account->unwritten));
	if (account->missed_frees)
		mr_say("%s: frees that went past the recorder, and were added where "
		       "their address was used again: %s",
			path, mr_count_print(count, account->missed_frees));
	if (account->unordered)
		mr_say("%s: events let past a change of the cache limit, and perhaps not "
		       "before it: %s",
			path, mr_count_print(count, account->unordered));
	if (account->missed_bytes)
		mr_say("%s: the recorder came late: %s were in use already", path,
			mr_size_print(count, account->missed_bytes));
	if (account->stall_max_ns > LONG_STALL_NS)
		mr_say("%s: the disk held the program up for %s in all, for %s at most",
			path, mr_time_print(count, (double)account->stall_ns),
			mr_time_print(longest, (double)account->stall_max_ns));
}

/* Finishes one spool and removes it. Returns whether there is a trace now. */
static bool
finish_one(const char *spool_path, const char *path, const char *command, bool main_one)
{
	const struct mr_finish_guard guard = {mr_interrupt_release, mr_interrupt_hold};
	struct mr_account account;
	struct mr_spool_head *head;
	struct mr_error err;
	enum mr_status st = mr_spool_open(&head, spool_path, &err);

	mr_interrupt_hold();
	if (!st)
		st = mr_finish(spool_path, path, &account, &guard, &err);
	mr_interrupt_release(NULL);
	if (st && st != MR_END) {
		mr_say_error(path, &err);
		mr_say("%s: not finished: the recording is kept as %s; "
		       "memreplay record --finish %s tries again",
			path, spool_path, path);
		return false;
	}
	if (!st) {
		say_trace(path, &account);
		say_lacks(path, &account);
	} else if (main_one || head->stop) {
		say_nothing_recorded(path, command, head);
	}
	if (head->own_operators && head->recorded_layer == MR_LAYER_MALLOC)
		mr_say("%s: what C++ asked of operator new was not recorded: %s has its "
		       "own, beside malloc",
			path, head->allocator);
	if (head->other_processes)
		mr_say("%s: %s", path,
			head->follow_children
				? "some of the processes that it started could not be "
				  "recorded"
				: "the processes that it started were not recorded "
				  "(--follow-children does)");
	mr_spool_close(head);
	unlink(spool_path);
	return !st;
}

/* Whether a process may still write the spool; then says so. */
static bool
is_in_use(const char *spool_path, const char *path)
{
	struct mr_spool_head *head;
	bool alive;

	if (mr_spool_open(&head, spool_path, NULL))
		return false;
	alive = mr_spool_is_alive(head);
	if (alive)
		mr_say("%s: process %" PRId32 " still runs; finish its recording later "
		       "with: memreplay record --finish %s",
			path, (int32_t)head->pid, spool_path);
	mr_spool_close(head);
	return alive;
}

/* The same for a spool of the list, whose first is the main one or a child. */
static int
finish_listed(const char *main_path, const char *spool_path, const char *command)
{
	bool main_one = !strcmp(main_path, spool_path);
	char *path = mr_spool_trace_path(main_path, spool_path);
	int status = MR_EXIT_DONE;

	if (!path) {
		mr_say("out of memory");
		return MR_EXIT_FAILED;
	}
	if (is_in_use(spool_path, path) ||
		(!finish_one(spool_path, path, command, main_one) && main_one))
		status = MR_EXIT_FAILED;
	free(path);
	return status;
}

int
mr_recorded_finish(const char *spool_path, const char *command)
{
	struct mr_spool_list list;
	struct mr_error err;
	int status = MR_EXIT_DONE;

	if (mr_spool_list_make(&list, spool_path, &err))
		return mr_say_error(spool_path, &err);
	if (!list.count) {
		mr_say("%s: there is no unfinished recording of this name", spool_path);
		status = MR_EXIT_FAILED;
	}
	for (size_t i = 0; i < list.count; i++)
		if (finish_listed(spool_path, list.paths[i], command) &&
			!strcmp(spool_path, list.paths[i]))
			status = MR_EXIT_FAILED;
	mr_spool_list_fini(&list);
	return status;
}

int
mr_recorded_finish_named(const char *path)
{
	const size_t end = strlen(MR_SPOOL_SUFFIX), length = strlen(path);
	bool is_spool = length > end && !strcmp(path + length - end, MR_SPOOL_SUFFIX);
	char *trace = strndup(path, is_spool ? length - end : length);
	struct mr_error err;
	char *spool_path = NULL;
	int status;

	if (!trace) {
		mr_say("out of memory");
		return MR_EXIT_FAILED;
	}
	if (mr_spool_path(&spool_path, trace, &err))
		status = mr_say_error(path, &err);
	else
		status = mr_recorded_finish(spool_path, NULL);
	free(spool_path);
	free(trace);
	return status;
}
