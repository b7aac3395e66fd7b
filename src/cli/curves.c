/* SPDX-License-Identifier: MIT */
#include "cli/curves.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/draft.h"
#include "base/error.h"

/* "FILE, KNOB=VALUE KNOB=VALUE"; the caller frees it. NULL: out of memory. */
static char *
name_of(const struct mr_curve *curve)
{
	struct mr_draft draft;
	char *name = NULL;

	if (mr_draft_open(&draft, NULL))
		return NULL;
	fputs(curve->path, draft.file);
	for (size_t i = 0; i < curve->varied_count; i++)
		fprintf(draft.file, "%s%s", i ? " " : ", ", curve->varied[i]);
	if (!mr_draft_sync(&draft, NULL))
		name = mr_draft_take(&draft);
	mr_draft_fini(&draft);
	return name;
}

enum mr_status
mr_curves_keep(struct mr_curves *curves, const struct mr_curve *curve,
	const struct mr_policy *policy, struct mr_error *err)
{
	size_t size = curve->count * sizeof(struct mr_point);
	struct mr_subject *items =
		realloc(curves->items, (curves->count + 1) * sizeof(*items));
	struct mr_point *copy = malloc(size + 1);
	char *name = name_of(curve);

	if (items)
		curves->items = items;
	if (!items || !copy || !name) {
		free(copy);
		free(name);
		return mr_fail_memory(err);
	}
	memcpy(copy, curve->points, size);
	items[curves->count++] = (struct mr_subject){.name = name,
		.policy = *policy,
		.points = copy,
		.point_count = curve->count};
	return MR_OK;
}

int
mr_curves_save(struct mr_curves *curves)
{
	struct mr_error err;
	size_t length;
	char *picture;
	int status;

	if (mr_curve_draw(curves->items, curves->count, curves->format, environ, &picture,
		    &length, &err))
		return mr_say_error(NULL, &err);
	status = mr_saving_finish(&curves->saving, picture, length);
	free(picture);
	return status;
}

void
mr_curves_fini(struct mr_curves *curves)
{
	mr_saving_abort(&curves->saving);
	for (size_t i = 0; i < curves->count; i++) {
		free((void *)(uintptr_t)curves->items[i].points);
		free((void *)(uintptr_t)curves->items[i].name);
	}
	free(curves->items);
}
