/* SPDX-License-Identifier: MIT */
#include "report/torchpage.h"

#include <inttypes.h>

#include "alloc/torchconf.h"
#include "base/error.h"
#include "base/units.h"
#include "report/html.h"
#include "report/page.h"
#include "report/result.h"

#define WIDTH  1000.0 /* of drawings, which are stretched to the page's */
#define HEIGHT 100.0
#define ROWS   64  /* segments drawn, at most */
#define PARTS  400 /* of a row: blocks smaller than one are drawn together */

static struct mr_cell
bytes(uint64_t number)
{
	return (struct mr_cell){MR_CELL_NUMBER, MR_UNIT_BYTES, .number = number};
}

static struct mr_cell
ratio(uint64_t part, uint64_t whole)
{
	return (struct mr_cell){
		MR_CELL_NUMBER, MR_UNIT_RATIO, .number = part, .divisor = whole};
}

static void
print_top(const struct mr_torch_page *page, FILE *out)
{
	const struct mr_torch_stats *stats = &page->peak->stats;
	const struct mr_result *result = &page->studies[0].whatif.result;

	fprintf(out,
		"<header><p class=\"soft\">memreplay %s, what PyTorch's CUDA allocator "
		"does with a program</p>\n<h1>",
		mr_version());
	mr_html_text(out, page->name, 120);
	fputs("</h1>\n<nav><a href=\"#course\">Memory</a><a href=\"#segments\">Segments"
	      "</a><a href=\"#settings\">Settings</a><a href=\"#numbers\">Numbers</a>"
	      "<a href=\"#commands\">Commands</a></nav></header>\n"
	      "<div class=\"cards\">\n",
		out);
	mr_page_card(out, "peak reserved", bytes(stats->peak_reserved),
		"what the device must give");
	mr_page_card(out, "allocated then", bytes(stats->allocated),
		"in blocks of the program");
	mr_page_card(out, "fragmentation then",
		ratio(stats->reserved - stats->allocated, stats->reserved),
		"of the reserved bytes");
	mr_page_card(out, "peak allocated", bytes(result->peak_allocated_bytes),
		"at any moment");
	fputs("</div>\n", out);
	if (result->ooms)
		fprintf(out, "<p><b>Memory runs out at event %" PRIu64 ".</b></p>\n",
			result->oom_event);
}

/* --- the course */

static uint64_t
value_of(const struct mr_torch_moment *moment, int which)
{
	const uint64_t values[] = {
		moment->reserved, moment->allocated, moment->requested};

	return values[which];
}

static double
across(const struct mr_torch_peak *peak, uint64_t event)
{
	uint64_t last = peak->moments[peak->moment_count - 1].event;

	return last ? WIDTH * (double)event / (double)last : 0;
}

/* Begins a line at moment i, or goes on with it. */
static void
print_point(FILE *out, const struct mr_torch_peak *peak, size_t i, double part)
{
	fprintf(out, "%c%.1f %.2f", i ? 'L' : 'M', across(peak, peak->moments[i].event),
		2 + (HEIGHT - 4) * (1 - part));
}

static double
share(uint64_t part, uint64_t whole)
{
	return whole ? (double)part / (double)whole : 0;
}

static void
print_lines(const struct mr_torch_peak *peak, FILE *out)
{
	static const char *const classes[] = {"a", "b", "c"};

	for (int which = 0; which < 3; which++) {
		fprintf(out, "<path class=\"%s\" d=\"", classes[which]);
		for (size_t i = 0; i < peak->moment_count; i++)
			print_point(out, peak, i,
				share(value_of(&peak->moments[i], which),
					peak->stats.peak_reserved));
		fputs("\"/>\n", out);
	}
}

static void
print_fragmentation(const struct mr_torch_peak *peak, FILE *out)
{
	fputs("<path class=\"b\" d=\"", out);
	for (size_t i = 0; i < peak->moment_count; i++) {
		const struct mr_torch_moment *moment = &peak->moments[i];

		print_point(out, peak, i,
			share(moment->reserved - moment->allocated, moment->reserved));
	}
	fputs("\"/>\n", out);
}

