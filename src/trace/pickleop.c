/* SPDX-License-Identifier: MIT */

/* The opcodes of pickles: each function has its argument still before it. */

#include <inttypes.h>
#include <string.h>

#include "base/error.h"
#include "trace/pickleheap.h"

/* The lowest place of the stack that an opcode may take from. */
static size_t
floor_of(const struct mr_pickle *pickle)
{
	return pickle->mark_count ? pickle->marks[pickle->mark_count - 1] : 0;
}

static enum mr_status
underflow(struct mr_error *err)
{
	return mr_fail(err, MR_EFORMAT, "an opcode takes more values than there are");
}

/* Shows the highest count values of the stack, if they are above the mark. */
static enum mr_status
top(struct mr_pickle *pickle, size_t count, mr_value **values, struct mr_error *err)
{
	struct mr_heap_array *stack = &pickle->stack;

	if (stack->count - floor_of(pickle) < count)
		return underflow(err);
	*values = (mr_value *)stack->data + stack->count - count;
	return MR_OK;
}

/* Takes away the highest mark and shows the values above it, and what is below. */
static enum mr_status
to_mark(struct mr_pickle *pickle, mr_value **values, size_t *count, struct mr_error *err)
{
	size_t height;

	if (!pickle->mark_count)
		return mr_fail(err, MR_EFORMAT, "an opcode needs a MARK and has none");
	height = pickle->marks[--pickle->mark_count];
	*count = pickle->stack.count - height;
	*values = (mr_value *)pickle->stack.data + height;
	return MR_OK;
}

/* Takes a number of up to 8 bytes, little-endian. */
static enum mr_status
take_number(struct mr_pickle *pickle, size_t bytes, uint64_t *out, struct mr_error *err)
{
	const unsigned char *data;
	enum mr_status st = mr_heap_peek(pickle, bytes, &data, err);

	if (st)
		return st;
	*out = 0;
	for (size_t i = bytes; i-- > 0;)
		*out = *out << 8 | data[i];
	mr_input_skip(pickle->input, bytes);
	return MR_OK;
}

/* Shows a dict to the hook. */
static enum mr_status
show(struct mr_pickle *pickle, mr_value value, struct mr_error *err)
{
	if (!pickle->hook || !mr_heap_is(pickle, value, MR_HEAP_DICT))
		return MR_OK;
	return pickle->hook(pickle->context, pickle, value, err);
}

/* Shows those of count words that become part of something, each step-th. */
static enum mr_status
show_all(struct mr_pickle *pickle, const mr_value *words, size_t count, size_t step,
	struct mr_error *err)
{
	enum mr_status st = MR_OK;

	for (size_t i = step - 1; i < count && !st; i += step)
		st = show(pickle, words[i], err);
	return st;
}

static enum mr_status
op_proto(struct mr_pickle *pickle, struct mr_error *err)
{
	uint64_t version = 0;
	enum mr_status st = take_number(pickle, 1, &version, err);

	if (!st && (version < 2 || version > 5))
		return mr_fail(err, MR_EFORMAT,
			"pickle protocol %" PRIu64 ", expected 2 to 5", version);
	return st;
}

/* Frames of protocol 4 only help those who read ahead. */
static enum mr_status
op_frame(struct mr_pickle *pickle, struct mr_error *err)
{
	uint64_t length;

	return take_number(pickle, 8, &length, err);
}

static enum mr_status
op_mark(struct mr_pickle *pickle, struct mr_error *err)
{
	if (pickle->mark_count == MR_PICKLE_MARKS)
		return mr_fail(
			err, MR_EFORMAT, "nested more than %d deep", MR_PICKLE_MARKS);
	pickle->marks[pickle->mark_count++] = pickle->stack.count;
	return MR_OK;
}

