/* SPDX-License-Identifier: MIT */
#include "cli/interrupt.h"

#include <signal.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

static const int signals[] = {SIGHUP, SIGINT, SIGTERM};

/* A signal can come at any time, and its handler takes no argument. */
static const char *volatile half_written;
static const char *volatile last_words;

static void
clean_up(int number)
{
	const char *name = half_written, *line = last_words;

	if (name)
		unlink(name);
	if (line)
		(void)!write(STDERR_FILENO, line, strlen(line));
	/* SA_RESETHAND has brought the default back, SA_NODEFER lets it act */
	raise(number);
}

void
mr_interrupt_watch(void)
{
	struct sigaction action = {.sa_handler = clean_up}, before;

	action.sa_flags = (int)((unsigned)SA_RESETHAND | SA_NODEFER);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		if (!sigaction(signals[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(signals[i], &action, NULL);
}

void
mr_interrupt_say(const char *line)
{
	last_words = line;
}

static void
mask(int how)
{
	sigset_t set;

	sigemptyset(&set);
	for (size_t i = 0; i < sizeof(signals) / sizeof(signals[0]); i++)
		sigaddset(&set, signals[i]);
	pthread_sigmask(how, &set, NULL);
}

void
mr_interrupt_hold(void)
{
	mask(SIG_BLOCK);
}

void
mr_interrupt_release(const char *name)
{
	half_written = name;
	mask(SIG_UNBLOCK);
}
