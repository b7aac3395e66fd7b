/* SPDX-License-Identifier: MIT */
#ifndef MR_TESTS_SUITE_H
#define MR_TESTS_SUITE_H

/* How every check_ program ends. */

#include <check.h>

/* Runs the suite, which is freed. Returns what main() is to return. */
int run_suite(Suite *suite);

#endif