/* Where one points to read a moment. */
static void
print_spans(const struct mr_torch_peak *peak, FILE *out)
{
	double peak_at = across(peak, peak->event);

	fprintf(out, "<path class=\"p\" d=\"M%.1f 0L%.1f %.0f\"/>\n<g class=\"spans\">\n",
		peak_at, peak_at, HEIGHT);
	for (size_t i = 1; i < peak->moment_count; i++) {
		const struct mr_torch_moment *moment = &peak->moments[i];
		double from = across(peak, peak->moments[i - 1].event);
		char text[3][MR_TEXT_SIZE];

		for (int which = 0; which < 3; which++)
			mr_size_print(text[which], value_of(moment, which));
		fprintf(out,
			"<rect x=\"%.1f\" y=\"0\" width=\"%.1f\" height=\"%.0f\"><title>"
			"event %" PRIu64 "\nreserved %s\nallocated %s\nrequested %s\n"
			"fragmentation %.2f %%</title></rect>\n",
			from, across(peak, moment->event) - from, HEIGHT, moment->event,
			text[0], text[1], text[2],
			100 *
				share(moment->reserved - moment->allocated,
					moment->reserved));
	}
	fputs("</g></svg>\n", out);
}

static void
begin_course(FILE *out, const char *more, const char *label)
{
	fprintf(out,
		"<svg class=\"course%s\" viewBox=\"0 0 %.0f %.0f\" "
		"preserveAspectRatio=\"none\" role=\"img\" aria-label=\"%s\">\n",
		more, WIDTH, HEIGHT, label);
}

static void
print_moments(const struct mr_torch_peak *peak, FILE *out)
{
	struct mr_doc doc = {0};

	mr_doc_begin(&doc, "moments", 5);
	for (size_t i = 0; i < peak->moment_count; i++) {
		const struct mr_torch_moment *moment = &peak->moments[i];

		mr_doc_count(&doc, "event", moment->event);
		mr_doc_bytes(&doc, "reserved_bytes", moment->reserved);
		mr_doc_bytes(&doc, "allocated_bytes", moment->allocated);
		mr_doc_bytes(&doc, "requested_bytes", moment->requested);
		mr_doc_ratio(&doc, "fragmentation", moment->reserved - moment->allocated,
			moment->reserved);
	}
	fputs("<details><summary>The numbers</summary>\n", out);
	if (!doc.failed)
		mr_html_rows(out, &doc.sections[0]);
	fputs("</details>\n", out);
	mr_doc_fini(&doc);
}

static void
print_course(const struct mr_torch_page *page, FILE *out)
{
	const struct mr_torch_peak *peak = page->peak;
	uint64_t last = peak->moments[peak->moment_count - 1].event;
	char most[MR_TEXT_SIZE];

	fprintf(out,
		"<section id=\"course\"><h2>Memory over the trace</h2>\n"
		"<p>Of each part of the trace the moment when most was reserved. The "
		"upright line is the peak, at event %" PRIu64 ".</p>\n"
		"<p class=\"soft\"><span class=\"key r\"></span>reserved"
		"<span class=\"key b\"></span>allocated"
		"<span class=\"key c\"></span>requested (dashed)</p>\n"
		"<div class=\"ends\"><span>%s</span></div>\n",
		peak->event, mr_size_print(most, peak->stats.peak_reserved));
	begin_course(out, "", "reserved, allocated and requested bytes over events");
	print_lines(peak, out);
	print_spans(peak, out);
	fprintf(out,
		"<div class=\"ends\"><span>0, before the first event</span><span>event "
		"%" PRIu64 "</span></div>\n<h3>Fragmentation</h3>\n"
		"<div class=\"ends\"><span>100 %% of the reserved bytes not "
		"allocated</span></div>\n",
		last);
	begin_course(out, " low", "fragmentation over events");
	print_fragmentation(peak, out);
	print_spans(peak, out);
	fprintf(out,
		"<div class=\"ends\"><span>0 %%</span><span>event %" PRIu64
		"</span></div>\n",
		last);
	print_moments(peak, out);
	fputs("</section>\n", out);
}

/* --- the segments */

