/* SPDX-License-Identifier: MIT */
#include "fleet/hand.h"

#include <time.h>

#include "base/error.h"

#define MILLION 1000000u
#define WAIT_NS 1000000

static bool
watch(void *context, double part)
{
	struct mr_hand *hand = context;

	atomic_store(&hand->part, (unsigned)(part * MILLION));
	return !atomic_load(&hand->give_up);
}

static void *
run(void *context)
{
	struct mr_hand *hand = context;

	pthread_mutex_lock(&hand->lock);
	while (hand->state != MR_HAND_GONE) {
		if (hand->state != MR_HAND_BUSY) {
			pthread_cond_wait(&hand->change, &hand->lock);
			continue;
		}
		pthread_mutex_unlock(&hand->lock);
		mr_errand_run(&hand->errand, hand->fleet);
		pthread_mutex_lock(&hand->lock);
		hand->state = MR_HAND_DONE;
		pthread_cond_broadcast(&hand->change);
	}
	pthread_mutex_unlock(&hand->lock);
	return NULL;
}

enum mr_status
mr_hand_start(struct mr_hand *hand, const struct mr_fleet *fleet, struct mr_error *err)
{
	*hand = (struct mr_hand){.fleet = fleet};
	pthread_mutex_init(&hand->lock, NULL);
	pthread_cond_init(&hand->change, NULL);
	if (pthread_create(&hand->thread, NULL, run, hand))
		return mr_fail(err, MR_ENOMEM, "cannot start a thread");
	return MR_OK;
}

static void
change(struct mr_hand *hand, enum mr_hand_state state)
{
	pthread_mutex_lock(&hand->lock);
	hand->state = state;
	pthread_cond_broadcast(&hand->change);
	pthread_mutex_unlock(&hand->lock);
}

void
mr_hand_give(struct mr_hand *hand, struct mr_packet *brief)
{
	hand->errand = (struct mr_errand){
		.brief = *brief, .watch = watch, .watch_context = hand};
	*brief = (struct mr_packet){0};
	hand->given = true;
	atomic_store(&hand->part, 0);
	change(hand, MR_HAND_BUSY);
}

bool
mr_hand_wait(struct mr_hand *hand)
{
	struct timespec end;
	bool done;

	clock_gettime(CLOCK_REALTIME, &end);
	end.tv_nsec += WAIT_NS;
	end.tv_sec += end.tv_nsec / 1000000000;
	end.tv_nsec %= 1000000000;
	pthread_mutex_lock(&hand->lock);
	if (hand->state != MR_HAND_DONE)
		pthread_cond_timedwait(&hand->change, &hand->lock, &end);
	done = hand->state == MR_HAND_DONE;
	pthread_mutex_unlock(&hand->lock);
	return done;
}

void
mr_hand_free(struct mr_hand *hand)
{
	mr_errand_fini(&hand->errand);
	hand->given = false;
	change(hand, MR_HAND_FREE);
}

double
mr_hand_part(struct mr_hand *hand)
{
	return (double)atomic_load(&hand->part) / MILLION;
}

void
mr_hand_stop(struct mr_hand *hand)
{
	atomic_store(&hand->give_up, true);
	while (hand->given && !mr_hand_wait(hand))
		;
	change(hand, MR_HAND_GONE);
	pthread_join(hand->thread, NULL);
	mr_errand_fini(&hand->errand);
	pthread_cond_destroy(&hand->change);
	pthread_mutex_destroy(&hand->lock);
}
