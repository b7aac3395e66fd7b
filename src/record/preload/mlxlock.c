/* SPDX-License-Identifier: MIT */
#include "record/preload/mlxlock.h"

#include <errno.h>
#include <time.h>

#include "record/preload/lane.h"
#include "record/preload/mlx.h"

/* How long a malloc of an unknown thread waits before that may be waited for. */
#define PATIENCE_NS 50000000
#define SECOND_NS   1000000000

static __thread bool inside __attribute__((tls_model("initial-exec")));

/* Whom to let in; the zero one: a call that nobody waits for. */
struct visitor {
	void *buffer;               /* to be freed: may be put off */
	size_t (*get_cached)(void); /* may go past */
};

static struct timespec
soon(void)
{
	struct timespec until;

	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PATIENCE_NS;
	until.tv_sec += until.tv_nsec / SECOND_NS;
	until.tv_nsec %= SECOND_NS;
	return until;
}

/* Waits for a change of the lock's state. false: none came in time. */
static bool
wait_for_change(struct mr_mlx_lock *lock, bool patient)
{
	struct timespec until;
	int before, status;

	/* or a thread could be cancelled in a function that is no such point */
	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	if (patient) {
		status = pthread_cond_wait(&lock->moved, &lock->mutex);
	} else {
		until = soon();
		status = pthread_cond_clockwait(
			&lock->moved, &lock->mutex, CLOCK_MONOTONIC, &until);
	}
	pthread_setcancelstate(before, NULL);
	return status != ETIMEDOUT;
}

static enum mr_mlx_entry
enter_locked(struct mr_mlx_lock *lock, struct visitor visitor)
{
	bool in_vain = mr_mlx_has_thread();

	while (lock->held) {
		if (lock->waits && visitor.buffer &&
			lock->put_off_count < MR_MLX_PUT_OFF) {
			lock->put_off[lock->put_off_count++] = visitor.buffer;
			return MR_MLX_LEFT;
		}
		if (lock->waits && in_vain && !lock->passing &&
			visitor.get_cached() == lock->cached) {
			lock->passing = true;
			return MR_MLX_PASSED;
		}
		if (!wait_for_change(lock, !lock->waits || !visitor.get_cached))
			in_vain = true;
	}
	lock->held = true;
	return MR_MLX_ENTERED;
}

static enum mr_mlx_entry
enter(struct visitor visitor)
{
	struct mr_mlx_lock *lock = &mr_state.mlx_lock;
	enum mr_mlx_entry entry;

	if (inside)
		return MR_MLX_NESTED;
	pthread_mutex_lock(&lock->mutex);
	entry = enter_locked(lock, visitor);
	pthread_mutex_unlock(&lock->mutex);
	inside = entry != MR_MLX_LEFT;
	return entry;
}

enum mr_mlx_entry
mr_mlx_enter(void)
{
	return enter((struct visitor){0});
}

enum mr_mlx_entry
mr_mlx_enter_to_malloc(size_t (*get_cached)(void))
{
	return enter((struct visitor){.get_cached = get_cached});
}

enum mr_mlx_entry
mr_mlx_enter_to_free(void *buffer, size_t (*get_cached)(void))
{
	return enter((struct visitor){.buffer = buffer, .get_cached = get_cached});
}

void
mr_mlx_leave(const enum mr_mlx_entry *entry)
{
	struct mr_mlx_lock *lock = &mr_state.mlx_lock;

	if (*entry == MR_MLX_NESTED || *entry == MR_MLX_LEFT)
		return;
	inside = false;
	pthread_mutex_lock(&lock->mutex);
	if (*entry == MR_MLX_PASSED)
		lock->passing = false;
	else
		lock->held = false;
	pthread_cond_broadcast(&lock->moved);
	pthread_mutex_unlock(&lock->mutex);
}

bool
mr_mlx_is_inside(void)
{
	return inside;
}

void
mr_mlx_begin_wait(size_t cached)
{
	struct mr_mlx_lock *lock = &mr_state.mlx_lock;

	pthread_mutex_lock(&lock->mutex);
	lock->waits = true;
	lock->cached = cached;
	lock->put_off_count = 0;
	pthread_cond_broadcast(&lock->moved);
	pthread_mutex_unlock(&lock->mutex);
}

void
mr_mlx_end_wait(void)
{
	struct mr_mlx_lock *lock = &mr_state.mlx_lock;

	pthread_mutex_lock(&lock->mutex);
	while (lock->passing)
		wait_for_change(lock, true);
	lock->waits = false;
	pthread_mutex_unlock(&lock->mutex);
}

void
mr_mlx_set_cached(size_t cached)
{
	struct mr_mlx_lock *lock = &mr_state.mlx_lock;

	pthread_mutex_lock(&lock->mutex);
	lock->cached = cached;
	pthread_mutex_unlock(&lock->mutex);
}

void *
mr_mlx_put_off(size_t place)
{
	struct mr_mlx_lock *lock = &mr_state.mlx_lock;

	return place < lock->put_off_count ? lock->put_off[place] : NULL;
}
