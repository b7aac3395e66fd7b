/* SPDX-License-Identifier: MIT */
#include "cli/list.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "cli/message.h"

static enum mr_status
add(struct mr_list *list, const char *path, struct mr_error *err)
{
	char **items = realloc(list->items, (list->count + 2) * sizeof(*items));

	if (!items)
		return mr_fail_memory(err);
	list->items = items;
	items[list->count] = strdup(path);
	items[list->count + 1] = NULL;
	return items[list->count++] ? MR_OK : mr_fail_memory(err);
}

/* Takes in one line of a list, without its end. */
static enum mr_status
add_line(struct mr_list *list, char *line, size_t length, uint64_t number,
	struct mr_error *err)
{
	while (length && (line[length - 1] == '\n' || line[length - 1] == '\r'))
		line[--length] = '\0';
	if (strlen(line) != length)
		return mr_fail_at(err, MR_EFORMAT, MR_PLACE_LINE, number,
			"there is a NUL in the path");
	if (*line == '@')
		return mr_fail_at(err, MR_EFORMAT, MR_PLACE_LINE, number,
			"a list cannot name another; \"./%.40s\" is a trace", line);
	return length && *line != '#' ? add(list, line, err) : MR_OK;
}

static enum mr_status
read_list(struct mr_list *list, FILE *in, struct mr_error *err)
{
	size_t before = list->count, space = 0;
	uint64_t number = 0;
	char *line = NULL;
	ssize_t length;
	enum mr_status st = MR_OK;

	errno = 0;
	while (!st && (length = getline(&line, &space, in)) >= 0)
		st = add_line(list, line, (size_t)length, ++number, err);
	if (!st && !feof(in))
		st = mr_fail_errno(err, errno, "cannot read");
	if (!st && list->count == before)
		st = mr_fail(err, MR_EFORMAT, "there is no path in this list");
	free(line);
	return st;
}

/* Adds the paths in a file. Returns an exit status. */
static int
add_list(struct mr_list *list, const char *path)
{
	bool standard = !strcmp(path, "-");
	FILE *in = standard ? stdin : fopen(path, "re");
	struct mr_error err;
	enum mr_status st = in ? read_list(list, in, &err)
			       : mr_fail_errno(&err, errno, "cannot open");

	if (in && !standard)
		fclose(in);
	return st ? mr_say_error(path, &err) : MR_EXIT_DONE;
}

int
mr_list_make(struct mr_list *out, char **operands)
{
	int status = MR_EXIT_DONE;
	struct mr_error err;

	*out = (struct mr_list){0};
	for (; *operands && !status; operands++) {
		if (**operands == '@')
			status = add_list(out, *operands + 1);
		else if (add(out, *operands, &err))
			status = mr_say_error(NULL, &err);
	}
	return status;
}

void
mr_list_fini(struct mr_list *list)
{
	for (size_t i = 0; i < list->count; i++)
		free(list->items[i]);
	free(list->items);
}
