/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_FRAGILE_H
#define MR_TESTS_FRAGILE_H

/* Sizes at which the malloc of tests/fragile.c fails, and how. */
#define FRAGILE_NULL  7700001 /* returns NULL */
#define FRAGILE_KILL  7700002 /* as the out-of-memory killer does */
#define FRAGILE_CRASH 7700003
#define FRAGILE_EXIT  7700004 /* status 7 */
#define FRAGILE_HANG  7700005 /* does not return */

#endif
