/* SPDX-License-Identifier: MIT */
#include "report/page.h"

#include <stdlib.h>
#include <string.h>

#include "base/draft.h"
#include "base/error.h"
#include "base/units.h"
#include "memreplay/sim.h"
#include "report/detail.h"
#include "report/figure.h"
#include "report/html.h"
#include "report/replay.h"
#include "report/result.h"
#include "sim/diagnose.h"

void
mr_page_head(FILE *out, const char *name, size_t more)
{
	fputs("<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\n"
	      "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
	      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src "
	      "'none'; style-src 'unsafe-inline'; img-src data:\">\n"
	      "<link rel=\"icon\" href=\"data:,\">\n<title>memreplay: ",
		out);
	mr_html_text(out, name, 80);
	if (more)
		fprintf(out, " and %zu more", more);
	fputs("</title>\n<style>\n", out);
	fputs(mr_page_style, out);
	fputs(mr_map_style, out);
	fputs("</style></head><body><main>\n", out);
}

void
mr_page_card(FILE *out, const char *name, struct mr_cell cell, const char *more)
{
	fprintf(out, "<div class=\"card\"><span>%s</span><b>", name);
	mr_html_cell(out, &cell);
	fprintf(out, "</b><span>%s</span></div>\n", more);
}

static struct mr_cell
ratio(uint64_t part, uint64_t whole)
{
	return (struct mr_cell){
		MR_CELL_NUMBER, MR_UNIT_RATIO, .number = part, .divisor = whole};
}

static struct mr_cell
bytes(uint64_t number)
{
	return (struct mr_cell){MR_CELL_NUMBER, MR_UNIT_BYTES, .number = number};
}

static void
print_cards(FILE *out, const struct mr_subject *subject)
{
	const struct mr_result *now = &subject->result, *then = &subject->advised;
	const struct mr_cell rate = ratio(then->hits, then->mallocs);
	char text[96], size[MR_TEXT_SIZE], percent[MR_CELL_SIZE];

	fputs("<div class=\"cards\">\n", out);
	snprintf(text, sizeof(text), "of the mallocs came from the cache");
	mr_page_card(out, "hit rate", ratio(now->hits, now->mallocs), text);
	mr_page_card(out, "byte hit rate", ratio(now->hit_bytes, now->requested_bytes),
		"of the requested bytes");
	snprintf(text, sizeof(text), "cached at most %s",
		mr_size_print(size, now->peak_cached_bytes));
	mr_page_card(out, "peak memory", bytes(now->peak_total_bytes), text);
	mr_page_card(
		out, "cache limit", bytes(now->cache_limit), "at the end of the trace");
	if (subject->point_count) {
		snprintf(text, sizeof(text), "there the hit rate is %s",
			mr_cell_human(percent, &rate));
		mr_page_card(
			out, "recommended limit", bytes(subject->advice.limit), text);
	}
	fputs("</div>\n", out);
}

static void
print_top(const struct mr_page *page, FILE *out)
{
	fputs("<header><p class=\"soft\">memreplay ", out);
	fprintf(out, "%s, what a caching allocator does with a program</p>\n<h1>",
		mr_version());
	for (size_t i = 0; i < page->count; i++) {
		fputs(i ? ", " : "", out);
		mr_html_text(out, page->subjects[i].name, 120);
	}
	fputs("</h1>\n<nav><a href=\"#numbers\">Numbers</a><a "
	      "href=\"#findings\">Findings</a>"
	      "<a href=\"#limit\">Limit</a>"
	      "<a href=\"#memory\">Memory</a><a href=\"#hits\">Hits</a>"
	      "<a href=\"#sizes\">Sizes</a><a href=\"#time\">Lifetimes</a>"
	      "<a href=\"#held\">Limits held</a><a href=\"#phases\">Phases</a>"
	      "<a href=\"#commands\">Commands</a></nav></header>\n",
		out);
	for (size_t i = 0; i < page->count; i++) {
		if (page->count > 1) {
			fputs("<h3>", out);
			mr_html_text(out, page->subjects[i].name, 120);
			fputs("</h3>\n", out);
		}
		print_cards(out, &page->subjects[i]);
	}
}

/* --- tables of all subjects side by side */

