/* SPDX-License-Identifier: MIT */
#include "replay/program.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/error.h"
#include "replay/schedule.h"

#define FIRST_ROOM 65536

/* Tables of a child that do not depend on the trace: stack, histograms, libraries. */
#define CHILD_BYTES (UINT64_C(4) << 20)

#define PAGE_BYTES 4096

uint64_t
mr_bytes_add(uint64_t a, uint64_t b)
{
	uint64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? UINT64_MAX : sum;
}

enum mr_status
mr_program_new(struct mr_program **out, struct mr_error *err)
{
	struct mr_program *program = calloc(1, sizeof(*program));
	enum mr_status st;

	*out = NULL;
	if (!program)
		return mr_fail_memory(err);
	program->fd = -1;
	if ((st = mr_slots_init(&program->threads, err)))
		goto out;
	program->fd = memfd_create("memreplay", MFD_CLOEXEC);
	if (program->fd < 0) {
		st = mr_fail_errno(err, errno, "shared memory");
		goto out;
	}
	*out = program;
	return MR_OK;
out:
	mr_program_free(program);
	return st;
}

void
mr_program_free(struct mr_program *program)
{
	if (!program)
		return;
	if (program->operations)
		munmap(program->operations,
			(size_t)program->room * sizeof(struct mr_operation));
	if (program->fd >= 0)
		close(program->fd);
	mr_slots_fini(&program->threads);
	free(program->by_thread);
	free(program->sizes);
	free(program);
}

/* Looked at before each doubling, so that a long trace cannot exhaust the machine. */
enum mr_status
mr_program_check_room(uint64_t bytes, uint64_t events, struct mr_error *err)
{
	uint64_t available;

	if (mr_memory_available(&available, NULL) || bytes <= available)
		return MR_OK;
	return mr_fail(err, MR_ENOMEM,
		"a replay of more than %llu events needs %llu MiB for its operations "
		"alone, and %llu MiB are free; simulate needs no memory for them",
		(unsigned long long)events, (unsigned long long)(bytes >> 20),
		(unsigned long long)(available >> 20));
}

static enum mr_status
grow(struct mr_program *program, struct mr_error *err)
{
	uint64_t room = program->room ? 2 * program->room : FIRST_ROOM;
	size_t bytes;
	void *mapping;
	enum mr_status st;

	if (__builtin_mul_overflow(room, sizeof(struct mr_operation), &bytes))
		return mr_fail(err, MR_ENOMEM,
			"a replay of more than %llu events needs more memory for its "
			"operations than a process can address",
			(unsigned long long)program->count);
	if ((st = mr_program_check_room(bytes / 2, program->count, err)))
		return st;
	if (ftruncate(program->fd, (off_t)bytes))
		return mr_fail_errno(err, errno, "shared memory");
	if (program->operations)
		mapping = mremap(program->operations, bytes / 2, bytes, MREMAP_MAYMOVE);
	else
		mapping = mmap(
			NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, program->fd, 0);
	if (mapping == MAP_FAILED)
		return mr_fail_errno(err, errno, "shared memory");
	program->operations = mapping;
	program->room = room;
	return MR_OK;
}

static enum mr_status
grow_slots(struct mr_program *program, uint32_t slot, struct mr_error *err)
{
	uint32_t room = program->slots_room ? program->slots_room : 256;
	uint64_t *sizes;

	while (room <= slot)
		room = room > UINT32_MAX / 2 ? UINT32_MAX : 2 * room;
	sizes = reallocarray(program->sizes, room, sizeof(*sizes));
	if (!sizes)
		return mr_fail_memory(err);
	program->sizes = sizes;
	program->slots_room = room;
	return MR_OK;
}

static enum mr_status
grow_threads(struct mr_program *program, struct mr_error *err)
{
	uint32_t old = program->by_thread_room, room = old ? 2 * old : 16;
	struct mr_program_thread *threads =
		reallocarray(program->by_thread, room, sizeof(*threads));

	if (!threads)
		return mr_fail_memory(err);
	memset(threads + old, 0, (room - old) * sizeof(*threads));
	program->by_thread = threads;
	program->by_thread_room = room;
	return MR_OK;
}

static enum mr_status
note_malloc(struct mr_program *program, const struct mr_event *event,
	struct mr_operation *operation, struct mr_error *err)
{
	enum mr_status st;

