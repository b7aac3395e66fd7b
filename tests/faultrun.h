/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_FAULTRUN_H
#define MR_TESTS_FAULTRUN_H

/*
 * Runs of memreplay in which calls fail, and the judgement of each: it succeeds
 * with the same bytes as ever, or exits 1 with a message; it leaks no block and no
 * descriptor, and leaves no file and no process behind.
 *
 * All runs are in one work folder, which holds inputs. An input that a run has
 * changed or taken is brought back before the next.
 */

#include <stdbool.h>
#include <stddef.h>

#include "fault.h"

/* What is run, and what may come of it. */
struct fault_command {
	const char *name;
	const char *line;     /* the words after "memreplay", parted by blanks */
	const char *output;   /* the file that it makes; NULL: none */
	bool measures;        /* digits in what it prints are measured: not compared */
	bool replaces;        /* the output is there before, and stays if it fails */
	bool takes;           /* its input is gone when the output is there */
	bool results;         /* a failure that it has said is a result, among others */
	bool starts;          /* a program, which it may say that it cannot run */
	bool grows;           /* its input is one for which tables of memory grow */
	const char *child;    /* fail in the processes with this first argument */
	const char *recorded; /* fail in the recorder within this program */
};

/* A piece of memory with a file's content. */
struct fault_bytes {
	char *at;
	size_t length;
};

/* What a run without faults did. */
struct fault_reference {
	int status;
	struct fault_bytes out, file;
	uint64_t made; /* calls of the kind */
	uint64_t sites[FAULT_SITES];
	uint64_t site_count;
	uint64_t open_fds;
	uint64_t recorded; /* lines, by the recorder that is to fail */
	struct fault_owner owners[FAULT_OWNERS];
};

/* Makes the work folder; false: said why. */
bool fault_setup(const char *program, const char *library);
void fault_cleanup(void);

/* Writes an input of the work folder. */
bool fault_input(const char *name, const void *content, size_t length);

/* The same from a file of the source tree. */
bool fault_input_file(const char *name, const char *path);

/* Makes an input of what a command prints, or of the file that it makes. */
bool fault_input_made(const char *name, const char *line, bool printed);

/* A run of the command without faults. */
bool fault_reference(struct fault_reference *out, const struct fault_command *command,
	enum fault_calls calls);
void fault_reference_fini(struct fault_reference *reference);

/*
 * A run with faults. Returns the number of calls that failed; if the outcome is not
 * good, *complaint is what is wrong with it, else NULL.
 */
uint64_t fault_run(const char **complaint, const struct fault_command *command,
	const struct fault_reference *reference, enum fault_calls calls,
	enum fault_how how, uint64_t nth);

#endif
