/* SPDX-License-Identifier: MIT */
/* Pictures of bars, one for each power of two. */
#include "report/picture.h"

#include "base/units.h"

struct part {
	const char *name; /* in the legend */
	const char *ink;
};

static const struct part fates[] = {
	{"hit", MR_INK_BLUE},
	{"limit", MR_INK_RED},
	{"empty", MR_INK_GREY},
	{"smaller", MR_INK_YELLOW},
	{"too large", MR_INK_PURPLE},
	{0},
};
static const struct part lives[] = {{"freed blocks", MR_INK_BLUE}, {0}};
static const struct part ages[] = {
	{"reused", MR_INK_BLUE}, {"never reused (stale)", MR_INK_ORANGE}, {0}};

static const struct part *
parts_of(enum mr_bars what)
{
	switch (what) {
	case MR_BARS_MALLOCS:
	case MR_BARS_BYTES:
		return fates;
	case MR_BARS_LIVES:
		return lives;
	case MR_BARS_AGES:
		return ages;
	}
	return NULL;
}

static bool
is_bytes(enum mr_bars what)
{
	return what == MR_BARS_BYTES || what == MR_BARS_AGES;
}

static uint64_t
value_at(const struct mr_watch *watch, enum mr_bars what, size_t row, size_t part)
{
	switch (what) {
	case MR_BARS_MALLOCS:
		return watch->sizes[row].mallocs[part];
	case MR_BARS_BYTES:
		return watch->sizes[row].bytes[part];
	case MR_BARS_LIVES:
		return watch->lives[row];
	case MR_BARS_AGES:
		return part ? watch->ages[row].stale_bytes
			    : watch->ages[row].reused_bytes;
	}
	return 0;
}

static uint64_t
sum_at(const struct mr_watch *watch, enum mr_bars what, size_t row)
{
	uint64_t sum = 0;

	for (size_t part = 0; parts_of(what)[part].name; part++)
		sum += value_at(watch, what, row, part);
	return sum;
}

uint64_t
mr_bars_most(const struct mr_subject *subject, enum mr_bars what, uint64_t most)
{
	for (size_t row = 0; row < MR_WATCH_ROWS; row++) {
		uint64_t sum = sum_at(subject->watch, what, row);

		most = sum > most ? sum : most;
	}
	return most;
}

static void
find_rows(const struct mr_watch *watch, enum mr_bars what, size_t *first, size_t *last)
{
	*first = MR_WATCH_ROWS;
	*last = 0;
	for (size_t row = 0; row < MR_WATCH_ROWS; row++) {
		if (!sum_at(watch, what, row))
			continue;
		*first = row < *first ? row : *first;
		*last = row;
	}
	if (*first > *last)
		*first = 0;
}

static void
print_tic(FILE *out, enum mr_bars what, size_t row)
{
	char text[MR_TEXT_SIZE];
	uint64_t from = mr_watch_row_from(row);

	if (what == MR_BARS_MALLOCS || what == MR_BARS_BYTES)
		fprintf(out, "'%s' %zu", mr_size_print(text, from), row);
	else
		fprintf(out, "'%s' %zu", mr_count_print(text, from), row);
}

static void
print_x_axis(struct mr_plot *plot, enum mr_bars what, size_t first, size_t last)
{
	/* a label takes about 56 pixels */
	size_t room = (size_t)(plot->width - MR_PLOT_LEFT - MR_PLOT_RIGHT) / 56;
	size_t every = (last - first) / (room ? room : 1) + 1;
	const char *comma = "";

	fputs("set xtics (", plot->script);
	for (size_t row = first; row <= last; row += every) {
		fputs(comma, plot->script);
		print_tic(plot->script, what, row);
		comma = ", ";
	}
	fprintf(plot->script, ")\nset xrange [%.1f:%.1f]\nset xlabel '%s' offset 0,0.4\n",
		(double)first - 0.6, (double)last + 0.6,
		what == MR_BARS_LIVES          ? "events from malloc to free, at least"
			: what == MR_BARS_AGES ? "events in the cache, at least"
					       : "requested size, at least");
}

static void
print_data(struct mr_plot *plot, const struct mr_watch *watch, enum mr_bars what,
	size_t first, size_t last, struct mr_scale y)
{
	fputs("$bars << EOD\n", plot->script);
	for (size_t row = first; row <= last; row++) {
		uint64_t sum = 0;

		fprintf(plot->script, "%zu", row);
		for (size_t part = 0; parts_of(what)[part].name; part++) {
			sum += value_at(watch, what, row, part);
			fprintf(plot->script, " %.6g", (double)sum / y.by);
		}
		putc('\n', plot->script);
	}
	fputs("EOD\n", plot->script);
}

static void
number(struct mr_numbers *numbers, const struct mr_watch *watch, enum mr_bars what,
	size_t first, size_t last)
{
	const struct part *parts = parts_of(what);
	size_t columns = 1;

	while (parts[columns - 1].name)
		columns++;
	mr_doc_begin(&numbers->doc, "bars", columns);
	for (size_t row = first; row <= last; row++) {
		double all = (double)(last - first) + 1.2;
		double from = ((double)(row - first) + 0.1) / all;

		mr_numbers_span(numbers, from, from + 1 / all);
		if (what == MR_BARS_MALLOCS || what == MR_BARS_BYTES)
			mr_doc_bytes(&numbers->doc, "from", mr_watch_row_from(row));
		else
			mr_doc_count(&numbers->doc, "from", mr_watch_row_from(row));
		for (size_t part = 0; parts[part].name; part++) {
			uint64_t value = value_at(watch, what, row, part);

			if (is_bytes(what))
				mr_doc_bytes(&numbers->doc, parts[part].name, value);
			else
				mr_doc_count(&numbers->doc, parts[part].name, value);
		}
	}
}

void
mr_picture_bars(struct mr_plot *plot, struct mr_numbers *numbers,
	const struct mr_subject *subject, enum mr_bars what, uint64_t most)
{
	const struct part *parts = parts_of(what);
	struct mr_scale y = is_bytes(what)
		? mr_scale_bytes(most)
		: mr_scale_count(most, "blocks", "thousand blocks", "million blocks");
	size_t first, last, count = 0;

	find_rows(subject->watch, what, &first, &last);
	print_data(plot, subject->watch, what, first, last, y);
	print_x_axis(plot, what, first, last);
	fprintf(plot->script,
		"set yrange [0:%.6g]\nset ylabel '%s' offset 1.5,0\nset boxwidth 0.82\n"
		"plot ",
		most ? (double)most * 1.05 / y.by : 1, y.unit);
	while (parts[count].name)
		count++;
	/* the sums stand behind one another, the highest first */
	for (size_t part = count; part--;)
		fprintf(plot->script, "%s using 1:%zu with boxes lc rgb '%s' notitle, ",
			part + 1 == count ? "$bars" : "''", part + 2, parts[part].ink);
	for (size_t part = 0; part < count; part++)
		fprintf(plot->script, "%sNaN with boxes lc rgb '%s' title '%s'",
			part ? ", " : "", parts[part].ink, parts[part].name);
	putc('\n', plot->script);
	if (numbers)
		number(numbers, subject->watch, what, first, last);
}
