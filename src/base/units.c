/* SPDX-License-Identifier: MIT */
#include "base/units.h"

#include <ctype.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/error.h"

static const char prefixes[] = "KMGTPE";

static enum mr_status
bad_size(struct mr_error *err, const char *text)
{
	return mr_fail(err, MR_EINVAL,
		"\"%s\" is not a size: expected bytes, 32M, 32MiB, 1.5G or unlimited",
		text);
}

/* The power of 1024 that a suffix names, or -1. */
static int
suffix_power(const char *suffix)
{
	const char *at;

	if (!*suffix || !strcasecmp(suffix, "B"))
		return 0;
	at = strchr(prefixes, toupper((unsigned char)*suffix));
	if (!at)
		return -1;
	if (suffix[1] && strcasecmp(suffix + 1, "B") && strcasecmp(suffix + 1, "iB"))
		return -1;
	return (int)(at - prefixes) + 1;
}

enum mr_status
mr_size_parse(uint64_t *out, const char *text, struct mr_error *err)
{
	uint64_t whole = 0, fraction = 0, fraction_unit = 1, unit, part;
	const char *at = text;
	int power;

	if (!strcmp(text, "unlimited")) {
		*out = MR_UNLIMITED;
		return MR_OK;
	}
	if (!isdigit((unsigned char)*at))
		return bad_size(err, text);
	for (; isdigit((unsigned char)*at); at++)
		if (__builtin_mul_overflow(whole, 10, &whole) ||
			__builtin_add_overflow(whole, (uint64_t)(*at - '0'), &whole))
			return mr_fail(err, MR_EINVAL, "size \"%s\" is too large", text);
	if (*at == '.') {
		for (at++; isdigit((unsigned char)*at); at++) {
			if (fraction_unit > 100000000)
				return bad_size(err, text);
			fraction = fraction * 10 + (uint64_t)(*at - '0');
			fraction_unit *= 10;
		}
		if (fraction_unit == 1)
			return bad_size(err, text);
	}
	power = suffix_power(at);
	if (power < 0)
		return bad_size(err, text);
	unit = UINT64_C(1) << (10 * power);
	if (__builtin_mul_overflow(whole, unit, &whole))
		return mr_fail(err, MR_EINVAL, "size \"%s\" is too large", text);
	if (fraction && power == 0)
		return mr_fail(err, MR_EINVAL, "size \"%s\" is not whole bytes", text);
	/* unit * fraction / fraction_unit, rounded down, in 64 bits */
	part = unit / fraction_unit * fraction +
		unit % fraction_unit * fraction / fraction_unit;
	if (__builtin_add_overflow(whole, part, out))
		return mr_fail(err, MR_EINVAL, "size \"%s\" is too large", text);
	return MR_OK;
}

enum mr_status
mr_count_parse(uint64_t *out, const char *text, struct mr_error *err)
{
	uint64_t value = 0;
	const char *at = text;

	for (; isdigit((unsigned char)*at); at++)
		if (__builtin_mul_overflow(value, 10, &value) ||
			__builtin_add_overflow(value, (uint64_t)(*at - '0'), &value))
			return mr_fail(err, MR_EINVAL, "\"%s\" is too large", text);
	if (at == text || *at)
		return mr_fail(err, MR_EINVAL, "\"%s\" is not a whole number", text);
	*out = value;
	return MR_OK;
}

/* How many make four digits, once they are rounded. */
static int
decimals_of(uint64_t bytes, uint64_t unit)
{
	double value = (double)bytes / (double)unit;

	return value < 9.9995 ? 3 : value < 99.995 ? 2 : 1;
}

char *
mr_size_print(char text[MR_TEXT_SIZE], uint64_t bytes)
{
	int power = 0;
	uint64_t unit = 1;

	if (bytes == MR_UNLIMITED)
		return strcpy(text, "unlimited");
	/* what one digit after the point would make 1024.0 is one of the next unit */
	while (power < 6 && bytes >= 1024 && (double)bytes / (double)unit >= 1023.95) {
		unit *= 1024;
		power++;
	}
	if (power == 0)
		snprintf(text, MR_TEXT_SIZE, "%" PRIu64 " B", bytes);
	else if (bytes % unit == 0)
		snprintf(text, MR_TEXT_SIZE, "%" PRIu64 " %ciB", bytes / unit,
			prefixes[power - 1]);
	else
		snprintf(text, MR_TEXT_SIZE, "%.*f %ciB", decimals_of(bytes, unit),
			(double)bytes / (double)unit, prefixes[power - 1]);
	return text;
}

char *
mr_count_print(char text[MR_TEXT_SIZE], uint64_t count)
{
	char digits[MR_TEXT_SIZE];
	int length = snprintf(digits, sizeof(digits), "%" PRIu64, count);
	char *out = text;

	for (int i = 0; i < length; i++) {
		if (i && (length - i) % 3 == 0)
			*out++ = ',';
		*out++ = digits[i];
	}
	*out = '\0';
	return text;
}

char *
mr_time_print(char text[MR_TEXT_SIZE], double ns)
{
	static const char *const units[] = {"ns", "us", "ms", "s"};
	size_t unit = 0;

	while (unit < 3 && ns >= 1000) {
		ns /= 1000;
		unit++;
	}
	snprintf(text, MR_TEXT_SIZE, "%.*f %s",
		ns < 10            ? 2
			: ns < 100 ? 1
				   : 0,
		ns, units[unit]);
	return text;
}
