/* SPDX-License-Identifier: MIT */
#include "report/expect.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>

#include "base/error.h"
#include "base/nearest.h"
#include "base/units.h"
#include "report/doc.h"
#include "report/result.h"

/* Longer ones first: the first that fits is meant. */
static const struct {
	const char *sign;
	enum mr_relation relation;
} relations[] = {
	{">=", MR_AT_LEAST},
	{"<=", MR_AT_MOST},
	{"==", MR_EQUAL},
	{"!=", MR_UNEQUAL},
	{">", MR_ABOVE},
	{"<", MR_BELOW},
};

/* Finds the sign at text; returns what follows, or NULL. */
static const char *
parse_relation(enum mr_relation *out, const char *text)
{
	for (size_t i = 0; i < sizeof(relations) / sizeof(relations[0]); i++) {
		size_t length = strlen(relations[i].sign);

		if (!strncmp(text, relations[i].sign, length)) {
			*out = relations[i].relation;
			return text + length;
		}
	}
	return NULL;
}

static enum mr_status
bad_ratio(struct mr_error *err, const char *text)
{
	return mr_fail(
		err, MR_EINVAL, "\"%s\" is not a ratio: expected 0.95 or 95%%", text);
}

enum mr_status
mr_ratio_parse(
	uint64_t *number, uint64_t *divisor, const char *text, struct mr_error *err)
{
	const char *at = text;
	bool digits = false, point = false;

	*number = 0;
	*divisor = 1;
	for (; isdigit((unsigned char)*at) || (*at == '.' && !point); at++) {
		if (*at == '.') {
			point = true;
			continue;
		}
		if (*number > UINT64_C(10000000000000000) ||
			*divisor > UINT64_C(10000000000000000))
			return bad_ratio(err, text);
		*number = *number * 10 + (uint64_t)(*at - '0');
		*divisor *= point ? 10 : 1;
		digits = true;
	}
	if (*at == '%') {
		*divisor *= 100;
		at++;
	}
	return digits && !*at ? MR_OK : bad_ratio(err, text);
}

static enum mr_status
parse_value(struct mr_expect *expect, const char *text, struct mr_error *err)
{
	expect->divisor = 1;
	switch (expect->metric->unit) {
	case MR_UNIT_RATIO:
		return mr_ratio_parse(&expect->number, &expect->divisor, text, err);
	case MR_UNIT_BYTES:
		return mr_size_parse(&expect->number, text, err);
	case MR_UNIT_COUNT:
	case MR_UNIT_NS:
		break;
	}
	return mr_count_parse(&expect->number, text, err);
}

const char *
mr_metric_bare_name(const char *name)
{
	static const char *const sections[] = {
		"result.", "limit_enforcement.", "detail."};

	for (size_t i = 0; i < 3; i++)
		if (!strncmp(name, sections[i], strlen(sections[i])))
			name += strlen(sections[i]);
	return name;
}

/* Says whether it is the policy that has no such metric, or the command. */
static enum mr_status
refuse(const char *name, const struct mr_metric *metric, unsigned sections,
	struct mr_error *err)
{
	bool known = !(sections & MR_SECTION_TORCH) &&
		metric->sections & (MR_CACHE_SECTIONS | MR_SECTION_DETAIL);

	return mr_fail(err, MR_EINVAL, "\"%s\" is not counted %s", name,
		known ? "by this command" : "under this policy");
}

static enum mr_status
find_metric(struct mr_expect *out, const char *name, const struct mr_metric *rows,
	size_t count, unsigned sections, struct mr_error *err)
{
	struct mr_nearest nearest = {.text = mr_metric_bare_name(name)};

	for (size_t i = 0; i < count; i++) {
		bool counted = !rows[i].sections || rows[i].sections & sections;

		if (counted)
			mr_nearest_offer(&nearest, rows[i].name);
		if (strcmp(rows[i].name, nearest.text) != 0)
			continue;
		if (!counted)
			return refuse(name, &rows[i], sections, err);
		out->metric = &rows[i];
		return MR_OK;
	}
	if (nearest.name)
		return mr_fail(err, MR_EINVAL,
			"there is no metric \"%s\"; did you mean %s?", name,
			nearest.name);
	return mr_fail(err, MR_EINVAL, "there is no metric \"%s\"", name);
}

