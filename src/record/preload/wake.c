/* SPDX-License-Identifier: MIT */
#include "record/preload/wake.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record/preload/chunk.h"
#include "record/preload/lane.h"

#ifndef MADV_WIPEONFORK
#define MADV_WIPEONFORK 18
#endif

/* Reads a small file of /proc whole; returns the bytes read, 0 on failure. */
static size_t
read_small(const char *path, char *text, size_t size)
{
	int fd = mr_open(path, O_RDONLY, 0);
	long got = 0;

	if (fd >= 0) {
		got = syscall(SYS_read, fd, text, size - 1);
		mr_close(fd);
	}
	text[got > 0 ? got : 0] = '\0';
	return got > 0 ? (size_t)got : 0;
}

/* When this process started: with the pid it names a process for good. */
static uint64_t
born(void)
{
	const int starttime = 22, state = 3;
	char text[1024];
	const char *at;

	if (!read_small("/proc/self/stat", text, sizeof(text)))
		return 0;
	at = strrchr(text, ')'); /* the name before it may hold anything */
	for (int field = state - 1; at && field < starttime; field++)
		at = strchr(at + 1, ' ');
	return at ? strtoull(at + 1, NULL, 10) : 0;
}

/* What tells namespaces apart, in which pids mean different processes; 0: unknown. */
static uint64_t
pid_namespace(void)
{
	struct stat status;

	return stat("/proc/self/ns/pid", &status) ? 0 : status.st_ino;
}

/*
 * Whether this process wrote the spool before an exec. A descendant may have the same
 * pid; one that was forked from a recorded process still has its head.
 */
static bool
was_ours(const struct mr_spool_head *head)
{
	return !mr_process.head && atomic_load(&head->pid) == (int32_t)getpid() &&
		(!head->images ||
			(head->born == born() && head->pid_namespace == pid_namespace()));
}

