/* SPDX-License-Identifier: MIT */
#include "cli/saving.h"

#include <string.h>

#include "cli/interrupt.h"

/* A path for people: of what is written, "-" is another stream than of what is read. */
static const char *
name_of(const char *path)
{
	return strcmp(path, "-") ? path : "standard output";
}

int
mr_saving_open(struct mr_saving *saving, const char *path)
{
	struct mr_error err;
	enum mr_status st;

	saving->path = path;
	mr_interrupt_hold();
	st = mr_output_open(&saving->output, path, false, &err);
	mr_interrupt_release(st ? NULL : mr_output_temporary(saving->output));
	return st ? mr_say_error(name_of(path), &err) : MR_EXIT_DONE;
}

int
mr_saving_finish(struct mr_saving *saving, const void *data, size_t length)
{
	struct mr_error err;
	enum mr_status st = mr_output_write(saving->output, data, length, &err);

	/* the name goes with the output, so signals wait until both are gone */
	mr_interrupt_hold();
	if (st)
		mr_output_abort(saving->output);
	else
		st = mr_output_finish(saving->output, &err);
	saving->output = NULL;
	mr_interrupt_release(NULL);
	return st ? mr_say_error(name_of(saving->path), &err) : MR_EXIT_DONE;
}

void
mr_saving_abort(struct mr_saving *saving)
{
	if (!saving->output)
		return;
	mr_interrupt_hold();
	mr_output_abort(saving->output);
	saving->output = NULL;
	mr_interrupt_release(NULL);
}
