/* SPDX-License-Identifier: MIT */
#ifndef MR_REPORT_PAGE_H
#define MR_REPORT_PAGE_H

/*
 * The report: one HTML page that needs nothing but itself. The same input gives
 * the same bytes.
 */

#include "report/measured.h"
#include "report/picture.h"

/* How commands take a subject: texts quoted for a shell, with a blank before each. */
struct mr_how {
	const char *trace;   /* the path */
	const char *policy;  /* policy options; "" or with a blank before each */
	const char *limits;  /* cache limit options */
	const char *reading; /* trace options but the format */
	const char *from;    /* the trace's format; "": found by content */
};

struct mr_page {
	const struct mr_subject *subjects;
	size_t count;
	const struct mr_doc *facts; /* by subject: sections "trace" and "policy" */
	/* By subject: what a replay measured; may be of zeros. */
	const struct mr_measured *measured;
	const struct mr_how *how; /* by subject */
	char *const *environment; /* for gnuplot */
	/* told now and then how much is done, 0 to 1; may be NULL */
	void (*progress)(void *context, double part);
	void *context;
};

/*
 * Prints the page.
 *   MR_EIO  there is no gnuplot, or it failed
 *   MR_ENOMEM
 */
MR_MUST_CHECK enum mr_status mr_page_print(
	const struct mr_page *page, FILE *out, struct mr_error *err);

/* Every page's style sheet, and that of a map of segments. */
extern const char *const mr_page_style;
extern const char *const mr_map_style;

/* Begins a page, up to <main>. more: how many more it is about than the name's. */
void mr_page_head(FILE *out, const char *name, size_t more);

/* Prints a figure that is read first, with what it means. */
void mr_page_card(FILE *out, const char *name, struct mr_cell cell, const char *more);

/* --- single pictures, for --plot */

enum mr_figure_kind {
	MR_PICTURE_COURSE,
	MR_PICTURE_TIME,
	MR_PICTURE_RATES,
	MR_PICTURE_SIZES,
	MR_PICTURE_BYTES,
	MR_PICTURE_LIFETIMES,
	MR_PICTURE_AGES
};
#define MR_PICTURE_COUNT (MR_PICTURE_AGES + 1)

/* Its name, as --figure takes it; NULL past the last. */
const char *mr_picture_name(size_t kind);

/* Draws the curves of subjects, of which only name, policy and points matter. */
MR_MUST_CHECK enum mr_status mr_curve_draw(const struct mr_subject *subjects,
	size_t count, enum mr_plot_format format, char *const *environment, char **out,
	size_t *length, struct mr_error *err);

/* Draws one picture of one subject. As mr_plot_draw(). */
MR_MUST_CHECK enum mr_status mr_picture_draw(const struct mr_subject *subject,
	enum mr_figure_kind kind, enum mr_plot_format format, char *const *environment,
	char **out, size_t *length, struct mr_error *err);

#endif