/* Ends a document that went into the page. */
static enum mr_status
end_doc(struct mr_doc *doc, struct mr_error *err)
{
	bool failed = doc->failed;

	mr_doc_fini(doc);
	return failed ? mr_fail_memory(err) : MR_OK;
}

/* Sections that a function fills, one a subject, as a table. */
static enum mr_status
print_beside(const struct mr_page *page, FILE *out, unsigned part, const char *corner,
	struct mr_error *err)
{
	struct mr_doc doc = {0};
	const char **names = calloc(page->count, sizeof(*names));

	if (!names)
		return mr_fail_memory(err);
	for (size_t i = 0; i < page->count; i++) {
		names[i] = page->subjects[i].name;
		mr_doc_add_result(&doc, "result", part, &page->subjects[i].result);
		if (part == MR_SECTION_LIMITS)
			mr_doc_count(&doc, "first_event_over_memory_limit",
				mr_sim_first_over_memory(
					mr_detail_sim(page->subjects[i].watch->detail)));
	}
	if (!doc.failed)
		mr_html_beside(out, doc.sections, page->count, names, corner);
	free(names);
	return end_doc(&doc, err);
}

/* The facts of a subject's trace, then those of its policy. */
static enum mr_status
print_facts(const struct mr_page *page, size_t section, FILE *out, struct mr_error *err)
{
	struct mr_doc_section *beside = calloc(page->count, sizeof(*beside));
	const char **names = calloc(page->count, sizeof(*names));
	enum mr_status st = beside && names ? MR_OK : mr_fail_memory(err);

	for (size_t i = 0; !st && i < page->count; i++) {
		names[i] = page->subjects[i].name;
		beside[i] = page->facts[i].sections[section];
	}
	if (!st)
		mr_html_beside(
			out, beside, page->count, names, section ? "policy" : "trace");
	free(names);
	free(beside);
	return st;
}

static enum mr_status
print_numbers(const struct mr_page *page, FILE *out, struct mr_error *err)
{
	enum mr_status st;

	fputs("<section id=\"numbers\"><h2>What the trace is, and what came of it</h2>\n",
		out);
	fputs("<div class=\"facts\"><div id=\"result\">", out);
	st = print_beside(page, out, MR_SECTION_RESULT, "result", err);
	fputs("</div><div><div id=\"trace\">", out);
	if (!st)
		st = print_facts(page, 0, out, err);
	fputs("</div><p></p><div id=\"policy\">", out);
	if (!st)
		st = print_facts(page, 1, out, err);
	fputs("</div></div></div>\n<details><summary>In detail: why mallocs missed, "
	      "stale bytes, "
	      "the bound on hits</summary><div id=\"detail\">\n",
		out);
	if (!st)
		st = print_beside(page, out, MR_SECTION_DETAIL, "detail", err);
	fputs("</div></details>\n", out);
	mr_command_line(page, out, "simulate", " --format=json");
	fputs("</section>\n", out);
	return st;
}

/* --- what would help */

static void
print_finding(FILE *out, const struct mr_finding *finding)
{
	fputs("<li>", out);
	mr_html_text(out, finding->text, 0);
	fputs("<br><code>", out);
	mr_html_text(out, finding->advice, 0);
	fputs("</code>", out);
	if (*finding->call) {
		fputs(" <code>", out);
		mr_html_text(out, finding->call, 0);
		fputs("</code>", out);
	}
	fputs("</li>\n", out);
}

static void
print_no_findings(FILE *out, const struct mr_subject *subject)
{
	char text[MR_TEXT_SIZE];

	if (subject->diagnosis)
		fputs("<p>None: no change that was tried gains anything.</p>\n", out);
	else if (subject->result.events > MR_DIAGNOSIS_MANY)
		fprintf(out,
			"<p>Not looked for in more than %s events: <code>memreplay "
			"simulate --findings=always</code> does.</p>\n",
			mr_count_print(text, MR_DIAGNOSIS_MANY));
	else
		fputs("<p>Not looked for: the trace cannot be read twice.</p>\n", out);
}

