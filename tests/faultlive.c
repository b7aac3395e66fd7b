/* SPDX-License-Identifier: MIT */
#include "faultlive.h"

#include <dlfcn.h>
#include <pthread.h>
#include <stdbool.h>
#include <string.h>
#include <sys/auxv.h>
#include <unwind.h>

#define PLACES 65536 /* of the hash table; a power of two */
#define DEPTH  64

struct block {
	const void *start;  /* NULL: never used */
	const void *caller; /* NULL: free again */
};

static struct block blocks[PLACES];
static uint64_t stacks[FAULT_SITES];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* The place of a block, or one that is free, or NULL. */
static struct block *
find(const void *start, bool to_add)
{
	uint64_t at = ((uintptr_t)start >> 4) * UINT64_C(0x9e3779b97f4a7c15) >> 48;

	for (size_t i = 0; i < PLACES; i++) {
		struct block *block = &blocks[(at + i) % PLACES];

		if (block->caller ? block->start == start : to_add || !block->start)
			return block->caller || to_add ? block : NULL;
	}
	return NULL;
}

void
fault_live_add(struct fault *fault, const void *start, const void *caller)
{
	struct block *block;

	pthread_mutex_lock(&lock);
	block = find(start, true);
	if (block)
		*block = (struct block){start, caller};
	else
		fault->lost++;
	pthread_mutex_unlock(&lock);
}

void
fault_live_remove(const void *start)
{
	struct block *block;

	pthread_mutex_lock(&lock);
	block = find(start, false);
	if (block)
		block->caller = NULL;
	pthread_mutex_unlock(&lock);
}

static const char *
base_of(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static void
tell_one(struct fault *fault, const void *caller)
{
	struct fault_owner owner = {"?", (uintptr_t)caller, 1};
	Dl_info info;

	if (dladdr(caller, &info) && info.dli_fname) {
		strncpy(owner.object, base_of(info.dli_fname), sizeof(owner.object) - 1);
		owner.offset -= (uintptr_t)info.dli_fbase;
	}
	for (size_t i = 0; i < FAULT_OWNERS; i++) {
		struct fault_owner *at = &fault->owners[i];

		if (!at->blocks) {
			*at = owner;
			return;
		}
		if (at->offset == owner.offset && !strcmp(at->object, owner.object)) {
			at->blocks++;
			return;
		}
	}
	fault->lost++;
}

void
fault_live_tell(struct fault *fault)
{
	for (size_t i = 0; i < PLACES; i++)
		if (blocks[i].caller)
			tell_one(fault, blocks[i].caller);
}

struct stack {
	uintptr_t frames[DEPTH];
	size_t count;
};

static _Unwind_Reason_Code
take_frame(struct _Unwind_Context *context, void *into)
{
	struct stack *stack = into;

	if (stack->count == DEPTH)
		return _URC_END_OF_STACK;
	stack->frames[stack->count++] = _Unwind_GetIP(context);
	return _URC_NO_REASON;
}

static uint64_t
mix(uint64_t hash, uint64_t value)
{
	return (hash ^ value) * UINT64_C(0x100000001b3);
}

static void *
object_of(const void *code)
{
	Dl_info info;

	return dladdr(code, &info) ? info.dli_fbase : NULL;
}

/* The same in every run, wherever objects lie. */
static uint64_t
key_of(const struct stack *stack)
{
	const void *own = object_of(__builtin_return_address(0));
	const void *program = object_of((const void *)getauxval(AT_ENTRY));
	uint64_t key = 0;
	int frames = 0;

	for (size_t i = 0; i < stack->count && frames < FAULT_FRAMES; i++) {
		void *object = object_of((const void *)stack->frames[i]);

		if (object == own)
			continue;
		key = mix(key, stack->frames[i] - (uintptr_t)object);
		frames += object == program;
	}
	return key;
}

int
fault_site_is_new(struct fault *fault)
{
	struct stack stack = {.count = 0};
	uint64_t hash = 0, count;

	_Unwind_Backtrace(take_frame, &stack);
	for (size_t i = 0; i < stack.count; i++)
		hash = mix(hash, stack.frames[i]);
	pthread_mutex_lock(&lock);
	count = fault->site_count;
	for (uint64_t i = 0; i < count && hash; i++)
		if (stacks[i] == hash)
			hash = 0;
	if (hash && count < FAULT_SITES) {
		stacks[count] = hash;
		fault->sites[count] = key_of(&stack);
		fault->site_count = count + 1;
	}
	pthread_mutex_unlock(&lock);
	return hash != 0;
}
