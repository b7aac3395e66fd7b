/* SPDX-License-Identifier: MIT */
#ifndef MR_BASE_TEXT_H
#define MR_BASE_TEXT_H

/* Foreign text, made fit to stand in a message, and checked. */

#include <stdbool.h>
#include <stddef.h>

#define MR_QUOTE_SIZE 64

/*
 * Writes text, shortened with "..." if need be, into out so that it is one
 * line of printable ASCII; other bytes become \xNN. Returns out.
 */
char *mr_text_quote(char out[MR_QUOTE_SIZE], const char *text, size_t length);

/* The length of the UTF-8 sequence at text, which has length bytes; 0: none. */
size_t mr_text_sequence(const char *text, size_t length);

/*
 * Whether the UTF-8 sequence of `length` bytes at text does something other than
 * stand there: control characters, and those that turn the direction of text.
 */
bool mr_text_is_control(const char *text, size_t length);

/* Whether these bytes are UTF-8 without NUL, surrogates and overlong forms. */
bool mr_text_is_utf8(const char *text, size_t length);

/*
 * Makes UTF-8 of bytes that are to be: text that was cut loses what is left of the
 * character at its end; what is none even so has '?' for each byte beyond ASCII.
 * Returns the length that remains.
 */
size_t mr_text_mend(char *text, size_t length, bool cut);

#endif
