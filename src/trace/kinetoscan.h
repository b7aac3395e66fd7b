/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_KINETOSCAN_H
#define MR_TRACE_KINETOSCAN_H

/*
 * The memory events of a profile that PyTorch's profiler (Kineto) wrote: a
 * Chrome trace, an object with "traceEvents" or a bare list, of which most are
 * other events and passed over.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "trace/jsonwalk.h"
#include "trace/slots.h"
#include "trace/spool.h"

#define MR_KINETO_DEVICES 256

struct mr_kineto_device {
	int64_t type; /* c10::DeviceType: 0 is the CPU, 1 CUDA */
	int64_t id;   /* -1 for the CPU */
	uint64_t events;
};

struct mr_kineto {
	struct mr_jsonwalk walk;
	struct mr_spool *spool;
	struct mr_kineto_device devices[MR_KINETO_DEVICES];
	size_t device_count;
	struct mr_slots threads; /* by a hash of their number or name */
	uint64_t skipped;        /* when lenient: events that are none */
	bool cut;                /* when lenient: ended in the middle */
};

/* Whether a profile, or a list of events, begins so. */
bool mr_kineto_probe(const unsigned char *data, size_t length);

/*
 * Puts all memory events into kineto->spool. kineto is zeroed but for the walk
 * and the spool.
 *   MR_EFORMAT  not such a file; err has the line
 *   MR_EIO, MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_kineto_scan(
	struct mr_kineto *kineto, bool lenient, struct mr_error *err);

void mr_kineto_fini(struct mr_kineto *kineto);

/*
 * Finds the device called by text ("cpu", "cuda:1", "cuda" if there is one), or,
 * if that is NULL, the only one there is.
 *   MR_EINVAL   there is none such
 *   MR_EFORMAT  there is none at all, or there are several; err lists them
 */
MR_MUST_CHECK enum mr_status mr_kineto_find_device(const struct mr_kineto *kineto,
	size_t *device, const char *text, struct mr_error *err);

#define MR_KINETO_NAME_SIZE 48

/* Writes the name of a device: "cpu", "cuda:1". Returns text. */
char *mr_kineto_device_name(
	char text[MR_KINETO_NAME_SIZE], const struct mr_kineto_device *device);

#endif
