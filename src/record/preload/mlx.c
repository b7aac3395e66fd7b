/* SPDX-License-Identifier: MIT */
/*
 * The hooks on MLX: its allocator object gets a virtual table of ours, and the
 * functions that set limits and the like stand before MLX's.
 */
#include "record/preload/mlx.h"

#include <dlfcn.h>
#include <link.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "record/preload/lane.h"
#include "record/preload/mlxlock.h"
#include "record/preload/wake.h"

/* Places in a virtual table; the object points to the first. */
enum slot {
	MALLOC,
	FREE,
	SIZE,
	MAKE_BUFFER,
	RELEASE,
	DESTRUCTOR,
	DELETER,
	MAX_SLOTS = 32
};
#define BEFORE_TABLE 2 /* what stands in front: an offset and the type */

struct table {
	void *before[BEFORE_TABLE];
	void *slots[MAX_SLOTS];
};

typedef void *malloc_call(void *self, size_t size);
typedef void free_call(void *self, void *buffer);
typedef size_t size_call(const void *self, void *buffer);
typedef void *make_buffer_call(void *self, void *memory, size_t size);
typedef void release_call(void *self, void *buffer);

static struct mr_mlx mlx;
static struct table hooked;
static struct {
	malloc_call *malloc;
	free_call *free;
	size_call *size;
	make_buffer_call *make_buffer;
	release_call *release;
} real;

static _Atomic int attached;        /* hooked is in place */
static _Atomic int ended;           /* the allocator is about to be destroyed */
static bool limits_ask_for_streams; /* a limit call comes by get_streams() */

/* Inside a limit call of this thread: what get_streams() is to do. */
enum limit_call { NONE, WILL_ASK, HAS_ASKED };
static __thread enum limit_call limit_call __attribute__((tls_model("initial-exec")));
static __thread enum mr_mlx_entry limit_entry __attribute__((tls_model("initial-exec")));

#define ENTRY enum mr_mlx_entry __attribute__((cleanup(mr_mlx_leave), unused))

/* --- writing events, inside the lock */

static void
note(enum mr_raw_op op, unsigned flags, uint64_t value, uint64_t size, uint64_t more)
{
	struct mr_lane spare, *lane = mr_lane_open(&spare, 2);
	bool has_more = op == MR_RAW_MLX_COUNTERS || flags & MR_RAW_CAP;

	if (!lane) {
		if (atomic_load(&mr_state.mode) == MR_MODE_COUNT)
			mr_count_event();
		return;
	}
	if (has_more)
		mr_put_ahead(lane, 1, more, MR_RAW_WORD(MR_RAW_MORE, 0, 0));
	mr_put(lane, value, MR_RAW_WORD(op, flags, size));
	lane->at += has_more;
	mr_lane_close(lane);
}

static void
note_counters(void)
{
	note(MR_RAW_MLX_COUNTERS, 0, mlx.get_active(), mlx.get_cached(), mlx.get_peak());
	mr_state.mlx_since_counters = 0;
}

/* After a malloc or free: counters if they are due. */
static void
count_event(void)
{
	uint64_t every = mr_process.head->counters_every;

	if (every && ++mr_state.mlx_since_counters >= every)
		note_counters();
}

static void
note_doubt(void)
{
	atomic_fetch_add(&mr_process.head->unordered, 1);
}

/* --- stepping in */

/*
 * The cache limit can only be asked for by setting it. It is set to no limit
 * and back, which evicts nothing; and only if nobody is waited for on the way,
 * which this finds out for later calls, too.
 */
static void
ask_limits(struct mr_spool_head *head)
{
	if (!mlx.get_streams || mlx.streams_are_hooked) {
		limit_call = HAS_ASKED;
		limits_ask_for_streams = false;
		head->cache_limit = mlx.set_cache_limit(SIZE_MAX);
		mlx.set_cache_limit((size_t)head->cache_limit);
		limit_call = NONE;
		head->has_cache_limit = 1;
	}
	head->memory_limit = mlx.get_memory_limit();
}

/* The spool's first moment at this layer. */
static void
begin_layer(void)
{
	struct mr_spool_head *head = mr_process.head;

	head->mlx_found = 1;
	mr_switch_to_mlx();
	ask_limits(head);
	head->missed_bytes = mlx.get_active();
}

