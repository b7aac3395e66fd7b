/* SPDX-License-Identifier: MIT */
/*
 * To be preloaded: stands before the calls of the C library that can fail, and lets
 * some of them fail as tests/fault.h says. What is live at the end is told there too.
 */
#include "fault.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <spawn.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "faultlive.h"

#define VISIBLE __attribute__((visibility("default")))
#define CALLER  __builtin_return_address(0)

static struct fault *fault; /* NULL: nothing fails in this process */
static __thread bool inside __attribute__((tls_model("initial-exec")));

static const int errors[FAULT_CALLS] = {
	[FAULT_MEMORY] = ENOMEM,
	[FAULT_MAP] = ENOMEM,
	[FAULT_READ] = EIO,
	[FAULT_WRITE] = ENOSPC,
	[FAULT_OPEN] = EMFILE,
	[FAULT_NAME] = EIO,
	[FAULT_PROCESS] = EAGAIN,
	[FAULT_WAIT] = ENOMEM,
	[FAULT_THREAD] = EAGAIN,
};

/* The next definition of a function. ISO C cannot convert what dlsym() returns. */
static void
find(void *function, const char *name)
{
	void *found;

	memcpy(&found, function, sizeof(found));
	if (found)
		return;
	inside = true;
	found = dlsym(RTLD_NEXT, name);
	inside = false;
	memcpy(function, &found, sizeof(found));
}

static bool
is_meant(enum fault_calls calls, const void *caller)
{
	Dl_info info;
	const char *end;

	if (!fault || inside || fault->calls != calls)
		return false;
	if (!fault->object[0])
		return true;
	if (!dladdr(caller, &info) || !info.dli_fname)
		return false;
	end = strrchr(info.dli_fname, '/');
	return !strcmp(end ? end + 1 : info.dli_fname, fault->object);
}

/* Called when a call fails: for a debugger to stop at. */
VISIBLE void fault_struck(void);
VISIBLE void
fault_struck(void)
{
	fault->injected++;
}

/* Whether this call is to fail; errno then says why. */
static bool
fails(enum fault_calls calls, const void *caller)
{
	uint64_t number;
	bool hit = false;

	if (!is_meant(calls, caller))
		return false;
	number = atomic_fetch_add(&fault->made, 1) + 1;
	switch (fault->how) {
	case FAULT_ONCE:
		hit = number == fault->nth;
		break;
	case FAULT_ONWARDS:
		hit = number >= fault->nth;
		break;
	case FAULT_NEVER:
	case FAULT_SITE:
		if (fault->injected)
			return false;
		inside = true;
		hit = fault_site_is_new(fault) && fault->site_count == fault->nth;
		inside = false;
		break;
	case FAULT_INTERRUPT:
	case FAULT_SHORT:
	case FAULT_SHRINK:
	case FAULT_GROW:
		return false;
	}
	if (!hit)
		return false;
	fault_struck();
	errno = errors[calls];
	return true;
}

/* The same for a call that a signal may interrupt. */
static bool
stops(enum fault_calls calls, const void *caller)
{
	if (!is_meant(calls, caller) || fault->how != FAULT_INTERRUPT)
		return fails(calls, caller);
	if (atomic_fetch_add(&fault->made, 1) % 2)
		return false;
	fault_struck();
	errno = EINTR;
	return true;
}

#define HOOK_OF(type, name, symbol, parameters, arguments, calls, failure, how)          \
	VISIBLE type name parameters                                                     \
	{                                                                                \
		static type(*next) parameters;                                           \
                                                                                         \
		find(&next, symbol);                                                     \
		if (how(calls, CALLER))                                                  \
			return failure;                                                  \
		return next arguments;                                                   \
	}
#define HOOK(type, name, ...) HOOK_OF(type, name, #name, __VA_ARGS__)

/* Where offsets in files have 64 bits by request, the headers mean other functions. */
#if defined(_FILE_OFFSET_BITS) && _FILE_OFFSET_BITS == 64
#define WITH_OFFSETS(name) name "64"
#else
#define WITH_OFFSETS(name) name
#endif
#define FILE_HOOK(type, name, ...) HOOK_OF(type, name, WITH_OFFSETS(#name), __VA_ARGS__)

/* --- memory */

/* What dlsym() asks for while the next malloc is looked for. */
static _Alignas(64) char early[16384];
static size_t early_used;

static void *
early_alloc(size_t size)
{
	size_t start = early_used;

	early_used += (size + 63) / 64 * 64;
	return early_used > sizeof(early) ? NULL : early + start;
}

static void *
note(void *block, const void *caller)
{
	if (fault && block)
		fault_live_add(fault, block, caller);
	return block;
}

