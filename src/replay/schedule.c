/* SPDX-License-Identifier: MIT */
#include "replay/schedule.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "base/histogram.h"
#include "replay/meeting.h"

/* Cells that a thread takes anew at one time: the cache lines of a post. */
#define CELLS (2 * MR_CACHE_LINE / sizeof(void *))

#define NO_CELL UINT32_MAX

/* Of a thread's stack, what is ever touched, and what the C library keeps of it. */
#define STACK_BYTES (UINT64_C(64) << 10)

/* One thread of the program while the schedule is made. */
struct line {
	struct mr_operation *operations;
	uint64_t count;
	uint32_t freed; /* the first of its cells to use again; NO_CELL: none */
	uint32_t fresh; /* the next that was never used */
	uint32_t fresh_end;
	/* in this stretch alone */
	uint64_t stretch;
	uint64_t taken, given; /* bytes */
	uint64_t most;         /* the highest of taken - given */
};

/* A live block. */
struct block {
	struct mr_operation *malloc;
	uint64_t done; /* operations of its thread, this malloc included */
	uint32_t cell;
	uint16_t thread;
};

struct maker {
	const struct mr_program *program;
	struct mr_schedule *schedule;
	struct line *lines;   /* by thread */
	struct block *blocks; /* by slot */
	uint32_t *next;       /* by cell: the next one freed by the same thread */
	uint64_t next_room;
	uint64_t *ends;
	uint64_t ends_room; /* in stretches */
	uint64_t placed;    /* operations of this stretch */
	uint64_t live;      /* bytes of live blocks where the stretch begins, and now */
	uint64_t live_now;
	uint64_t ahead; /* the sum of all lines' most */
	uint64_t bound;
	bool keep_limits;
};

/* --- what is in the shared memory */

static size_t
part_bytes(const struct mr_schedule_shape *shape)
{
	return (size_t)shape->operations * sizeof(struct mr_operation) +
		shape->threads * sizeof(struct mr_replay_thread);
}

static size_t
all_bytes(const struct mr_schedule_shape *shape)
{
	return part_bytes(shape) +
		(size_t)shape->stretches * shape->threads * sizeof(uint64_t);
}

static enum mr_status
map(struct mr_schedule *schedule, size_t bytes, struct mr_error *err)
{
	const struct mr_schedule_shape *shape = &schedule->shape;
	/* never empty, which mmap() refuses */
	size_t length = bytes ? bytes : 1;
	char *mapping = mmap(NULL, length, PROT_READ | PROT_WRITE,
		MAP_SHARED | (bytes ? MAP_POPULATE : 0), schedule->fd, 0);

	if (mapping == MAP_FAILED)
		return mr_fail_errno(err, errno, "mapping the threads' operations");
	schedule->mapping = mapping;
	schedule->bytes = length;
	schedule->operations = schedule->mapping;
	mapping += shape->operations * sizeof(struct mr_operation);
	schedule->threads = (void *)mapping;
	mapping += shape->threads * sizeof(struct mr_replay_thread);
	schedule->ends = (void *)mapping;
	return MR_OK;
}

static void
unmap(struct mr_schedule *schedule)
{
	if (schedule->mapping)
		munmap(schedule->mapping, schedule->bytes);
	schedule->mapping = NULL;
}

enum mr_status
mr_schedule_attach(struct mr_schedule *schedule, int fd,
	const struct mr_schedule_shape *shape, struct mr_error *err)
{
	*schedule = (struct mr_schedule){.shape = *shape, .fd = fd};
	return map(schedule, all_bytes(shape), err);
}

void
mr_schedule_fini(struct mr_schedule *schedule)
{
	unmap(schedule);
	if (schedule->fd >= 0)
		close(schedule->fd);
	schedule->fd = -1;
}

/* --- stretches */

static uint64_t
weight(const struct mr_operation *malloc)
{
	return mr_bytes_add(malloc->size, MR_BLOCK_OVERHEAD);
}

/* Ends a stretch here, unless nothing is in it. */
static enum mr_status
cut(struct maker *maker, struct mr_error *err)
{
	struct mr_schedule_shape *shape = &maker->schedule->shape;
	uint64_t *row;

	if (!maker->placed)
		return MR_OK;
	if (shape->stretches == maker->ends_room) {
		size_t room = (size_t)(maker->ends_room ? 2 * maker->ends_room : 16);
		uint64_t *ends = reallocarray(
			maker->ends, room, shape->threads * sizeof(*maker->ends));

		if (!ends)
			return mr_fail_memory(err);
		maker->ends = ends;
		maker->ends_room = room;
	}
	row = maker->ends + shape->stretches++ * shape->threads;
	for (uint32_t i = 0; i < shape->threads; i++)
		row[i] = maker->lines[i].count;
	maker->placed = 0;
	maker->live = maker->live_now;
	maker->ahead = 0;
	return MR_OK;
}