static void
print_findings(const struct mr_page *page, FILE *out)
{
	fputs("<section id=\"findings\"><h2>Findings</h2>\n", out);
	for (size_t i = 0; i < page->count; i++) {
		const struct mr_subject *subject = &page->subjects[i];
		const struct mr_finding *findings;
		size_t count = 0;

		if (page->count > 1) {
			fputs("<h3>", out);
			mr_html_text(out, subject->name, 120);
			fputs("</h3>\n", out);
		}
		if (subject->diagnosis)
			mr_diagnosis_findings(subject->diagnosis, &findings, &count);
		if (!count)
			print_no_findings(out, subject);
		fputs(count ? "<ol>\n" : "", out);
		for (size_t k = 0; k < count; k++)
			print_finding(out, &findings[k]);
		fputs(count ? "</ol>\n" : "", out);
	}
	mr_command_line(page, out, "simulate", "");
	fputs("</section>\n", out);
}

/* --- what was measured */

static void
print_measured(const struct mr_page *page, FILE *out)
{
	bool any = false;

	for (size_t i = 0; i < page->count; i++) {
		const struct mr_doc *doc = &page->measured[i].backends;
		const char *names[MR_REPLAY_BACKENDS] = {0};

		if (!doc->count)
			continue;
		if (!any)
			fputs("<section id=\"measured\"><h2>With real memory</h2>\n"
			      "<p>What the caching allocator and plain mallocs took, "
			      "each in a process of its own. Times and faults are those "
			      "of the machine.</p>\n",
				out);
		any = true;
		fputs("<h3>", out);
		mr_html_text(out, page->subjects[i].name, 120);
		fputs("</h3>\n", out);
		for (size_t k = 0; k < doc->count && k < MR_REPLAY_BACKENDS; k++)
			names[k] = "";
		mr_html_beside(out, doc->sections,
			doc->count < MR_REPLAY_BACKENDS ? doc->count : MR_REPLAY_BACKENDS,
			names, "measured");
		mr_command_begin(out);
		mr_command_measured(page, out, i);
		mr_command_end(out);
	}
	if (any)
		fputs("</section>\n", out);
}

/* --- the limit */

static void
add_choice(struct mr_doc *doc, const struct mr_subject *subject, const char *name,
	const struct mr_result *result)
{
	mr_doc_text(doc, "trace", subject->name);
	mr_doc_text(doc, "choice", name);
	mr_doc_bytes(doc, "cache_limit", result->cache_limit);
	mr_doc_ratio(doc, "hit_rate", result->hits, result->mallocs);
	mr_doc_ratio(doc, "byte_hit_rate", result->hit_bytes, result->requested_bytes);
	mr_doc_count(doc, "misses", result->misses);
	mr_doc_count(doc, "rejected_frees", result->rejected_frees);
	mr_doc_bytes(doc, "peak_cached_bytes", result->peak_cached_bytes);
	mr_doc_bytes(doc, "peak_total_bytes", result->peak_total_bytes);
}

static enum mr_status
print_choices(const struct mr_page *page, FILE *out, struct mr_error *err)
{
	struct mr_doc doc = {0};

	mr_doc_begin(&doc, "points", 9);
	for (size_t i = 0; i < page->count; i++) {
		const struct mr_subject *subject = &page->subjects[i];

		add_choice(&doc, subject, "as in the trace", &subject->result);
		if (!subject->point_count)
			continue;
		add_choice(&doc, subject, "recommended", &subject->advised);
		add_choice(&doc, subject, "unlimited", &subject->endless);
	}
	if (!doc.failed)
		mr_html_rows(out, &doc.sections[0]);
	return end_doc(&doc, err);
}

static enum mr_status
print_limit(const struct mr_page *page, FILE *out, struct mr_error *err)
{
	enum mr_status st;

	fputs("<section id=\"limit\"><h2>Which cache limit</h2>\n"
	      "<p>Each point is exact, and holds for a range of limits. More cache can "
	      "mean fewer hits. The recommended limit is the smallest from which on "
	      "the hit rate stays at 99 % of what an unlimited cache reaches.</p>\n"
	      "<div id=\"choices\">",
		out);
	st = print_choices(page, out, err);
	fputs("</div>\n", out);
	mr_command_begin(out);
	mr_command_text(page, out, "simulate", "");
	mr_command_text(page, out, "tune", "");
	mr_command_end(out);
	if (!st)
		st = mr_figure_curve(page, out, err);
	fputs("</section>\n", out);
	return st;
}

/* --- how the limits were held */

