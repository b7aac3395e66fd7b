/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_IMPORT_H
#define MR_TRACE_IMPORT_H

/*
 * What the readers of other people's formats share: addresses become ids that
 * grow, events are queued as they come up, the header is made, and what the
 * import is worth is counted.
 *
 * A reader of such a format sets mr_source.import, and its fill queues events
 * and ends with mr_import_hand_over(). Memory grows with the blocks live at once.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "memreplay/trace.h"
#include "trace/format.h"
#include "trace/header.h"
#include "trace/slots.h"

/*
 * What keeps an import from being exact: counts, bytes and flags. Their keys in
 * the "import" object and their words are the table in import.c.
 */
enum mr_fact {
	MR_FACT_SEEDED_BLOCKS, /* older than the trace; mallocs stand in front */
	MR_FACT_SEEDED_BYTES,
	MR_FACT_OLDER_BYTES,     /* in blocks of which nothing more is known */
	MR_FACT_PAIRED_FREES,    /* without an address: paired by device and size */
	MR_FACT_ROUNDED_SIZES,   /* flag: sizes are those of the traced allocator */
	MR_FACT_UNKNOWN_FREES,   /* of blocks never seen; left out */
	MR_FACT_IMPLIED_FREES,   /* the address was handed out again without a free */
	MR_FACT_LOST_EVENTS,     /* flag: the first ones were overwritten */
	MR_FACT_END_DIFFERENCES, /* blocks that are not as recorded at the end */
	MR_FACT_OTHER_SIZES,     /* frees of another size than their malloc */
	MR_FACT_TOTAL_BREAKS,    /* the running sum is not the total recorded */
	MR_FACT_SIZE_BREAKS,     /* frees that tell another size than the malloc */
	MR_FACT_OTHER_CALLS,     /* of other processes; left out */
	MR_FACT_GAPS,            /* within a block's life, in which it is not needed */
	MR_FACT_SKIPPED_LINES,   /* when reading leniently */
	MR_FACT_LATE_TIMES,      /* times that went back, raised to the last one */
	MR_FACT_COUNT
};

struct mr_import_block {
	uint64_t id;
	uint64_t size; /* as requested */
};

struct mr_import {
	uint64_t facts[MR_FACT_COUNT];
	/* They are final, which must be so before the header is made, or never. */
	bool complete;
	/*
	 * What the next events are to hold beside id and size: t, tid, stream,
	 * device, align, cap, as far as its `has` says.
	 */
	struct mr_event next;

	struct mr_event *events; /* queued */
	size_t count;
	size_t space;
	uint64_t last_id; /* 0: none so far */
	uint64_t first_t; /* as the format counts, in ns */
	bool any_t;

	struct mr_slots addresses; /* of live blocks, each with a slot */
	struct mr_import_block *blocks;
	size_t block_space;

	const char *format; /* name */
	struct mr_header_store header;
};

/*
 * Readies source->import, which the caller owns and has zeroed, for the format
 * called name. To be called first. MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_import_init(struct mr_source *source,
	struct mr_import *import, const char *name, struct mr_error *err);

/*
 * Forgets all blocks, ids and times, to go through the same events again; what
 * was counted stays. MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_import_restart(
	struct mr_import *import, struct mr_error *err);

/* One that was never readied is fine if zeroed. */
void mr_import_fini(struct mr_import *import);

/*
 * Makes source->header, at the end of open: who was traced, what else is known
 * (more: an object or NULL, the caller's), and what the import is if that is
 * known by now.
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_import_header(struct mr_source *source,
	const char *traced, const cJSON *more, struct mr_error *err);

/*
 * Sets the time of the next events, in ns on the format's own clock. The first
 * becomes 0; one that is less than the last is raised to it and counted.
 */
void mr_import_time(struct mr_import *import, uint64_t ns);

/*
 * Queues the malloc of a block. If the address is live its free comes before
 * and is counted. MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_import_malloc(
	struct mr_import *import, uint64_t address, uint64_t size, struct mr_error *err);

/* Queues the free of a block; of one that is not live it is only counted. */
MR_MUST_CHECK enum mr_status mr_import_free(
	struct mr_import *import, uint64_t address, struct mr_error *err);

/*
 * The block at a live address, valid until the next malloc; NULL if it is none.
 */
struct mr_import_block *mr_import_find(struct mr_import *import, uint64_t address);

/* Queues an event that has no address, with the next events' time and thread. */
MR_MUST_CHECK enum mr_status mr_import_put(
	struct mr_import *import, const struct mr_event *event, struct mr_error *err);

/* Queues a malloc of which the caller keeps the id. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_import_new_id(
	struct mr_import *import, uint64_t *id, uint64_t size, struct mr_error *err);

/* Queues the free of such an id. */
MR_MUST_CHECK enum mr_status mr_import_free_id(
	struct mr_import *import, uint64_t id, struct mr_error *err);

/* Gives what is queued to the reader and empties the queue. */
void mr_import_hand_over(struct mr_source *source);

/* Room for the "import" object, and for the sentence made of it. */
#define MR_IMPORT_TEXT_SIZE 1024

/* Writes the facts as a JSON object. Returns text. */
char *mr_import_json(char text[MR_IMPORT_TEXT_SIZE], const struct mr_import *import);

/* Says them in a phrase: "imported from kineto: exact". Returns text. */
char *mr_import_phrase(char text[MR_IMPORT_TEXT_SIZE], const struct mr_import *import);

#endif
