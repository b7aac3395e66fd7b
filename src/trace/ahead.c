/* SPDX-License-Identifier: MIT */
#include "trace/ahead.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define CHUNKS     16
#define CHUNK_SIZE ((size_t)16 * 1024)

struct chunk {
	unsigned char bytes[CHUNK_SIZE];
	size_t length;
	enum mr_status after; /* as mr_inflow_take() returns it */
};

/* A ring: chunks from `taken` to `made` are full, the others empty. */
struct mr_ahead {
	struct mr_inflow *flow;
	pthread_mutex_t filling; /* over flow, over and empty chunks */
	bool over;               /* the flow has no more */
	atomic_size_t made;
	atomic_size_t taken;
	size_t at;           /* in the chunk being taken */
	struct mr_error err; /* behind the last chunk */
	struct chunk chunks[CHUNKS];
};

enum mr_status
mr_ahead_new(struct mr_ahead **out, struct mr_inflow *flow, struct mr_error *err)
{
	struct mr_ahead *ahead = malloc(sizeof(*ahead));

	*out = ahead;
	if (!ahead)
		return mr_fail_memory(err);
	ahead->flow = flow;
	ahead->over = false;
	ahead->at = 0;
	atomic_init(&ahead->made, 0);
	atomic_init(&ahead->taken, 0);
	pthread_mutex_init(&ahead->filling, NULL);
	return MR_OK;
}

/* Fills the next chunk. The caller holds `filling`, and there is room. */
static void
fill(struct mr_ahead *ahead)
{
	struct chunk *chunk = &ahead->chunks[atomic_load(&ahead->made) % CHUNKS];
	size_t got;

	chunk->length = 0;
	do {
		chunk->after = mr_inflow_take(ahead->flow, chunk->bytes + chunk->length,
			CHUNK_SIZE - chunk->length, &got, &ahead->err);
		chunk->length += got;
	} while (!chunk->after && chunk->length < CHUNK_SIZE);
	ahead->over = chunk->after != MR_OK;
	atomic_fetch_add(&ahead->made, 1);
}

bool
mr_ahead_help(struct mr_ahead *ahead)
{
	bool can;

	if (pthread_mutex_trylock(&ahead->filling))
		return false;
	can = !ahead->over &&
		atomic_load(&ahead->made) - atomic_load(&ahead->taken) < CHUNKS;
	if (can)
		fill(ahead);
	pthread_mutex_unlock(&ahead->filling);
	return can;
}

/* The chunk to take from. */
static struct chunk *
next_chunk(struct mr_ahead *ahead)
{
	size_t taken = atomic_load(&ahead->taken);

	if (atomic_load(&ahead->made) == taken) {
		pthread_mutex_lock(&ahead->filling);
		if (atomic_load(&ahead->made) == taken)
			fill(ahead);
		pthread_mutex_unlock(&ahead->filling);
	}
	return &ahead->chunks[taken % CHUNKS];
}

enum mr_status
mr_ahead_take(struct mr_ahead *ahead, unsigned char *to, size_t room, size_t *got,
	struct mr_error *err)
{
	struct chunk *chunk = next_chunk(ahead);
	enum mr_status after = chunk->after;
	size_t left = chunk->length - ahead->at;

	*got = left < room ? left : room;
	memcpy(to, chunk->bytes + ahead->at, *got);
	ahead->at += *got;
	if (ahead->at < chunk->length)
		return MR_OK;
	if (after) {
		if (err)
			*err = ahead->err;
		return after;
	}
	ahead->at = 0;
	atomic_fetch_add(&ahead->taken, 1);
	return MR_OK;
}

void
mr_ahead_free(struct mr_ahead *ahead)
{
	if (!ahead)
		return;
	pthread_mutex_destroy(&ahead->filling);
	free(ahead);
}