/* The next of each, found together: dlsym() itself may call any of them. */
static struct {
	void *(*malloc)(size_t);
	void *(*calloc)(size_t, size_t);
	void *(*realloc)(void *, size_t);
	void (*free)(void *);
	int (*posix_memalign)(void **, size_t, size_t);
	void *(*aligned_alloc)(size_t, size_t);
} next_memory;

/* Whether they are known by now; not while they are looked for. */
static bool
has_memory(void)
{
	if (next_memory.malloc || inside)
		return next_memory.malloc;
	find(&next_memory.free, "free");
	find(&next_memory.calloc, "calloc");
	find(&next_memory.realloc, "realloc");
	find(&next_memory.posix_memalign, "posix_memalign");
	find(&next_memory.aligned_alloc, "aligned_alloc");
	find(&next_memory.malloc, "malloc");
	return true;
}

VISIBLE void *
malloc(size_t size)
{
	if (!has_memory())
		return early_alloc(size);
	if (fails(FAULT_MEMORY, CALLER))
		return NULL;
	return note(next_memory.malloc(size), CALLER);
}

VISIBLE void *
calloc(size_t count, size_t size)
{
	if (!has_memory())
		return early_alloc(count * size);
	if (fails(FAULT_MEMORY, CALLER))
		return NULL;
	return note(next_memory.calloc(count, size), CALLER);
}

VISIBLE void
free(void *block)
{
	if ((uintptr_t)block - (uintptr_t)early < sizeof(early) || !has_memory())
		return;
	if (fault && block)
		fault_live_remove(block);
	next_memory.free(block);
}

VISIBLE void *
realloc(void *block, size_t size)
{
	void *moved;

	if (!has_memory() || fails(FAULT_MEMORY, CALLER))
		return NULL;
	if (fault && block)
		fault_live_remove(block);
	moved = next_memory.realloc(block, size);
	note(moved || !size ? moved : block, CALLER);
	return moved;
}

VISIBLE void *
reallocarray(void *block, size_t count, size_t size)
{
	size_t bytes;

	if (!__builtin_mul_overflow(count, size, &bytes))
		return realloc(block, bytes);
	errno = ENOMEM;
	return NULL;
}

VISIBLE int
posix_memalign(void **out, size_t align, size_t size)
{
	int error;

	if (!has_memory() || fails(FAULT_MEMORY, CALLER))
		return ENOMEM;
	error = next_memory.posix_memalign(out, align, size);
	if (!error)
		note(*out, CALLER);
	return error;
}

VISIBLE void *
aligned_alloc(size_t align, size_t size)
{
	if (!has_memory() || fails(FAULT_MEMORY, CALLER))
		return NULL;
	return note(next_memory.aligned_alloc(align, size), CALLER);
}

FILE_HOOK(void *, mmap,
	(void *at, size_t size, int prot, int flags, int fd, off_t offset),
	(at, size, prot, flags, fd, offset), FAULT_MAP, MAP_FAILED, fails)

VISIBLE void *
mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
	if (fails(FAULT_MAP, CALLER))
		return MAP_FAILED;
	return (void *)syscall(SYS_mremap, old, old_size, size, flags, NULL);
}

HOOK(int, madvise, (void *at, size_t size, int advice), (at, size, advice), FAULT_MAP, -1,
	fails)

/* --- reading and writing */

static size_t
shorten(enum fault_calls calls, const void *caller, size_t length)
{
	if (!is_meant(calls, caller) || fault->how != FAULT_SHORT || length <= fault->nth)
		return length;
	fault->injected++;
	return (size_t)fault->nth;
}

/* Changes the file that is about to be read for the nth time. */
static void
change(int fd, const void *caller)
{
	char first[4096], name[64];
	struct stat about;
	ssize_t got;
	int to;

	if (!is_meant(FAULT_READ, caller) ||
		(fault->how != FAULT_SHRINK && fault->how != FAULT_GROW) ||
		fstat(fd, &about) || !S_ISREG(about.st_mode) || !about.st_size ||
		atomic_fetch_add(&fault->made, 1) + 1 != fault->nth)
		return;
	fault->injected++;
	inside = true;
	snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
	got = pread(fd, first, sizeof(first), 0);
	to = open(name, O_WRONLY | O_APPEND | O_CLOEXEC);
	if (fault->how == FAULT_GROW)
		got = write(to, first, (size_t)got);
	else if (ftruncate(to, about.st_size / 2))
		got = -1;
	close(to);
	inside = false;
	if (got < 0)
		abort();
}

VISIBLE ssize_t
read(int fd, void *to, size_t length)
{
	static ssize_t (*next)(int, void *, size_t);

	find(&next, "read");
	change(fd, CALLER);
	if (stops(FAULT_READ, CALLER))
		return -1;
	return next(fd, to, shorten(FAULT_READ, CALLER, length));
}

