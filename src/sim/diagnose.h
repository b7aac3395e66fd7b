/* SPDX-License-Identifier: MIT */
#ifndef MR_SIM_DIAGNOSE_H
#define MR_SIM_DIAGNOSE_H

/* What a diagnosis tries, and the words for what it finds. */

#include "memreplay/diagnose.h"
#include "memreplay/sim.h"

/*
 * Of more events findings are only looked for if that is asked for: it takes several
 * times as long as the simulation itself.
 */
#define MR_DIAGNOSIS_MANY UINT64_C(20000000)

#define MR_CANDIDATES_MAX 40
#define MR_FINDING_TEXT   960
#define MR_FINDING_ADVICE 320

/* A change that may help, simulated in the second reading. */
struct mr_candidate {
	enum mr_finding_kind kind;
	struct mr_policy policy;
	struct mr_phase phase; /* MR_FINDING_CLEAR: a copy, its name the detail's */
	struct mr_clear_at clear;
	struct mr_sim *sim;
	struct mr_result result; /* once all is read */
	double gain;             /* 0 to 1; 0: it is no finding */
};

/* A finding with the memory for its words. */
struct mr_words {
	char text[MR_FINDING_TEXT];
	char advice[MR_FINDING_ADVICE];
	char call[64];
};

/* As mr_sim_clear(), for all that is tried. */
void mr_diagnosis_clear(struct mr_diagnosis *diagnosis);

/* The option that clears at a phase, for a shell; false: its name is too long for it. */
bool mr_finding_clear_at(char advice[MR_FINDING_ADVICE], const char *phase);

/*
 * Puts a candidate that gains into words. sizes: the number of the finding that has
 * told already how sizes make mallocs miss; 0: none has.
 */
void mr_finding_write(struct mr_words *words, const struct mr_candidate *candidate,
	const struct mr_result *before, size_t sizes);

#endif
