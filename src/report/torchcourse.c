/* SPDX-License-Identifier: MIT */
/* Pictures of a run under PyTorch's rules, over the course of the trace. */
#include <math.h>

#include "report/torchpage.h"

#define TABLE_ROWS 48 /* of the numbers below a picture */

/* Parts of the run joined, so that there are at most so many. */
struct parts {
	const struct mr_torch_page *page;
	size_t per, count;
	double end; /* of the x axis: the trace's last event */
	struct mr_scale x;
};

static struct parts
join(const struct mr_torch_page *page, size_t most)
{
	size_t count = page->peak->stretch_count;
	uint64_t events = page->of->script.event_count;
	struct parts parts = {.page = page, .per = (count + most - 1) / most};

	parts.count = (count + parts.per - 1) / parts.per;
	parts.end = events ? (double)events : 1;
	parts.x = mr_scale_count(events, "events", "thousand events", "million events");
	return parts;
}

static void
widen(struct mr_torch_range *range, const struct mr_torch_range *other)
{
	range->least = other->least < range->least ? other->least : range->least;
	range->most = other->most > range->most ? other->most : range->most;
}

static struct mr_torch_stretch
part_at(const struct parts *parts, size_t i)
{
	const struct mr_torch_peak *peak = parts->page->peak;
	size_t at = i * parts->per;
	struct mr_torch_stretch part = peak->stretches[at];

	for (size_t k = at + 1; k < at + parts->per && k < peak->stretch_count; k++) {
		const struct mr_torch_stretch *other = &peak->stretches[k];

		part.to = other->to;
		widen(&part.reserved, &other->reserved);
		widen(&part.allocated, &other->allocated);
		widen(&part.requested, &other->requested);
		part.least_unused = fmin(part.least_unused, other->least_unused);
		part.most_unused = fmax(part.most_unused, other->most_unused);
	}
	return part;
}

/* A row of numbers begins, which stands for a part. */
static void
number(struct mr_numbers *numbers, const struct parts *parts,
	const struct mr_torch_stretch *part)
{
	mr_numbers_span(numbers, part->from ? (double)(part->from - 1) / parts->end : 0,
		(double)part->to / parts->end);
	mr_doc_count(&numbers->doc, "from event", part->from);
}

/* The axis of events, and a line where the peak is. */
static void
print_axis(struct mr_plot *plot, const struct parts *parts)
{
	double peak = (double)parts->page->peak->event;

	fprintf(plot->script,
		"set xrange [0:%.9g]\nset xlabel '%s' offset 0,0.4\n"
		"set arrow from first %.9g,graph 0 to first %.9g,graph 1 nohead back "
		"lw 1 dt 3 lc rgb '" MR_INK_GREY "'\n",
		parts->end / parts->x.by, parts->x.unit, peak / parts->x.by,
		peak / parts->x.by);
}

static double
middle(const struct parts *parts, const struct mr_torch_stretch *part)
{
	return (double)(part->from + part->to) / 2 / parts->x.by;
}

static size_t
most_parts(const struct mr_plot *plot)
{
	return plot->width > 500 ? MR_TORCH_STRETCHES + 1 : MR_TORCH_STRETCHES / 2;
}

/* A device that is so large that all else were flat beneath it is left out. */
static bool
shows_device(const struct mr_torch_page *page)
{
	uint64_t memory = page->policy->memory;

	return memory != MR_UNLIMITED && memory / 2 <= page->peak->stats.peak_reserved;
}