static enum mr_status
print_held(const struct mr_page *page, FILE *out, struct mr_error *err)
{
	enum mr_status st;

	fputs("<section id=\"held\"><h2>Were the limits held?</h2>\n", out);
	for (size_t i = 0; i < page->count; i++) {
		struct mr_draft draft;

		if ((st = mr_draft_open(&draft, err)))
			return st;
		if (page->count > 1) {
			fputs("<h3>", out);
			mr_html_text(out, page->subjects[i].name, 120);
			fputs("</h3>", out);
		}
		mr_replay_limits(
			&page->subjects[i].result, &page->subjects[i].policy, draft.file);
		st = mr_draft_sync(&draft, err);
		for (char *at = draft.text; *at; at++)
			*at = *at == '\n' ? ' ' : *at;
		fputs("<p>", out);
		mr_html_text(out, draft.text, 0);
		fputs("</p>\n", out);
		mr_draft_fini(&draft);
		if (st)
			return st;
	}
	fputs("<div id=\"limit_enforcement\">", out);
	st = print_beside(page, out, MR_SECTION_LIMITS, "limit enforcement", err);
	fputs("</div>\n", out);
	mr_command_line(page, out, "simulate", " --format=json");
	fputs("</section>\n", out);
	return st;
}

/* --- phases, and what was cached at the peak */

static enum mr_status
print_phases(const struct mr_page *page, FILE *out, struct mr_error *err)
{
	enum mr_status st = MR_OK;

	fputs("<section id=\"phases\"><h2>Results by phase</h2>\n", out);
	for (size_t i = 0; i < page->count && !st; i++) {
		const struct mr_subject *subject = &page->subjects[i];
		const struct mr_phase *phases;
		struct mr_doc doc = {0};
		size_t count;

		st = mr_detail_phases(subject->watch->detail, &phases, &count, err);
		if (st)
			break;
		fputs("<h3>", out);
		mr_html_text(out, subject->name, 120);
		fputs("</h3>\n", out);
		mr_doc_add_phases(&doc, phases, count);
		if (doc.count && !doc.failed)
			mr_html_rows(out, &doc.sections[0]);
		else
			fputs("<p>The trace has no marks.</p>\n", out);
		st = end_doc(&doc, err);
	}
	mr_command_line(page, out, "simulate", " --format=json");
	fputs("</section>\n<section id=\"peak\"><h2>What was cached at the peak of the "
	      "cache</h2>\n",
		out);
	for (size_t i = 0; i < page->count && !st; i++) {
		struct mr_detail_bucket buckets[MR_DETAIL_BUCKETS];
		struct mr_doc doc = {0};

		mr_detail_histogram(page->subjects[i].watch->detail, buckets);
		mr_doc_add_histogram(&doc, buckets);
		fputs("<h3>", out);
		mr_html_text(out, page->subjects[i].name, 120);
		fputs("</h3>\n", out);
		if (doc.count && doc.sections[0].count && !doc.failed)
			mr_html_rows(out, &doc.sections[0]);
		else
			fputs("<p>Nothing was cached.</p>\n", out);
		st = end_doc(&doc, err);
	}
	mr_command_line(page, out, "simulate", " --format=json");
	fputs("</section>\n", out);
	return st;
}

static void
print_commands(const struct mr_page *page, FILE *out)
{
	fputs("<section id=\"commands\"><h2>Commands</h2>\n"
	      "<p>What gives these figures, and what shows more.</p>\n<pre>",
		out);
	mr_command_text(page, out, "simulate", "");
	mr_command_text(page, out, "tune", "");
	mr_command_text(page, out, "sweep", " --limits=exact");
	mr_command_text(page, out, "replay", "");
	mr_command_text(page, out, "info", "");
	fputs("</pre></section>\n", out);
}

enum mr_status
mr_page_print(const struct mr_page *page, FILE *out, struct mr_error *err)
{
	enum mr_status st;

	mr_page_head(out, page->subjects[0].name, page->count - 1);
	print_top(page, out);
	if ((st = print_numbers(page, out, err)))
		return st;
	print_findings(page, out);
	print_measured(page, out);
	if ((st = print_limit(page, out, err)) ||
		(st = mr_figures_print(page, out, err)) ||
		(st = print_held(page, out, err)) || (st = print_phases(page, out, err)))
		return st;
	print_commands(page, out);
	fputs("</main></body></html>\n", out);
	return MR_OK;
}
