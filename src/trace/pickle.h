/* SPDX-License-Identifier: MIT */
#ifndef MR_TRACE_PICKLE_H
#define MR_TRACE_PICKLE_H

/*
 * Python pickles of plain data: numbers, texts, lists, dicts, tuples; nothing
 * is ever called, imported or made by name. Protocols 2 to 5.
 *
 * Values are words: small numbers in place, everything else by reference, so
 * that what a pickle shares is shared here. A hook sees each dict as it becomes
 * complete and can fold it into a number of its own, which frees its items:
 * this is how millions of equal little dicts stay small.
 *
 * Memory is at most MR_PICKLE_BASE + MR_PICKLE_PER_BYTE for each byte read;
 * whatever would need more is refused.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"
#include "trace/input.h"

#define MR_PICKLE_BASE     ((size_t)16 * 1024 * 1024)
#define MR_PICKLE_PER_BYTE 2
#define MR_PICKLE_TEXT_MAX ((size_t)1024 * 1024) /* bytes of one text */
#define MR_PICKLE_MARKS    256                   /* open at once */

typedef uint64_t mr_value;

enum mr_value_kind {
	MR_VALUE_NONE,
	MR_VALUE_BOOL,
	MR_VALUE_INT,
	MR_VALUE_REAL,
	MR_VALUE_TEXT,
	MR_VALUE_LIST, /* tuples too */
	MR_VALUE_DICT,
	MR_VALUE_FOLDED /* a dict or list that the hook replaced */
};

struct mr_pickle;

/*
 * Called with a dict that has just got its items, and again when it becomes
 * part of something else if it was not folded then.
 */
typedef enum mr_status mr_pickle_hook(
	void *context, struct mr_pickle *pickle, mr_value dict, struct mr_error *err);

/*
 * Reads one pickle, which must be all there is. hook may be NULL. On success
 * *out is the caller's.
 *   MR_EFORMAT  not a pickle, an opcode that is not known, or too much memory;
 *               err has the byte
 *   MR_EIO, MR_ENOMEM, and what the hook returns
 */
MR_MUST_CHECK enum mr_status mr_pickle_read(struct mr_pickle **out,
	struct mr_input *input, mr_pickle_hook *hook, void *context,
	struct mr_error *err);

/* NULL is fine. */
void mr_pickle_free(struct mr_pickle *pickle);

/* Whether a file that begins so can be a pickle of protocol 2 to 5. */
bool mr_pickle_probe(const unsigned char *data, size_t length);

mr_value mr_pickle_root(const struct mr_pickle *pickle);

enum mr_value_kind mr_value_kind(const struct mr_pickle *pickle, mr_value value);

/* The numbers of an int; false if it is no int or does not fit. */
bool mr_value_get_u64(const struct mr_pickle *pickle, mr_value value, uint64_t *out);
bool mr_value_get_i64(const struct mr_pickle *pickle, mr_value value, int64_t *out);
/* Whether it is True, or a number that is not 0. */
bool mr_value_is_true(const struct mr_pickle *pickle, mr_value value);
double mr_value_real(const struct mr_pickle *pickle, mr_value value);

/*
 * A text with its length, NUL behind it; NULL if it is none. It may hold any
 * bytes, and moves when more is read.
 */
const char *mr_value_text(const struct mr_pickle *pickle, mr_value value, size_t *length);
bool mr_value_is_text(const struct mr_pickle *pickle, mr_value value, const char *text);

/*
 * The items of a list, or the keys and values of a dict, one after the other;
 * *count counts words. Empty for all else.
 */
const mr_value *mr_value_items(
	const struct mr_pickle *pickle, mr_value value, size_t *count);

/* The value of a key of a dict; false if there is none. */
bool mr_value_find(
	const struct mr_pickle *pickle, mr_value dict, const char *key, mr_value *out);

/*
 * Replaces a dict or list, wherever it is referred to, by a number and what
 * kind of number that is, and frees its items.
 */
void mr_value_fold(
	struct mr_pickle *pickle, mr_value value, uint32_t what, uint64_t number);

/* The number of a value folded as `what`; false if it is not. */
bool mr_value_folded(
	const struct mr_pickle *pickle, mr_value value, uint32_t what, uint64_t *number);

/*
 * Takes memory that the hook uses into account.
 *   MR_EFORMAT  there is not that much for the bytes read so far
 */
MR_MUST_CHECK enum mr_status mr_pickle_charge(
	struct mr_pickle *pickle, size_t bytes, struct mr_error *err);

#endif