	if (event->slot >= program->slots_room &&
		(st = grow_slots(program, event->slot, err)))
		return st;
	if (event->slot >= program->slots)
		program->slots = event->slot + 1;
	program->sizes[event->slot] = event->size;
	program->mallocs++;
	program->malloc_bytes = mr_bytes_add(program->malloc_bytes, event->size);
	/* a sum that no machine has room for: stay at the top, need is as clear */
	program->requested_bytes = mr_bytes_add(program->requested_bytes, event->size);
	if (program->requested_bytes > program->peak_requested_bytes)
		program->peak_requested_bytes = program->requested_bytes;
	operation->slot = event->slot;
	operation->size = event->size;
	if ((event->has & MR_HAS_ALIGN) && event->align)
		operation->align_log2 = (uint8_t)__builtin_ctz(event->align);
	return MR_OK;
}

static void
note_free(struct mr_program *program, const struct mr_event *event,
	struct mr_operation *operation)
{
	if (program->requested_bytes != UINT64_MAX)
		program->requested_bytes -= program->sizes[event->slot];
	operation->slot = event->slot;
}

/* An event that names no thread is of the one before it: most mark what it did. */
static enum mr_status
note_thread(struct mr_program *program, const struct mr_event *event,
	struct mr_operation *operation, struct mr_error *err)
{
	uint32_t tid = event->has & MR_HAS_TID ? event->tid : program->last_tid;
	uint32_t number;
	enum mr_status st;

	if (!mr_slots_find(&program->threads, &number, tid) &&
		(st = mr_slots_add(&program->threads, &number, tid, err)))
		return st;
	if (number >= MR_THREADS_MAX)
		number = MR_THREADS_MAX - 1; /* none of these is replayed as a thread */
	if (number >= program->by_thread_room && (st = grow_threads(program, err)))
		return st;
	program->last_tid = tid;
	program->by_thread[number].tid = tid;
	program->by_thread[number].count++;
	operation->thread = (uint16_t)number;
	return MR_OK;
}

enum mr_status
mr_program_add(
	struct mr_program *program, const struct mr_event *event, struct mr_error *err)
{
	struct mr_operation operation = {.op = event->op};
	enum mr_status st = note_thread(program, event, &operation, err);

	if (st)
		return st;
	switch ((enum mr_op)event->op) {
	case MR_OP_MALLOC:
		if ((st = note_malloc(program, event, &operation, err)))
			return st;
		break;
	case MR_OP_FREE:
		note_free(program, event, &operation);
		break;
	case MR_OP_SET_CACHE_LIMIT:
	case MR_OP_SET_MEMORY_LIMIT:
		operation.size = event->bytes;
		program->fences++;
		break;
	case MR_OP_CLEAR_CACHE:
	case MR_OP_RESET_PEAK:
		program->fences++;
		break;
	case MR_OP_MARK:
	case MR_OP_COUNTERS:
		break;
	}
	if (program->count == program->room && (st = grow(program, err)))
		return st;
	program->operations[program->count++] = operation;
	return MR_OK;
}

/*
 * Bytes that blocks blocks of bytes bytes in all come to occupy. Untouched,
 * a block costs no more than the page that its allocator's own words are in.
 */
static uint64_t
occupied(uint64_t bytes, uint64_t blocks, enum mr_touch touch)
{
	uint64_t pages;

	if (touch == MR_TOUCH_NONE && !__builtin_mul_overflow(blocks, PAGE_BYTES, &pages))
		return bytes < pages ? bytes : pages;
	return bytes;
}

uint64_t
mr_program_need(const struct mr_program *program, const struct mr_result *simulated,
	enum mr_touch touch, bool threads)
{
	uint64_t slots = program->slots;
	/* each block held at one time was a miss once */
	uint64_t caching =
		occupied(simulated->peak_total_bytes, simulated->misses, touch);
	uint64_t plain = occupied(program->peak_requested_bytes, slots, touch);
	uint64_t blocks = caching > plain ? caching : plain;

	blocks = mr_bytes_add(
		blocks, slots * (sizeof(void *) + MR_BLOCK_OVERHEAD) + CHILD_BYTES);
	if (!threads)
		return blocks;
	/* twice that or so much more, and an allocator's own in the same measure */
	blocks = mr_bytes_add(blocks, blocks > MR_AHEAD_BYTES ? blocks : MR_AHEAD_BYTES);
	return mr_bytes_add(blocks, mr_schedule_need(program));
}
