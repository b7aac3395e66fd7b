/* SPDX-License-Identifier: MIT */
#include "trace/pickle.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "trace/pickleheap.h"

enum mr_status
mr_pickle_charge(struct mr_pickle *pickle, size_t bytes, struct mr_error *err)
{
	uint64_t limit =
		MR_PICKLE_BASE + MR_PICKLE_PER_BYTE * mr_input_position(pickle->input);

	if (pickle->used + bytes > limit)
		return mr_fail(err, MR_EFORMAT,
			"the pickle needs more memory than one of its length may");
	pickle->used += bytes;
	return MR_OK;
}

enum mr_status
mr_heap_reserve(struct mr_pickle *pickle, struct mr_heap_array *array, size_t more,
	size_t size, struct mr_error *err)
{
	size_t space = array->space ? array->space : 256;
	enum mr_status st;
	void *larger;

	if (array->space - array->count >= more)
		return MR_OK;
	while (space - array->count < more)
		space *= 2;
	st = mr_pickle_charge(pickle, (space - array->space) * size, err);
	if (st)
		return st;
	larger = realloc(array->data, space * size);
	if (!larger)
		return mr_fail_memory(err);
	array->data = larger;
	array->space = space;
	return MR_OK;
}

enum mr_status
mr_heap_add(struct mr_pickle *pickle, struct mr_heap_array *array, uint64_t word,
	struct mr_error *err)
{
	enum mr_status st = mr_heap_reserve(pickle, array, 1, sizeof(word), err);

	if (!st)
		((uint64_t *)array->data)[array->count++] = word;
	return st;
}

enum mr_status
mr_heap_push(struct mr_pickle *pickle, mr_value value, struct mr_error *err)
{
	return mr_heap_add(pickle, &pickle->stack, value, err);
}

enum mr_status
mr_heap_peek(struct mr_pickle *pickle, size_t count, const unsigned char **data,
	struct mr_error *err)
{
	size_t length;
	enum mr_status st;

	st = mr_input_peek(pickle->input, count, data, &length, err);
	if (!st && length < count)
		return mr_fail(err, MR_EFORMAT, "the pickle ends in the middle");
	return st;
}

static size_t
mr_heap_room(uint32_t count)
{
	size_t space = 4;

	while (space < count)
		space *= 2;
	return count ? space : 0;
}

enum mr_status
mr_heap_extend(struct mr_pickle *pickle, mr_value value, const mr_value *words,
	size_t count, struct mr_error *err)
{
	struct mr_heap_object *object = mr_heap_object(pickle, value);
	size_t old = mr_heap_room(object->count), new;
	enum mr_status st;
	mr_value *items;

	if (count > UINT32_MAX / 2 - object->count)
		return mr_fail(err, MR_EFORMAT, "a list has over 2^31 items");
	new = mr_heap_room(object->count + (uint32_t)count);
	if (new > old) {
		st = mr_pickle_charge(pickle, (new - old) * sizeof(*items), err);
		if (st)
			return st;
		items = realloc(object->items, new * sizeof(*items));
		if (!items)
			return mr_fail_memory(err);
		object->items = items;
	}
	if (count)
		memcpy(object->items + object->count, words, count * sizeof(*words));
	object->count += (uint32_t)count;
	return MR_OK;
}

enum mr_status
mr_heap_push_object(
	struct mr_pickle *pickle, enum mr_heap_kind kind, struct mr_error *err)
{
	struct mr_heap_array *objects = &pickle->objects;
	enum mr_status st =
		mr_heap_reserve(pickle, objects, 1, sizeof(struct mr_heap_object), err);

	if (st)
		return st;
	((struct mr_heap_object *)objects->data)[objects->count] =
		(struct mr_heap_object){.kind = kind};
	return mr_heap_push(pickle, MR_WORD(MR_TAG_OBJECT, objects->count++), err);
}

bool
mr_pickle_probe(const unsigned char *data, size_t length)
{
	return length >= 3 && data[0] == 0x80 && data[1] >= 2 && data[1] <= 5 &&
		mr_opcodes[data[2]].name;
}

