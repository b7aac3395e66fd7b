/* SPDX-License-Identifier: MIT */
#include "report/torchpage.h"

#include <inttypes.h>

#include "alloc/torchconf.h"
#include "base/error.h"
#include "base/units.h"
#include "report/figure.h"
#include "report/html.h"
#include "report/result.h"

#define ROWS  64     /* segments drawn, at most */
#define PARTS 400    /* of a row: blocks smaller than one are drawn together */
#define WIDTH 1000.0 /* of a row, which is stretched to the page's */

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

/* A command as the page shows it: its options, and what all commands take. */
static void
print_command(
	const struct mr_torch_page *page, FILE *out, const char *name, const char *confs)
{
	fprintf(out, "memreplay %s", name);
	mr_html_text(out, confs, 0);
	mr_html_text(out, page->arguments, 0);
	putc('\n', out);
}

static void
fold_command(
	const struct mr_torch_page *page, FILE *out, const char *name, const char *confs)
{
	mr_command_begin(out);
	print_command(page, out, name, confs);
	mr_command_end(out);
}

/* --- what is read first */

static void
print_shortage(const struct mr_torch_page *page, FILE *out)
{
	const struct mr_torch_whatif *whatif = &page->studies[0].whatif;
	char place[MR_TORCH_PLACE_SIZE] = "", size[MR_TEXT_SIZE], event[MR_TEXT_SIZE];

	if (!whatif->result.ooms)
		return;
	fputs("<p id=\"runs-out\"><b>Memory runs out ", out);
	if (whatif->oom_before)
		fputs("before the first event", out);
	else
		fprintf(out, "at event %s",
			mr_count_print(event, whatif->result.oom_event));
	fprintf(out, "</b>: %s ", mr_size_print(size, whatif->shortage.oom.requested));
	if (!whatif->oom_before)
		mr_torch_case_place(place, page->of, whatif->oom_index);
	fputs(*place ? "asked for by " : "that were asked for", out);
	mr_html_text(out, place, 0);
	fputs(" cannot be had. There the run ends.</p>\n", out);
}

static void
print_top(const struct mr_torch_page *page, FILE *out)
{
	const struct mr_result *result = &page->studies[0].whatif.result;

	fprintf(out,
		"<header><p class=\"soft\">memreplay %s, what PyTorch's CUDA allocator "
		"does with a program</p>\n<h1>",
		mr_version());
	mr_html_text(out, page->name, 120);
	fputs("</h1>\n<nav><a href=\"#settings\">Settings</a><a href=\"#memory\">Memory"
	      "</a><a href=\"#segments\">Segments</a><a href=\"#numbers\">Numbers</a>"
	      "<a href=\"#commands\">Commands</a></nav></header>\n"
	      "<div class=\"cards\">\n",
		out);
	mr_page_card(out, "peak reserved", bytes(result->peak_reserved_bytes),
		"in segments, at any moment");
	mr_page_card(out, "allocated then", bytes(result->allocated_at_peak_bytes),
		"in blocks of the program");
	mr_page_card(out, "fragmentation then",
		ratio(result->unused_at_peak_bytes, result->peak_reserved_bytes),
		"of the reserved bytes");
	mr_page_card(out, "peak allocated", bytes(result->peak_allocated_bytes),
		"at any moment");
	fputs("</div>\n", out);
	print_shortage(page, out);
}

/* --- the settings */

/* What the settings are called; the first are those of the recording. */
static const char *
choice_of(const struct mr_torch_page *page, size_t i)
{
	if (i)
		return "";
	if (page->of->settings_known)
		return "as recorded";
	return page->of->snapshot ? "assumed" : "default";
}

