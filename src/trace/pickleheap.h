/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_PICKLEHEAP_H
#define MR_TRACE_PICKLEHEAP_H

/* What the opcodes of a pickle work on: its stack, memo and values. */

#include "trace/pickle.h"

/* The low bits of a word say what the others are. */
enum mr_heap_tag {
	MR_TAG_SMALL,  /* a number of 61 bits with sign */
	MR_TAG_BIG,    /* index in numbers: 64 bits without sign */
	MR_TAG_REAL,   /* index in numbers: the bits of a double */
	MR_TAG_TEXT,   /* place in texts: length as uint32_t, bytes, NUL */
	MR_TAG_OBJECT, /* index in objects */
	MR_TAG_CONSTANT
};
#define MR_TAG_BITS  3
#define MR_SMALL_MIN (INT64_MIN >> MR_TAG_BITS)
#define MR_SMALL_MAX (INT64_MAX >> MR_TAG_BITS)

#define MR_WORD(tag, payload) ((mr_value)(payload) << MR_TAG_BITS | (tag))
#define MR_WORD_NONE          MR_WORD(MR_TAG_CONSTANT, 0)
#define MR_WORD_FALSE         MR_WORD(MR_TAG_CONSTANT, 1)
#define MR_WORD_TRUE          MR_WORD(MR_TAG_CONSTANT, 2)

enum mr_heap_kind { MR_HEAP_LIST, MR_HEAP_DICT, MR_HEAP_FOLDED };

/* A list or dict has room for the power of two at or above count, at least 4. */
struct mr_heap_object {
	uint32_t kind;
	uint32_t count; /* words; what it was folded as */
	union {
		mr_value *items;
		uint64_t number;
	};
};

/* Elements that only ever become more. */
struct mr_heap_array {
	void *data;
	size_t count;
	size_t space;
};

struct mr_pickle {
	struct mr_input *input;
	mr_pickle_hook *hook;
	void *context;

	size_t used; /* bytes of memory */
	bool stopped;
	mr_value root;

	struct mr_heap_array stack;    /* mr_value */
	struct mr_heap_array memo;     /* mr_value */
	struct mr_heap_array objects;  /* struct mr_heap_object */
	struct mr_heap_array numbers;  /* uint64_t */
	struct mr_heap_array texts;    /* char */
	size_t marks[MR_PICKLE_MARKS]; /* heights of the stack */
	size_t mark_count;
};

/* One opcode; its argument is the next of the input. */
struct mr_opcode {
	const char *name; /* NULL: there is none */
	/* NULL: refused by name */
	enum mr_status (*run)(struct mr_pickle *pickle, struct mr_error *err);
};
extern const struct mr_opcode mr_opcodes[256];

static inline enum mr_heap_tag
mr_heap_tag(mr_value value)
{
	return (enum mr_heap_tag)(value & ((1u << MR_TAG_BITS) - 1));
}

static inline size_t
mr_heap_index(mr_value value)
{
	return (size_t)(value >> MR_TAG_BITS);
}

static inline struct mr_heap_object *
mr_heap_object(const struct mr_pickle *pickle, mr_value value)
{
	return (struct mr_heap_object *)pickle->objects.data + mr_heap_index(value);
}

static inline bool
mr_heap_is(const struct mr_pickle *pickle, mr_value value, enum mr_heap_kind kind)
{
	return mr_heap_tag(value) == MR_TAG_OBJECT &&
		mr_heap_object(pickle, value)->kind == kind;
}

/* Makes room for more elements of a size; MR_EFORMAT: as mr_pickle_charge(). */
MR_MUST_CHECK enum mr_status mr_heap_reserve(struct mr_pickle *pickle,
	struct mr_heap_array *array, size_t more, size_t size, struct mr_error *err);

/* Adds a word to an array of them. */
MR_MUST_CHECK enum mr_status mr_heap_add(struct mr_pickle *pickle,
	struct mr_heap_array *array, uint64_t word, struct mr_error *err);

MR_MUST_CHECK enum mr_status mr_heap_push(
	struct mr_pickle *pickle, mr_value value, struct mr_error *err);

/* Pushes a new list or dict. */
MR_MUST_CHECK enum mr_status mr_heap_push_object(
	struct mr_pickle *pickle, enum mr_heap_kind kind, struct mr_error *err);

/* Adds words to a list or dict. */
MR_MUST_CHECK enum mr_status mr_heap_extend(struct mr_pickle *pickle, mr_value value,
	const mr_value *words, size_t count, struct mr_error *err);

/* Shows the next count bytes of the input; MR_EFORMAT: it ends before. */
MR_MUST_CHECK enum mr_status mr_heap_peek(struct mr_pickle *pickle, size_t count,
	const unsigned char **data, struct mr_error *err);

#endif
