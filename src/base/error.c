/* SPDX-License-Identifier: MIT */
#include "base/error.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

MR_PRINTF(5, 0)
static void
fill(struct mr_error *err, enum mr_status status, enum mr_place place, uint64_t where,
	const char *format, va_list args)
{
	if (!err)
		return;
	err->status = status;
	err->place = place;
	err->where = where;
	vsnprintf(err->text, sizeof(err->text), format, args);
	/* what is quoted of an input may hold anything */
	for (char *at = err->text; *at; at++)
		if ((unsigned char)*at < ' ')
			*at = '?';
}

enum mr_status
mr_fail(struct mr_error *err, enum mr_status status, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fill(err, status, MR_PLACE_NONE, 0, format, args);
	va_end(args);
	return status;
}

enum mr_status
mr_fail_at(struct mr_error *err, enum mr_status status, enum mr_place place,
	uint64_t where, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fill(err, status, place, where, format, args);
	va_end(args);
	return status;
}

enum mr_status
mr_fail_errno(struct mr_error *err, int errno_value, const char *what)
{
	return mr_fail(err, errno_value == ENOMEM ? MR_ENOMEM : MR_EIO, "%s: %s", what,
		strerror(errno_value));
}

enum mr_status
mr_fail_memory(struct mr_error *err)
{
	return mr_fail(err, MR_ENOMEM, "out of memory");
}

const char *
mr_version(void)
{
	return PACKAGE_VERSION;
}
