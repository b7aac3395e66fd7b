/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <unistd.h>

#include "cli/command.h"
#include "cli/torch.h"
#include "report/figure.h"
#include "report/torchpage.h"

int
mr_torch_draw(const struct mr_torch_case *of, const struct mr_policy *policy,
	enum mr_torch_start start, struct mr_saving *saving, const char *path)
{
	struct mr_torch_peak peak = {0};
	const struct mr_torch_page page = {.of = of, .policy = policy, .peak = &peak};
	const struct mr_drawing course = {.print = mr_torch_course,
		.context = &page,
		.wide_key = 1,
		.environment = environ};
	enum mr_plot_format format;
	struct mr_error err;
	char *picture;
	size_t length;
	enum mr_status st = mr_plot_format_of(&format, path, &err);
	int status;

	if (!st)
		st = mr_torch_peak(&peak, &of->script, &policy->torch, start, &err);
	if (!st)
		st = mr_drawing_draw(&course, format, &picture, &length, &err);
	mr_torch_peak_fini(&peak);
	if (st)
		return mr_say_error(NULL, &err);
	status = mr_saving_finish(saving, picture, length);
	free(picture);
	return status;
}
