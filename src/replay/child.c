/* SPDX-License-Identifier: MIT */
/*
 * The child: hears one order, carries it out, answers. All that it needs for
 * itself is mapped and resident before the measuring begins, so that what is
 * measured is the backend's.
 */
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/error.h"
#include "memreplay/cache.h"
#include "replay/backend.h"
#include "replay/loop.h"
#include "replay/memory.h"
#include "replay/order.h"
#include "replay/preload.h"
#include "replay/threads.h"

struct child {
	const struct mr_order *order;
	struct mr_answer *answer;
	const struct mr_operation *operations;
	struct mr_schedule schedule;     /* of no threads if none is passed on */
	void **blocks;                   /* by slot, or by cell */
	uint32_t places;                 /* of these */
	struct mr_histogram *histograms; /* of mallocs and of frees; NULL: no clock */
	struct mr_calls *calls;          /* by thread, where one carries out all */
	struct mr_loop_cost cost;
	int channel; /* to tell progress on */
};

/* Operations between two looks at the clock, if progress is to be told. */
#define CHUNK         ((uint64_t)4096)
#define TELL_EVERY_NS UINT64_C(100000000)

/* What is read before and after the loop. */
struct reading {
	uint64_t wall_ns;
	struct rusage usage;
};

static enum mr_status
map(void **out, size_t bytes, int fd, struct mr_error *err)
{
	/* never empty, which mmap() refuses */
	size_t length = bytes ? bytes : 1;

	if (fd >= 0 && bytes)
		*out = mmap(NULL, length, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0);
	else
		*out = mmap(NULL, length, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
	if (*out == MAP_FAILED)
		return mr_fail_errno(err, errno, "mapping the replay's tables");
	return MR_OK;
}

/* The histograms, two a thread, and what one thread needs to tell them apart. */
static enum mr_status
set_up_times(struct child *child, struct mr_error *err)
{
	const struct mr_order *order = child->order;
	uint32_t threads = order->shape.threads;
	void *histograms, *calls;
	enum mr_status st;

	if (order->timing == MR_TIMING_LOOP) {
		mr_loop_calibrate(&child->cost, NULL, NULL);
		return MR_OK;
	}
	if ((st = map(&histograms,
		     2 * sizeof(struct mr_histogram) *
			     (order->on_threads && threads ? threads : 1),
		     -1, err)))
		return st;
	child->histograms = histograms;
	mr_loop_calibrate(&child->cost, &child->histograms[0], &child->histograms[1]);
	child->answer->clock_step_ns = child->cost.step_ns;
	if (!threads || order->on_threads)
		return MR_OK;
	if ((st = map(&calls, threads * sizeof(struct mr_calls), -1, err)))
		return st;
	child->calls = calls;
	return MR_OK;
}

static enum mr_status
set_up(struct child *child, int memory_fd, int schedule_fd, struct mr_error *err)
{
	const struct mr_order *order = child->order;
	void *operations, *blocks;
	enum mr_status st;

	child->places = order->on_threads ? order->shape.cells : order->slots;
	if (schedule_fd >= 0 &&
		(st = mr_schedule_attach(
			 &child->schedule, schedule_fd, &order->shape, err)))
		return st;
	if ((st = map(&operations,
		     (size_t)order->operations * sizeof(struct mr_operation), memory_fd,
		     err)) ||
		(st = map(&blocks, child->places * sizeof(void *), -1, err)))
		return st;
	child->operations = operations;
	child->blocks = blocks;
	return set_up_times(child, err);
}

static void
take_reading(struct reading *out)
{
	getrusage(RUSAGE_SELF, &out->usage);
	out->wall_ns = mr_clock_ns();
}

static double
time_between(const struct timeval *from, const struct timeval *to)
{
	return 1e9 * (double)(to->tv_sec - from->tv_sec) +
		1e3 * (double)(to->tv_usec - from->tv_usec);
}

static void
note_usage(struct child *child, const struct reading *from, const struct reading *to)
{
	double *figures = child->answer->figures;
	double wall = (double)(to->wall_ns - from->wall_ns);
	double events = (double)child->order->operations;
	double cost = events * child->cost.event_ns, net = wall - cost, cpu;

	figures[MR_FIGURE_WALL] = wall;
	figures[MR_FIGURE_WALL_MIN] = wall;
	figures[MR_FIGURE_WALL_MAX] = wall;
	if (events > 0)
		figures[MR_FIGURE_NS_PER_EVENT] = net > 0 ? net / events : 0;
	figures[MR_FIGURE_USER] =
		time_between(&from->usage.ru_utime, &to->usage.ru_utime);
	figures[MR_FIGURE_SYSTEM] =
		time_between(&from->usage.ru_stime, &to->usage.ru_stime);
	figures[MR_FIGURE_MINOR_FAULTS] =
		(double)(to->usage.ru_minflt - from->usage.ru_minflt);
	figures[MR_FIGURE_MAJOR_FAULTS] =
		(double)(to->usage.ru_majflt - from->usage.ru_majflt);
	if (!child->order->shape.threads || events <= 0)
		return;
	cpu = figures[MR_FIGURE_USER] + figures[MR_FIGURE_SYSTEM] - cost;
	figures[MR_FIGURE_CPU_PER_EVENT] = cpu > 0 ? cpu / events : 0;
	figures[MR_FIGURE_SWITCHES] = (double)(to->usage.ru_nvcsw - from->usage.ru_nvcsw);
	figures[MR_FIGURE_PREEMPTIONS] =
		(double)(to->usage.ru_nivcsw - from->usage.ru_nivcsw);
}

/* figures points to the mean; p50, p90, p99 and max follow it. */
static void
note_calls(double *figures, const struct mr_histogram *histogram,
	const struct mr_loop_cost *cost)
{
	static const uint32_t per_mille[] = {500, 900, 990, 1000};
	double mean = mr_histogram_mean(histogram) - cost->call_mean_ns;

	if (!histogram->count)
		return;
	figures[0] = mean > 0 ? mean : 0;
	for (size_t i = 0; i < 4; i++) {
		uint64_t time = mr_histogram_percentile(histogram, per_mille[i]);

		figures[i + 1] =
			time > cost->call_ns ? (double)(time - cost->call_ns) : 0;
	}
}

static void
note_all_calls(struct child *child)
{
	double *figures = child->answer->figures;

	if (!child->histograms)
		return;
	note_calls(&figures[MR_FIGURE_MALLOC_MEAN], &child->histograms[0], &child->cost);
	note_calls(&figures[MR_FIGURE_FREE_MEAN], &child->histograms[1], &child->cost);
}

_Static_assert(MR_FIGURE_MALLOC_MAX == MR_FIGURE_MALLOC_MEAN + 4, "note_calls()");
_Static_assert(MR_FIGURE_FREE_MAX == MR_FIGURE_FREE_MEAN + 4, "note_calls()");

static void
give_back(const struct child *child, const struct mr_allocator *allocator)
{
	for (uint32_t i = 0; i < child->places; i++)
		if (child->blocks[i])
			allocator->give(allocator->context, child->blocks[i]);
}

/* One that is not heard does not matter. */
static void
tell(const struct child *child, uint64_t done)
{
	ssize_t sent =
		send(child->channel, &done, sizeof(done), MSG_NOSIGNAL | MSG_DONTWAIT);

	(void)sent;
}

/* Carries the loop out; returns the number of operations done. */
static uint64_t
run(const struct child *child, struct mr_loop *loop, const struct mr_allocator *allocator)
{
	uint64_t left = loop->count, told = 0, done = 0;

	if (!child->order->tell_progress)
		return mr_loop_run(loop, allocator);
	while (left) {
		uint64_t count = left < CHUNK ? left : CHUNK, now;

		loop->operations = child->operations + done;
		loop->before = done;
		loop->count = count;
		count = mr_loop_run(loop, allocator);
		done += count;
		if (count < loop->count)
			break;
		left -= count;
		now = mr_clock_ns();
		if (now - told < TELL_EVERY_NS)
			continue;
		told = now;
		tell(child, done);
	}
	return done;
}

static enum mr_status
no_memory(const struct child *child, uint64_t at, struct mr_error *err)
{
	return mr_fail(err, MR_ENOMEM,
		"event %llu: the system has no memory for a malloc of %llu bytes",
		(unsigned long long)at + 1,
		(unsigned long long)child->operations[at].size);
}

/* Carries all out on one thread, in the recorded order. */
static enum mr_status
measure_one(struct child *child, struct mr_backend *backend, struct mr_error *err)
{
	const struct mr_order *order = child->order;
	struct mr_loop loop = {.operations = child->operations,
		.count = order->operations,
		.blocks = child->blocks,
		.touch = order->touch,
		.page = (size_t)sysconf(_SC_PAGESIZE),
		.calls = child->calls};
	struct reading before, after;
	uint64_t done;

	if (child->histograms) {
		loop.malloc_ns = &child->histograms[0];
		loop.free_ns = &child->histograms[1];
	}
	take_reading(&before);
	done = run(child, &loop, &backend->allocator);
	take_reading(&after);
	if (backend->cache) {
		mr_cache_result(backend->cache, &child->answer->result);
		child->answer->result.first_failed_malloc = loop.first_refused;
	}
	if (done < order->operations)
		return no_memory(child, done, err);
	note_usage(child, &before, &after);
	for (uint32_t i = 0; child->calls && i < order->shape.threads; i++) {
		const struct mr_calls *calls = &child->calls[i];
		double mean = (double)calls->ns / (double)calls->count -
			child->cost.call_mean_ns;

		if (calls->count)
			child->schedule.threads[i].figures[MR_THREAD_ONE_CALL] =
				mean > 0 ? mean : 0;
	}
	return MR_OK;
}

static void
tell_threads(void *context, uint64_t done)
{
	tell(context, done);
}

static enum mr_status
start_threads(struct child *child, struct mr_threads *threads,
	const struct mr_backend *backend, struct mr_error *err)
{
	const struct mr_order *order = child->order;

	*threads = (struct mr_threads){.schedule = &child->schedule,
		.allocator = &backend->allocator,
		.blocks = child->blocks,
		.touch = order->touch,
		.page = (size_t)sysconf(_SC_PAGESIZE),
		.histograms = child->histograms,
		.progress = order->tell_progress ? tell_threads : NULL,
		.progress_context = child};
	return mr_threads_start(threads, err);
}

/* Carries the schedule out on threads that are there already. */
static enum mr_status
measure_threads(struct child *child, struct mr_threads *threads,
	struct mr_backend *backend, struct mr_error *err)
{
	double *figures = child->answer->figures;
	double events = (double)child->order->operations, net;
	struct reading before, after;
	struct mr_threads_sum sum;
	enum mr_status st;

	take_reading(&before);
	st = mr_threads_go(threads, err);
	take_reading(&after);
	if (backend->cache) {
		struct mr_cache_contention contention;

		mr_cache_result(backend->cache, &child->answer->result);
		mr_cache_contention(backend->cache, &contention);
		figures[MR_FIGURE_LOCK_WAITS] = (double)contention.waits;
		figures[MR_FIGURE_LOCK_WAITED] = (double)contention.waited_ns;
	}
	if (st)
		return st;
	note_usage(child, &before, &after);
	mr_threads_measure(threads, &sum, &child->cost);
	net = (double)sum.busy_ns - events * child->cost.event_ns;
	if (events > 0)
		figures[MR_FIGURE_NS_PER_EVENT] = net > 0 ? net / events : 0;
	figures[MR_FIGURE_WAITS] = (double)sum.waits;
	figures[MR_FIGURE_WAITED] = (double)sum.waited_ns;
	return MR_OK;
}

static enum mr_status
note_peak(struct child *child, const struct mr_resident *before, struct mr_error *err)
{
	struct mr_resident after;
	enum mr_status st = mr_resident_read(&after, err);

	if (st)
		return st;
	child->answer->figures[MR_FIGURE_PEAK_RSS] =
		after.peak > before->now ? (double)(after.peak - before->now) : 0;
	return MR_OK;
}

static enum mr_status
measure(struct child *child, struct mr_error *err)
{
	const struct mr_order *order = child->order;
	struct mr_resident before;
	struct mr_threads threads;
	struct mr_backend backend = {0};
	enum mr_status st;

	if (order->on_threads && (st = start_threads(child, &threads, &backend, err)))
		goto out;
	mr_resident_reset_peak();
	if ((st = mr_resident_read(&before, err)) ||
		(st = mr_backend_init(&backend, order, err)))
		goto out;
	st = order->on_threads ? measure_threads(child, &threads, &backend, err)
			       : measure_one(child, &backend, err);
	if (!st)
		st = note_peak(child, &before, err);
	if (!st)
		note_all_calls(child);
	/* those that an allocator does not see count too, as in a simulation */
	if (backend.cache)
		child->answer->result.events = order->operations;
	give_back(child, &backend.allocator);
	mr_backend_fini(&backend);
out:
	if (order->on_threads)
		mr_threads_end(&threads);
	return st;
}

/* When memory runs out it shall be this process that goes, and no other. */
static void
volunteer_for_oom(void)
{
	int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);
	ssize_t written;

	if (fd < 0)
		return;
	written = write(fd, "1000", 4);
	(void)written;
	close(fd);
}