/* Draws blocks side by side as one rectangle. */
static void
print_blocks(FILE *out, const struct mr_torch_map_segment *segment,
	const struct mr_torch_map_block *blocks, size_t count)
{
	static const char classes[] = {
		[MR_TORCH_FREE] = 'f', [MR_TORCH_ACTIVE] = 'a', [MR_TORCH_WAITING] = 'w'};
	static const char *const states[] = {[MR_TORCH_FREE] = "free",
		[MR_TORCH_ACTIVE] = "allocated",
		[MR_TORCH_WAITING] = "waits for a stream"};
	double scale = WIDTH / (double)segment->size;
	uint64_t size = 0, live = 0;
	char text[MR_TEXT_SIZE], more[MR_TEXT_SIZE];

	for (size_t i = 0; i < count; i++) {
		size += blocks[i].size;
		live += blocks[i].state == MR_TORCH_FREE ? 0 : blocks[i].size;
	}
	fprintf(out,
		"<rect class=\"%c\" x=\"%.2f\" width=\"%.2f\" height=\"10\"><title>"
		"0x%" PRIx64 ": %s",
		count > 1 ? 'm' : classes[blocks->state],
		scale * (double)(blocks->addr - segment->addr), scale * (double)size,
		blocks->addr, mr_size_print(text, size));
	if (count > 1)
		fprintf(out, " in %zu blocks, %s not free", count,
			mr_size_print(more, live));
	else
		fprintf(out, " %s", states[blocks->state]);
	if (count == 1 && blocks->state != MR_TORCH_FREE)
		fprintf(out, ", %s requested", mr_size_print(more, blocks->requested));
	fputs("</title></rect>\n", out);
}

static void
print_segment(FILE *out, const struct mr_torch_peak *peak,
	const struct mr_torch_map_segment *of)
{
	const struct mr_torch_map_block *block = &peak->blocks[of->first];
	const struct mr_torch_map_block *end = block + of->count;
	char size[MR_TEXT_SIZE], unused[MR_TEXT_SIZE];

	fprintf(out,
		"<span title=\"0x%" PRIx64 ", %s pool, stream %" PRIu64
		"\">%s</span><svg viewBox=\"0 0 %.0f 10\" preserveAspectRatio=\"none\" "
		"role=\"img\" aria-label=\"segment of %s, %s free\">\n",
		of->addr, of->small ? "small" : "large", of->stream,
		mr_size_print(size, of->size), WIDTH, size,
		mr_size_print(unused, of->size - of->live));
	while (block < end) {
		const struct mr_torch_map_block *from = block;
		uint64_t sum = 0;

		for (; block < end && sum < of->size / PARTS &&
			block->size < of->size / PARTS;
			block++)
			sum += block->size;
		if (block == from)
			block++;
		print_blocks(out, of, from, (size_t)(block - from));
	}
	fputs("</svg>\n", out);
}

static void
print_segments(const struct mr_torch_page *page, FILE *out)
{
	const struct mr_torch_peak *peak = page->peak;
	size_t shown = peak->segment_count < ROWS ? peak->segment_count : ROWS;
	uint64_t size = 0, live = 0;
	char text[MR_TEXT_SIZE], more[MR_TEXT_SIZE];

	fprintf(out,
		"<section id=\"segments\"><h2>The segments at the peak</h2>\n"
		"<p>%zu segments, or mapped runs of expandable ones, with %zu blocks, "
		"at event %" PRIu64 ". Each row is a segment from its lowest address to "
		"its highest, over the whole width; its size is beside it.</p>\n"
		"<p class=\"soft\"><span class=\"key r\"></span>allocated"
		"<span class=\"key w\"></span>waits for a stream"
		"<span class=\"key f\"></span>free"
		"<span class=\"key m\"></span>blocks too small to draw</p>\n"
		"<div class=\"rows\">\n",
		peak->segment_count, peak->block_count, peak->event);
	for (size_t i = 0; i < shown; i++)
		print_segment(out, peak, &peak->segments[i]);
	fputs("</div>\n", out);
	for (size_t i = shown; i < peak->segment_count; i++) {
		size += peak->segments[i].size;
		live += peak->segments[i].live;
	}
	if (shown < peak->segment_count)
		fprintf(out,
			"<p id=\"rest\">And %zu smaller ones: %s in all, of which %s "
			"free.</p>\n",
			peak->segment_count - shown, mr_size_print(text, size),
			mr_size_print(more, size - live));
	fputs("</section>\n", out);
}

