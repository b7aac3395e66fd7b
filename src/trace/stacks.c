/* SPDX-License-Identifier: MIT */
#include "trace/stacks.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define FIRST_SPACE 64
#define HASH_BEGIN  UINT64_C(0xcbf29ce484222325) /* FNV-1a */
#define HASH_PRIME  UINT64_C(0x100000001b3)

static uint64_t
hash_bytes(uint64_t hash, const void *data, size_t length)
{
	const unsigned char *bytes = data;

	for (size_t i = 0; i < length; i++)
		hash = (hash ^ bytes[i]) * HASH_PRIME;
	return (hash ^ length) * HASH_PRIME;
}

/* Makes room for `more` elements behind count. */
static enum mr_status
reserve(void **data, size_t *space, size_t count, size_t more, size_t size,
	struct mr_error *err)
{
	size_t wanted = *space ? *space : FIRST_SPACE;
	void *larger;

	if (*space - count >= more)
		return MR_OK;
	while (wanted - count < more)
		wanted *= 2;
	larger = realloc(*data, wanted * size);
	if (!larger)
		return mr_fail_memory(err);
	*data = larger;
	*space = wanted;
	return MR_OK;
}

/* The first place that hash leads to. */
static size_t
home(const struct mr_stacks_index *index, uint64_t hash)
{
	return (size_t)(hash ^ hash >> 32) & (index->space - 1);
}

/* The hash of what a place holds. */
typedef uint64_t hash_of(const struct mr_stacks *stacks, uint32_t number);

static uint64_t
frame_hash(const struct mr_stacks *stacks, uint32_t number)
{
	return stacks->frames[number].hash;
}

static uint64_t
stack_hash(const struct mr_stacks *stacks, uint32_t number)
{
	return stacks->stacks[number].hash;
}

/* Keeps at least half of the places empty, so that a search ends. */
static enum mr_status
make_place(const struct mr_stacks *stacks, struct mr_stacks_index *index, hash_of *of,
	struct mr_error *err)
{
	struct mr_stacks_index old = *index;

	if (index->count < index->space / 2)
		return MR_OK;
	index->space = old.space ? old.space * 2 : FIRST_SPACE;
	index->places = calloc(index->space, sizeof(*index->places));
	if (!index->places) {
		*index = old;
		return mr_fail_memory(err);
	}
	for (size_t i = 0; i < old.space; i++) {
		size_t at;

		if (!old.places[i])
			continue;
		at = home(index, of(stacks, old.places[i] - 1));
		while (index->places[at])
			at = (at + 1) & (index->space - 1);
		index->places[at] = old.places[i];
	}
	free(old.places);
	return MR_OK;
}

static bool
is_text(const struct mr_stacks *stacks, size_t at, struct mr_stacks_text text)
{
	const char *found = stacks->texts + at;

	return !memcmp(found, text.text, text.length) && !found[text.length];
}

/* Cuts a text at its first NUL. */
static struct mr_stacks_text
cut(struct mr_stacks_text text)
{
	text.length = strnlen(text.text, text.length);
	return text;
}

static size_t
add_text(struct mr_stacks *stacks, struct mr_stacks_text text)
{
	size_t at = stacks->text_length;

	memcpy(stacks->texts + at, text.text, text.length);
	stacks->texts[at + text.length] = '\0';
	stacks->text_length += text.length + 1;
	return at;
}

/* Adds a frame that is new. */
static enum mr_status
new_frame(struct mr_stacks *stacks, struct mr_stacks_text name,
	struct mr_stacks_text filename, uint64_t line, uint64_t hash,
	struct mr_error *err)
{
	enum mr_status st;