static void
add_settings(struct mr_doc *doc, const struct mr_torch_page *page, size_t i)
{
	const struct mr_torch_study *study = &page->studies[i];
	const struct mr_result *result = &study->whatif.result;
	char conf[MR_TORCH_CONF_SIZE];

	mr_torch_conf_print(conf, &study->settings);
	mr_doc_text(doc, "settings", choice_of(page, i));
	mr_doc_text(doc, "alloc_conf", *conf ? conf : "none set");
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

static enum mr_status
print_settings(const struct mr_torch_page *page, FILE *out, struct mr_error *err)
{
	struct mr_doc doc = {0};
	char text[MR_TEXT_SIZE];
	bool failed;

	fprintf(out,
		"<section id=\"settings\"><h2>Settings</h2>\n<p>The pictures below are "
		"of the first. A device may be smaller than what is reserved at most: "
		"before memory runs out, all that is unused is given back.%s",
		page->smallest ? ""
			       : " The trace is long: the smallest device was not "
				 "looked for; tune does.");
	if (page->of->older_bytes)
		fprintf(out,
			" The device also holds %s that are older than the trace, of "
			"which nothing more is known: they count against it, and are not "
			"in what is reserved and allocated.",
			mr_size_print(text, page->of->older_bytes));
	fputs("</p>\n", out);
	mr_doc_begin(&doc, "settings", 8);
	for (size_t i = 0; i < page->count; i++)
		add_settings(&doc, page, i);
	failed = doc.failed;
	if (!failed)
		mr_html_rows(out, &doc.sections[0]);
	mr_doc_fini(&doc);
	fold_command(page, out, "tune", page->confs);
	fputs("</section>\n", out);
	return failed ? mr_fail_memory(err) : MR_OK;
}

/* --- memory over the trace */

static enum mr_status
print_memory(const struct mr_torch_page *page, FILE *out, struct mr_error *err)
{
	const struct mr_drawing course = {.print = mr_torch_course,
		.context = page,
		.label = "reserved, allocated and requested memory over events",
		.wide_key = 1,
		.narrow_key = 2,
		.environment = page->environment};
	const struct mr_drawing fragmentation = {.print = mr_torch_fragmentation,
		.context = page,
		.label = "fragmentation over events",
		.wide_key = 1,
		.narrow_key = 1,
		.environment = page->environment};
	char event[MR_TEXT_SIZE];
	enum mr_status st;

	fprintf(out,
		"<section id=\"memory\"><h2>Memory over the trace</h2>\n"
		"<figure id=\"figure-course\"><figcaption><h3>Reserved, allocated, "
		"requested</h3><p>Bands reach from the least to the highest value in "
		"each stretch. Reserved: what the segments take of the device. "
		"Allocated: their blocks in use. Requested: what was asked for. The "
		"dotted upright is the peak, at event %s.</p></figcaption>"
		"<div class=\"plots one\"><div class=\"panel\">\n",
		mr_count_print(event, page->peak->event));
	st = mr_drawing_print(out, &course, true, err);
	fputs("</div></div>\n", out);
	fold_command(page, out, "simulate", " --plot=course.svg");
	fputs("</figure>\n<figure id=\"figure-fragmentation\"><figcaption>"
	      "<h3>Fragmentation</h3><p>The share of reserved memory that is not "
	      "allocated.</p></figcaption><div class=\"plots one\">"
	      "<div class=\"panel\">\n",
		out);
	if (!st)
		st = mr_drawing_print(out, &fragmentation, true, err);
	fputs("</div></div>\n", out);
	fold_command(page, out, "simulate", "");
	fputs("</figure>\n</section>\n", out);
	return st;
}

/* --- the segments */

/* Draws blocks side by side as one rectangle. */
static void
print_blocks(FILE *out, const struct mr_torch_map_segment *segment,
	const struct mr_torch_map_block *blocks, size_t count)
{
	static const char *const classes[] = {[MR_TORCH_FREE] = "free",
		[MR_TORCH_ACTIVE] = "live",
		[MR_TORCH_WAITING] = "wait"};
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
		"<rect class=\"%s\" x=\"%.2f\" width=\"%.2f\" height=\"10\"><title>"
		"0x%" PRIx64 ": %s",
		count > 1 ? "many" : classes[blocks->state],
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

/* What of the segments there is no row for. */
static void
print_rest(const struct mr_torch_peak *peak, FILE *out)
{
	uint64_t size = 0, live = 0;
	char count[MR_TEXT_SIZE], text[MR_TEXT_SIZE], more[MR_TEXT_SIZE];

	if (peak->segment_count <= ROWS)
		return;
	for (size_t i = ROWS; i < peak->segment_count; i++) {
		size += peak->segments[i].size;
		live += peak->segments[i].live;
	}
	fprintf(out,
		"<p id=\"rest\">And %s segments more, none with more free memory: %s in "
		"all, "
		"of which %s are free.</p>\n",
		mr_count_print(count, peak->segment_count - ROWS),
		mr_size_print(text, size), mr_size_print(more, size - live));
}

static void
print_segments(const struct mr_torch_page *page, FILE *out)
{
	const struct mr_torch_peak *peak = page->peak;
	char segments[MR_TEXT_SIZE], blocks[MR_TEXT_SIZE], event[MR_TEXT_SIZE];
	char text[MR_TEXT_SIZE];

	fprintf(out,
		"<section id=\"segments\"><h2>The segments at the peak</h2>\n"
		"<figure id=\"figure-segments\"><figcaption><p>Segments, or mapped "
		"runs of expandable ones: %s, with blocks: %s, after event %s, the first "
		"at which so much was reserved. Each row is a segment from its lowest "
		"address to its highest, over the whole width, "
		"with its size; those with most free memory come first.",
		mr_count_print(segments, peak->segment_count),
		mr_count_print(blocks, peak->block_count),
		mr_count_print(event, peak->event));
	if (peak->stats.reserved < peak->stats.peak_reserved)
		fprintf(out,
			" Memory ran out as that request was served, and %s of the peak "
			"was given back.",
			mr_size_print(
				text, peak->stats.peak_reserved - peak->stats.reserved));
	fputs("</p><p class=\"keys\"><span><i class=\"live\"></i>allocated</span>"
	      "<span><i class=\"wait\"></i>waits for a stream</span>"
	      "<span><i class=\"free\"></i>free</span>"
	      "<span><i class=\"many\"></i>blocks too small to draw</span></p>"
	      "</figcaption>\n<div class=\"map\">\n",
		out);
	for (size_t i = 0; i < peak->segment_count && i < ROWS; i++)
		print_segment(out, peak, &peak->segments[i]);
	fputs("</div>\n", out);
	print_rest(peak, out);
	fold_command(page, out, "simulate", "");
	fputs("</figure></section>\n", out);
}

/* --- all numbers */

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
	fputs("</div>\n", out);
	fold_command(page, out, "simulate", " --format=json");
	fputs("</section>\n", out);
	mr_doc_fini(&doc);
	return MR_OK;
}

static void
print_commands(const struct mr_torch_page *page, FILE *out)
{
	fputs("<section id=\"commands\"><h2>Commands</h2>\n"
	      "<p>What gives these figures, and what shows more.</p>\n<pre>",
		out);
	print_command(page, out, "simulate", "");
	print_command(page, out, "tune", page->confs);
	print_command(page, out, "report --output=page.html", page->confs);
	fputs("</pre></section>\n</main></body></html>\n", out);
}

enum mr_status
mr_torch_page_print(const struct mr_torch_page *page, FILE *out, struct mr_error *err)
{
	enum mr_status st;

	mr_page_head(out, page->name, 0);
	print_top(page, out);
	if ((st = print_settings(page, out, err)) || (st = print_memory(page, out, err)))
		return st;
	print_segments(page, out);
	st = print_numbers(page, out, err);
	print_commands(page, out);
	return st;
}