static enum mr_status
op_stop(struct mr_pickle *pickle, struct mr_error *err)
{
	if (pickle->stack.count != 1 || pickle->mark_count)
		return mr_fail(err, MR_EFORMAT,
			"STOP with %zu values on the stack and %zu marks",
			pickle->stack.count, pickle->mark_count);
	pickle->root = *(mr_value *)pickle->stack.data;
	pickle->stopped = true;
	return MR_OK;
}

static enum mr_status
op_none(struct mr_pickle *pickle, struct mr_error *err)
{
	return mr_heap_push(pickle, MR_WORD_NONE, err);
}

static enum mr_status
op_true(struct mr_pickle *pickle, struct mr_error *err)
{
	return mr_heap_push(pickle, MR_WORD_TRUE, err);
}

static enum mr_status
op_false(struct mr_pickle *pickle, struct mr_error *err)
{
	return mr_heap_push(pickle, MR_WORD_FALSE, err);
}

static enum mr_status
push_number(struct mr_pickle *pickle, enum mr_heap_tag tag, uint64_t bits,
	struct mr_error *err)
{
	enum mr_status st = mr_heap_add(pickle, &pickle->numbers, bits, err);

	return st ? st
		  : mr_heap_push(pickle, MR_WORD(tag, pickle->numbers.count - 1), err);
}

static enum mr_status
push_int(struct mr_pickle *pickle, int64_t value, struct mr_error *err)
{
	if (value >= MR_SMALL_MIN && value <= MR_SMALL_MAX)
		return mr_heap_push(pickle, MR_WORD(MR_TAG_SMALL, value), err);
	if (value < 0)
		return mr_fail(err, MR_EFORMAT, "a number is below -2^60");
	return push_number(pickle, MR_TAG_BIG, (uint64_t)value, err);
}

static enum mr_status
take_int(struct mr_pickle *pickle, size_t bytes, struct mr_error *err)
{
	uint64_t value = 0;
	enum mr_status st = take_number(pickle, bytes, &value, err);

	return st ? st : push_int(pickle, (int64_t)value, err);
}

static enum mr_status
op_binint1(struct mr_pickle *pickle, struct mr_error *err)
{
	return take_int(pickle, 1, err);
}

static enum mr_status
op_binint2(struct mr_pickle *pickle, struct mr_error *err)
{
	return take_int(pickle, 2, err);
}

static enum mr_status
op_binint(struct mr_pickle *pickle, struct mr_error *err)
{
	uint64_t value = 0;
	enum mr_status st = take_number(pickle, 4, &value, err);

	return st ? st : push_int(pickle, (int32_t)(uint32_t)value, err);
}

/* A number in two's complement, of length_size bytes its length, then as many. */
static enum mr_status
take_long(struct mr_pickle *pickle, size_t length_size, struct mr_error *err)
{
	uint64_t length, bits = 0;
	const unsigned char *data;
	enum mr_status st;

	if ((st = take_number(pickle, length_size, &length, err)))
		return st;
	if (length > 9)
		return mr_fail(err, MR_EFORMAT, "a number has over 64 bits");
	if ((st = mr_heap_peek(pickle, (size_t)length, &data, err)))
		return st;
	if (length && length < 9 && data[length - 1] & 0x80)
		bits = UINT64_MAX; /* negative */
	for (size_t i = length > 8 ? 8 : (size_t)length; i-- > 0;)
		bits = bits << 8 | data[i];
	if (length == 9 && data[8])
		return mr_fail(err, MR_EFORMAT, "a number has over 64 bits");
	mr_input_skip(pickle->input, (size_t)length);
	if (length == 9 && bits >> 63)
		return push_number(pickle, MR_TAG_BIG, bits, err);
	return push_int(pickle, (int64_t)bits, err);
}

static enum mr_status
op_long1(struct mr_pickle *pickle, struct mr_error *err)
{
	return take_long(pickle, 1, err);
}

static enum mr_status
op_long4(struct mr_pickle *pickle, struct mr_error *err)
{
	return take_long(pickle, 4, err);
}