/* --- the settings, and all numbers */

static void
add_settings(struct mr_doc *doc, const struct mr_torch_page *page,
	const struct mr_torch_study *study)
{
	const struct mr_result *result = &study->whatif.result;
	char conf[MR_TORCH_CONF_SIZE];

	mr_doc_text(doc, "alloc_conf", mr_torch_conf_print(conf, &study->settings));
	mr_doc_bytes(doc, "peak_reserved_bytes", result->peak_reserved_bytes);
	mr_doc_bytes(doc, "peak_allocated_bytes", result->peak_allocated_bytes);
	mr_doc_ratio(doc, "fragmentation_at_peak", result->unused_at_peak_bytes,
		result->peak_reserved_bytes);
	mr_doc_count(doc, "retries", result->retries);
	mr_doc_count(doc, "ooms", result->ooms);
	if (page->smallest && study->smallest.bytes != MR_UNLIMITED)
		mr_doc_bytes(doc, "smallest_device_bytes", study->smallest.bytes);
	else
		mr_doc_none(doc, "smallest_device_bytes");
}

static void
print_settings(const struct mr_torch_page *page, FILE *out)
{
	struct mr_doc doc = {0};

	fprintf(out,
		"<section id=\"settings\"><h2>Settings</h2>\n<p>The first are those "
		"of the pictures. Peak reserved and smallest device are two things: on a "
		"smaller one cached memory is given back in time.%s</p>\n",
		page->smallest
			? ""
			: " The trace is long: tune looks for the smallest device.");
	mr_doc_begin(&doc, "settings", 7);
	for (size_t i = 0; i < page->count; i++)
		add_settings(&doc, page, &page->studies[i]);
	if (!doc.failed)
		mr_html_rows(out, &doc.sections[0]);
	mr_doc_fini(&doc);
	fputs("</section>\n", out);
}

static enum mr_status
print_numbers(const struct mr_torch_page *page, FILE *out, struct mr_error *err)
{
	const struct mr_torch_whatif *whatif = &page->studies[0].whatif;
	struct mr_doc doc = {0};

	mr_doc_add_torch_case(&doc, page->name, page->of);
	mr_doc_add_policy(&doc, page->policy);
	mr_doc_add_torch_start(&doc, page->start, page->of);
	mr_doc_add_results(&doc, page->policy, &whatif->result);
	mr_doc_add_torch_shortage(&doc, whatif, page->of);
	if (doc.failed) {
		mr_doc_fini(&doc);
		return mr_fail_memory(err);
	}
	fputs("<section id=\"numbers\"><h2>All numbers</h2>\n<div class=\"facts\">\n",
		out);
	for (size_t i = 0; i < doc.count; i++) {
		const struct mr_doc_section *section = &doc.sections[i];

		fprintf(out, "<div id=\"%s\">", section->name);
		if (section->columns)
			mr_html_rows(out, section);
		else
			mr_html_beside(out, section, 1, &page->name, section->name);
		fputs("</div>\n", out);
	}
	fputs("</div></section>\n", out);
	mr_doc_fini(&doc);
	return MR_OK;
}

static void
print_commands(const struct mr_torch_page *page, FILE *out)
{
	static const char *const commands[] = {"simulate", "sweep", "tune"};

	fputs("<section id=\"commands\"><h2>Commands</h2>\n"
	      "<p>What gives these figures, and what shows more.</p>\n<pre>",
		out);
	for (size_t i = page->count > 1 ? 1 : 0; i < 3; i++) {
		fprintf(out, "memreplay %s", commands[i]);
		mr_html_text(out, page->arguments, 0);
		fputs("\n", out);
	}
	fputs("</pre></section>\n</main></body></html>\n", out);
}

enum mr_status
mr_torch_page_print(const struct mr_torch_page *page, FILE *out, struct mr_error *err)
{
	enum mr_status st;

	mr_page_head(out, page->name, 0, mr_torch_page_style);
	print_top(page, out);
	print_course(page, out);
	print_segments(page, out);
	print_settings(page, out);
	st = print_numbers(page, out, err);
	print_commands(page, out);
	return st;
}
