/* SPDX-License-Identifier: MIT */
#include "record/preload/chunk.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "record/preload/lane.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

int
mr_open(const char *path, int flags, unsigned mode)
{
	return (int)syscall(SYS_openat, AT_FDCWD, path, flags | O_CLOEXEC, mode);
}

void
mr_close(int fd)
{
	syscall(SYS_close, fd);
}

/*
 * An offset takes two arguments of syscall() where a long has 32 bits; on i386 these
 * are as a variable argument of 64 bits lies there.
 *
 * Besides reserving where the file system cannot, this puts the pages into the
 * page cache in a few large pieces: several times cheaper than one fault each.
 */
static int
write_zeros(int fd, uint64_t offset, uint64_t size)
{
	static char zeros[MR_SPOOL_CHUNK];
	long wrote;

	while (size > 0) {
		size_t part = size < sizeof(zeros) ? (size_t)size : sizeof(zeros);

		wrote = syscall(SYS_pwrite64, fd, zeros, part, offset);
		if (wrote < 0 && errno == EINTR)
			continue;
		if (wrote <= 0)
			return wrote ? errno : ENOSPC;
		offset += (uint64_t)wrote;
		size -= (uint64_t)wrote;
	}
	return 0;
}

/* Growing a file past its limit would kill the program with this signal. */
static void
swallow_size_signal(void)
{
	sigset_t only;
	struct timespec none = {0};

	sigemptyset(&only);
	sigaddset(&only, SIGXFSZ);
	syscall(SYS_rt_sigtimedwait, &only, NULL, &none, _NSIG / 8);
}

int
mr_secure(int fd, uint64_t offset, uint64_t size)
{
	struct rlimit limit;
	int result;

	if (!getrlimit(RLIMIT_FSIZE, &limit) && limit.rlim_cur != RLIM_INFINITY &&
		offset + size > limit.rlim_cur)
		return EFBIG;
	do
		result = syscall(SYS_fallocate, fd, 0, offset, size) ? errno : 0;
	while (result == EINTR);
	if (!result || result == EOPNOTSUPP || result == ENOSYS)
		result = write_zeros(fd, offset, size);
	if (result == EFBIG)
		swallow_size_signal();
	return result;
}

/* The spool, if it is still the file that it was. */
static int
open_spool(int *error)
{
	struct stat now;
	int fd = mr_open(mr_process.path, O_RDWR | O_NOFOLLOW, 0);

	if (fd < 0) {
		*error = errno;
		return -1;
	}
	if (!fstat(fd, &now) && now.st_dev == mr_process.device &&
		now.st_ino == mr_process.inode)
		return fd;
	mr_close(fd);
	*error = ESTALE;
	return -1;
}

static struct mr_chunk *
map_chunk(int fd, uint64_t offset, int *error)
{
	struct mr_chunk *chunk;

	*error = mr_secure(fd, offset, MR_SPOOL_CHUNK);
	if (*error)
		return NULL;
	chunk = mmap(NULL, MR_SPOOL_CHUNK, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
		(off_t)offset);
	if (chunk == MAP_FAILED) {
		*error = errno;
		return NULL;
	}
	/* only spares the faults later: a kernel that cannot do it is fine */
	(void)madvise(chunk, MR_SPOOL_CHUNK, MADV_POPULATE_WRITE);
	return chunk;
}

static void
note_stall(struct mr_spool_head *head, uint64_t ns)
{
	uint64_t max = atomic_load(&head->stall_max_ns);

	atomic_fetch_add(&head->stall_ns, ns);
	while (ns > max && !atomic_compare_exchange_weak(&head->stall_max_ns, &max, ns))
		;
	if (head->slow_ns && ns > head->slow_ns)
		mr_stop(atomic_load(&head->seq), MR_STOP_SLOW, 0);
}

/* All events that have a number by now have room; the caller's has none yet. */
static struct mr_chunk *
no_room(enum mr_stop why, int error)
{
	mr_stop(atomic_load(&mr_process.head->seq), why, error);
	return NULL;
}

struct mr_chunk *
mr_chunk_new(void)
{
	struct mr_spool_head *head = mr_process.head;
	struct mr_instant start = mr_clock_instant(mr_process.has_tsc);
	struct mr_chunk *chunk;
	uint64_t offset;
	int fd, error = 0;

	offset = MR_SPOOL_HEAD +
		(uint64_t)atomic_fetch_add(&head->chunks, 1) * MR_SPOOL_CHUNK;
	if (offset + MR_SPOOL_CHUNK - head->skipped_bytes > head->max_bytes)
		return no_room(MR_STOP_BYTES, 0);
	if (offset + MR_SPOOL_CHUNK > head->disk_bytes)
		return no_room(MR_STOP_DISK, 0);
	fd = open_spool(&error);
	if (fd < 0)
		return no_room(MR_STOP_ERRNO, error);
	chunk = map_chunk(fd, offset, &error);
	mr_close(fd);
	if (!chunk)
		return no_room(MR_STOP_ERRNO, error);
	chunk->start = start;
	note_stall(head, mr_clock_ns() - start.ns);
	return chunk;
}

void
mr_chunk_unmap(struct mr_chunk *chunk)
{
	munmap(chunk, MR_SPOOL_CHUNK);
}
