/* SPDX-License-Identifier: MIT */
#ifndef MR_FLEET_TRANSPORT_H
#define MR_FLEET_TRANSPORT_H

/*
 * Messages between the processes of a fleet, whose ranks are 0 to size - 1. Functions
 * return 0, or a code that explain() puts in words; they are called from one thread.
 *
 * The module memreplay-mpi.so has one, made of MPI. It is loaded only if a launcher
 * started the program, so that nothing else of it needs MPI.
 */

#include <stddef.h>

struct mr_transport {
	int rank;
	int size;
	int (*send)(int to, const void *data, size_t length);
	/* *data is the caller's, to be freed; NULL: there is no message now. */
	int (*take)(int *from, void **data, size_t *length);
	/* Waits for the others to end, too. */
	int (*end)(void);
	/* Ends all processes. */
	void (*abort)(int status);
	const char *(*explain)(int code);
};

/* What the module calls its only function. NULL in *out: MPI cannot be started. */
#define MR_TRANSPORT_START "mr_transport_start"
typedef void (*mr_transport_starter)(const struct mr_transport **out);

#endif
