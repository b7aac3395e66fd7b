/* SPDX-License-Identifier: MIT */
#include "replay/threads.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/error.h"

/* Enough for the loop and any malloc; small, so that many threads fit. */
#define STACK_BYTES ((size_t)512 << 10)

/* Operations between two looks at whether all is called off. */
#define CHUNK 4096

#define TELL_EVERY_NS 100000000

struct mr_player {
	struct mr_threads *threads;
	pthread_t thread;
	uint32_t number;
	const struct mr_operation *operations; /* its own */
	/* beside what other players write */
	_Alignas(2 * MR_CACHE_LINE) atomic_size_t done;
	uint64_t wall_ns;
	uint64_t cpu_ns;
};

/* Ends all; only the first is told of. */
static void
fail(struct mr_threads *threads, uint32_t number)
{
	pthread_mutex_lock(&threads->lock);
	if (!threads->failed)
		threads->failed = number + 1;
	pthread_mutex_unlock(&threads->lock);
	mr_meeting_call_off(&threads->meeting);
}

/* Carries out its operations up to `end`; false: no more are to be done. */
static bool
play_stretch(struct mr_player *player, struct mr_loop *loop, size_t end)
{
	struct mr_threads *threads = player->threads;
	size_t at = atomic_load_explicit(&player->done, memory_order_relaxed);

	while (at < end && !mr_meeting_is_off(&threads->meeting)) {
		uint64_t count = end - at < CHUNK ? end - at : CHUNK, done;

		loop->operations = player->operations + at;
		loop->count = count;
		loop->before = at;
		done = mr_loop_run(loop, threads->allocator);
		at += (size_t)done;
		atomic_store_explicit(&player->done, at, memory_order_relaxed);
		if (done < count && player->operations[at].op == MR_OP_MALLOC)
			fail(threads, player->number);
	}
	return at == end;
}

/* Waits until every thread is done with a stretch. */
static bool
pass_fence(struct mr_player *player, const uint64_t *ends)
{
	struct mr_meeting *meeting = &player->threads->meeting;

	mr_meeting_tell(meeting, player->number, (size_t)ends[player->number]);
	for (size_t i = 0; i < meeting->threads; i++)
		if (!mr_meeting_wait(meeting, player->number, i, (size_t)ends[i]))
			return false;
	return true;
}

static void
play(struct mr_player *player)
{
	struct mr_threads *threads = player->threads;
	const struct mr_schedule *schedule = threads->schedule;
	const uint64_t *ends = schedule->ends;
	struct mr_loop loop = {.blocks = threads->blocks,
		.touch = threads->touch,
		.page = threads->page,
		.meeting = &threads->meeting,
		.thread = (uint16_t)player->number};

	if (threads->histograms) {
		loop.malloc_ns = &threads->histograms[2 * player->number];
		loop.free_ns = loop.malloc_ns + 1;
	}
	for (uint64_t i = 0; i < schedule->shape.stretches; i++) {
		if (!play_stretch(player, &loop, (size_t)ends[player->number]))
			return;
		if (i + 1 < schedule->shape.stretches && !pass_fence(player, ends))
			return;
		ends += schedule->shape.threads;
	}
}

static void *
run_player(void *context)
{
	struct mr_player *player = context;
	struct mr_threads *threads = player->threads;
	uint64_t wall, cpu;

	pthread_mutex_lock(&threads->lock);
	while (!threads->gone)
		pthread_cond_wait(&threads->change, &threads->lock);
	pthread_mutex_unlock(&threads->lock);
	wall = mr_clock_ns();
	cpu = mr_clock_read(CLOCK_THREAD_CPUTIME_ID);
	play(player);
	player->cpu_ns = mr_clock_read(CLOCK_THREAD_CPUTIME_ID) - cpu;
	player->wall_ns = mr_clock_ns() - wall;
	pthread_mutex_lock(&threads->lock);
	threads->finished++;
	pthread_cond_broadcast(&threads->change);
	pthread_mutex_unlock(&threads->lock);
	return NULL;
}

static enum mr_status
start_players(struct mr_threads *threads, const pthread_attr_t *attributes,
	struct mr_error *err)
{
	const struct mr_schedule *schedule = threads->schedule;
	const uint64_t *counts = schedule->ends +
		(schedule->shape.stretches - 1) * schedule->shape.threads;
	const struct mr_operation *operations = schedule->operations;

	for (; threads->started < schedule->shape.threads; threads->started++) {
		struct mr_player *player = &threads->players[threads->started];
		int error;

		player->threads = threads;
		player->number = threads->started;
		player->operations = operations;
		operations += counts[threads->started];
		error = pthread_create(&player->thread, attributes, run_player, player);
		if (error)
			return mr_fail(err, MR_ENOMEM,
				"thread %u of %u cannot be started: %s",
				threads->started + 1, schedule->shape.threads,
				strerror(error));
	}
	return MR_OK;
}

