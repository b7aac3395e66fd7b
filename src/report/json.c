/* SPDX-License-Identifier: MIT */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "base/error.h"
#include "report/doc.h"
#include "trace/jsonvalue.h"

/* The length of the UTF-8 character at text, or 0 if there is none. */
static size_t
utf8_length(const unsigned char *text)
{
	static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
	size_t length = *text < 0x80 ? 1
		: *text < 0xc2       ? 0
		: *text < 0xe0       ? 2
		: *text < 0xf0       ? 3
		: *text < 0xf5       ? 4
				     : 0;
	uint32_t code = length > 1 ? *text & (0x7fu >> length) : *text;

	for (size_t i = 1; i < length; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3f);
	}
	if (length > 1 && (code < least[length] || code > 0x10ffff))
		return 0;
	return code >= 0xd800 && code <= 0xdfff ? 0 : length;
}

/* A JSON string of text; a byte that is not UTF-8 (file names) becomes U+FFFD. */
static cJSON *
make_text(const char *text)
{
	const unsigned char *at = (const unsigned char *)text;
	char *clean = malloc(3 * strlen(text) + 1), *out = clean;
	cJSON *item;

	if (!clean)
		return NULL;
	while (*at) {
		size_t length = utf8_length(at);

		if (length)
			memcpy(out, at, length);
		else
			memcpy(out, "\xef\xbf\xbd", 3);
		out += length ? length : 3;
		at += length ? length : 1;
	}
	*out = '\0';
	item = cJSON_CreateString(clean);
	free(clean);
	return item;
}

static cJSON *
make_value(const struct mr_cell *cell)
{
	char text[MR_CELL_SIZE];

	if (cell->kind == MR_CELL_TEXT)
		return make_text(cell->text);
	/* Raw: cJSON's own numbers are doubles and would round. */
	return cJSON_CreateRaw(mr_cell_raw(text, cell) ? text : "null");
}

/* Gives item to an object under key, or to an array. */
static bool
give(cJSON *parent, const char *key, cJSON *item)
{
	return mr_json_add(parent, cJSON_IsArray(parent) ? NULL : key, item);
}

static bool
fill_object(cJSON *object, const struct mr_item *items, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (!give(object, items[i].key, make_value(&items[i].cell)))
			return false;
	return true;
}

static bool
fill_array(cJSON *array, const struct mr_doc_section *section)
{
	for (size_t i = 0; i < section->count; i += section->columns) {
		cJSON *row = cJSON_CreateObject();

		if (!give(array, NULL, row))
			return false;
		if (!fill_object(row, section->items + i, section->columns))
			return false;
	}
	return true;
}

static cJSON *
find_child(const cJSON *parent, const char *part)
{
	if (cJSON_IsArray(parent))
		return cJSON_GetArrayItem(parent, atoi(part));
	return cJSON_GetObjectItemCaseSensitive(parent, part);
}

/* The object or array that a section's name leads to, made where missing. */
static cJSON *
descend(cJSON *at, const struct mr_doc_section *section)
{
	const char *name = section->name;

	while (name && at) {
		const char *dot = strchr(name, '.');
		bool array = dot ? isdigit((unsigned char)dot[1]) : section->columns > 0;
		char part[48];
		cJSON *child;

		snprintf(part, sizeof(part), "%.*s", (int)strcspn(name, "."), name);
		child = find_child(at, part);
		if (!child) {
			child = array ? cJSON_CreateArray() : cJSON_CreateObject();
			if (!give(at, part, child))
				return NULL;
		}
		at = child;
		name = dot ? dot + 1 : NULL;
	}
	return at;
}

static bool
add_section(cJSON *root, const struct mr_doc_section *section)
{
	cJSON *own = descend(root, section);

	if (!own)
		return false;
	if (section->columns)
		return fill_array(own, section);
	return fill_object(own, section->items, section->count);
}

enum mr_status
mr_doc_print_json(const struct mr_doc *doc, FILE *out, struct mr_error *err)
{
	cJSON *root = cJSON_CreateObject();
	char *text = NULL;
	bool good = root;

	for (size_t i = 0; good && i < doc->count; i++)
		good = add_section(root, &doc->sections[i]);
	if (good)
		text = cJSON_Print(root);
	good = text;
	if (good)
		fprintf(out, "%s\n", text);
	cJSON_free(text);
	cJSON_Delete(root);
	return good ? MR_OK : mr_fail_memory(err);
}
