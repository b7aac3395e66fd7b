/* SPDX-License-Identifier: MIT */
#include "record/preload/lane.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>

#include "record/preload/chunk.h"

struct mr_state mr_state;
struct mr_process mr_process;
__thread struct mr_lane mr_lane __attribute__((tls_model("initial-exec")));

static pthread_key_t lane_key;

void
mr_stop(uint64_t seq, enum mr_stop why, int errno_value)
{
	struct mr_spool_head *head = mr_process.head;
	uint64_t now = atomic_load(&head->stop_seq);
	uint32_t none = MR_STOP_NONE;
	int on = MR_MODE_ON;

	/* a child, forked from within a record, has no say in its parent's spool */
	if (atomic_load(&mr_state.mode) == MR_MODE_ASLEEP)
		return;
	if (why == MR_STOP_EVENTS)
		seq = atomic_load(&mr_state.limit);
	while (seq < now && !atomic_compare_exchange_weak(&head->stop_seq, &now, seq))
		;
	if (atomic_compare_exchange_strong(&head->stop, &none, why))
		head->stop_errno = errno_value;
	atomic_compare_exchange_strong(&mr_state.mode, &on, MR_MODE_COUNT);
	on = MR_MODE_ON;
	atomic_compare_exchange_strong(&mr_state.malloc_mode, &on, MR_MODE_COUNT);
}

void
mr_count_event(void)
{
	atomic_fetch_add_explicit(&mr_process.head->seq, 1, memory_order_relaxed);
}

static void
park(struct mr_lane *lane)
{
	struct mr_raw *records = (struct mr_raw *)(lane->chunk + 1);
	struct mr_chunk *none;

	lane->chunk->used = (uint64_t)(lane->at - records);
	for (size_t i = 0; i < MR_PARKED; i++) {
		none = NULL;
		if (atomic_compare_exchange_strong(
			    &mr_state.parked[i], &none, lane->chunk))
			return;
	}
	mr_chunk_unmap(lane->chunk);
}

static bool
take(struct mr_lane *lane, struct mr_chunk *chunk, unsigned slots)
{
	struct mr_raw *records = (struct mr_raw *)(chunk + 1);

	if (chunk->used + slots + 1 > MR_CHUNK_RECORDS) {
		mr_chunk_unmap(chunk);
		return false;
	}
	lane->chunk = chunk;
	lane->at = records + chunk->used;
	lane->end = records + MR_CHUNK_RECORDS;
	mr_put_ahead(lane, 0, lane->tid, MR_RAW_WORD(MR_RAW_THREAD, 0, 0));
	lane->at++;
	return true;
}

/* Gives the lane a chunk with room for slots records and the thread's number. */
static bool
refill(struct mr_lane *lane, unsigned slots)
{
	struct mr_chunk *chunk;

	if (lane->chunk)
		mr_chunk_unmap(lane->chunk);
	lane->chunk = NULL;
	lane->at = lane->end = NULL;
	for (size_t i = 0; i < MR_PARKED; i++) {
		if (!atomic_load_explicit(&mr_state.parked[i], memory_order_relaxed))
			continue;
		chunk = atomic_exchange(&mr_state.parked[i], NULL);
		if (chunk && take(lane, chunk, slots))
			return true;
	}
	chunk = mr_chunk_new();
	return chunk && take(lane, chunk, slots);
}

/* A handler must not find the lane half refilled, nor errno change under it. */
static bool
refill_undisturbed(struct mr_lane *lane, unsigned slots)
{
	int saved_errno = errno;
	sigset_t all, before;
	bool done;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	done = refill(lane, slots);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = saved_errno;
	return done;
}

static uint32_t
own_tid(void)
{
	struct mr_lane *own = &mr_lane;

	if (!own->has_tid) {
		own->tid = atomic_fetch_add(&mr_process.head->threads, 1);
		own->has_tid = true;
	}
	return own->tid;
}

/* The thread's own lane; what it allocates on the way goes to a spare one. */
static struct mr_lane *
open_own(struct mr_lane *own, unsigned slots)
{
	bool first = !own->chunk;

	own->busy = true;
	atomic_signal_fence(memory_order_seq_cst);
	if (own->chunk && own->end - own->at >= (ptrdiff_t)slots)
		return own;
	own_tid();
	if (!refill_undisturbed(own, slots)) {
		own->busy = false;
		return NULL;
	}
	if (first)
		pthread_setspecific(lane_key, own);
	return own;
}

struct mr_lane *
mr_lane_open(struct mr_lane *spare, unsigned slots)
{
	if (atomic_load_explicit(&mr_state.mode, memory_order_relaxed) != MR_MODE_ON)
		return NULL;
	if (!mr_lane.busy && !mr_lane.exiting)
		return open_own(&mr_lane, slots);
	*spare = (struct mr_lane){.tid = own_tid()};
	return refill_undisturbed(spare, slots) ? spare : NULL;
}

void
mr_lane_close(struct mr_lane *lane)
{
	if (lane != &mr_lane) {
		park(lane);
		return;
	}
	atomic_signal_fence(memory_order_seq_cst);
	lane->busy = false;
}

void
mr_note_slowly(uint64_t value, uint64_t word)
{
	struct mr_lane spare, *lane = mr_lane_open(&spare, 1);

	if (!lane) {
		mr_count_event();
		return;
	}
	mr_put(lane, value, word);
	mr_lane_close(lane);
}

static void
give_back(void *value)
{
	struct mr_lane *lane = value;

	lane->exiting = true;
	if (!lane->chunk || atomic_load(&mr_state.mode) != MR_MODE_ON)
		return;
	park(lane);
	lane->chunk = NULL;
	lane->at = lane->end = NULL;
}

void
mr_lane_reset(void)
{
	mr_lane = (struct mr_lane){.exiting = mr_lane.exiting};
}

bool
mr_lane_setup(void)
{
	return !pthread_key_create(&lane_key, give_back);
}