enum mr_status
mr_threads_start(struct mr_threads *threads, struct mr_error *err)
{
	uint32_t count = threads->schedule->shape.threads;
	pthread_attr_t attributes;
	enum mr_status st;

	pthread_mutex_init(&threads->lock, NULL);
	pthread_cond_init(&threads->change, NULL);
	if (!count)
		return MR_OK;
	if ((st = mr_meeting_init(&threads->meeting, count, err)))
		return st;
	threads->players = aligned_alloc(
		_Alignof(struct mr_player), count * sizeof(struct mr_player));
	if (!threads->players)
		return mr_fail_memory(err);
	memset(threads->players, 0, count * sizeof(struct mr_player));
	pthread_attr_init(&attributes);
	pthread_attr_setstacksize(&attributes, STACK_BYTES);
	st = start_players(threads, &attributes, err);
	pthread_attr_destroy(&attributes);
	return st;
}

static void
open_gate(struct mr_threads *threads)
{
	pthread_mutex_lock(&threads->lock);
	threads->gone = true;
	pthread_cond_broadcast(&threads->change);
	pthread_mutex_unlock(&threads->lock);
}

static void
tell_progress(struct mr_threads *threads)
{
	uint64_t done = 0;

	for (uint32_t i = 0; i < threads->started; i++)
		done += atomic_load_explicit(
			&threads->players[i].done, memory_order_relaxed);
	threads->progress(threads->progress_context, done);
}

/* Waits for some time, or until something changes. Under the lock. */
static void
wait_a_while(struct mr_threads *threads)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_nsec += TELL_EVERY_NS;
	until.tv_sec += until.tv_nsec / 1000000000;
	until.tv_nsec %= 1000000000;
	pthread_cond_timedwait(&threads->change, &threads->lock, &until);
}

static enum mr_status
no_memory(const struct mr_threads *threads, struct mr_error *err)
{
	const struct mr_player *player = &threads->players[threads->failed - 1];
	size_t at = atomic_load_explicit(&player->done, memory_order_relaxed);

	return mr_fail(err, MR_ENOMEM,
		"event %zu of thread %u: the system has no memory for a malloc of %llu "
		"bytes",
		at + 1, threads->schedule->threads[player->number].tid,
		(unsigned long long)player->operations[at].size);
}

enum mr_status
mr_threads_go(struct mr_threads *threads, struct mr_error *err)
{
	open_gate(threads);
	pthread_mutex_lock(&threads->lock);
	while (threads->finished < threads->started) {
		if (!threads->progress) {
			pthread_cond_wait(&threads->change, &threads->lock);
			continue;
		}
		wait_a_while(threads);
		tell_progress(threads);
	}
	pthread_mutex_unlock(&threads->lock);
	return threads->failed ? no_memory(threads, err) : MR_OK;
}

static double
above(double value, double cost)
{
	return value > cost ? value - cost : 0;
}

static void
measure_player(const struct mr_player *player, const struct mr_loop_cost *cost)
{
	const struct mr_threads *threads = player->threads;
	const struct mr_post *post = &threads->meeting.posts[player->number];
	double *figures = threads->schedule->threads[player->number].figures;
	double events = (double)atomic_load_explicit(&player->done, memory_order_relaxed);

	figures[MR_THREAD_EVENTS] = events;
	figures[MR_THREAD_WALL] = (double)player->wall_ns;
	figures[MR_THREAD_CPU] = (double)player->cpu_ns;
	figures[MR_THREAD_WAITS] = (double)post->waits;
	figures[MR_THREAD_WAITED] = (double)post->waited_ns;
	figures[MR_THREAD_NS_PER_EVENT] = above(
		(double)(player->wall_ns - post->waited_ns) / events, cost->event_ns);
	if (threads->histograms) {
		struct mr_histogram calls = threads->histograms[2 * player->number];

		mr_histogram_merge(&calls, &threads->histograms[2 * player->number + 1]);
		if (!calls.count)
			return;
		figures[MR_THREAD_CALL] =
			above(mr_histogram_mean(&calls), cost->call_mean_ns);
		figures[MR_THREAD_CALL_P99] =
			above((double)mr_histogram_percentile(&calls, 990),
				(double)cost->call_ns);
	}
}

void
mr_threads_measure(const struct mr_threads *threads, struct mr_threads_sum *sum,
	const struct mr_loop_cost *cost)
{
	memset(sum, 0, sizeof(*sum));
	for (uint32_t i = 0; i < threads->started; i++) {
		const struct mr_player *player = &threads->players[i];
		const struct mr_post *post = &threads->meeting.posts[i];

		measure_player(player, cost);
		sum->busy_ns += player->wall_ns - post->waited_ns;
		sum->cpu_ns += player->cpu_ns;
		sum->waits += post->waits;
		sum->waited_ns += post->waited_ns;
	}
	for (uint32_t i = 1; threads->histograms && i < threads->started; i++) {
		mr_histogram_merge(&threads->histograms[0], &threads->histograms[2 * i]);
		mr_histogram_merge(
			&threads->histograms[1], &threads->histograms[2 * i + 1]);
	}
}

void
mr_threads_end(struct mr_threads *threads)
{
	if (!threads->gone) {
		if (threads->meeting.posts)
			mr_meeting_call_off(&threads->meeting);
		open_gate(threads);
	}
	for (uint32_t i = 0; i < threads->started; i++)
		pthread_join(threads->players[i].thread, NULL);
	free(threads->players);
	mr_meeting_fini(&threads->meeting);
	pthread_cond_destroy(&threads->change);
	pthread_mutex_destroy(&threads->lock);
}
