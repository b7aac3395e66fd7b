/* SPDX-License-Identifier: MIT */
#ifndef MR_CLI_OPTION_H
#define MR_CLI_OPTION_H

/*
 * Options as data: a row says all there is to know of one option, and parsing,
 * defaults, messages and help derive from it. Values land in the caller's own
 * struct; nothing here prints or keeps state.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memreplay/base.h"

/* What an option takes, and the member that holds it. */
enum mr_option_kind {
	MR_OPTION_FLAG,   /* bool: takes no value */
	MR_OPTION_SIZE,   /* struct mr_number: bytes, as people write sizes */
	MR_OPTION_COUNT,  /* struct mr_number: a whole number */
	MR_OPTION_TEXT,   /* const char *: NULL if not given */
	MR_OPTION_CHOICE, /* int: index of one of the choices, -1 if not given */
	MR_OPTION_LIST    /* struct mr_texts: texts, may be given again and again */
};

struct mr_number {
	uint64_t value;
	bool given; /* by the user; otherwise value is the default, or 0 */
};

/* The text of a choice; NULL past the last. */
typedef const char *mr_choice_at(size_t index);

#define MR_TEXTS_MAX 64

struct mr_texts {
	size_t count;
	const char *items[MR_TEXTS_MAX]; /* in the order given; argv's */
};

struct mr_option {
	enum mr_option_kind kind;
	char letter;              /* 0: it has none */
	const char *name;         /* without the dashes */
	const char *metavar;      /* what the help calls its value */
	const char *default_text; /* as a user would type it; NULL: none */
	mr_choice_at *choices;    /* CHOICE: the texts allowed; else: for the help */
	uint64_t min, max;        /* SIZE, COUNT: the range; max 0: no bounds */
	size_t offset;            /* of the member in its group's struct */
	const char *help;         /* a phrase without a full stop */
	bool of_cache;            /* means nothing under PyTorch's rules */
};

/* Options that belong together, of one command or shared by several. */
struct mr_option_group {
	const char *title;
	const struct mr_option *rows;
	size_t count;
};

/* A group as part of a command; the last of an array has group NULL. */
struct mr_option_use {
	const struct mr_option_group *group;
	size_t offset; /* of the group's struct in the command's */
};

/*
 * Sets *values to the defaults and then to what argv says (argv[0] is not
 * looked at). argv is permuted; its operands are then argv[optind] and on.
 *   MR_END     --help or -h is among the options
 *   MR_EINVAL  wrong use; err says which option, what was given and expected
 */
MR_MUST_CHECK enum mr_status mr_options_parse(void *values,
	const struct mr_option_use *uses, int argc, char **argv, struct mr_error *err);

/* The first option of_cache that is not as by default; NULL: there is none. */
const struct mr_option *mr_options_of_cache(
	const void *values, const struct mr_option_use *uses);

#endif
