/* SPDX-License-Identifier: MIT */
/*
 * A program to be recorded: `recordee WHAT [NUMBER]` does one thing that is hard
 * to record, and ends with status 0 if it came to no harm.
 */
#include <dlfcn.h>
#include <errno.h>
#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "memreplay/mark.h"

#define THREADS 16
#define PLACES  256

static void *before_main;

/* Keeps the compiler from knowing what a call gives, and from dropping it. */
static void *
opaque(void *block)
{
	void *volatile seen = block;

	return seen;
}

static __attribute__((constructor)) void
early(void)
{
	before_main = opaque(malloc(4321));
}

static uint32_t
draw(uint32_t *state)
{
	*state = *state * 1103515245u + 12345u;
	return *state >> 12;
}

/* Places where threads leave blocks for each other. */
static void *_Atomic places[PLACES];
static long rounds;

static void *
pass_blocks(void *argument)
{
	uint32_t state = (uint32_t)(uintptr_t)argument;

	for (long i = 0; i < rounds; i++) {
		size_t place = draw(&state) % PLACES;
		void *mine = opaque(malloc(draw(&state) % 300));

		if (draw(&state) % 8 == 0)
			mine = opaque(realloc(mine, draw(&state) % 3000 + 1));
		free(atomic_exchange(&places[place], mine));
	}
	return NULL;
}

static int
with_threads(void *(*work)(void *), int threads)
{
	pthread_t ids[THREADS];

	for (int i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, work, (void *)(uintptr_t)(i + 1)))
			return 1;
	for (int i = 0; i < threads; i++)
		pthread_join(ids[i], NULL);
	return 0;
}

/* Blocks that change threads, then all are freed: a balanced trace. */
static int
pass(long number)
{
	rounds = number;
	if (with_threads(pass_blocks, THREADS))
		return 1;
	for (size_t i = 0; i < PLACES; i++)
		free(atomic_exchange(&places[i], NULL));
	free(before_main);
	return 0;
}

static void *
give_and_take(void *unused)
{
	(void)unused;
	for (long i = 0; i < rounds; i++)
		free(opaque(malloc(64)));
	return NULL;
}

/* What one thread frees is what the next one gets, if they share an arena. */
static int
hands(long number)
{
	rounds = number;
	return with_threads(give_and_take, 4);
}

/* Every function that gives memory, in an order that the test knows. */
static int
all(long unused)
{
	void *volatile kept;
	void *block = NULL;
	volatile size_t huge = SIZE_MAX / 2 + 1;
	int status;

	(void)unused;
	memreplay_mark("begin");
	free(opaque(malloc(0)));
	free(opaque(malloc(101)));
	free(opaque(calloc(3, 34)));
	block = opaque(realloc(NULL, 103));
	block = opaque(realloc(block, 100000));
	block = opaque(realloc(block, 50));
	kept = block;
	status = opaque(realloc(block, huge)) || errno != ENOMEM; /* block stays */
	free(kept);
	free(opaque(reallocarray(NULL, 8, 13)));
	status |= opaque(reallocarray(NULL, huge, 8)) != NULL;
	status |= opaque(malloc(huge)) != NULL;
	status |= opaque(calloc(huge, 16)) != NULL;
	status |= posix_memalign(&block, 64, 105) != 0;
	free(opaque(block));
	free(opaque(aligned_alloc(256, 512)));
	free(opaque(memalign(1024, 107)));
	free(opaque(valloc(108)));
	free(NULL);
	block = opaque(malloc(109));
	status |= opaque(realloc(block, 0)) != NULL; /* frees, in this C library */
	block = opaque(strdup("strings allocate too"));
	status |= malloc_usable_size(block) < 21;
	free(block);
	memreplay_mark("end, under a name that takes more than one record");
	return status;
}

/* Blocks whose malloc or whose free goes past the recorder. */
static int
foreign(long unused)
{
	extern void *__libc_malloc(size_t);
	extern void __libc_free(void *);
	void *first, *second;

	(void)unused;
	free(opaque(__libc_malloc(1000))); /* a free of a block never seen */
	first = opaque(malloc(2000));
	__libc_free(first); /* a free that is not seen */
	second = opaque(malloc(2000));
	return first != second; /* else the test has no point */
}

static void *
churn_once(void *argument)
{
	free(opaque(malloc(64)));
	return opaque(malloc((size_t)(uintptr_t)argument));
}

/* Many threads, one after the other, each leaving a block. */
static int
churn(long number)
{
	pthread_t id;
	void *block;

	for (long i = 0; i < number; i++) {
		if (pthread_create(&id, NULL, churn_once, (void *)(uintptr_t)(i % 999)))
			return 1;
		pthread_join(id, &block);
		free(block);
	}
	return 0;
}

static void
free_late(void *block)
{
	static _Thread_local int turns;

	if (++turns < 4) {
		pthread_setspecific(*(pthread_key_t *)block, block);
		return;
	}
	free(block);
}

