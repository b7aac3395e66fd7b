/* SPDX-License-Identifier: MIT */
#include "failing.h"

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

/* What the linker makes of malloc and its kin: it chooses these names. */
void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);

static bool working;
static uint64_t made, fatal; /* the allocation that fails, from 1 */
static int64_t live;

static bool
fails(void)
{
	return working && ++made == fatal;
}

static void *
count(void *block)
{
	live += working && block;
	return block;
}

void *
__wrap_malloc(size_t size)
{
	return fails() ? NULL : count(__real_malloc(size));
}

void *
__wrap_calloc(size_t number, size_t size)
{
	return fails() ? NULL : count(__real_calloc(number, size));
}

void *
__wrap_realloc(void *block, size_t size)
{
	if (fails())
		return NULL;
	return block ? __real_realloc(block, size) : count(__real_realloc(NULL, size));
}

void
__wrap_free(void *block)
{
	live -= working && block;
	__real_free(block);
}

enum mr_status
fail_each(failing_work *work, void *context)
{
	for (fatal = 1;; fatal++) {
		struct mr_error err = {0};
		enum mr_status st;

		made = 0;
		live = 0;
		working = true;
		st = work(context, &err);
		working = false;
		ck_assert_msg(!live, "allocation %llu fails: %lld blocks are left",
			(unsigned long long)fatal, (long long)live);
		if (made < fatal)
			return st;
		ck_assert_msg(st == MR_ENOMEM, "allocation %llu fails: status %d, %s",
			(unsigned long long)fatal, (int)st, err.text);
	}
}
