/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_INTERRUPT_H
#define MR_CLI_INTERRUPT_H

/*
 * An interrupted program leaves no half-written file: one temporary file at a
 * time is removed before SIGHUP, SIGINT or SIGTERM ends the program, as the
 * signal does, so that who started it sees by what it ended.
 *
 *   mr_interrupt_hold();
 *   create the file under its temporary name
 *   mr_interrupt_release(its name, or NULL if it was not created);
 *   write
 *   mr_interrupt_hold();
 *   rename or remove it
 *   mr_interrupt_release(NULL);
 */

/* From now on these signals are answered, unless they were ignored before. */
void mr_interrupt_watch(void);

/*
 * A closed pipe, or a file that may not grow, is then a failed write, which is said. The
 * signals are caught rather than ignored, so that a program that we run has what it
 * would have without us: exec brings their defaults back, and leaves what was ignored.
 */
void mr_interrupt_survive_writing(void);

/* Lets the signals wait. */
void mr_interrupt_hold(void);

/* Lets them come, and then removes name (the caller's; NULL: there is none). */
void mr_interrupt_release(const char *name);

/*
 * What an interrupted program says before it ends: a whole line with its end, the
 * caller's, which stays as it is until another is set. NULL: nothing.
 */
void mr_interrupt_say(const char *line);

#endif
