/* SPDX-License-Identifier: MIT */
#ifndef MEMREPLAY_REPLAY_H
#define MEMREPLAY_REPLAY_H

/*
 * Replay: a trace carried out with real memory, on the caching allocator of
 * memreplay/cache.h beside plain mallocs, and measured.
 *
 * Every backend runs in a child process of its own, one after another, which
 * is the calling program started anew. So peak memory, page faults and
 * processor time are the backend's own, another malloc can be preloaded, and a
 * child that crashes or is killed is a result. Children die with their parent.
 *
 * A program that calls mr_replay_run() must let its main() begin with
 *
 *     if (argc > 1 && !strcmp(argv[1], MR_REPLAY_CHILD))
 *             return mr_replay_child(argc, argv);
 *
 * and must not ignore SIGCHLD, nor wait for children that it does not know.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "memreplay/policy.h"
#include "memreplay/result.h"
#include "memreplay/trace.h"

#ifdef __cplusplus
extern "C" {
#endif

#define MR_REPLAY_CHILD "replay-child"

/* What the child writes to each block that it gets, hits included. */
enum mr_touch {
	MR_TOUCH_NONE,
	MR_TOUCH_PAGE, /* a byte in each page of the requested size */
	MR_TOUCH_FULL  /* every byte of the requested size */
};

enum mr_timing {
	MR_TIMING_CALLS, /* each call, for percentiles */
	MR_TIMING_LOOP   /* the whole loop only: no clock is read in between */
};

/* A trace as the children carry it out: 16 bytes an event, in shared memory. */
struct mr_program;

/* Makes an empty program; on success *out is for mr_program_free(). */
MR_API MR_MUST_CHECK enum mr_status mr_program_new(
	struct mr_program **out, struct mr_error *err);

/* Frees it; NULL is fine. */
MR_API void mr_program_free(struct mr_program *program);

/*
 * Appends an event from a reader (ids are trusted, slot must be set).
 *   MR_ENOMEM  the machine has no memory left for it
 */
MR_API MR_MUST_CHECK enum mr_status mr_program_add(
	struct mr_program *program, const struct mr_event *event, struct mr_error *err);

/*
 * Bytes of memory that a replay will come to need at most, beyond what the
 * program occupies already. simulated is what the simulation of the same
 * events says under the policy that will be replayed. threads, as in the options
 * of a replay: the blocks are counted twice (or 64 MiB more), for threads run
 * ahead of each other, and with them 16 bytes an event, 8 a malloc, and what the
 * threads themselves take.
 */
MR_API uint64_t mr_program_need(const struct mr_program *program,
	const struct mr_result *simulated, enum mr_touch touch, bool threads);

/*
 * Bytes of memory that the machine can give without swapping: what the system
 * says is available, or what the control groups of this process leave, if less.
 *   MR_EIO  the system does not say
 */
MR_API MR_MUST_CHECK enum mr_status mr_memory_available(
	uint64_t *out, struct mr_error *err);

struct mr_replay_options {
	size_t struct_size;      /* sizeof(struct mr_replay_options) */
	struct mr_policy policy; /* of the caching allocator */
	bool keep_limits;        /* obey the trace's set_cache_limit events */
	enum mr_touch touch;
	enum mr_timing timing;
	uint32_t runs; /* of each backend, in turns: A B A B; at least 1 */
	/*
	 * Replay each recorded thread on a thread of its own, and before that all
	 * of them on one, in a child of its own each time. Kept of the recorded
	 * order is that of each thread; that a free follows its malloc; that
	 * changes of limits, clears and resets of the peak are fences: what was
	 * recorded before them comes before them, what came after comes after; and
	 * that no thread runs so far ahead that the live bytes could come to more
	 * than twice their recorded peak, or 64 MiB more if that is more. All else
	 * is as it happens, and so are hits, peaks and all that depends on them.
	 */
	bool threads;
	/*
	 * Mallocs to run besides the C library's: jemalloc, mimalloc, tcmalloc
	 * or the path of a shared library that replaces malloc.
	 */
	const char *const *baselines;
	size_t baseline_count;
	/* For the children, ended by NULL; its LD_PRELOAD is not passed on. */
	char *const *environment;
	/*
	 * Told now and then how much of all runs is done, 0 to 1; NULL: nobody.
	 * Backends are then asked to say so a few times a second.
	 */
	void (*progress)(void *context, double part);
	void *progress_context;
};

