/* SPDX-License-Identifier: MIT */

/*
 * generate EVENTS [BLOCKS [SIZES]]: writes a made-up trace of that many mallocs
 * and frees to standard output, in the binary format, keeping none of it. At
 * most BLOCKS (512) blocks are live at a time, of SIZES (200) distinct sizes.
 */

#include <stdio.h>
#include <stdlib.h>

#include "made.h"

/* The count at argv[i], or what it is by default; 0 if it is none. */
static uint64_t
count_at(int argc, char **argv, int i, uint64_t otherwise)
{
	return argc > i ? strtoull(argv[i], NULL, 10) : otherwise;
}

int
main(int argc, char **argv)
{
	uint64_t events = count_at(argc, argv, 1, 0);
	uint64_t blocks = count_at(argc, argv, 2, 512);
	uint64_t sizes = count_at(argc, argv, 3, 200);
	struct mr_writer *writer;
	struct mr_error err;
	struct mr_made made;
	enum mr_status st;

	if (!events || !blocks || blocks >= UINT32_MAX || !sizes) {
		fputs("usage: generate EVENTS [BLOCKS [SIZES]]\n", stderr);
		return 2;
	}
	mr_made_init(&made, (uint32_t)blocks, sizes);
	st = mr_writer_open(&writer, "-", "mrt", "{\"source\":\"generate\"}", &err);
	for (uint64_t i = 0; i < events && !st; i++) {
		struct mr_event event;

		mr_made_next(&made, &event);
		st = mr_writer_put(writer, &event, &err);
	}
	if (!st)
		st = mr_writer_finish(writer, NULL, &err);
	if (st)
		fprintf(stderr, "generate: %s\n", err.text);
	mr_made_fini(&made);
	return st ? 1 : 0;
}
