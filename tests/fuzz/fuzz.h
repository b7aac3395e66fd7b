/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_FUZZ_H
#define MR_TESTS_FUZZ_H

/*
 * What a fuzz target is to libFuzzer, and to driver.c, which stands in for it:
 * a call for each input. It aborts when something is not as it must be.
 */

#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

/* Says what is wrong of what, and aborts. */
static inline void
fuzz_fail(const char *what, const char *wrong)
{
	fprintf(stderr, "%s: not so: %s\n", what, wrong);
	abort();
}

#define REQUIRE(condition)                                                               \
	do {                                                                             \
		if (!(condition))                                                        \
			fuzz_fail(__func__, #condition);                                 \
	} while (0)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/*
 * These two only a target has that does different things under different names: the
 * call with its name, and the ends of it that it knows, by index; NULL past the last.
 */
__attribute__((weak)) int LLVMFuzzerInitialize(int *argc, char ***argv);
__attribute__((weak)) const char *fuzz_variant(size_t index);

/* The inputs that are kept: folders of the source tree, and NULL. */
extern const char *const fuzz_folders[];

#endif
