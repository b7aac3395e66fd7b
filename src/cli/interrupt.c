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

static void
do_nothing(int number)
{
	(void)number;
}

/* Who started us may want signals to be ignored. */
static void
catch_unless_ignored(const int *numbers, size_t count, const struct sigaction *action)
{
	struct sigaction before;

	for (size_t i = 0; i < count; i++)
		if (!sigaction(numbers[i], NULL, &before) && before.sa_handler != SIG_IGN)
			sigaction(numbers[i], action, NULL);
}

void
mr_interrupt_watch(void)
{
	struct sigaction action = {.sa_handler = clean_up};

	action.sa_flags = (int)((unsigned)SA_RESETHAND | SA_NODEFER);
	catch_unless_ignored(signals, sizeof(signals) / sizeof(signals[0]), &action);
}

void
mr_interrupt_survive_writing(void)
{
	static const int of_writing[] = {SIGPIPE, SIGXFSZ};
	const struct sigaction action = {
		.sa_handler = do_nothing, .sa_flags = SA_RESTART};

	catch_unless_ignored(
		of_writing, sizeof(of_writing) / sizeof(of_writing[0]), &action);
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