/* What is measured of a child, one row of the table of figures each. */
enum mr_figure_id {
	MR_FIGURE_PEAK_RSS,
	MR_FIGURE_MINOR_FAULTS,
	MR_FIGURE_MAJOR_FAULTS,
	MR_FIGURE_USER,
	MR_FIGURE_SYSTEM,
	MR_FIGURE_WALL,
	MR_FIGURE_WALL_MIN,
	MR_FIGURE_WALL_MAX,
	MR_FIGURE_NS_PER_EVENT,
	MR_FIGURE_MALLOC_MEAN,
	MR_FIGURE_MALLOC_P50,
	MR_FIGURE_MALLOC_P90,
	MR_FIGURE_MALLOC_P99,
	MR_FIGURE_MALLOC_MAX,
	MR_FIGURE_FREE_MEAN,
	MR_FIGURE_FREE_P50,
	MR_FIGURE_FREE_P90,
	MR_FIGURE_FREE_P99,
	MR_FIGURE_FREE_MAX,
	/* of threads only */
	MR_FIGURE_WAITS,
	MR_FIGURE_WAITED,
	MR_FIGURE_LOCK_WAITS, /* the caching allocator's own, as what follows */
	MR_FIGURE_LOCK_WAITED,
	MR_FIGURE_SWITCHES,
	MR_FIGURE_PREEMPTIONS,
	MR_FIGURE_CPU_PER_EVENT,
	MR_FIGURE_ONE_WALL,
	MR_FIGURE_ONE_NS_PER_EVENT,
	MR_FIGURE_ONE_CPU_PER_EVENT,
	MR_FIGURE_SPEEDUP,
	MR_FIGURE_SLOWDOWN,
	MR_FIGURE_CPU_SLOWDOWN
};
#define MR_FIGURE_COUNT (MR_FIGURE_CPU_SLOWDOWN + 1)

struct mr_figure {
	const char *name;  /* CSV column and --expect name */
	const char *group; /* JSON: the object that holds it; NULL: none */
	const char *key;   /* JSON: its key there */
	const char *help;  /* one line, no full stop */
	enum mr_unit unit;
	enum mr_better better;
};

/* The table of figures, MR_FIGURE_COUNT rows in the order of the enum. */
MR_API const struct mr_figure *mr_figures(void);

/* What is measured of one thread of a replay of threads. */
enum mr_thread_figure_id {
	MR_THREAD_EVENTS,
	MR_THREAD_WALL,
	MR_THREAD_CPU,
	MR_THREAD_WAITS,
	MR_THREAD_WAITED,
	MR_THREAD_NS_PER_EVENT,
	MR_THREAD_CALL,
	MR_THREAD_CALL_P99,
	MR_THREAD_ONE_CALL,
	MR_THREAD_SLOWDOWN
};
#define MR_THREAD_FIGURE_COUNT (MR_THREAD_SLOWDOWN + 1)

/* The table of these, MR_THREAD_FIGURE_COUNT rows, none in a group. */
MR_API const struct mr_figure *mr_thread_figures(void);

struct mr_replay_thread {
	uint32_t tid; /* of its events; one without is of the thread of that before */
	/* by enum mr_thread_figure_id, as the figures of a backend */
	double figures[MR_THREAD_FIGURE_COUNT];
};

#define MR_REPLAY_EXIT_SIZE 320

/* What came of one backend. */
struct mr_replay_backend {
	const char *name;        /* the policy's, "malloc", or the baseline as given */
	bool caching;            /* it is the caching allocator: result is set */
	bool steady;             /* each run gave the same result, those on one thread */
	uint32_t completed;      /* runs that came to their end */
	struct mr_result result; /* in the recorded order, on one thread */
	/*
	 * Of threads: the result of the last run. Its mallocs, frees, requested
	 * bytes and live blocks are those of the trace, unless the policy refuses
	 * mallocs; all else depends on timing.
	 */
	struct mr_result threads_result;
	const struct mr_replay_thread *threads; /* by first event; the replay's */
	size_t thread_count;                    /* 0: all was on one thread */
	/*
	 * By enum mr_figure_id, each the median over the completed runs (of an
	 * even number the mean of the middle two); NAN: was not measured.
	 */
	double figures[MR_FIGURE_COUNT];
	/* "exit 0", "exit 1: why" or "signal 9 (Killed)"; the first that failed. */
	char exit[MR_REPLAY_EXIT_SIZE];
};

/*
 * Finds a baseline as mr_replay_run() will, to say before a long trace is read
 * that it is wrong or not there. Statuses as there.
 */
MR_API MR_MUST_CHECK enum mr_status mr_replay_check_baseline(
	const char *baseline, char *const *environment, struct mr_error *err);

struct mr_replay;

/*
 * Replays program on all backends. On success, which includes that children
 * failed, *out is the caller's, for mr_replay_free().
 *   MR_EINVAL  struct_size, runs, a baseline whose name is not known, threads
 *              that are more than 65,535, or a main() that does not begin as above
 *   MR_EIO     a baseline is not there or does not replace malloc, or no child
 *              can be started
 *   MR_ENOMEM
 */
MR_API MR_MUST_CHECK enum mr_status mr_replay_run(struct mr_replay **out,
	const struct mr_program *program, const struct mr_replay_options *options,
	struct mr_error *err);

/* The outcome: *count backends, the caching allocator first; the replay's. */
MR_API const struct mr_replay_backend *mr_replay_backends(
	const struct mr_replay *replay, size_t *count);

/*
 * The smallest difference in ns that the clock showed in any child, and with
 * it the error of each time of a single call; 0 with MR_TIMING_LOOP.
 */
MR_API uint64_t mr_replay_clock_step(const struct mr_replay *replay);

/* The parts that fences cut a replay of threads into; 0 if it was none. */
MR_API uint64_t mr_replay_stretches(const struct mr_replay *replay);

/* Frees it; NULL is fine. */
MR_API void mr_replay_free(struct mr_replay *replay);

/* The child's main(); returns its exit status. */
MR_API int mr_replay_child(int argc, char **argv);

#ifdef __cplusplus
}
#endif
#endif