/* What a line has of its own in this stretch. */
static void
renew(const struct maker *maker, struct line *line)
{
	if (line->stretch == maker->schedule->shape.stretches)
		return;
	line->stretch = maker->schedule->shape.stretches;
	line->taken = line->given = line->most = 0;
}

/* Counts a malloc, in a stretch of its own if the threads could hold too much. */
static enum mr_status
take(struct maker *maker, struct line *line, uint64_t bytes, struct mr_error *err)
{
	for (;;) {
		uint64_t taken, held, more;
		enum mr_status st;

		renew(maker, line);
		taken = mr_bytes_add(line->taken, bytes);
		held = taken > line->given ? taken - line->given : 0;
		more = held > line->most ? held - line->most : 0;
		if (maker->placed &&
			mr_bytes_add(mr_bytes_add(maker->live, maker->ahead), more) >
				maker->bound) {
			if ((st = cut(maker, err)))
				return st;
			continue;
		}
		line->taken = taken;
		line->most += more;
		maker->ahead = mr_bytes_add(maker->ahead, more);
		maker->live_now = mr_bytes_add(maker->live_now, bytes);
		return MR_OK;
	}
}

static void
give(struct maker *maker, struct line *line, uint64_t bytes)
{
	renew(maker, line);
	line->given = mr_bytes_add(line->given, bytes);
	if (maker->live_now != UINT64_MAX)
		maker->live_now -= bytes;
}

/* --- cells */

static enum mr_status
grow_cells(struct maker *maker, struct mr_error *err)
{
	uint32_t *cells = &maker->schedule->shape.cells;
	size_t room = (size_t)(maker->next_room ? 2 * maker->next_room : 1024);
	uint32_t *next;

	if (*cells > NO_CELL - CELLS)
		return mr_fail_memory(err);
	if (*cells + CELLS > maker->next_room) {
		next = reallocarray(maker->next, room, sizeof(*next));
		if (!next)
			return mr_fail_memory(err);
		maker->next = next;
		maker->next_room = room;
	}
	*cells += CELLS;
	return MR_OK;
}

static enum mr_status
take_cell(
	struct maker *maker, struct line *line, struct block *block, struct mr_error *err)
{
	enum mr_status st;

	if (line->freed != NO_CELL) {
		block->cell = line->freed;
		line->freed = maker->next[line->freed];
		return MR_OK;
	}
	if (line->fresh == line->fresh_end) {
		line->fresh = maker->schedule->shape.cells;
		line->fresh_end = line->fresh + CELLS;
		if ((st = grow_cells(maker, err)))
			return st;
	}
	block->cell = line->fresh++;
	return MR_OK;
}

static void
give_cell(struct maker *maker, struct line *line, uint32_t cell)
{
	maker->next[cell] = line->freed;
	line->freed = cell;
}

/* --- operations */

static struct mr_operation *
append(struct maker *maker, const struct mr_operation *operation)
{
	struct line *line = &maker->lines[operation->thread];
	struct mr_operation *own = &line->operations[line->count++];

	maker->placed++;
	*own = *operation;
	return own;
}

static enum mr_status
place_malloc(
	struct maker *maker, const struct mr_operation *operation, struct mr_error *err)
{
	struct line *line = &maker->lines[operation->thread];
	struct block *block = &maker->blocks[operation->slot];
	enum mr_status st;

	if ((st = take(maker, line, weight(operation), err)) ||
		(st = take_cell(maker, line, block, err)))
		return st;
	block->malloc = append(maker, operation);
	block->malloc->slot = block->cell;
	block->done = line->count;
	block->thread = operation->thread;
	return MR_OK;
}

static void
place_free(struct maker *maker, const struct mr_operation *operation)
{
	struct line *line = &maker->lines[operation->thread];
	const struct block *block = &maker->blocks[operation->slot];
	struct mr_operation *own = append(maker, operation);

	give(maker, line, weight(block->malloc));
	give_cell(maker, line, block->cell);
	own->slot = block->cell;
	own->thread = block->thread;
	own->size = block->done;
	block->malloc->thread = operation->thread;
}

static enum mr_status
place_fence(
	struct maker *maker, const struct mr_operation *operation, struct mr_error *err)
{
	enum mr_status st;

	if ((st = cut(maker, err)))
		return st;
	append(maker, operation);
	return cut(maker, err);
}

