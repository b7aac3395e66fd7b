/* SPDX-License-Identifier: MIT */
#ifndef MR_PRELOAD_WAKE_H
#define MR_PRELOAD_WAKE_H

/*
 * Finding out whether this process is to be recorded, and where to. Part of
 * the preloaded object. Happens at the first event of a process, which can be
 * long before main(), and again at the first event of a forked child.
 */

/*
 * Leaves the process in the mode it is to have, or asleep if it is too early
 * to tell. May be called from anywhere, again and again.
 */
void mr_wake(void);

/* Turns recording from malloc's events to MLX's; those before do not count. */
void mr_switch_to_mlx(void);

#endif
