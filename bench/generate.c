/* SPDX-License-Identifier: MIT */

/*
 * generate EVENTS [SIZES]: writes a trace of a training loop of that many
 * mallocs and frees to standard output, in the binary format, keeping none of
 * it. The loop has SIZES distinct sizes (default 200) and, every so often, a
 * block that lives through many steps. The same arguments give the same bytes.
 */

#include <stdio.h>
#include <stdlib.h>

#include "memreplay/trace.h"

#define LIVE 512 /* blocks at a time */

static uint64_t state = 1;

static uint64_t
random_below(uint64_t bound)
{
	state = state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (state >> 33) % bound;
}

static void
put(struct mr_writer *writer, const struct mr_event *event)
{
	struct mr_error err;

	if (mr_writer_put(writer, event, &err)) {
		fprintf(stderr, "generate: %s\n", err.text);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	uint64_t events = argc > 1 ? strtoull(argv[1], NULL, 10) : 0;
	uint64_t sizes = argc > 2 ? strtoull(argv[2], NULL, 10) : 200;
	uint64_t ids[LIVE], next_id = 1;
	struct mr_writer *writer;
	struct mr_error err;
	uint64_t live = 0;

	if (!events || !sizes) {
		fputs("usage: generate EVENTS [SIZES]\n", stderr);
		return 2;
	}
	if (mr_writer_open(&writer, "-", "mrt", "{\"source\":\"generate\"}", &err)) {
		fprintf(stderr, "generate: %s\n", err.text);
		return 1;
	}
	for (uint64_t i = 0; i < events; i++) {
		struct mr_event event = {.has = MR_HAS_T, .t = i * 100};

		if (live == 0 || (live < LIVE && random_below(2))) {
			event.op = MR_OP_MALLOC;
			event.id = ids[live++] = next_id++;
			event.size = 64 + random_below(sizes) * random_below(sizes) * 64;
		} else {
			uint64_t at = random_below(live);

			event.op = MR_OP_FREE;
			event.id = ids[at];
			ids[at] = ids[--live];
		}
		put(writer, &event);
	}
	if (mr_writer_finish(writer, NULL, &err)) {
		fprintf(stderr, "generate: %s\n", err.text);
		return 1;
	}
	return 0;
}