	if ((st = reserve((void **)&stacks->texts, &stacks->text_space,
		     stacks->text_length, name.length + filename.length + 2, 1, err)) ||
		(st = reserve((void **)&stacks->frames, &stacks->frame_space,
			 stacks->frame_count, 1, sizeof(*stacks->frames), err)))
		return st;
	stacks->frames[stacks->frame_count++] =
		(struct mr_stacks_frame){.name = add_text(stacks, name),
			.filename = add_text(stacks, filename),
			.line = line,
			.hash = hash};
	return MR_OK;
}

enum mr_status
mr_stacks_add_frame(struct mr_stacks *stacks, uint32_t *number,
	struct mr_stacks_text name, struct mr_stacks_text filename, uint64_t line,
	struct mr_error *err)
{
	struct mr_stacks_index *index = &stacks->by_frame;
	enum mr_status st = make_place(stacks, index, frame_hash, err);
	uint64_t hash;
	size_t at;

	if (st)
		return st;
	name = cut(name);
	filename = cut(filename);
	hash = hash_bytes(HASH_BEGIN, name.text, name.length);
	hash = hash_bytes(hash, filename.text, filename.length);
	hash = hash_bytes(hash, &line, sizeof(line));
	for (at = home(index, hash); index->places[at];
		at = (at + 1) & (index->space - 1)) {
		const struct mr_stacks_frame *frame;

		*number = index->places[at] - 1;
		frame = &stacks->frames[*number];
		if (frame->hash == hash && frame->line == line &&
			is_text(stacks, frame->name, name) &&
			is_text(stacks, frame->filename, filename))
			return MR_OK;
	}
	*number = (uint32_t)stacks->frame_count;
	st = new_frame(stacks, name, filename, line, hash, err);
	if (st)
		return st;
	index->places[at] = *number + 1;
	index->count++;
	return MR_OK;
}

static enum mr_status
new_stack(struct mr_stacks *stacks, const uint32_t *frames, size_t depth, uint64_t hash,
	struct mr_error *err)
{
	enum mr_status st;

	if ((st = reserve((void **)&stacks->parts, &stacks->part_space,
		     stacks->part_count, depth, sizeof(*frames), err)) ||
		(st = reserve((void **)&stacks->stacks, &stacks->stack_space,
			 stacks->stack_count, 1, sizeof(*stacks->stacks), err)))
		return st;
	stacks->stacks[stacks->stack_count++] = (struct mr_stacks_stack){
		.first = stacks->part_count, .depth = depth, .hash = hash};
	memcpy(stacks->parts + stacks->part_count, frames, depth * sizeof(*frames));
	stacks->part_count += depth;
	return MR_OK;
}

enum mr_status
mr_stacks_add(struct mr_stacks *stacks, uint32_t *number, const uint32_t *frames,
	size_t depth, struct mr_error *err)
{
	struct mr_stacks_index *index = &stacks->by_stack;
	uint64_t hash = hash_bytes(HASH_BEGIN, frames, depth * sizeof(*frames));
	enum mr_status st;
	size_t at;

	*number = 0;
	if (!depth)
		return MR_OK;
	st = make_place(stacks, index, stack_hash, err);
	if (st)
		return st;
	for (at = home(index, hash); index->places[at];
		at = (at + 1) & (index->space - 1)) {
		const struct mr_stacks_stack *stack;

		*number = index->places[at];
		stack = &stacks->stacks[*number - 1];
		if (stack->hash == hash && stack->depth == depth &&
			!memcmp(stacks->parts + stack->first, frames,
				depth * sizeof(*frames)))
			return MR_OK;
	}
	st = new_stack(stacks, frames, depth, hash, err);
	if (st)
		return st;
	*number = (uint32_t)stacks->stack_count;
	index->places[at] = *number;
	index->count++;
	return MR_OK;
}

void
mr_stacks_fini(struct mr_stacks *stacks)
{
	free(stacks->texts);
	free(stacks->frames);
	free(stacks->stacks);
	free(stacks->parts);
	free(stacks->by_frame.places);
	free(stacks->by_stack.places);
	*stacks = (struct mr_stacks){0};
}