/* Whether MLX's calls are to be recorded in this process. */
static bool
wanted(void)
{
	int mode = atomic_load(&mr_state.mode);

	if (mode == MR_MODE_ASLEEP) {
		mr_wake();
		mode = atomic_load(&mr_state.mode);
		/* a forked child inherits the hooks, but its spool knows nothing */
		if (mode == MR_MODE_ON && atomic_load(&attached) &&
			mr_process.head->layer != MR_LAYER_MALLOC)
			begin_layer();
	}
	return (mode == MR_MODE_ON || mode == MR_MODE_COUNT) &&
		mr_process.head->layer != MR_LAYER_MALLOC;
}

static void *mlx_malloc(void *self, size_t size);
static void mlx_free(void *self, void *buffer);
static void *mlx_make_buffer(void *self, void *memory, size_t size);
static void mlx_release(void *self, void *buffer);
static void last_counters(void);

/* ISO C has no conversion between object and function pointers. */
static void
copy_function(void *to, const void *from)
{
	memcpy(to, from, sizeof(void *));
}

/*
 * How many slots a table has: as its symbol says, or those of the interface
 * and the two destructors.
 */
static size_t
count_slots(void **slots)
{
	const ElfW(Sym) *symbol = NULL;
	Dl_info info;
	size_t count = DELETER + 1;

	if (dladdr1(slots, &info, (void **)&symbol, RTLD_DL_SYMENT) && symbol &&
		info.dli_saddr == (void *)(slots - BEFORE_TABLE) &&
		symbol->st_size / sizeof(*slots) > count + BEFORE_TABLE)
		count = symbol->st_size / sizeof(*slots) - BEFORE_TABLE;
	return count;
}

/* false: it has more virtual functions than there is room for here. */
static bool
hook(void *object)
{
	malloc_call *our_malloc = mlx_malloc;
	free_call *our_free = mlx_free;
	make_buffer_call *our_make_buffer = mlx_make_buffer;
	release_call *our_release = mlx_release;
	void **slots = *(void ***)object;
	size_t count = count_slots(slots);

	if (count > MAX_SLOTS)
		return false;
	memcpy(&hooked, slots - BEFORE_TABLE, (BEFORE_TABLE + count) * sizeof(*slots));
	copy_function(&real.malloc, &slots[MALLOC]);
	copy_function(&real.free, &slots[FREE]);
	copy_function(&real.size, &slots[SIZE]);
	copy_function(&real.make_buffer, &slots[MAKE_BUFFER]);
	copy_function(&real.release, &slots[RELEASE]);
	copy_function(&hooked.slots[MALLOC], &our_malloc);
	copy_function(&hooked.slots[FREE], &our_free);
	copy_function(&hooked.slots[MAKE_BUFFER], &our_make_buffer);
	copy_function(&hooked.slots[RELEASE], &our_release);
	*(void ***)object = hooked.slots;
	return true;
}

/* Once, before the first call of the hooks goes on; others wait for it. */
static void
attach(void)
{
	if (!wanted() || !mr_mlx_find(&mlx) || !hook(mlx.allocator()))
		return;
	begin_layer();
	/* comes before the destructor of the allocator, which exists by now */
	(void)atexit(last_counters);
	atomic_store(&attached, 1);
}

static pthread_once_t attach_once = PTHREAD_ONCE_INIT;
static __thread bool attaching __attribute__((tls_model("initial-exec")));

/*
 * Whether a call is to be recorded; steps in if that has not happened. While it
 * happens, MLX may call the hooks itself, on the same thread.
 */
static bool
recording(void)
{
	if (!atomic_load(&attached) && !attaching) {
		attaching = true;
		pthread_once(&attach_once, attach);
		attaching = false;
	}
	return atomic_load(&attached) && !atomic_load(&ended) && wanted();
}

/* The real functions where nothing is recorded: found as the program would. */
static void
find_next(void *function, const char *name)
{
	static const char lost[] = "memreplay: a function of MLX cannot be found\n";
	void *found = dlsym(RTLD_NEXT, name);

	if (!found) {
		(void)!write(STDERR_FILENO, lost, sizeof(lost) - 1);
		abort();
	}
	copy_function(function, &found);
}

#define REAL(member, name)                                                               \
	do {                                                                             \
		if (!mlx.member)                                                         \
			(void)mr_mlx_find(&mlx);                                         \
		if (!mlx.member)                                                         \
			find_next(&mlx.member, name);                                    \
	} while (0)

/* --- the virtual functions */