/* Copies text without blanks around it; false if it is too long. */
static bool
copy_trimmed(char *out, size_t size, const char *text, size_t length)
{
	while (length && isspace((unsigned char)*text)) {
		text++;
		length--;
	}
	while (length && isspace((unsigned char)text[length - 1]))
		length--;
	if (length >= size)
		return false;
	memcpy(out, text, length);
	out[length] = '\0';
	return true;
}

bool
mr_expect_split(const char *text, char name[MR_NAME_SIZE], enum mr_relation *relation,
	char value[MR_NAME_SIZE])
{
	size_t length = strcspn(text, "<>=!");
	const char *rest = parse_relation(relation, text + length);

	return rest && copy_trimmed(name, MR_NAME_SIZE, text, length) && *name &&
		copy_trimmed(value, MR_NAME_SIZE, rest, strlen(rest)) && *value;
}

enum mr_status
mr_expect_parse(struct mr_expect *out, const char *text, const struct mr_metric *rows,
	size_t count, unsigned sections, struct mr_error *err)
{
	char name[MR_NAME_SIZE], value[MR_NAME_SIZE];
	enum mr_status status;

	out->text = text;
	if (!mr_expect_split(text, name, &out->relation, value))
		return mr_fail(err, MR_EINVAL,
			"\"%s\" is not \"METRIC OP VALUE\" with OP one of "
			">= <= > < == !=",
			text);
	if ((status = find_metric(out, name, rows, count, sections, err)))
		return status;
	return parse_value(out, value, err);
}

static void
print_found(char text[MR_FOUND_SIZE], const struct mr_expect *expect, uint64_t found,
	uint64_t divisor)
{
	struct mr_cell cell = {MR_CELL_NUMBER, expect->metric->unit, .number = found,
		.divisor = divisor};
	char raw[MR_CELL_SIZE], human[MR_CELL_SIZE];

	mr_cell_human(human, &cell);
	if (cell.unit == MR_UNIT_COUNT || !mr_cell_raw(raw, &cell) ||
		(cell.unit == MR_UNIT_BYTES && found < 1024))
		snprintf(text, MR_FOUND_SIZE, "%s", human);
	else
		snprintf(text, MR_FOUND_SIZE, "%s (%s)", raw, human);
}

bool
mr_relation_holds(enum mr_relation relation, int sign)
{
	switch (relation) {
	case MR_AT_LEAST:
		return sign >= 0;
	case MR_AT_MOST:
		return sign <= 0;
	case MR_EQUAL:
		return sign == 0;
	case MR_UNEQUAL:
		return sign != 0;
	case MR_ABOVE:
		return sign > 0;
	case MR_BELOW:
		return sign < 0;
	}
	return false;
}

static int
compare(uint64_t a, uint64_t b)
{
	return (a > b) - (a < b);
}

/* Compares a / b with c / d: whole parts first, then what is left, upside down. */
static int
compare_quotients(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	int sign = 1;

	while (a / b == c / d && a % b && c % d) {
		uint64_t left = a % b, right = c % d;

		a = b;
		b = left;
		c = d;
		d = right;
		sign = -sign;
	}
	if (a / b != c / d)
		return sign * compare(a / b, c / d);
	return sign * compare(a % b > 0, c % d > 0);
}

bool
mr_expect_holds(const struct mr_expect *expect, uint64_t found, uint64_t divisor,
	char text[MR_FOUND_SIZE])
{
	/* a ratio of nothing is 0 */
	int sign = compare_quotients(divisor ? found : 0, divisor ? divisor : 1,
		expect->number, expect->divisor);

	print_found(text, expect, found, divisor);
	return mr_relation_holds(expect->relation, sign);
}