/* A double, big-endian. */
static enum mr_status
op_binfloat(struct mr_pickle *pickle, struct mr_error *err)
{
	uint64_t bits = 0;
	enum mr_status st = take_number(pickle, 8, &bits, err);

	return st ? st : push_number(pickle, MR_TAG_REAL, __builtin_bswap64(bits), err);
}

static enum mr_status
take_text(struct mr_pickle *pickle, size_t length_size, struct mr_error *err)
{
	struct mr_heap_array *texts = &pickle->texts;
	size_t at = texts->count;
	const unsigned char *data;
	uint64_t length;
	uint32_t stored;
	enum mr_status st;
	char *to;

	if ((st = take_number(pickle, length_size, &length, err)))
		return st;
	if (length > MR_PICKLE_TEXT_MAX)
		return mr_fail(err, MR_EFORMAT, "a text is longer than 1 MiB");
	stored = (uint32_t)length;
	if ((st = mr_heap_peek(pickle, stored, &data, err)) ||
		(st = mr_heap_reserve(
			 pickle, texts, sizeof(stored) + stored + 1, 1, err)))
		return st;
	to = (char *)texts->data + at;
	memcpy(to, &stored, sizeof(stored));
	memcpy(to + sizeof(stored), data, stored);
	to[sizeof(stored) + stored] = '\0';
	texts->count += sizeof(stored) + stored + 1;
	mr_input_skip(pickle->input, stored);
	return mr_heap_push(pickle, MR_WORD(MR_TAG_TEXT, at), err);
}

static enum mr_status
op_short_text(struct mr_pickle *pickle, struct mr_error *err)
{
	return take_text(pickle, 1, err);
}

static enum mr_status
op_text(struct mr_pickle *pickle, struct mr_error *err)
{
	return take_text(pickle, 4, err);
}

static enum mr_status
op_empty_list(struct mr_pickle *pickle, struct mr_error *err)
{
	return mr_heap_push_object(pickle, MR_HEAP_LIST, err);
}

static enum mr_status
op_empty_dict(struct mr_pickle *pickle, struct mr_error *err)
{
	return mr_heap_push_object(pickle, MR_HEAP_DICT, err);
}

/* Replaces the highest count values, above no mark, by a tuple of them. */
static enum mr_status
make_tuple(struct mr_pickle *pickle, size_t count, struct mr_error *err)
{
	struct mr_heap_array *stack = &pickle->stack;
	size_t from = stack->count - count;
	enum mr_status st;
	mr_value tuple;

	if ((st = show_all(pickle, (mr_value *)stack->data + from, count, 1, err)) ||
		(st = mr_heap_push_object(pickle, MR_HEAP_LIST, err)))
		return st;
	tuple = ((mr_value *)stack->data)[stack->count - 1];
	st = mr_heap_extend(pickle, tuple, (mr_value *)stack->data + from, count, err);
	stack->count = from;
	return st ? st : mr_heap_push(pickle, tuple, err);
}

static enum mr_status
op_tuple1(struct mr_pickle *pickle, struct mr_error *err)
{
	mr_value *values = NULL;
	enum mr_status st = top(pickle, 1, &values, err);

	return st ? st : make_tuple(pickle, 1, err);
}

static enum mr_status
op_tuple2(struct mr_pickle *pickle, struct mr_error *err)
{
	mr_value *values = NULL;
	enum mr_status st = top(pickle, 2, &values, err);

	return st ? st : make_tuple(pickle, 2, err);
}

static enum mr_status
op_tuple(struct mr_pickle *pickle, struct mr_error *err)
{
	mr_value *values = NULL;
	size_t count = 0;
	enum mr_status st = to_mark(pickle, &values, &count, err);

	return st ? st : make_tuple(pickle, count, err);
}

/*
 * Moves the highest count values into the list or dict below them.
 */