static void *
leave_key(void *argument)
{
	pthread_key_t *key = malloc(sizeof(*key));

	(void)argument;
	if (!key || pthread_key_create(key, free_late))
		return NULL;
	pthread_setspecific(*key, key);
	free(opaque(malloc(77)));
	return key;
}

/* Frees after the recorder's own destructor has run in the thread. */
static int
late(long number)
{
	for (long i = 0; i < number; i++)
		if (with_threads(leave_key, 4))
			return 1;
	return 0;
}

static void *volatile of_handler;

static void
on_alarm(int number)
{
	(void)number;
	free(of_handler);
	of_handler = malloc(55);
}

static void *
spin_blocks(void *argument)
{
	uint32_t state = (uint32_t)(uintptr_t)argument;
	void *mine[64] = {0};

	for (;;) {
		size_t place = draw(&state) % 64;

		free(mine[place]);
		mine[place] = opaque(malloc(draw(&state) % 5000));
	}
	return NULL;
}

/* Killed by a child after `number` microseconds, in the middle of everything. */
static int
killed(long number)
{
	pid_t self = getpid();

	if (!fork()) {
		usleep((useconds_t)number);
		kill(self, SIGKILL);
		_exit(0);
	}
	return with_threads(spin_blocks, 4);
}

/* Signals whose handler asks for memory while the program counts events. */
static int
signals(long number)
{
	struct itimerval often = {{0, 500}, {0, 500}};
	struct sigaction action = {.sa_handler = on_alarm, .sa_flags = SA_RESTART};

	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &often, NULL);
	/* raw calls: no allocator is interrupted, only the recorder may be */
	for (long i = 0; i < number; i++)
		memreplay_mark("step");
	often = (struct itimerval){0};
	setitimer(ITIMER_REAL, &often, NULL);
	return 0;
}

/* A child that goes on without exec, and one that comes without fork(). */
static int
forks(long number)
{
	void *inherited = opaque(malloc(600));
	pid_t pid;
	int status = 0, ended;

	for (int raw = 0; raw < 2; raw++) {
		pid = raw ? (pid_t)syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0) : fork();
		if (!pid) {
			for (long i = 0; i < number; i++)
				free(opaque(malloc(700)));
			free(inherited);
			_exit(0);
		}
		for (long i = 0; i < number; i++)
			free(opaque(malloc(800)));
		waitpid(pid, &ended, 0);
		status |= ended;
	}
	free(inherited);
	return status;
}

/* Closes every descriptor, as daemons do, and opens a file of its own. */
static int
closes(long number)
{
	FILE *file;

	for (int fd = 3; fd < 100; fd++)
		close(fd);
	file = tmpfile();
	for (long i = 0; i < number; i++)
		free(opaque(malloc(900)));
	if (!file || fseek(file, 0, SEEK_END) || ftell(file) != 0)
		return 1;
	fclose(file);
	return 0;
}

static int
runs(long number)
{
	for (long i = 0; i < number; i++)
		free(opaque(malloc((size_t)i % 1000)));
	return 0;
}

static int
aborts(long number)
{
	runs(number);
	abort();
}

static int
leaves(long number)
{
	runs(number);
	_exit(0);
}

/* In the first process of a PID namespace, whose next one is to have the number `pid`. */
static int
nest(pid_t pid, long number)
{
	pid_t nested = fork();
	int status;

	if (!nested && getpid() == pid) {
		runs(number);
		execl("/proc/self/exe", "recordee", "runs", "10", NULL);
	}
	if (!nested)
		_exit(1);
	return waitpid(nested, &status, 0) != nested || status;
}

/* A grandchild has this process's pid, in a namespace of its own; and executes. */
static int
nests(long number)
{
	pid_t pid = getpid(), first;
	int status;

	runs(number);
	if (unshare(CLONE_NEWPID))
		return 1;
	first = fork();
	if (!first)
		_exit(nest(pid, number));
	waitpid(first, &status, 0);
	runs(number);
	return status;
}

/* Does nothing until it is killed; says when it is there. */
static int
waits(long number)
{
	runs(number);
	puts("ready");
	fflush(stdout);
	pause();
	return 0;
}

int
main(int argc, char **argv)
{
	static const struct {
		const char *name;
		int (*run)(long number);
	} modes[] = {{"pass", pass}, {"hands", hands}, {"all", all}, {"foreign", foreign},
		{"churn", churn}, {"late", late}, {"killed", killed},
		{"signals", signals}, {"forks", forks}, {"nests", nests},
		{"closes", closes}, {"runs", runs}, {"aborts", aborts},
		{"leaves", leaves}, {"waits", waits}};

	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (argc > 1 && !strcmp(argv[1], modes[i].name))
			return modes[i].run(argc > 2 ? atol(argv[2]) : 0);
	fprintf(stderr, "usage: recordee WHAT [NUMBER]\n");
	return 2;
}
