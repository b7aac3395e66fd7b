/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_FAILING_H
#define MR_TESTS_FAILING_H

/*
 * Work within a test program, with each allocation of it failing in turn. The program
 * is linked with $(wrapped), so that malloc and its kin come here.
 */

#include "memreplay/base.h"

/* Does the work and frees all that it made. */
typedef enum mr_status failing_work(void *context, struct mr_error *err);

/*
 * Does the work again and again, until no allocation is left to fail: each time it must
 * end with MR_ENOMEM and keep nothing. Returns what it ends with when none fails.
 */
enum mr_status fail_each(failing_work *work, void *context);

#endif
