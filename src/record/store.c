/* SPDX-License-Identifier: MIT */
#include "record/store.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/error.h"

#define SUFFIX_LENGTH (sizeof(MR_SPOOL_SUFFIX) - 1)

/* The folder of path, "." if it names none; the caller frees it. */
static char *
folder_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	if (!slash)
		return strdup(".");
	return strndup(path, slash == path ? 1 : (size_t)(slash - path));
}

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

enum mr_status
mr_spool_path(char **out, const char *path, struct mr_error *err)
{
	enum mr_status st = MR_OK;
	char *folder = folder_of(path), *whole = NULL;
	const size_t room_for_pid = 16;

	*out = NULL;
	if (!folder)
		return mr_fail_memory(err);
	whole = realpath(folder, NULL);
	if (!whole)
		st = mr_fail_errno(err, errno, folder);
	else if (asprintf(out, "%s/%s" MR_SPOOL_SUFFIX, strcmp(whole, "/") ? whole : "",
			 base_of(path)) < 0)
		st = mr_fail_memory(err);
	else if (strlen(*out) + room_for_pid >= MR_SPOOL_TEXT)
		st = mr_fail(err, MR_EINVAL, "the name is too long");
	if (st) {
		free(*out);
		*out = NULL;
	}
	free(folder);
	free(whole);
	return st;
}

/* Nine tenths of what is free, so that recording does not fill the disk. */
static uint64_t
bound_for(int fd)
{
	struct statvfs disk;

	if (fstatvfs(fd, &disk))
		return MR_UNLIMITED;
	return (uint64_t)disk.f_bavail * disk.f_frsize / 10 * 9;
}

