/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_RANKS_H
#define MR_SIM_RANKS_H

/*
 * The sizes that all states of a sweep share: a class for each size, and the
 * classes' order by size as ranks. A state keeps one bit a rank, with summary
 * words above them, so that its next larger cached size is found in a few looks.
 *
 * While new events are read, classes may be added; what the states work with
 * changes only in mr_ranks_settle(), when no state is being advanced. So that a
 * trace whose sizes keep growing needs no more memory than its blocks, classes
 * that no state uses any more are forgotten.
 */

#include <stdint.h>

#include "alloc/sizes.h"
#include "memreplay/policy.h"

#define MR_RANK_LEVELS 6 /* 64^6 > 2^32 */

struct mr_ranks {
	struct mr_policy policy;
	struct mr_sizes sizes;
	uint32_t in_use; /* classes */
	uint32_t kept;   /* when some were forgotten last */
	bool unsettled;  /* classes have come or gone */
	/* what follows is settled */
	uint32_t count;       /* class numbers handed out */
	uint64_t *size;       /* of each class */
	uint64_t *window_end; /* a block of this capacity is too large for the class */
	uint32_t *rank;       /* of each class */
	uint32_t *class_at;   /* of each rank */
	uint32_t level_count;
	uint32_t level[MR_RANK_LEVELS]; /* where each level's words begin */
	uint32_t word_count;            /* of all levels */
	uint32_t space;
};

MR_MUST_CHECK enum mr_status mr_ranks_init(
	struct mr_ranks *ranks, const struct mr_policy *policy, struct mr_error *err);
void mr_ranks_fini(struct mr_ranks *ranks);

/* The class of a requested size, new or known. MR_ENOMEM. */
MR_MUST_CHECK enum mr_status mr_ranks_class(
	struct mr_ranks *ranks, uint64_t size, uint32_t *class, struct mr_error *err);

/* Whether classes are many more than they were when some were forgotten last. */
bool mr_ranks_crowded(const struct mr_ranks *ranks, uint32_t slots);

/*
 * Forgets the classes of which used[class] is false, before the ranks are
 * settled: no state may have blocks of them, no event to come name them.
 * MR_ENOMEM.
 */
MR_MUST_CHECK enum mr_status mr_ranks_forget(
	struct mr_ranks *ranks, const bool *used, struct mr_error *err);

/* Takes new classes up. *changed: there were some, and ranks have moved. */
MR_MUST_CHECK enum mr_status mr_ranks_settle(
	struct mr_ranks *ranks, bool *changed, struct mr_error *err);

/* Sets the bit of a rank in a state's words. */
static inline void
mr_ranks_fill(const struct mr_ranks *ranks, uint64_t *words, uint32_t rank)
{
	for (uint32_t l = 0; l < ranks->level_count; l++, rank >>= 6) {
		uint64_t *word = &words[ranks->level[l] + (rank >> 6)];
		uint64_t before = *word;

		*word = before | UINT64_C(1) << (rank & 63);
		if (before)
			return;
	}
}

/* Clears the bit of a rank. */
static inline void
mr_ranks_empty(const struct mr_ranks *ranks, uint64_t *words, uint32_t rank)
{
	for (uint32_t l = 0; l < ranks->level_count; l++, rank >>= 6) {
		uint64_t *word = &words[ranks->level[l] + (rank >> 6)];

		*word &= ~(UINT64_C(1) << (rank & 63));
		if (*word)
			return;
	}
}

/* The smallest rank of at least `rank` whose bit is set, or MR_NONE. */
static inline uint32_t
mr_ranks_next(const struct mr_ranks *ranks, const uint64_t *words, uint32_t rank)
{
	uint32_t l = 0;
	uint64_t word;

	for (;; l++, rank = (rank >> 6) + 1) {
		uint32_t end = l + 1 < ranks->level_count ? ranks->level[l + 1]
							  : ranks->word_count;

		if (l == ranks->level_count || ranks->level[l] + (rank >> 6) >= end)
			return MR_NONE;
		word = words[ranks->level[l] + (rank >> 6)] & ~UINT64_C(0) << (rank & 63);
		if (word)
			break;
	}
	rank = (rank & ~63u) | (uint32_t)__builtin_ctzll(word);
	while (l-- > 0)
		rank = rank << 6 |
			(uint32_t)__builtin_ctzll(words[ranks->level[l] + rank]);
	return rank;
}

#endif