static enum mr_status
step(struct mr_pickle *pickle, struct mr_error *err)
{
	const unsigned char *data;
	enum mr_status st = mr_heap_peek(pickle, 1, &data, err);
	unsigned code;

	if (st)
		return st;
	code = *data;
	if (!mr_opcodes[code].name)
		return mr_fail(err, MR_EFORMAT, "0x%02x is no opcode of pickle", code);
	if (!mr_opcodes[code].run)
		return mr_fail(err, MR_EFORMAT,
			"the opcode %s is refused: no memory snapshot needs it",
			mr_opcodes[code].name);
	mr_input_skip(pickle->input, 1);
	return mr_opcodes[code].run(pickle, err);
}

static enum mr_status
read_all(struct mr_pickle *pickle, struct mr_error *err)
{
	uint64_t at = mr_input_position(pickle->input);
	const unsigned char *data;
	enum mr_status st;
	size_t length;

	if ((st = mr_input_peek(pickle->input, 3, &data, &length, err)))
		return st;
	if (!mr_pickle_probe(data, length))
		st = mr_fail(err, MR_EFORMAT, "not a pickle of protocol 2 to 5");
	while (!st && !pickle->stopped) {
		at = mr_input_position(pickle->input);
		st = step(pickle, err);
	}
	if (!st) {
		at = mr_input_position(pickle->input);
		st = mr_input_peek(pickle->input, 1, &data, &length, err);
		if (!st && length)
			st = mr_fail(err, MR_EFORMAT, "more bytes behind the pickle");
	}
	if (st == MR_EFORMAT && err && err->place == MR_PLACE_NONE) {
		err->place = MR_PLACE_BYTE;
		err->where = at;
	}
	return st;
}

enum mr_status
mr_pickle_read(struct mr_pickle **out, struct mr_input *input, mr_pickle_hook *hook,
	void *context, struct mr_error *err)
{
	struct mr_pickle *pickle = calloc(1, sizeof(*pickle));
	enum mr_status st;

	*out = NULL;
	if (!pickle)
		return mr_fail_memory(err);
	pickle->input = input;
	pickle->hook = hook;
	pickle->context = context;
	/* so that there is a stack to point into, also while it is empty */
	st = mr_heap_reserve(pickle, &pickle->stack, 1, sizeof(mr_value), err);
	if (!st)
		st = read_all(pickle, err);
	if (st)
		mr_pickle_free(pickle);
	else
		*out = pickle;
	return st;
}

void
mr_pickle_free(struct mr_pickle *pickle)
{
	struct mr_heap_object *objects;

	if (!pickle)
		return;
	objects = pickle->objects.data;
	for (size_t i = 0; i < pickle->objects.count; i++)
		if (objects[i].kind != MR_HEAP_FOLDED)
			free(objects[i].items);
	free(objects);
	free(pickle->stack.data);
	free(pickle->memo.data);
	free(pickle->numbers.data);
	free(pickle->texts.data);
	free(pickle);
}

mr_value
mr_pickle_root(const struct mr_pickle *pickle)
{
	return pickle->root;
}

enum mr_value_kind
mr_value_kind(const struct mr_pickle *pickle, mr_value value)
{
	switch (mr_heap_tag(value)) {
	case MR_TAG_SMALL:
	case MR_TAG_BIG:
		return MR_VALUE_INT;
	case MR_TAG_REAL:
		return MR_VALUE_REAL;
	case MR_TAG_TEXT:
		return MR_VALUE_TEXT;
	case MR_TAG_CONSTANT:
		return value == MR_WORD_NONE ? MR_VALUE_NONE : MR_VALUE_BOOL;
	case MR_TAG_OBJECT:
		break;
	}
	switch ((enum mr_heap_kind)mr_heap_object(pickle, value)->kind) {
	case MR_HEAP_LIST:
		return MR_VALUE_LIST;
	case MR_HEAP_DICT:
		return MR_VALUE_DICT;
	case MR_HEAP_FOLDED:
		break;
	}
	return MR_VALUE_FOLDED;
}

