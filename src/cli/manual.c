/* SPDX-License-Identifier: MIT */
#include "cli/manual.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "report/filter.h"

static bool
is_installed(void)
{
	const char *const argv[] = {"man", "-w", "1", "memreplay", NULL};
	struct mr_filter filter;
	bool found = !mr_filter_run(&filter, argv, "", environ, NULL) && !filter.status &&
		filter.length;

	mr_filter_fini(&filter);
	return found;
}

void
mr_manual_open(const char *command)
{
	const char *less = getenv("LESS");
	char text[256];

	if (!isatty(STDOUT_FILENO) || !is_installed())
		return;
	/* less then begins at the section's heading; another pager does not mind */
	snprintf(text, sizeof(text), "%s +/^ *%s$", less ? less : "", command);
	setenv("LESS", text, 1);
	execlp("man", "man", "1", "memreplay", (char *)NULL);
}