static enum mr_status
obey(const struct mr_order *order, struct mr_answer *answer, const int *descriptors,
	struct mr_error *err)
{
	struct child child = {
		.order = order, .answer = answer, .channel = descriptors[0]};
	enum mr_status st;

	mr_malloc_library(answer->malloc_library);
	if (order->kind == MR_ORDER_PROBE)
		return MR_OK;
	if (order->library[0] && !mr_is_library(answer->malloc_library, order->library))
		return mr_fail(err, MR_EIO, "malloc is not that of %s, but of %s",
			order->library, answer->malloc_library);
	volunteer_for_oom();
	if ((st = set_up(&child, descriptors[1], descriptors[2], err)))
		return st;
	return measure(&child, err);
}

static int
descriptor(const char *text)
{
	char *end;
	long value = strtol(text, &end, 10);

	return *text && !*end && value >= 0 && value < 1 << 20 ? (int)value : -1;
}

int
mr_replay_child(int argc, char **argv)
{
	struct mr_order order;
	struct mr_answer answer = {.struct_size = sizeof(answer)};
	struct mr_error err;
	int descriptors[3]; /* the channel, the operations, the schedule */
	ssize_t length;
	int channel;

	/* a parent that died before it could be watched leaves nobody to answer */
	if (argc != 6 || strtol(argv[5], NULL, 10) != (long)getppid())
		return EXIT_FAILURE;
	for (int i = 0; i < 3; i++)
		descriptors[i] = descriptor(argv[2 + i]);
	channel = descriptors[0];
	do
		length = recv(channel, &order, sizeof(order), 0);
	while (length < 0 && errno == EINTR);
	if (length != sizeof(order) || order.struct_size != sizeof(order))
		return EXIT_FAILURE;
	for (int i = 0; i < MR_FIGURE_COUNT; i++)
		answer.figures[i] = NAN;
	answer.done = !obey(&order, &answer, descriptors, &err);
	if (!answer.done)
		snprintf(answer.text, sizeof(answer.text), "%s", err.text);
	if (send(channel, &answer, sizeof(answer), MSG_NOSIGNAL) != sizeof(answer))
		return EXIT_FAILURE;
	return answer.done ? EXIT_SUCCESS : EXIT_FAILURE;
}
