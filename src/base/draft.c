/* SPDX-License-Identifier: MIT */
#include "base/draft.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/error.h"

#define FIRST_SPACE 256

/* 0 is how a stream's function says that it failed. */
static ssize_t
put(void *context, const char *from, size_t count)
{
	struct mr_draft *draft = context;
	char *larger;
	size_t space;

	if (count >= draft->space - draft->length) {
		space = 2 * (draft->length + count) + 1;
		larger = realloc(draft->text, space);
		if (!larger) {
			errno = ENOMEM;
			return 0;
		}
		draft->text = larger;
		draft->space = space;
	}
	memcpy(draft->text + draft->length, from, count);
	draft->length += count;
	draft->text[draft->length] = '\0';
	return (ssize_t)count;
}

enum mr_status
mr_draft_open(struct mr_draft *draft, struct mr_error *err)
{
	const cookie_io_functions_t functions = {.write = put};

	*draft = (struct mr_draft){.space = FIRST_SPACE};
	draft->text = malloc(FIRST_SPACE);
	if (draft->text) {
		*draft->text = '\0';
		draft->file = fopencookie(draft, "w", functions);
	}
	if (draft->file)
		return MR_OK;
	mr_draft_fini(draft);
	return mr_fail_memory(err);
}

enum mr_status
mr_draft_sync(struct mr_draft *draft, struct mr_error *err)
{
	if (fflush(draft->file) || ferror(draft->file))
		return mr_fail_memory(err);
	return MR_OK;
}

char *
mr_draft_take(struct mr_draft *draft)
{
	char *text = draft->text;

	draft->text = NULL;
	draft->length = draft->space = 0;
	return text;
}

void
mr_draft_fini(struct mr_draft *draft)
{
	if (draft->file)
		fclose(draft->file);
	free(draft->text);
	*draft = (struct mr_draft){0};
}
