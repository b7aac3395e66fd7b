/* SPDX-License-Identifier: MIT */
#include "replay/meeting.h"

#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/error.h"

/*
 * Looks before a thread sleeps: some microseconds, about what it takes to put a
 * thread to sleep and wake it.
 */
#define LOOKS 100

static void
relax(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#endif
}

enum mr_status
mr_meeting_init(struct mr_meeting *meeting, size_t threads, struct mr_error *err)
{
	memset(meeting, 0, sizeof(*meeting));
	if (threads > SIZE_MAX / sizeof(struct mr_post))
		return mr_fail_memory(err);
	meeting->posts =
		aligned_alloc(_Alignof(struct mr_post), threads * sizeof(struct mr_post));
	if (!meeting->posts)
		return mr_fail_memory(err);
	memset(meeting->posts, 0, threads * sizeof(struct mr_post));
	for (; meeting->threads < threads; meeting->threads++) {
		struct mr_post *post = &meeting->posts[meeting->threads];

		atomic_store(&post->wanted, SIZE_MAX);
		pthread_mutex_init(&post->lock, NULL);
		pthread_cond_init(&post->news, NULL);
	}
	return MR_OK;
}

void
mr_meeting_fini(struct mr_meeting *meeting)
{
	for (size_t i = 0; i < meeting->threads; i++) {
		pthread_cond_destroy(&meeting->posts[i].news);
		pthread_mutex_destroy(&meeting->posts[i].lock);
	}
	free(meeting->posts);
}

/* Those who want more than is done yet will say so again. */
static void
wake(struct mr_post *post)
{
	pthread_mutex_lock(&post->lock);
	atomic_store(&post->wanted, SIZE_MAX);
	pthread_cond_broadcast(&post->news);
	pthread_mutex_unlock(&post->lock);
}

void
mr_meeting_tell(struct mr_meeting *meeting, size_t self, size_t done)
{
	struct mr_post *post = &meeting->posts[self];
	uint64_t start;

	/*
	 * Here done is written and wanted read, in sleep_until() the other way round,
	 * all in one order: one of the two threads sees what the other wrote.
	 */
	atomic_store(&post->done, done);
	if (done < atomic_load(&post->wanted))
		return;
	start = mr_clock_ns();
	wake(post);
	post->waited_ns += mr_clock_ns() - start;
}

static void
sleep_until(struct mr_meeting *meeting, struct mr_post *post, size_t done)
{
	pthread_mutex_lock(&post->lock);
	for (;;) {
		if (done < atomic_load(&post->wanted))
			atomic_store(&post->wanted, done);
		if (atomic_load(&post->done) >= done || mr_meeting_is_off(meeting))
			break;
		pthread_cond_wait(&post->news, &post->lock);
	}
	pthread_mutex_unlock(&post->lock);
}

bool
mr_meeting_wait(struct mr_meeting *meeting, size_t self, size_t other, size_t done)
{
	struct mr_post *post = &meeting->posts[other], *own = &meeting->posts[self];
	uint64_t start;

	if (atomic_load_explicit(&post->done, memory_order_acquire) >= done)
		return true;
	own->waits++;
	start = mr_clock_ns();
	for (int i = 0; i < LOOKS && atomic_load(&post->done) < done; i++)
		relax();
	if (atomic_load(&post->done) < done)
		sleep_until(meeting, post, done);
	own->waited_ns += mr_clock_ns() - start;
	return !mr_meeting_is_off(meeting);
}

void
mr_meeting_call_off(struct mr_meeting *meeting)
{
	atomic_store(&meeting->off, true);
	for (size_t i = 0; i < meeting->threads; i++)
		wake(&meeting->posts[i]);
}

bool
mr_meeting_is_off(struct mr_meeting *meeting)
{
	return atomic_load(&meeting->off);
}
