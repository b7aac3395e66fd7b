/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_FAULT_H
#define MR_TESTS_FAULT_H

/*
 * Faults: what tests/fault.c, preloaded, is told and what it tells. Both are in one
 * file, which the process under test and its children map shared, so that what is
 * told outlives a crash and calls are counted over all processes of a run.
 */

#include <stdatomic.h>
#include <stdint.h>

/* Names the file. Without it, or in another program than is meant, nothing fails. */
#define FAULT_VARIABLE "MEMREPLAY_FAULT"

/* Which calls fail, and what errno says then. */
enum fault_calls {
	FAULT_MEMORY,  /* malloc and its kin, in libraries too: ENOMEM */
	FAULT_MAP,     /* mmap, mremap, madvise: ENOMEM */
	FAULT_READ,    /* read, pread, recv, fread: EIO */
	FAULT_WRITE,   /* write, send, ftruncate, posix_fallocate, fflush: ENOSPC */
	FAULT_OPEN,    /* open, fopen, pipe2, socketpair and the like: EMFILE */
	FAULT_NAME,    /* stat, rename, realpath, close and the like: EIO */
	FAULT_PROCESS, /* fork, exec, posix_spawn: EAGAIN */
	FAULT_WAIT,    /* poll: ENOMEM; waitpid, by EINTR alone */
	FAULT_THREAD,  /* pthread_create, pthread_key_create: EAGAIN */
	FAULT_CALLS
};

enum fault_how {
	FAULT_NEVER,   /* only count */
	FAULT_ONCE,    /* the call number `nth` */
	FAULT_ONWARDS, /* that one and all later ones */
	FAULT_SITE,    /* the first call from the place number `nth` */
	FAULT_SHORT,   /* reads and writes of more than `nth` bytes are cut to so many */
	FAULT_INTERRUPT, /* every second call fails with EINTR */
	FAULT_SHRINK,    /* before read number `nth` its file is cut to half */
	FAULT_GROW       /* before read number `nth` its file grows by its first bytes */
};

/*
 * A place is a call stack. Its key is the same in every run: the stack up to the
 * third function of the program, since more of those say who asks, not what fails.
 */
#define FAULT_SITES  4096
#define FAULT_FRAMES 3

/* Blocks that are live at the end, by the code that asked for them. */
#define FAULT_OWNERS 64
struct fault_owner {
	char object[32]; /* the file that the code is in */
	uint64_t offset; /* in it */
	uint64_t blocks;
};

struct fault {
	/* asked */
	enum fault_calls calls;
	enum fault_how how;
	uint64_t nth;      /* from 1 */
	char program[32];  /* its name, as it is run */
	char argument[32]; /* its first argument; "": any */
	char object[32];   /* only calls from code in this file; "": from anywhere */

	/* told */
	_Atomic uint64_t made; /* calls of the kind */
	_Atomic uint64_t injected;
	_Atomic uint64_t ended;    /* processes that went through exit() */
	_Atomic uint64_t lost;     /* live blocks that could not be noted */
	_Atomic uint64_t open_fds; /* at exit, in all */
	uint64_t site_count;
	uint64_t sites[FAULT_SITES]; /* keys, in the order of first calls */
	struct fault_owner owners[FAULT_OWNERS];
};

#endif