static enum mr_status
move_into(struct mr_pickle *pickle, enum mr_heap_kind kind, size_t count,
	struct mr_error *err)
{
	struct mr_heap_array *stack = &pickle->stack;
	mr_value *values = NULL;
	enum mr_status st;
	mr_value into;

	if ((st = top(pickle, count + 1, &values, err)))
		return st;
	into = values[0];
	if (!mr_heap_is(pickle, into, kind))
		return mr_fail(err, MR_EFORMAT, "items for something that is no %s",
			kind == MR_HEAP_LIST ? "list" : "dict");
	st = show_all(pickle, values + 1, count, kind == MR_HEAP_LIST ? 1 : 2, err);
	if (!st)
		st = mr_heap_extend(pickle, into, values + 1, count, err);
	stack->count -= count;
	return st;
}

static enum mr_status
op_append(struct mr_pickle *pickle, struct mr_error *err)
{
	return move_into(pickle, MR_HEAP_LIST, 1, err);
}

static enum mr_status
op_appends(struct mr_pickle *pickle, struct mr_error *err)
{
	mr_value *values = NULL;
	size_t count = 0;
	enum mr_status st = to_mark(pickle, &values, &count, err);

	return st ? st : move_into(pickle, MR_HEAP_LIST, count, err);
}

static enum mr_status
op_setitem(struct mr_pickle *pickle, struct mr_error *err)
{
	return move_into(pickle, MR_HEAP_DICT, 2, err);
}

static enum mr_status
op_setitems(struct mr_pickle *pickle, struct mr_error *err)
{
	mr_value *values = NULL;
	size_t count = 0;
	enum mr_status st = to_mark(pickle, &values, &count, err);

	if (!st && count % 2)
		return mr_fail(err, MR_EFORMAT, "a key without a value");
	if (!st)
		st = move_into(pickle, MR_HEAP_DICT, count, err);
	return st
		? st
		: show(pickle, ((mr_value *)pickle->stack.data)[pickle->stack.count - 1],
			  err);
}

/* Writers number the memo from 0 on, so a number that skips some is no one's. */
static enum mr_status
memoize(struct mr_pickle *pickle, uint64_t at, struct mr_error *err)
{
	mr_value *values = NULL;
	enum mr_status st = top(pickle, 1, &values, err);

	if (st)
		return st;
	if (at > pickle->memo.count)
		return mr_fail(err, MR_EFORMAT, "memo %" PRIu64 " where %zu is the next",
			at, pickle->memo.count);
	if (at < pickle->memo.count) {
		((mr_value *)pickle->memo.data)[at] = *values;
		return MR_OK;
	}
	return mr_heap_add(pickle, &pickle->memo, *values, err);
}

static enum mr_status
op_memoize(struct mr_pickle *pickle, struct mr_error *err)
{
	return memoize(pickle, pickle->memo.count, err);
}

static enum mr_status
op_binput(struct mr_pickle *pickle, struct mr_error *err)
{
	uint64_t at = 0;
	enum mr_status st = take_number(pickle, 1, &at, err);

	return st ? st : memoize(pickle, at, err);
}

static enum mr_status
op_long_binput(struct mr_pickle *pickle, struct mr_error *err)
{
	uint64_t at = 0;
	enum mr_status st = take_number(pickle, 4, &at, err);

	return st ? st : memoize(pickle, at, err);
}

static enum mr_status
recall(struct mr_pickle *pickle, size_t bytes, struct mr_error *err)
{
	uint64_t at = 0;
	enum mr_status st = take_number(pickle, bytes, &at, err);

	if (!st && at >= pickle->memo.count)
		return mr_fail(err, MR_EFORMAT,
			"memo %" PRIu64 " is asked for, there are %zu", at,
			pickle->memo.count);
	return st ? st : mr_heap_push(pickle, ((mr_value *)pickle->memo.data)[at], err);
}

static enum mr_status
op_binget(struct mr_pickle *pickle, struct mr_error *err)
{
	return recall(pickle, 1, err);
}

