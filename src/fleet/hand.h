/* SPDX-License-Identifier: MIT */
#ifndef MR_FLEET_HAND_H
#define MR_FLEET_HAND_H

/*
 * A thread that carries out one errand at a time, so that the thread which has it
 * can talk to other processes meanwhile.
 */

#include <pthread.h>
#include <stdatomic.h>

#include "fleet/fleet.h"

enum mr_hand_state { MR_HAND_FREE, MR_HAND_BUSY, MR_HAND_DONE, MR_HAND_GONE };

struct mr_hand {
	const struct mr_fleet *fleet;
	struct mr_errand errand;  /* the thread's while it is busy */
	bool given;               /* it has one, done or not; the giver's */
	enum mr_hand_state state; /* under the lock */
	atomic_uint part;         /* of the errand that is done, in millionths */
	atomic_bool give_up;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
};

/* MR_ENOMEM: the thread cannot be started. */
MR_MUST_CHECK enum mr_status mr_hand_start(
	struct mr_hand *hand, const struct mr_fleet *fleet, struct mr_error *err);

/* Gives an errand to a hand that is free; the brief is then the hand's. */
void mr_hand_give(struct mr_hand *hand, struct mr_packet *brief);

/*
 * Waits for an errand to be done, a thousandth of a second at most. What came of it is
 * in hand->errand until mr_hand_free().
 */
bool mr_hand_wait(struct mr_hand *hand);

void mr_hand_free(struct mr_hand *hand);

/* Which part of the errand is done, 0 to 1. */
double mr_hand_part(struct mr_hand *hand);

/* Has what it does given up, and ends it. */
void mr_hand_stop(struct mr_hand *hand);

#endif