static void *
mlx_malloc(void *self, size_t size)
{
	size_t before, after, capacity;
	unsigned flags;
	void *buffer;

	if (!recording())
		return real.malloc(self, size);
	ENTRY entry = mr_mlx_enter_to_malloc(mlx.get_cached);
	if (entry == MR_MLX_NESTED)
		return real.malloc(self, size);
	before = mlx.get_cached();
	buffer = real.malloc(self, size);
	if (!buffer) {
		atomic_fetch_add(&mr_process.head->failed, 1);
		return buffer;
	}
	after = mlx.get_cached();
	capacity = real.size(self, buffer);
	flags = capacity && before - after == capacity ? MR_RAW_HIT : 0;
	if (entry == MR_MLX_PASSED && !flags && before != after)
		note_doubt(); /* the call that was passed took effect meanwhile */
	flags |= capacity != size ? MR_RAW_CAP : 0;
	note(MR_RAW_MLX_MALLOC, flags, (uint64_t)(uintptr_t)buffer, size, capacity);
	count_event();
	if (entry == MR_MLX_PASSED)
		mr_mlx_set_cached(after);
	return buffer;
}

/* Inside the lock. */
static void
free_recorded(void *self, void *buffer)
{
	real.free(self, buffer);
	note(MR_RAW_MLX_FREE, 0, (uint64_t)(uintptr_t)buffer, 0, 0);
	count_event();
}

static void
mlx_free(void *self, void *buffer)
{
	if (!buffer || !recording()) {
		real.free(self, buffer);
		return;
	}
	ENTRY entry = mr_mlx_enter_to_free(buffer, mlx.get_cached);
	if (entry == MR_MLX_LEFT)
		return;
	if (entry == MR_MLX_NESTED) {
		real.free(self, buffer);
		return;
	}
	free_recorded(self, buffer);
	if (entry == MR_MLX_PASSED) {
		note_doubt(); /* whether it fits depends on the limit */
		mr_mlx_set_cached(mlx.get_cached());
	}
}

static void *
mlx_make_buffer(void *self, void *memory, size_t size)
{
	if (recording())
		atomic_fetch_add(&mr_process.head->foreign, 1);
	return real.make_buffer(self, memory, size);
}

static void
mlx_release(void *self, void *buffer)
{
	if (recording())
		atomic_fetch_add(&mr_process.head->foreign, 1);
	real.release(self, buffer);
}

static void
last_counters(void)
{
	if (!recording())
		return;
	ENTRY entry = mr_mlx_enter();
	if (entry != MR_MLX_NESTED)
		note_counters();
	atomic_store(&ended, 1);
}

/* --- calls that wait for streams: set_cache_limit and clear_cache */

static size_t
change(enum mr_raw_op op, size_t bytes)
{
	if (op == MR_RAW_MLX_CACHE_LIMIT)
		return mlx.set_cache_limit(bytes);
	mlx.clear_cache();
	return 0;
}

/* Lets all that streams have to do be done, without a lock. */
static void
synchronize(void)
{
	struct mr_mlx_streams streams = mlx.get_streams();
	size_t count = (size_t)(streams.end - streams.begin);

	for (size_t i = 0; i < count; i++)
		mlx.synchronize(streams.begin[i]);
	mlx.drop(streams.begin);
}

static void
end_limit_call(const bool *unused)
{
	(void)unused;
	if (limit_call == HAS_ASKED)
		mr_mlx_leave(&limit_entry);
	limit_call = NONE;
}

/*
 * MLX asks get_streams() whom to wait for. The hook below waits for them, then
 * takes the lock and answers: nobody. So the call goes on with the lock, and
 * without a wait.
 */
static size_t
change_when_asked(enum mr_raw_op op, size_t bytes)
{
	bool __attribute__((cleanup(end_limit_call), unused)) ending = true;
	size_t old;

	limit_call = WILL_ASK;
	old = change(op, bytes);
	if (limit_call == WILL_ASK) /* it did not ask, and the lock was not held */
		note_doubt();
	note(op, 0, bytes, 0, 0);
	return old;
}

static void
free_put_off(const bool *unused)
{
	void *allocator = mlx.allocator(), *buffer;

	(void)unused;
	for (size_t i = 0; (buffer = mr_mlx_put_off(i)); i++)
		free_recorded(allocator, buffer);
}

static void
end_waiting(const bool *unused)
{
	(void)unused;
	mr_mlx_end_wait();
}

static size_t
change_waiting(enum mr_raw_op op, size_t bytes)
{
	bool __attribute__((cleanup(end_waiting), unused)) waiting = true;

	mr_mlx_begin_wait(mlx.get_cached());
	return change(op, bytes);
}

static size_t
change_at_once(enum mr_raw_op op, size_t bytes)
{
	size_t old;

	ENTRY entry = mr_mlx_enter();
	old = change(op, bytes);
	note(op, 0, bytes, 0, 0);
	return old;
}