static uint64_t
number_of(const struct mr_pickle *pickle, mr_value value)
{
	return ((const uint64_t *)pickle->numbers.data)[mr_heap_index(value)];
}

bool
mr_value_get_u64(const struct mr_pickle *pickle, mr_value value, uint64_t *out)
{
	if (mr_heap_tag(value) == MR_TAG_SMALL && (int64_t)value >= 0) {
		*out = value >> MR_TAG_BITS;
		return true;
	}
	if (mr_heap_tag(value) != MR_TAG_BIG)
		return false;
	*out = number_of(pickle, value);
	return true;
}

bool
mr_value_get_i64(const struct mr_pickle *pickle, mr_value value, int64_t *out)
{
	uint64_t bits;

	if (mr_heap_tag(value) == MR_TAG_SMALL) {
		*out = (int64_t)value >> MR_TAG_BITS;
		return true;
	}
	if (!mr_value_get_u64(pickle, value, &bits) || bits > INT64_MAX)
		return false;
	*out = (int64_t)bits;
	return true;
}

bool
mr_value_is_true(const struct mr_pickle *pickle, mr_value value)
{
	int64_t number;

	return value == MR_WORD_TRUE ||
		(mr_value_get_i64(pickle, value, &number) && number != 0);
}

double
mr_value_real(const struct mr_pickle *pickle, mr_value value)
{
	double real = 0;
	uint64_t bits;

	if (mr_heap_tag(value) == MR_TAG_REAL) {
		bits = number_of(pickle, value);
		memcpy(&real, &bits, sizeof(real));
	}
	return real;
}

const char *
mr_value_text(const struct mr_pickle *pickle, mr_value value, size_t *length)
{
	const char *text;
	uint32_t stored;

	if (mr_heap_tag(value) != MR_TAG_TEXT)
		return NULL;
	text = (const char *)pickle->texts.data + mr_heap_index(value);
	memcpy(&stored, text, sizeof(stored));
	*length = stored;
	return text + sizeof(stored);
}

bool
mr_value_is_text(const struct mr_pickle *pickle, mr_value value, const char *text)
{
	size_t length, expected = strlen(text);
	const char *found = mr_value_text(pickle, value, &length);

	return found && length == expected && !memcmp(found, text, length);
}

const mr_value *
mr_value_items(const struct mr_pickle *pickle, mr_value value, size_t *count)
{
	const struct mr_heap_object *object;

	*count = 0;
	if (mr_heap_tag(value) != MR_TAG_OBJECT)
		return NULL;
	object = mr_heap_object(pickle, value);
	if (object->kind == MR_HEAP_FOLDED)
		return NULL;
	*count = object->count;
	return object->items;
}

bool
mr_value_find(
	const struct mr_pickle *pickle, mr_value dict, const char *key, mr_value *out)
{
	size_t count;
	const mr_value *items = mr_value_items(pickle, dict, &count);

	if (mr_value_kind(pickle, dict) != MR_VALUE_DICT)
		return false;
	for (size_t i = 0; i < count; i += 2) {
		if (!mr_value_is_text(pickle, items[i], key))
			continue;
		*out = items[i + 1];
		return true;
	}
	return false;
}

void
mr_value_fold(struct mr_pickle *pickle, mr_value value, uint32_t what, uint64_t number)
{
	struct mr_heap_object *object = mr_heap_object(pickle, value);

	if (object->kind != MR_HEAP_FOLDED) {
		pickle->used -= mr_heap_room(object->count) * sizeof(*object->items);
		free(object->items);
	}
	object->kind = MR_HEAP_FOLDED;
	object->count = what;
	object->number = number;
}

bool
mr_value_folded(
	const struct mr_pickle *pickle, mr_value value, uint32_t what, uint64_t *number)
{
	const struct mr_heap_object *object;

	if (!mr_heap_is(pickle, value, MR_HEAP_FOLDED))
		return false;
	object = mr_heap_object(pickle, value);
	*number = object->number;
	return object->count == what;
}
