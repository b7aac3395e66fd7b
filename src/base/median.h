/* SPDX-License-Identifier: MIT */
#ifndef MR_BASE_MEDIAN_H
#define MR_BASE_MEDIAN_H

#include <stddef.h>

/*
 * Sorts values, of which there is at least one, and returns the middle one; of
 * an even number the mean of the middle two.
 */
double mr_median(double *values, size_t count);

#endif
