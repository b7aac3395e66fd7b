/* SPDX-License-Identifier: MIT */
#include "cli/terminal.h"

#include <langinfo.h>
#include <locale.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/units.h"
#include "fleet/join.h"

#define USUAL_WIDTH 80
#define BAR_WIDTH   30
#define LEAST_BAR   8 /* a shorter one tells nothing */
#define FRAME       3 /* "[] " */

static bool
is_set(const char *name)
{
	const char *value = getenv(name);

	return value && *value;
}

/* Without touching the program's own locale, which stays C. */
static bool
has_utf8(void)
{
	locale_t user = newlocale(LC_CTYPE_MASK, "", (locale_t)0);
	bool utf8 = user && !strcmp(nl_langinfo_l(CODESET, user), "UTF-8");

	if (user)
		freelocale(user);
	return utf8;
}

static int
width_of(int fd)
{
	struct winsize size;

	if (!isatty(fd))
		return 0;
	if (!ioctl(fd, TIOCGWINSZ, &size) && size.ws_col)
		return size.ws_col;
	return USUAL_WIDTH;
}

void
mr_screen_init(struct mr_screen *out, FILE *stream)
{
	const char *term = getenv("TERM");

	/* mpirun gives its processes a terminal that nobody looks at */
	out->width = mr_join_is_launched() ? 0 : width_of(fileno(stream));
	out->color = out->width && !is_set("NO_COLOR") && term && *term &&
		strcmp(term, "dumb") != 0;
	out->utf8 = out->width && has_utf8();
}

void
mr_progress_start(struct mr_progress *progress)
{
	*progress = (struct mr_progress){
		.out = stderr, .width = width_of(STDERR_FILENO), .next_show = 1, .to = 1};
	clock_gettime(CLOCK_MONOTONIC, &progress->start);
}

void
mr_progress_start_on(struct mr_progress *progress, FILE *out)
{
	mr_progress_start(progress);
	progress->out = out;
	progress->width = width_of(fileno(out));
}

void
mr_progress_stretch(struct mr_progress *progress, double from, double to)
{
	progress->from = from;
	progress->to = to;
}

static double
seconds_since(const struct timespec *start)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)(now.tv_sec - start->tv_sec) +
		(double)(now.tv_nsec - start->tv_nsec) / 1e9;
}

/* "45 %, 3.2 s left, label" */
static int
print_state(char *line, size_t size, double part, double spent, const char *label)
{
	char left[MR_TEXT_SIZE];

	if (part < 0)
		return snprintf(line, size, "%s", label);
	if (part <= 0)
		return snprintf(line, size, "%3d %%%s%s", 0, *label ? ", " : "", label);
	return snprintf(line, size, "%3.0f %%, %s left%s%s", 100 * part,
		mr_time_print(left, spent * (1 - part) / part * 1e9), *label ? ", " : "",
		label);
}

void
mr_progress_show(struct mr_progress *progress, double part, const char *label)
{
	int length, bar, room = progress->width - 1;
	char line[128];
	double spent;

	if (!progress->width ||
		(spent = seconds_since(&progress->start)) < progress->next_show)
		return;
	progress->next_show = spent + 0.1;
	if (part >= 0)
		part = progress->from + part * (progress->to - progress->from);
	length = print_state(line, sizeof(line), part, spent, label);
	/* the last column stays free, lest the terminal begin a new line */
	length = length < room ? length : room;
	bar = room - length - FRAME;
	bar = bar > BAR_WIDTH ? BAR_WIDTH : bar;
	putc('\r', progress->out);
	if (part >= 0 && bar >= LEAST_BAR) {
		fprintf(progress->out, "[%-*.*s] ", bar, (int)(part * bar + 0.5),
			"##############################");
		bar += FRAME;
	} else {
		bar = 0;
	}
	fprintf(progress->out, "%.*s", length, line);
	if (progress->shown > length + bar)
		fprintf(progress->out, "%*s", progress->shown - length - bar, "");
	progress->shown = length + bar;
}

void
mr_progress_show_read(void *progress, uint64_t done, uint64_t length)
{
	char text[MR_TEXT_SIZE], label[MR_TEXT_SIZE + 16] = "reading";

	if (!length)
		snprintf(label, sizeof(label), "%s read", mr_size_print(text, done));
	mr_progress_show(progress, length ? (double)done / (double)length : -1, label);
}

void
mr_progress_hide(struct mr_progress *progress)
{
	if (progress->shown)
		fprintf(progress->out, "\r%*s\r", progress->shown, "");
	progress->shown = 0;
}