/*
 * MLX finds its streams by itself. They are done with what they had to do
 * before the lock is taken; what they are given meanwhile may want to free.
 */
static size_t
change_and_wait(enum mr_raw_op op, size_t bytes)
{
	size_t old;

	synchronize();
	ENTRY entry = mr_mlx_enter();
	bool __attribute__((cleanup(free_put_off), unused)) ending = true;
	old = change_waiting(op, bytes);
	note(op, 0, bytes, 0, 0);
	return old;
}

static size_t
change_limit(enum mr_raw_op op, size_t bytes)
{
	struct mr_spool_head *head = mr_process.head;
	size_t old;

	if (limit_call != NONE || mr_mlx_is_inside())
		return change(op, bytes);
	if (limits_ask_for_streams)
		old = change_when_asked(op, bytes);
	else if (mr_mlx_waits_for_streams())
		old = change_and_wait(op, bytes);
	else
		old = change_at_once(op, bytes);
	if (op == MR_RAW_MLX_CACHE_LIMIT && !head->has_cache_limit) {
		head->cache_limit = old;
		head->has_cache_limit = 1;
	}
	return old;
}

/* --- the functions in MLX's place */

MR_EXPORT void *mlx_allocator(void) __asm__(MR_MLX_ALLOCATOR);
MR_EXPORT size_t mlx_set_cache_limit(size_t bytes) __asm__(MR_MLX_SET_CACHE_LIMIT);
MR_EXPORT size_t mlx_set_memory_limit(size_t bytes) __asm__(MR_MLX_SET_MEMORY_LIMIT);
MR_EXPORT void mlx_clear_cache(void) __asm__(MR_MLX_CLEAR_CACHE);
MR_EXPORT void mlx_reset_peak(void) __asm__(MR_MLX_RESET_PEAK);
MR_EXPORT struct mr_mlx_streams mlx_get_streams(void) __asm__(MR_MLX_GET_STREAMS);

void *
mlx_allocator(void)
{
	(void)recording();
	REAL(allocator, MR_MLX_ALLOCATOR);
	return mlx.allocator();
}

size_t
mlx_set_cache_limit(size_t bytes)
{
	if (recording())
		return change_limit(MR_RAW_MLX_CACHE_LIMIT, bytes);
	REAL(set_cache_limit, MR_MLX_SET_CACHE_LIMIT);
	return mlx.set_cache_limit(bytes);
}

void
mlx_clear_cache(void)
{
	if (recording()) {
		change_limit(MR_RAW_MLX_CLEAR, 0);
		return;
	}
	REAL(clear_cache, MR_MLX_CLEAR_CACHE);
	mlx.clear_cache();
}

size_t
mlx_set_memory_limit(size_t bytes)
{
	size_t old;

	if (!recording()) {
		REAL(set_memory_limit, MR_MLX_SET_MEMORY_LIMIT);
		return mlx.set_memory_limit(bytes);
	}
	ENTRY entry = mr_mlx_enter();
	old = mlx.set_memory_limit(bytes);
	if (entry != MR_MLX_NESTED)
		note(MR_RAW_MLX_MEMORY_LIMIT, 0, bytes, 0, 0);
	return old;
}

void
mlx_reset_peak(void)
{
	if (!recording()) {
		REAL(reset_peak, MR_MLX_RESET_PEAK);
		mlx.reset_peak();
		return;
	}
	ENTRY entry = mr_mlx_enter();
	mlx.reset_peak();
	if (entry != MR_MLX_NESTED)
		note(MR_RAW_MLX_RESET_PEAK, 0, 0, 0, 0);
}

struct mr_mlx_streams
mlx_get_streams(void)
{
	if (limit_call == NONE) {
		REAL(get_streams, MR_MLX_GET_STREAMS);
		return mlx.get_streams();
	}
	limits_ask_for_streams = true;
	if (limit_call == WILL_ASK) {
		synchronize();
		limit_entry = mr_mlx_enter();
		limit_call = HAS_ASKED;
	}
	return (struct mr_mlx_streams){0};
}

bool
mr_mlx_waits_for_streams(void)
{
	return atomic_load(&attached) && mlx.get_streams && !mlx.streams_are_hooked;
}

void
mr_mlx_look(void)
{
	struct mr_mlx found;

	if (!atomic_load(&attached) && wanted() && mr_mlx_find(&found) &&
		!found.allocator_is_hooked)
		(void)recording();
}