VISIBLE ssize_t
pread(int fd, void *to, size_t length, off_t offset)
{
	static ssize_t (*next)(int, void *, size_t, off_t);

	find(&next, WITH_OFFSETS("pread"));
	change(fd, CALLER);
	if (stops(FAULT_READ, CALLER))
		return -1;
	return next(fd, to, shorten(FAULT_READ, CALLER, length), offset);
}

HOOK(ssize_t, recv, (int fd, void *to, size_t length, int flags), (fd, to, length, flags),
	FAULT_READ, -1, stops)
HOOK(size_t, fread, (void *to, size_t size, size_t count, FILE *file),
	(to, size, count, file), FAULT_READ, 0, fails)

VISIBLE ssize_t
write(int fd, const void *from, size_t length)
{
	static ssize_t (*next)(int, const void *, size_t);

	find(&next, "write");
	if (stops(FAULT_WRITE, CALLER))
		return -1;
	return next(fd, from, shorten(FAULT_WRITE, CALLER, length));
}

HOOK(ssize_t, send, (int fd, const void *from, size_t length, int flags),
	(fd, from, length, flags), FAULT_WRITE, -1, fails)
FILE_HOOK(int, ftruncate, (int fd, off_t length), (fd, length), FAULT_WRITE, -1, fails)
FILE_HOOK(int, posix_fallocate, (int fd, off_t at, off_t length), (fd, at, length),
	FAULT_WRITE, errno, fails)
HOOK(int, fflush, (FILE * file), (file), FAULT_WRITE, EOF, fails)

/* --- opening and naming */

VISIBLE int
open(const char *path, int flags, ...)
{
	static int (*next)(const char *, int, ...);
	va_list more;
	mode_t mode;

	va_start(more, flags);
	mode = flags & O_CREAT ? va_arg(more, mode_t) : 0;
	va_end(more);
	find(&next, WITH_OFFSETS("open"));
	return fails(FAULT_OPEN, CALLER) ? -1 : next(path, flags, mode);
}

FILE_HOOK(FILE *, fopen, (const char *path, const char *mode), (path, mode), FAULT_OPEN,
	NULL, fails)
FILE_HOOK(FILE *, tmpfile, (void), (), FAULT_OPEN, NULL, fails)
HOOK(DIR *, opendir, (const char *path), (path), FAULT_OPEN, NULL, fails)
HOOK(int, memfd_create, (const char *name, unsigned flags), (name, flags), FAULT_OPEN, -1,
	fails)
HOOK(int, pipe2, (int ends[2], int flags), (ends, flags), FAULT_OPEN, -1, fails)
HOOK(int, socketpair, (int domain, int type, int protocol, int ends[2]),
	(domain, type, protocol, ends), FAULT_OPEN, -1, fails)
HOOK(int, dup2, (int from, int to), (from, to), FAULT_OPEN, -1, fails)

FILE_HOOK(int, stat, (const char *path, struct stat *out), (path, out), FAULT_NAME, -1,
	fails)
FILE_HOOK(int, fstat, (int fd, struct stat *out), (fd, out), FAULT_NAME, -1, fails)
FILE_HOOK(int, fstatvfs, (int fd, struct statvfs *out), (fd, out), FAULT_NAME, -1, fails)
HOOK(int, access, (const char *path, int mode), (path, mode), FAULT_NAME, -1, fails)
HOOK(int, fchmod, (int fd, mode_t mode), (fd, mode), FAULT_NAME, -1, fails)
HOOK(int, rename, (const char *from, const char *to), (from, to), FAULT_NAME, -1, fails)
HOOK(char *, realpath, (const char *path, char *to), (path, to), FAULT_NAME, NULL, fails)
HOOK(ssize_t, readlink, (const char *path, char *out, size_t size), (path, out, size),
	FAULT_NAME, -1, fails)

/* A file is closed also if the system could not write its last bytes. */
VISIBLE int
close(int fd)
{
	int status = (int)syscall(SYS_close, fd);

	return fails(FAULT_NAME, CALLER) ? -1 : status;
}

/* --- processes and threads */

HOOK(pid_t, fork, (void), (), FAULT_PROCESS, -1, fails)
HOOK(int, execvp, (const char *file, char *const *argv), (file, argv), FAULT_PROCESS, -1,
	fails)
HOOK(int, posix_spawnp,
	(pid_t * pid, const char *file, const posix_spawn_file_actions_t *actions,
		const posix_spawnattr_t *attributes, char *const *argv,
		char *const *environment),
	(pid, file, actions, attributes, argv, environment), FAULT_PROCESS, errno, fails)
HOOK(int, poll, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout),
	FAULT_WAIT, -1, stops)

