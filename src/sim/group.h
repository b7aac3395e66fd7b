/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_GROUP_H
#define MR_SIM_GROUP_H

/*
 * One state of the cache, shared by all limits whose runs have come to it.
 *
 * Blocks of one capacity are interchangeable as long as nothing but a clear
 * evicts, so a state is how many blocks of each class are cached and which
 * class each live block has. Limits in one state stay in it until a free whose
 * cached + c is above some of them and not above others: then the group is
 * parted. When two groups come to equal states they are joined.
 *
 *   lanes, by limit        [0 .. 4095] [4096 .. 8191]    [65536 .. unlimited]
 *   a free with cached + c = 5000:
 *   rejected by            [0 .. 4095] [4096 .. 4999]
 *   accepted by                                [5000 .. 8191] [65536 .. unlimited]
 *
 * What happens to a group is counted once, in its tally, and added to its lanes
 * only when the group changes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "memreplay/result.h"
#include "sim/crew.h"
#include "sim/ranks.h"

/* Sums, and below them highest values, over a stretch of events. */
struct mr_tally {
	uint64_t hits, larger_hits, slack_bytes, hit_bytes;
	uint64_t rejected_frees, rejected_bytes;
	uint64_t cleared_blocks, cleared_bytes;
	uint64_t over_memory;
	uint64_t peak;        /* of active, since the last reset */
	uint64_t peak_active; /* of active, before it */
	uint64_t peak_cached; /* also the largest cached + c that was accepted */
	uint64_t peak_total;
	uint64_t rejected_at; /* the smallest cached + c that was rejected */
};

/* Limits that have run the same so far: all of the grid from first to last. */
struct mr_lane {
	uint64_t first;
	uint64_t last;
	struct mr_tally tally;
};

struct mr_group {
	struct mr_task task; /* to be advanced */
	uint64_t active;
	uint64_t cached;
	uint64_t cached_blocks;
	uint64_t memory_limit;
	uint64_t low;  /* the first limit of the first lane */
	uint64_t high; /* the last limit of the last lane */
	struct mr_tally tally;
	uint32_t *counts; /* cached blocks of each class */
	uint32_t *live;   /* class in each slot; MR_NONE: not live */
	uint64_t *words;  /* which ranks have cached blocks */
	struct mr_lane **lanes;
	size_t lane_count;
	size_t lane_space;
	size_t at; /* the step to carry out next */
	uint64_t hash;
	struct mr_group *next; /* in lists */
};

/* An event as groups see it: sizes are classes already. */
struct mr_step {
	uint32_t op;
	uint32_t slot;
	union {
		uint32_t class; /* malloc */
		uint64_t bytes; /* set_memory_limit */
	};
};

/* What all groups of a sweep have in common; constant while they advance. */
struct mr_scene {
	struct mr_ranks ranks;
	uint64_t grid_from;
	uint64_t resolution;
	uint32_t slot_count;
	/* room in each group's arrays */
	uint32_t class_space;
	uint32_t slot_space;
	uint32_t word_space;
};

/* A group in the starting state, without lanes; NULL: no memory. */
struct mr_group *mr_group_new(const struct mr_scene *scene);
void mr_group_free(struct mr_group *group);

/* Gives the group a lane, above all it has. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_group_add_lane(
	struct mr_group *group, uint64_t first, uint64_t last, struct mr_error *err);

/* Makes the arrays fit a scene that has grown; MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_group_resize(struct mr_group *group,
	const struct mr_scene *scene, const struct mr_scene *old, struct mr_error *err);

/* Sets used[class] for each class of which the group has blocks. */
void mr_group_mark(
	const struct mr_group *group, const struct mr_scene *scene, bool *used);

/* Puts the bits in order again after ranks have moved. */
void mr_group_rerank(struct mr_group *group, const struct mr_scene *scene);

/*
 * Carries out steps from group->at to count, or to a free that parts the group.
 * Then *rejecting is a group of the limits that reject it, which may reuse the
 * memory of spare (a group out of use, or NULL); both have yet to carry it out.
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_group_advance(struct mr_group *group,
	const struct mr_scene *scene, const struct mr_step *steps, size_t count,
	struct mr_group **spare, struct mr_group **rejecting, struct mr_error *err);

/* Sets group->hash: equal states have equal ones. */
void mr_group_hash(struct mr_group *group, const struct mr_scene *scene);
bool mr_group_equal(
	const struct mr_group *a, const struct mr_group *b, const struct mr_scene *scene);

/* Adds the group's tally to its lanes'. */
void mr_group_flush(struct mr_group *group);

/*
 * Gives the first group the lanes of all, and leaves the others without any. All at
 * once: one after the other the lanes would be put in order as often as there are
 * groups, and a hundred thousand may come to one state.
 *   MR_ENOMEM, and nothing is done
 */
MR_MUST_CHECK enum mr_status mr_group_join(
	struct mr_group *const *groups, size_t count, struct mr_error *err);

/* Drops the limits that are not multiples of a coarser resolution. */
void mr_group_thin(struct mr_group *group, uint64_t from, uint64_t resolution);

/* Puts a group before a list of them. */
static inline void
mr_group_push(struct mr_group **list, struct mr_group *group)
{
	group->next = *list;
	*list = group;
}

#endif