static enum mr_status
map_head(struct mr_spool_head **out, int fd, struct mr_error *err)
{
	void *head = mmap(NULL, MR_SPOOL_HEAD, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (head == MAP_FAILED)
		return mr_fail_errno(err, errno, "cannot map a file in this folder");
	*out = head;
	return MR_OK;
}

static void
fill_head(struct mr_spool_head *head, const struct mr_record_options *options, int fd)
{
	head->version = MR_SPOOL_VERSION;
	head->chunk_bytes = MR_SPOOL_CHUNK;
	head->layer = options->layer;
	head->follow_children = options->follow_children;
	head->min_size = options->min_size;
	head->max_events = options->max_events;
	head->max_bytes = options->max_bytes;
	head->disk_bytes = bound_for(fd);
	head->counters_every = options->counters_every;
	head->slow_ns = options->slow_ns;
	head->stop_seq = UINT64_MAX;
	memcpy(head->magic, MR_SPOOL_MAGIC, sizeof(head->magic));
}

/* How long a trace's name may be, for all that is put behind it until the end. */
static size_t
longest_name(bool follow_children)
{
	size_t longest = NAME_MAX - strlen(".4194304-0.part"); /* the largest pid */

	return follow_children ? longest - strlen(".4194304-9") : longest;
}

enum mr_status
mr_spool_create(struct mr_spool_head **out, const char *spool_path,
	const struct mr_record_options *options, struct mr_error *err)
{
	const size_t longest = longest_name(options->follow_children);
	enum mr_status st;
	int fd, error;

	if (strlen(base_of(spool_path)) - SUFFIX_LENGTH > longest)
		return mr_fail(err, MR_EINVAL,
			"the name is too long: %zu bytes are the most, as the files "
			"beside the trace have longer ones",
			longest);
	fd = open(spool_path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0 && errno == EEXIST)
		return mr_fail(err, MR_EIO,
			"%s is there already: a recording under this name goes on, or "
			"waits for `memreplay record --finish`",
			base_of(spool_path));
	if (fd < 0)
		return mr_fail_errno(err, errno, "cannot make a file in this folder");
	error = posix_fallocate(fd, 0, MR_SPOOL_HEAD);
	st = error ? mr_fail_errno(err, error, "cannot make room for a recording")
		   : map_head(out, fd, err);
	if (!st)
		fill_head(*out, options, fd);
	else
		unlink(spool_path);
	close(fd);
	return st;
}

enum mr_status
mr_spool_open(struct mr_spool_head **out, const char *spool_path, struct mr_error *err)
{
	struct stat status;
	enum mr_status st;
	int fd = open(spool_path, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return mr_fail_errno(err, errno, "cannot open the spool");
	if (fstat(fd, &status) || status.st_size < MR_SPOOL_HEAD)
		st = mr_fail(err, MR_EFORMAT, "this is not a recorder's spool");
	else
		st = map_head(out, fd, err);
	close(fd);
	if (!st && memcmp((*out)->magic, MR_SPOOL_MAGIC, sizeof((*out)->magic)) != 0) {
		mr_spool_close(*out);
		st = mr_fail(err, MR_EFORMAT, "this is not a recorder's spool");
	}
	return st;
}

void
mr_spool_close(struct mr_spool_head *head)
{
	if (head)
		munmap(head, MR_SPOOL_HEAD);
}

/* When the process started and its state, as /proc tells; false: none there. */
static bool
look_up(int32_t pid, uint64_t *born, char *state)
{
	char path[64], text[1024];
	const char *at;
	FILE *file;
	size_t got;

	snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	file = fopen(path, "re");
	if (!file)
		return false;
	got = fread(text, 1, sizeof(text) - 1, file);
	fclose(file);
	text[got] = '\0';
	at = strrchr(text, ')'); /* the name before it may hold anything */
	return at &&
		sscanf(at + 1,
			" %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s "
			"%*s %*s %*s %*s %" SCNu64,
			state, born) == 2;
}

bool
mr_spool_is_alive(const struct mr_spool_head *head)
{
	uint64_t born;
	char state;

	if (!head->pid || !look_up(head->pid, &born, &state))
		return false;
	return head->born == born && state != 'Z' && state != 'X';
}

static int
compare_paths(const void *left, const void *right)
{
	const char *const *a = left, *const *b = right;

	return strcmp(*a, *b);
}

/* Whether name is "STEM.PID.spool", for the main spool "STEM.spool". */
static bool
is_child(const char *name, const char *main_name)
{
	size_t stem = strlen(main_name) - SUFFIX_LENGTH;
	const char *rest = name + stem;
	size_t digits;

	if (strncmp(name, main_name, stem) != 0 || *rest++ != '.')
		return false;
	digits = strspn(rest, "0123456789-");
	return digits > 0 && !strcmp(rest + digits, MR_SPOOL_SUFFIX);
}

static bool
add_path(struct mr_spool_list *list, const char *folder, const char *name)
{
	char **paths = realloc(list->paths, (list->count + 1) * sizeof(*paths));

	if (!paths)
		return false;
	list->paths = paths;
	if (asprintf(&paths[list->count], "%s/%s", folder, name) < 0)
		return false;
	list->count++;
	return true;
}

static enum mr_status
list_folder(struct mr_spool_list *list, const char *folder, const char *main_name,
	struct mr_error *err)
{
	DIR *dir = opendir(folder);
	enum mr_status st = MR_OK;
	struct dirent *entry;
	size_t first;

	if (!dir)
		return mr_fail_errno(err, errno, folder);
	while (!st && (entry = readdir(dir)))
		if (!strcmp(entry->d_name, main_name) &&
			!add_path(list, folder, main_name))
			st = mr_fail_memory(err);
	first = list->count;
	rewinddir(dir);
	while (!st && (entry = readdir(dir)))
		if (is_child(entry->d_name, main_name) &&
			!add_path(list, folder, entry->d_name))
			st = mr_fail_memory(err);
	closedir(dir);
	if (list->count > first)
		qsort(list->paths + first, list->count - first, sizeof(*list->paths),
			compare_paths);
	return st;
}

enum mr_status
mr_spool_list_make(
	struct mr_spool_list *out, const char *spool_path, struct mr_error *err)
{
	char *folder = folder_of(spool_path);
	enum mr_status st;

	*out = (struct mr_spool_list){0};
	if (!folder)
		return mr_fail_memory(err);
	st = list_folder(out, folder, base_of(spool_path), err);
	free(folder);
	if (st)
		mr_spool_list_fini(out);
	return st;
}

void
mr_spool_list_fini(struct mr_spool_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->paths[i]);
	free(list->paths);
	*list = (struct mr_spool_list){0};
}

char *
mr_spool_trace_path(const char *main_spool_path, const char *spool_path)
{
	size_t stem = strlen(main_spool_path) - SUFFIX_LENGTH;
	size_t folder = (size_t)(base_of(main_spool_path) - main_spool_path);
	const char *dot, *base = main_spool_path + folder;
	char *path;
	int pid_length;

	if (!strcmp(main_spool_path, spool_path))
		return strndup(spool_path, stem);
	pid_length = (int)(strlen(spool_path) - stem - SUFFIX_LENGTH);
	dot = memchr(base, '.', stem - folder);
	if (!dot || dot == base)
		dot = main_spool_path + stem;
	if (asprintf(&path, "%.*s%.*s%.*s", (int)(dot - main_spool_path), main_spool_path,
		    pid_length, spool_path + stem, (int)(main_spool_path + stem - dot),
		    dot) < 0)
		return NULL;
	return path;
}
