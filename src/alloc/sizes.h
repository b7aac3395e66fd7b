/* SPDX-License-Identifier: MIT */
#ifndef MR_ALLOC_SIZES_H
#define MR_ALLOC_SIZES_H

/*
 * The distinct sizes of blocks, in order, and which of them are cached.
 *
 * Every size gets a class: a small number, kept as long as the size is. The
 * classes are the leaves of a tree of up to 64 children a node; a node has a
 * 64-bit word whose bit i says that there are cached blocks under child i.
 *
 *   root      [ 0 .. | 4096 .. | 65536 .. ]       word: 0 1 1
 *                |        |         |
 *   leaves    [0 8 64] [4096 8192] [65536 ..]     words: 000 10 1..
 *
 * Up to 64 sizes the root is the only node, up to some 2,000 there are two
 * levels. Filling, emptying and finding the next larger filled size touch one
 * word a level, and only as many levels as change or must be searched; the
 * shape of the tree changes only when a size is seen for the first time.
 */

#include <stdbool.h>
#include <stdint.h>

#include "memreplay/base.h"

#define MR_NONE         UINT32_MAX
#define MR_SIZES_FANOUT 64
#define MR_SIZES_MEMO   (1 << 12)

struct mr_sizes_node {
	uint64_t word;   /* bit i: something is cached under child i */
	uint32_t parent; /* MR_NONE: the root */
	uint16_t place;  /* among the parent's children */
	uint8_t count;   /* of children */
	uint8_t level;   /* 0: the children are classes */
	uint32_t child[MR_SIZES_FANOUT];
	uint64_t low[MR_SIZES_FANOUT]; /* smallest size below each child */
};

struct mr_class {
	uint64_t size;
	uint32_t node;  /* the leaf it is a child of; MR_NONE: class not in use */
	uint32_t place; /* in that leaf; class not in use: the next such class */
};

struct mr_sizes {
	struct mr_class *classes;
	uint32_t class_count; /* numbers handed out, in use or not */
	uint32_t class_space;
	uint32_t unused; /* first of the list of classes not in use, or MR_NONE */

	struct mr_sizes_node *nodes;
	uint32_t node_count;
	uint32_t node_space;
	uint32_t root;

	/* Classes by a hash of the size: mostly one look instead of a search. */
	uint32_t memo[MR_SIZES_MEMO];
};

MR_MUST_CHECK enum mr_status mr_sizes_init(struct mr_sizes *sizes, struct mr_error *err);
void mr_sizes_fini(struct mr_sizes *sizes);

/* Makes `to`, which is initialised, equal to `from`. MR_ENOMEM: it is as it was. */
MR_MUST_CHECK enum mr_status mr_sizes_copy(
	struct mr_sizes *to, const struct mr_sizes *from, struct mr_error *err);

/* Room for one more class, so that the next mr_sizes_add() cannot fail. */
MR_MUST_CHECK enum mr_status mr_sizes_reserve(
	struct mr_sizes *sizes, struct mr_error *err);

/* True if a reserve would have to make the table of classes larger. */
static inline bool
mr_sizes_full(const struct mr_sizes *sizes)
{
	return sizes->unused == MR_NONE && sizes->class_count == sizes->class_space;
}

/* Adds size, which must be new, and returns its class; after a reserve. */
uint32_t mr_sizes_add(struct mr_sizes *sizes, uint64_t size);

/*
 * Takes the classes for which drop(context, class) is true out of use. All
 * words are 0 afterwards: the caller fills again what is filled.
 */
MR_MUST_CHECK enum mr_status mr_sizes_sweep(struct mr_sizes *sizes,
	bool (*drop)(const void *context, uint32_t class), const void *context,
	struct mr_error *err);

/* The class of size by searching the tree, or MR_NONE. */
uint32_t mr_sizes_search(struct mr_sizes *sizes, uint64_t size);

/* The smallest filled class of at least size, or MR_NONE. */
uint32_t mr_sizes_from(const struct mr_sizes *sizes, uint64_t size);

/* Stores the classes in use in the order of their sizes. */
void mr_sizes_list(const struct mr_sizes *sizes, uint32_t *classes);

/* Proves order, links and words; MR_EINVAL if something is broken. */
MR_MUST_CHECK enum mr_status mr_sizes_check(
	const struct mr_sizes *sizes, struct mr_error *err);

static inline uint32_t
mr_sizes_memo_at(uint64_t size)
{
	/* Fibonacci hashing: near and regularly spaced sizes are spread well. */
	return (uint32_t)(size * UINT64_C(0x9e3779b97f4a7c15) >> 52);
}

/* The class of size, or MR_NONE. */
static inline uint32_t
mr_sizes_find(struct mr_sizes *sizes, uint64_t size)
{
	uint32_t class = sizes->memo[mr_sizes_memo_at(size)];

	if (class < sizes->class_count && sizes->classes[class].size == size &&
		sizes->classes[class].node != MR_NONE)
		return class;
	return mr_sizes_search(sizes, size);
}

/* Says that blocks of this class are cached. */
static inline void
mr_sizes_fill(struct mr_sizes *sizes, uint32_t class)
{
	uint32_t node = sizes->classes[class].node;
	uint32_t place = sizes->classes[class].place;

	for (;;) {
		uint64_t *word = &sizes->nodes[node].word;
		uint64_t before = *word;

		*word = before | UINT64_C(1) << place;
		if (before || sizes->nodes[node].parent == MR_NONE)
			return;
		place = sizes->nodes[node].place;
		node = sizes->nodes[node].parent;
	}
}

/* Says that no blocks of this class are cached any more. */
static inline void
mr_sizes_empty(struct mr_sizes *sizes, uint32_t class)
{
	uint32_t node = sizes->classes[class].node;
	uint32_t place = sizes->classes[class].place;

	for (;;) {
		uint64_t *word = &sizes->nodes[node].word;

		*word &= ~(UINT64_C(1) << place);
		if (*word || sizes->nodes[node].parent == MR_NONE)
			return;
		place = sizes->nodes[node].place;
		node = sizes->nodes[node].parent;
	}
}

/* The smallest filled class under the children of node from place on, or beyond. */
static inline uint32_t
mr_sizes_first(const struct mr_sizes *sizes, uint32_t node, uint32_t place)
{
	uint64_t word = 0;

	if (place < MR_SIZES_FANOUT)
		word = sizes->nodes[node].word & ~UINT64_C(0) << place;
	while (!word) {
		place = sizes->nodes[node].place;
		node = sizes->nodes[node].parent;
		if (node == MR_NONE)
			return MR_NONE;
		word = sizes->nodes[node].word & (~UINT64_C(0) << place) << 1;
	}
	for (;;) {
		uint32_t child = sizes->nodes[node].child[__builtin_ctzll(word)];

		if (sizes->nodes[node].level == 0)
			return child;
		node = child;
		word = sizes->nodes[node].word;
	}
}

/* The smallest filled class larger than class, or MR_NONE. */
static inline uint32_t
mr_sizes_after(const struct mr_sizes *sizes, uint32_t class)
{
	return mr_sizes_first(
		sizes, sizes->classes[class].node, sizes->classes[class].place + 1);
}

#endif