static enum mr_status
op_long_binget(struct mr_pickle *pickle, struct mr_error *err)
{
	return recall(pickle, 4, err);
}

/* All opcodes there are; those without a function are refused by name. */
const struct mr_opcode mr_opcodes[256] = {
	[0x80] = {"PROTO", op_proto},
	[0x95] = {"FRAME", op_frame},
	['('] = {"MARK", op_mark},
	['.'] = {"STOP", op_stop},
	['N'] = {"NONE", op_none},
	[0x88] = {"NEWTRUE", op_true},
	[0x89] = {"NEWFALSE", op_false},
	['J'] = {"BININT", op_binint},
	['K'] = {"BININT1", op_binint1},
	['M'] = {"BININT2", op_binint2},
	[0x8a] = {"LONG1", op_long1},
	[0x8b] = {"LONG4", op_long4},
	['G'] = {"BINFLOAT", op_binfloat},
	[0x8c] = {"SHORT_BINUNICODE", op_short_text},
	['X'] = {"BINUNICODE", op_text},
	['U'] = {"SHORT_BINSTRING", op_short_text},
	['B'] = {"BINBYTES", op_text},
	[']'] = {"EMPTY_LIST", op_empty_list},
	['}'] = {"EMPTY_DICT", op_empty_dict},
	[0x85] = {"TUPLE1", op_tuple1},
	[0x86] = {"TUPLE2", op_tuple2},
	['t'] = {"TUPLE", op_tuple},
	['a'] = {"APPEND", op_append},
	['e'] = {"APPENDS", op_appends},
	['s'] = {"SETITEM", op_setitem},
	['u'] = {"SETITEMS", op_setitems},
	[0x94] = {"MEMOIZE", op_memoize},
	['q'] = {"BINPUT", op_binput},
	['r'] = {"LONG_BINPUT", op_long_binput},
	['h'] = {"BINGET", op_binget},
	['j'] = {"LONG_BINGET", op_long_binget},

	/* these make objects, and so run code */
	['c'] = {"GLOBAL", NULL},
	[0x93] = {"STACK_GLOBAL", NULL},
	['R'] = {"REDUCE", NULL},
	['b'] = {"BUILD", NULL},
	['i'] = {"INST", NULL},
	['o'] = {"OBJ", NULL},
	[0x81] = {"NEWOBJ", NULL},
	[0x92] = {"NEWOBJ_EX", NULL},
	[0x82] = {"EXT1", NULL},
	[0x83] = {"EXT2", NULL},
	[0x84] = {"EXT4", NULL},
	['P'] = {"PERSID", NULL},
	['Q'] = {"BINPERSID", NULL},

	/* and these no snapshot has */
	['0'] = {"POP", NULL},
	['1'] = {"POP_MARK", NULL},
	['2'] = {"DUP", NULL},
	['F'] = {"FLOAT", NULL},
	['I'] = {"INT", NULL},
	['L'] = {"LONG", NULL},
	['S'] = {"STRING", NULL},
	['T'] = {"BINSTRING", NULL},
	['V'] = {"UNICODE", NULL},
	['C'] = {"SHORT_BINBYTES", NULL},
	[0x8d] = {"BINUNICODE8", NULL},
	[0x8e] = {"BINBYTES8", NULL},
	[0x96] = {"BYTEARRAY8", NULL},
	[0x97] = {"NEXT_BUFFER", NULL},
	[0x98] = {"READONLY_BUFFER", NULL},
	['d'] = {"DICT", NULL},
	['l'] = {"LIST", NULL},
	[')'] = {"EMPTY_TUPLE", NULL},
	[0x87] = {"TUPLE3", NULL},
	[0x8f] = {"EMPTY_SET", NULL},
	[0x90] = {"ADDITEMS", NULL},
	[0x91] = {"FROZENSET", NULL},
	['g'] = {"GET", NULL},
	['p'] = {"PUT", NULL},
};