static struct mr_spool_head *
map_head(int fd)
{
	void *head = mmap(NULL, MR_SPOOL_HEAD, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	return head == MAP_FAILED ? NULL : head;
}

/* Opens a spool and maps its head; NULL if it is none of ours. */
static struct mr_spool_head *
open_head(const char *path, int *fd)
{
	struct mr_spool_head *head = NULL;
	struct stat status;

	*fd = mr_open(path, O_RDWR | O_NOFOLLOW, 0);
	if (*fd < 0)
		return NULL;
	if (!fstat(*fd, &status) && status.st_size >= MR_SPOOL_HEAD)
		head = map_head(*fd);
	if (head && !memcmp(head->magic, MR_SPOOL_MAGIC, sizeof(head->magic)) &&
		head->version == MR_SPOOL_VERSION &&
		head->chunk_bytes == MR_SPOOL_CHUNK) {
		mr_process.device = status.st_dev;
		mr_process.inode = status.st_ino;
		return head;
	}
	if (head)
		munmap(head, MR_SPOOL_HEAD);
	mr_close(*fd);
	return NULL;
}

/* "a.mrt.gz.spool" and 17 give "a.mrt.gz.17.spool". */
static bool
child_path(char out[MR_SPOOL_TEXT], int pid, int turn)
{
	int stem = (int)(strlen(mr_process.main_path) - strlen(MR_SPOOL_SUFFIX));
	char again[16] = "";

	if (turn)
		snprintf(again, sizeof(again), "-%d", turn + 1);
	return snprintf(out, MR_SPOOL_TEXT, "%.*s.%d%s%s", stem, mr_process.main_path,
		       pid, again, MR_SPOOL_SUFFIX) < MR_SPOOL_TEXT;
}

static struct mr_spool_head *
create_child(const struct mr_spool_head *main_head, int *fd)
{
	struct mr_spool_head *head;
	struct stat status;

	*fd = mr_open(mr_process.path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW, 0600);
	if (*fd < 0)
		return NULL;
	head = mr_secure(*fd, 0, MR_SPOOL_HEAD) || fstat(*fd, &status) ? NULL
								       : map_head(*fd);
	if (!head) {
		syscall(SYS_unlinkat, AT_FDCWD, mr_process.path, 0);
		mr_close(*fd);
		return NULL;
	}
	mr_process.device = status.st_dev;
	mr_process.inode = status.st_ino;
	head->version = main_head->version;
	head->chunk_bytes = main_head->chunk_bytes;
	head->layer = main_head->layer;
	head->follow_children = main_head->follow_children;
	head->min_size = main_head->min_size;
	head->max_events = main_head->max_events;
	head->max_bytes = main_head->max_bytes;
	head->disk_bytes = main_head->disk_bytes;
	head->counters_every = main_head->counters_every;
	head->slow_ns = main_head->slow_ns;
	memcpy(head->magic, MR_SPOOL_MAGIC, sizeof(head->magic));
	return head;
}

/* A child's spool: a new one, or the one it had before an exec. */
static struct mr_spool_head *
open_child(const struct mr_spool_head *main_head, int *fd)
{
	const int turns = 9; /* of a pid, used again within one recording */
	struct mr_spool_head *head;
	int pid = (int)getpid();

	for (int turn = 0; turn < turns; turn++) {
		if (!child_path(mr_process.path, pid, turn))
			return NULL;
		head = create_child(main_head, fd);
		if (head || errno != EEXIST)
			return head;
		head = open_head(mr_process.path, fd);
		if (head && was_ours(head))
			return head;
		if (head) {
			munmap(head, MR_SPOOL_HEAD);
			mr_close(*fd);
		}
	}
	return NULL;
}

/* Starts the spool anew: the process is fresh, or another program than before. */
static bool
begin(struct mr_spool_head *head, int fd)
{
	if (head->images && ftruncate(fd, MR_SPOOL_HEAD))
		return false;
	head->images++;
	head->born = born();
	head->pid_namespace = pid_namespace();
	head->has_tsc = (uint32_t)mr_clock_has_tsc();
	mr_process.has_tsc = (int)head->has_tsc;
	head->start = mr_clock_instant(mr_process.has_tsc);
	head->end = (struct mr_instant){0};
	head->ended = 0;
	head->recorded_layer =
		head->layer == MR_LAYER_MLX ? MR_LAYER_MLX : MR_LAYER_MALLOC;
	atomic_store(&head->stop, MR_STOP_NONE);
	head->stop_errno = 0;
	atomic_store(&head->threads, 0);
	atomic_store(&head->chunks, 0);
	head->base_seq = 0;
	head->skipped_bytes = 0;
	atomic_store(&head->stop_seq, UINT64_MAX);
	atomic_store(&head->failed, 0);
	atomic_store(&head->stall_ns, 0);
	atomic_store(&head->stall_max_ns, 0);
	head->mlx_found = 0;
	head->has_cache_limit = 0;
	head->missed_bytes = 0;
	atomic_store(&head->unordered, 0);
	atomic_store(&head->foreign, 0);
	head->own_malloc[0] = '\0';
	head->allocator[0] = '\0';
	head->own_operators = 0;
	memset(head->command, 0, sizeof(head->command)); /* an exec leaves a longer one */
	read_small("/proc/self/cmdline", head->command, sizeof(head->command));
	atomic_store(&head->seq, 0);
	mr_process.head = head;
	return true;
}

static void
close_head(struct mr_spool_head *head, int fd)
{
	munmap(head, MR_SPOOL_HEAD);
	mr_close(fd);
}

/* The spool that this process is to write; NULL: it is not to be recorded. */
static struct mr_spool_head *
find_spool(int *fd)
{
	struct mr_spool_head *main_head, *head;
	int32_t pid = (int32_t)getpid(), nobody = 0;
	int main_fd;

	main_head = open_head(mr_process.main_path, &main_fd);
	if (!main_head)
		return NULL;
	if (atomic_compare_exchange_strong(&main_head->pid, &nobody, pid) ||
		was_ours(main_head)) {
		memcpy(mr_process.path, mr_process.main_path, sizeof(mr_process.path));
		*fd = main_fd;
		return main_head;
	}
	head = NULL;
	if (main_head->follow_children)
		head = open_child(main_head, fd);
	if (head)
		atomic_store(&head->pid, pid);
	else
		atomic_store(&main_head->other_processes, 1);
	close_head(main_head, main_fd);
	return head;
}

/* The mode that the process is to have. */
static int
attach(void)
{
	struct mr_spool_head *head;
	bool begun;
	int fd;

	if (madvise(&mr_state, sizeof(mr_state), MADV_WIPEONFORK))
		return MR_MODE_OFF; /* a child could write over its parent's records */
	head = find_spool(&fd);
	if (!head)
		return MR_MODE_OFF;
	begun = begin(head, fd);
	mr_close(fd);
	if (!begun)
		return MR_MODE_OFF;
	mr_state.min_size = head->min_size;
	atomic_store(&mr_state.limit, head->max_events);
	return MR_MODE_ON;
}

/* Whether there is a spool to look for; asked once, as children inherit it. */
static bool
has_spool_path(void)
{
	const char *path = mr_process.main_path[0] ? NULL : getenv(MR_SPOOL_VARIABLE);

	if (path && strlen(path) < sizeof(mr_process.main_path) &&
		strlen(path) > strlen(MR_SPOOL_SUFFIX))
		strcpy(mr_process.main_path, path);
	return mr_process.main_path[0];
}

void
mr_wake(void)
{
	static bool set_up;
	int saved_errno = errno;
	int mode = MR_MODE_OFF;
	bool mlx_only;

	if (!environ || atomic_load(&mr_state.mode) != MR_MODE_ASLEEP ||
		atomic_exchange(&mr_state.waking, 1))
		return;
	mr_lane_reset();
	set_up = set_up || mr_lane_setup();
	if (set_up && has_spool_path())
		mode = attach();
	/* in a forked child it is still its parent's */
	if (mode == MR_MODE_OFF && mr_process.head)
		atomic_store(&mr_process.head->other_processes, 1);
	mlx_only = mode == MR_MODE_ON && mr_process.head->layer == MR_LAYER_MLX;
	atomic_store(&mr_state.malloc_mode, mlx_only ? (int)MR_MODE_OFF : mode);
	atomic_store(&mr_state.mode, mode);
	atomic_store(&mr_state.waking, 0);
	errno = saved_errno;
}

void
mr_switch_to_mlx(void)
{
	struct mr_spool_head *head = mr_process.head;
	uint32_t stop = atomic_load(&head->stop);
	uint64_t seq, sum;

	atomic_store(&mr_state.malloc_mode, MR_MODE_OFF);
	seq = atomic_load(&head->seq);
	head->base_seq = seq;
	head->recorded_layer = MR_LAYER_MLX;
	if (__builtin_add_overflow(seq, head->max_events, &sum))
		sum = UINT64_MAX;
	atomic_store(&mr_state.limit, sum);
	head->skipped_bytes = (uint64_t)atomic_load(&head->chunks) * MR_SPOOL_CHUNK;
	if (stop != MR_STOP_EVENTS && stop != MR_STOP_BYTES)
		return;
	atomic_store(&head->stop, MR_STOP_NONE);
	atomic_store(&head->stop_seq, UINT64_MAX);
	atomic_store(&mr_state.mode, MR_MODE_ON);
}