void
mr_torch_course(const void *context, struct mr_plot *plot, struct mr_numbers *numbers)
{
	const struct mr_torch_page *page = context;
	struct parts parts = join(page, most_parts(plot)), rows = join(page, TABLE_ROWS);
	uint64_t peak = page->peak->stats.peak_reserved, memory = page->policy->memory;
	uint64_t top = shows_device(page) && memory > peak ? memory : peak;
	struct mr_scale y = mr_scale_bytes(top);

	fputs("$parts << EOD\n", plot->script);
	for (size_t i = 0; i < parts.count; i++) {
		struct mr_torch_stretch part = part_at(&parts, i);

		fprintf(plot->script, "%.9g %.6g %.6g %.6g %.6g %.6g\n",
			middle(&parts, &part), (double)part.reserved.least / y.by,
			(double)part.reserved.most / y.by,
			(double)part.allocated.least / y.by,
			(double)part.allocated.most / y.by,
			(double)part.requested.most / y.by);
	}
	fputs("EOD\n", plot->script);
	print_axis(plot, &parts);
	fprintf(plot->script,
		"set yrange [0:%.6g]\nset ylabel '%s' offset 1.5,0\n"
		"plot $parts using 1:2:3 with filledcurves fs transparent solid 0.35 "
		"lc rgb '" MR_INK_ORANGE "' notitle, "
		"'' using 1:4:5 with filledcurves fs transparent solid 0.35 "
		"lc rgb '" MR_INK_BLUE "' notitle, "
		"'' using 1:3 with lines lw 1.6 lc rgb '" MR_INK_ORANGE
		"' title 'reserved', "
		"'' using 1:5 with lines lw 1.6 lc rgb '" MR_INK_BLUE
		"' title 'allocated', "
		"'' using 1:6 with lines lw 1.2 dt 3 lc rgb '" MR_INK_GREEN
		"' title 'requested'",
		top ? (double)top * 1.08 / y.by : 1, y.unit);
	if (shows_device(page))
		fprintf(plot->script,
			", %.6g with lines lw 1.6 dt 2 lc rgb 'black' title 'device'",
			(double)memory / y.by);
	putc('\n', plot->script);
	if (!numbers)
		return;
	mr_doc_begin(&numbers->doc, "course", 5);
	for (size_t i = 0; i < rows.count; i++) {
		struct mr_torch_stretch part = part_at(&rows, i);

		number(numbers, &rows, &part);
		mr_doc_bytes(&numbers->doc, "reserved, most", part.reserved.most);
		mr_doc_bytes(&numbers->doc, "allocated, least", part.allocated.least);
		mr_doc_bytes(&numbers->doc, "most", part.allocated.most);
		mr_doc_bytes(&numbers->doc, "requested, most", part.requested.most);
	}
}

void
mr_torch_fragmentation(
	const void *context, struct mr_plot *plot, struct mr_numbers *numbers)
{
	const struct mr_torch_page *page = context;
	struct parts parts = join(page, most_parts(plot)), rows = join(page, TABLE_ROWS);

	fputs("$parts << EOD\n", plot->script);
	for (size_t i = 0; i < parts.count; i++) {
		struct mr_torch_stretch part = part_at(&parts, i);

		fprintf(plot->script, "%.9g %.5g %.5g\n", middle(&parts, &part),
			100 * part.least_unused, 100 * part.most_unused);
	}
	fputs("EOD\n", plot->script);
	print_axis(plot, &parts);
	fputs("set yrange [0:104]\nset ytics 20\n"
	      "set ylabel '% of reserved' offset 1.5,0\n"
	      "plot $parts using 1:2:3 with filledcurves fs transparent solid 0.35 "
	      "lc rgb '" MR_INK_RED "' notitle, "
	      "'' using 1:3 with lines lw 1.6 lc rgb '" MR_INK_RED "' title 'most', "
	      "'' using 1:2 with lines lw 1.2 dt 2 lc rgb '" MR_INK_RED
	      "' title 'least'\n",
		plot->script);
	mr_doc_begin(&numbers->doc, "fragmentation", 3);
	for (size_t i = 0; i < rows.count; i++) {
		struct mr_torch_stretch part = part_at(&rows, i);

		number(numbers, &rows, &part);
		mr_doc_real(&numbers->doc, "least", MR_UNIT_RATIO, part.least_unused);
		mr_doc_real(&numbers->doc, "most", MR_UNIT_RATIO, part.most_unused);
	}
}
