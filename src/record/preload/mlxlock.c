/* SPDX-License-Identifier: MIT */
#include "record/preload/mlxlock.h"

#include <pthread.h>
#include <stdbool.h>
#include <time.h>

#include "record/preload/lane.h"

/* How long a thread waits before it asks whether it is waited for. */
#define PATIENCE_NS 5000000
#define SECOND_NS   1000000000

static __thread bool inside __attribute__((tls_model("initial-exec")));

static bool
lock_with_patience(void)
{
	struct timespec until;

	if (!pthread_mutex_trylock(&mr_state.mlx_lock))
		return true;
	clock_gettime(CLOCK_MONOTONIC, &until);
	until.tv_nsec += PATIENCE_NS;
	until.tv_sec += until.tv_nsec / SECOND_NS;
	until.tv_nsec %= SECOND_NS;
	return !pthread_mutex_clocklock(&mr_state.mlx_lock, CLOCK_MONOTONIC, &until);
}

/* Whether a waiting call holds the lock and has not taken effect. */
static bool
may_pass(size_t (*get_cached)(void))
{
	return atomic_load(&mr_state.mlx_waits) &&
		get_cached() == atomic_load(&mr_state.mlx_cached);
}

enum mr_mlx_entry
mr_mlx_enter(size_t (*get_cached)(void))
{
	if (inside)
		return MR_MLX_NESTED;
	while (!lock_with_patience()) {
		if (!atomic_load(&mr_state.mlx_waits))
			continue;
		pthread_mutex_lock(&mr_state.mlx_pass_lock);
		inside = true;
		if (may_pass(get_cached))
			return MR_MLX_PASSED;
		inside = false;
		pthread_mutex_unlock(&mr_state.mlx_pass_lock);
	}
	inside = true;
	return MR_MLX_LOCKED;
}

void
mr_mlx_leave(const enum mr_mlx_entry *entry)
{
	if (*entry == MR_MLX_NESTED)
		return;
	inside = false;
	pthread_mutex_unlock(
		*entry == MR_MLX_PASSED ? &mr_state.mlx_pass_lock : &mr_state.mlx_lock);
}

void
mr_mlx_begin_wait(size_t cached)
{
	mr_mlx_set_cached(cached);
	atomic_store(&mr_state.mlx_waits, 1);
}

void
mr_mlx_end_wait(void)
{
	/* whoever is passing must be done before the next can enter */
	pthread_mutex_lock(&mr_state.mlx_pass_lock);
	atomic_store(&mr_state.mlx_waits, 0);
	pthread_mutex_unlock(&mr_state.mlx_pass_lock);
}

void
mr_mlx_set_cached(size_t cached)
{
	atomic_store(&mr_state.mlx_cached, cached);
}
