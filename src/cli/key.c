/* SPDX-License-Identifier: MIT */
#include "cli/key.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/draft.h"
#include "memreplay/base.h"

static void
print_trace(FILE *out, const struct mr_source_options *input, const char *path,
	const struct stat *about)
{
	char *real = realpath(path, NULL);

	fprintf(out, "trace %s\nsize %jd\nchanged %jd.%09ld\n", real ? real : path,
		(intmax_t)about->st_size, (intmax_t)about->st_mtim.tv_sec,
		about->st_mtim.tv_nsec);
	fprintf(out, "from %d lenient %d free-at %d device %s\n", input->from,
		input->lenient, input->free_at, input->device ? input->device : "-");
	free(real);
}

static void
print_limits(FILE *out, const struct mr_method *method, size_t group)
{
	struct mr_sweep_options part = mr_limits_part(&method->sweep, group, 1);

	fprintf(out, "today %d limits", method->today);
	for (size_t i = 0; i < part.limit_count; i++)
		fprintf(out, " %" PRIu64, part.limits[i]);
	if (!part.limits)
		fprintf(out, " %" PRIu64 ":%" PRIu64 ":%" PRIu64, part.from, part.to,
			part.resolution);
	fputc('\n', out);
}

char *
mr_key_make(const struct mr_method *method, const char *path, const struct stat *about,
	const char *const *varied, size_t count, size_t group)
{
	const struct mr_texts *knobs = &method->policy->knobs;
	struct mr_draft draft;
	char *key = NULL;
	FILE *out;

	if (mr_draft_open(&draft, NULL))
		return NULL;
	out = draft.file;
	fprintf(out, "memreplay %s\n", mr_version());
	print_trace(out, &method->input, path, about);
	fprintf(out, "policy %d\n", method->policy->policy);
	for (size_t i = 0; i < knobs->count; i++)
		fprintf(out, "set %s\n", knobs->items[i]);
	for (size_t i = 0; i < count; i++)
		fprintf(out, "vary %s\n", varied[i]);
	print_limits(out, method, group);
	if (!mr_draft_sync(&draft, NULL))
		key = mr_draft_take(&draft);
	mr_draft_fini(&draft);
	return key;
}