/* Fails only by interruption: a child that cannot be waited for is no fault of ours. */
VISIBLE pid_t
waitpid(pid_t pid, int *status, int options)
{
	static pid_t (*next)(pid_t, int *, int);

	find(&next, "waitpid");
	if (fault && fault->how == FAULT_INTERRUPT && stops(FAULT_WAIT, CALLER))
		return -1;
	return next(pid, status, options);
}

HOOK(int, pthread_create,
	(pthread_t * thread, const pthread_attr_t *attributes, void *(*run)(void *),
		void *context),
	(thread, attributes, run, context), FAULT_THREAD, errno, fails)
HOOK(int, pthread_key_create, (pthread_key_t * key, void (*done)(void *)), (key, done),
	FAULT_THREAD, errno, fails)

/* A sanitizer asks for this in each thread, and aborts without the memory for it. */
VISIBLE int
pthread_getattr_np(pthread_t thread, pthread_attr_t *out)
{
	static int (*next)(pthread_t, pthread_attr_t *);
	bool before = inside;
	int error;

	find(&next, "pthread_getattr_np");
	inside = true;
	error = next(thread, out);
	inside = before;
	return error;
}

/* A program may clear the variable for its children, who are to be reached too. */
VISIBLE int
execve(const char *path, char *const *argv, char *const *environment)
{
	static int (*next)(const char *, char *const *, char *const *);
	static const char variable[] = "LD_PRELOAD=";
	char preload[8192], *extended[1024];
	const char *before = "";
	size_t count = 0;
	Dl_info own;

	find(&next, "execve");
	if (fails(FAULT_PROCESS, CALLER))
		return -1;
	if (fault || !dladdr(variable, &own))
		return next(path, argv, environment);
	for (size_t i = 0; environment[i] && count + 2 < 1024; i++)
		if (strncmp(environment[i], variable, strlen(variable)) != 0)
			extended[count++] = environment[i];
		else if (!strstr(environment[i], own.dli_fname))
			before = environment[i] + strlen(variable);
	snprintf(preload, sizeof(preload), "%s%s:%s", variable, before, own.dli_fname);
	extended[count++] = preload;
	extended[count] = NULL;
	return next(path, argv, extended);
}

/* The recorder goes past the functions of the C library. */
VISIBLE long
syscall(long number, ...)
{
	static long (*next)(long, ...);
	enum fault_calls calls = FAULT_CALLS;
	long arguments[6];
	va_list list;

	va_start(list, number);
	for (size_t i = 0; i < 6; i++)
		arguments[i] = va_arg(list, long);
	va_end(list);
	if (number == SYS_openat)
		calls = FAULT_OPEN;
	if (number == SYS_read)
		calls = FAULT_READ;
	if (number == SYS_pwrite64 || number == SYS_fallocate)
		calls = FAULT_WRITE;
	find(&next, "syscall");
	if (fails(calls, CALLER))
		return -1;
	return next(number, arguments[0], arguments[1], arguments[2], arguments[3],
		arguments[4], arguments[5]);
}

/* --- beginning and end */

static void
attach(const char *path, char **argv)
{
	int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC);
	struct fault *map;
	static void *(*next)(void *, size_t, int, int, int, off_t);

	if (fd < 0)
		return;
	find(&next, WITH_OFFSETS("mmap"));
	map = next(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	syscall(SYS_close, fd);
	if (map == MAP_FAILED)
		return;
	if (!strcmp(map->program, program_invocation_short_name) &&
		(!map->argument[0] || (argv[1] && !strcmp(map->argument, argv[1]))))
		fault = map;
}

static __attribute__((constructor)) void
begin(int argc, char **argv)
{
	const char *path = getenv(FAULT_VARIABLE);

	(void)argc;
	if (path)
		attach(path, argv);
}

static __attribute__((destructor)) void
end(void)
{
	struct fault *told = fault;

	fault = NULL; /* nothing fails from here on */
	if (!told)
		return;
	fault_live_tell(told);
	for (int fd = 3; fd < 256; fd++)
		told->open_fds += syscall(SYS_fcntl, fd, F_GETFD) >= 0;
	told->ended++;
}

typedef int main_function(int, char **, char **);
typedef int start_function(main_function *, int, char **, void (*)(void), void (*)(void),
	void (*)(void), void *);
static main_function *next_main;

/* gcov writes its files at exit: that is after the end. The recorder's work is not. */
static int
main_with_end(int argc, char **argv, char **environment)
{
	bool failed = fault && !fault->object[0] && atexit(end);

	return failed ? EXIT_FAILURE : next_main(argc, argv, environment);
}

VISIBLE start_function __libc_start_main;
int
__libc_start_main(main_function *start, int argc, char **argv, void (*init)(void),
	void (*fini)(void), void (*loader_fini)(void), void *stack)
{
	static start_function *next;

	next_main = start;
	find(&next, "__libc_start_main");
	return next(main_with_end, argc, argv, init, fini, loader_fini, stack);
}
