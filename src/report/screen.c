/* SPDX-License-Identifier: MIT */
#include "report/screen.h"

#include "base/text.h"

#define EIGHTHS 8

static int
draw_ascii(int eighths, FILE *out)
{
	int count = (eighths + EIGHTHS / 2) / EIGHTHS;

	for (int i = 0; i < count; i++)
		putc('#', out);
	return count;
}

static int
draw_blocks(int eighths, FILE *out)
{
	static const char *const parts[EIGHTHS] = {
		"", "\u258f", "\u258e", "\u258d", "\u258c", "\u258b", "\u258a", "\u2589"};

	for (int i = 0; i < eighths / EIGHTHS; i++)
		fputs("\u2588", out);
	fputs(parts[eighths % EIGHTHS], out);
	return (eighths + EIGHTHS - 1) / EIGHTHS;
}

int
mr_bar(const struct mr_screen *screen, double part, int width, enum mr_ink ink, FILE *out)
{
	int least = screen->utf8 ? 1 : EIGHTHS / 2;
	int eighths = (int)(part * width * EIGHTHS + 0.5);
	int columns;

	if (eighths > width * EIGHTHS)
		eighths = width * EIGHTHS;
	if (eighths < least && part > 0)
		eighths = least;
	if (screen->color)
		fputs(ink == MR_INK_ALERT ? "\033[33m" : "\033[36m", out);
	columns = screen->utf8 ? draw_blocks(eighths, out) : draw_ascii(eighths, out);
	if (screen->color)
		fputs("\033[0m", out);
	return columns;
}

int
mr_print_safe(const char *text, size_t length, FILE *out)
{
	int count = 0;

	for (; length; count++) {
		size_t step = mr_text_sequence(text, length);

		if (!step || mr_text_is_control(text, step))
			putc('?', out);
		else
			fwrite(text, 1, step, out);
		step = step ? step : 1;
		text += step;
		length -= step;
	}
	return count;
}