static enum mr_status
place(struct maker *maker, const struct mr_operation *operation, struct mr_error *err)
{
	switch ((enum mr_op)operation->op) {
	case MR_OP_MALLOC:
		return place_malloc(maker, operation, err);
	case MR_OP_FREE:
		place_free(maker, operation);
		return MR_OK;
	case MR_OP_SET_CACHE_LIMIT:
		if (maker->keep_limits)
			return place_fence(maker, operation, err);
		break;
	case MR_OP_SET_MEMORY_LIMIT:
	case MR_OP_CLEAR_CACHE:
	case MR_OP_RESET_PEAK:
		return place_fence(maker, operation, err);
	case MR_OP_MARK:
	case MR_OP_COUNTERS:
		break;
	}
	append(maker, operation);
	return MR_OK;
}

static enum mr_status
set_up(struct maker *maker, struct mr_error *err)
{
	const struct mr_program *program = maker->program;
	struct mr_schedule *schedule = maker->schedule;
	struct mr_schedule_shape *shape = &schedule->shape;
	struct mr_operation *operations;
	size_t bytes;
	enum mr_status st;

	shape->operations = program->count;
	shape->threads = program->threads.used;
	bytes = part_bytes(shape);
	if ((st = mr_program_check_room(bytes, program->count, err)))
		return st;
	schedule->fd = memfd_create("memreplay", MFD_CLOEXEC);
	if (schedule->fd < 0 || ftruncate(schedule->fd, (off_t)bytes))
		return mr_fail_errno(err, errno, "shared memory");
	if ((st = map(schedule, bytes, err)))
		return st;
	/* an element more, so that nothing is no failure */
	maker->lines = calloc(shape->threads + 1, sizeof(*maker->lines));
	maker->blocks = calloc(program->slots + UINT64_C(1), sizeof(*maker->blocks));
	if (!maker->lines || !maker->blocks)
		return mr_fail_memory(err);
	operations = schedule->operations;
	for (uint32_t i = 0; i < shape->threads; i++) {
		schedule->threads[i].tid = program->by_thread[i].tid;
		maker->lines[i].operations = operations;
		maker->lines[i].freed = NO_CELL;
		operations += program->by_thread[i].count;
	}
	maker->bound = mr_bytes_add(program->peak_requested_bytes,
		(uint64_t)program->slots * MR_BLOCK_OVERHEAD);
	maker->bound = mr_bytes_add(maker->bound,
		maker->bound > MR_AHEAD_BYTES ? maker->bound : MR_AHEAD_BYTES);
	return MR_OK;
}

/* Puts the ends of the stretches behind the rest. */
static enum mr_status
finish(struct maker *maker, struct mr_error *err)
{
	struct mr_schedule *schedule = maker->schedule;
	struct mr_schedule_shape *shape = &schedule->shape;
	enum mr_status st = cut(maker, err);
	size_t bytes = all_bytes(shape);

	if (st)
		return st;
	unmap(schedule);
	if (ftruncate(schedule->fd, (off_t)bytes))
		return mr_fail_errno(err, errno, "shared memory");
	if ((st = map(schedule, bytes, err)))
		return st;
	if (maker->ends)
		memcpy(schedule->ends, maker->ends, bytes - part_bytes(shape));
	return MR_OK;
}

enum mr_status
mr_schedule_make(struct mr_schedule *schedule, const struct mr_program *program,
	bool keep_limits, struct mr_error *err)
{
	struct maker maker = {
		.program = program, .schedule = schedule, .keep_limits = keep_limits};
	enum mr_status st;

	*schedule = (struct mr_schedule){.fd = -1};
	if (program->threads.used > MR_THREADS_MAX)
		return mr_fail(err, MR_EINVAL,
			"the trace has more than %u threads, each of which a replay of "
			"threads would start",
			MR_THREADS_MAX);
	if ((st = set_up(&maker, err)))
		goto out;
	for (uint64_t i = 0; i < program->count; i++)
		if ((st = place(&maker, &program->operations[i], err)))
			goto out;
	st = finish(&maker, err);
out:
	free(maker.ends);
	free(maker.next);
	free(maker.blocks);
	free(maker.lines);
	return st;
}

uint64_t
mr_schedule_need(const struct mr_program *program)
{
	uint64_t threads = program->threads.used;
	uint64_t bytes =
		mr_bytes_add(program->malloc_bytes, program->mallocs * MR_BLOCK_OVERHEAD);
	uint64_t stretches = 2 * program->fences + bytes / MR_AHEAD_BYTES + 1;
	uint64_t cells = program->mallocs + threads * CELLS;
	uint64_t ends;

	if (__builtin_mul_overflow(stretches, threads * sizeof(uint64_t), &ends))
		ends = UINT64_MAX;
	return mr_bytes_add(ends,
		program->count * sizeof(struct mr_operation) + cells * sizeof(void *) +
			threads * (2 * sizeof(struct mr_histogram) + STACK_BYTES));
}
