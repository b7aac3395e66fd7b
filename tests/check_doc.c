/* SPDX-License-Identifier: MIT */
/* Documents: the same facts as a table, as JSON and as CSV. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "report/doc.h"
#include "suite.h"

/* What printing a document gives; the caller frees it. */
static char *
print(const struct mr_doc *doc, enum mr_output_format format)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	ck_assert_int_eq(mr_doc_print(doc, format, NULL, out, NULL), MR_OK);
	ck_assert_int_eq(fclose(out), 0);
	return text;
}

/* Compares and frees. */
static void
expect_text(char *got, const char *want)
{
	ck_assert_str_eq(got, want);
	free(got);
}

static void
fill_facts(struct mr_doc *doc)
{
	mr_doc_begin(doc, "trace", 0);
	mr_doc_text(doc, "file", "a,\"b\"\n");
	mr_doc_flag(doc, "cut", false);
	mr_doc_begin(doc, "result", 0);
	mr_doc_count(doc, "hits", UINT64_C(18446744073709551615));
	mr_doc_ratio(doc, "rate", 1, 3);
	mr_doc_bytes(doc, "peak", 33554433);
	mr_doc_begin(doc, "result.limit_part", 0);
	mr_doc_bytes(doc, "limit", MR_UNLIMITED);
	mr_doc_bytes(doc, "peak", 33554433);
	mr_doc_real(doc, "mean", MR_UNIT_NS, 1.5);
	mr_doc_none(doc, "gone");
}

START_TEST(facts_in_json)
{
	struct mr_doc doc = {0};

	fill_facts(&doc);
	expect_text(print(&doc, MR_OUTPUT_JSON),
		"{\n\t\"trace\":\t{\n\t\t\"file\":\t\"a,\\\"b\\\"\\n\",\n"
		"\t\t\"cut\":\tfalse\n\t},\n"
		"\t\"result\":\t{\n\t\t\"hits\":\t18446744073709551615,\n"
		"\t\t\"rate\":\t0.33333333333333331,\n\t\t\"peak\":\t33554433,\n"
		"\t\t\"limit_part\":\t{\n\t\t\t\"limit\":\tnull,\n"
		"\t\t\t\"peak\":\t33554433,\n\t\t\t\"mean\":\t1.5,\n"
		"\t\t\t\"gone\":\tnull\n\t\t}\n\t}\n}\n");
	mr_doc_fini(&doc);
}
END_TEST

START_TEST(facts_in_csv)
{
	struct mr_doc doc = {0};

	fill_facts(&doc);
	expect_text(print(&doc, MR_OUTPUT_CSV),
		"trace.file,trace.cut,hits,rate,peak,limit,mean,gone\n"
		"\"a,\"\"b\"\"\n\",false,18446744073709551615,0.33333333333333331,"
		"33554433,,1.5,\n");
	mr_doc_fini(&doc);
}
END_TEST

/* What moves the cursor or turns the direction of text is not printed. */
START_TEST(foreign_text_is_only_text)
{
	struct mr_doc doc = {0};

	mr_doc_begin(&doc, "trace", 0);
	mr_doc_text(&doc, "csi", "a\033[31mb\302\233c\x9b");
	mr_doc_text(&doc, "turn", "a\u202eb\u2066c\u200fd");
	mr_doc_text(&doc, "fine", "\u00e4\u2126\u2070\U0001f600");
	expect_text(print(&doc, MR_OUTPUT_TABLE),
		"trace\n"
		"  csi   a?[31mb?c?\n"
		"  turn  a?b?c?d\n"
		"  fine  \u00e4\u2126\u2070\U0001f600\n");
	mr_doc_fini(&doc);
}
END_TEST

START_TEST(facts_in_a_table)
{
	struct mr_doc doc = {0};

	fill_facts(&doc);
	expect_text(print(&doc, MR_OUTPUT_TABLE),
		"trace\n"
		"  file   a,\"b\"?\n"
		"  cut    no\n"
		"\n"
		"result\n"
		"  hits   18,446,744,073,709,551,615\n"
		"  rate                      33.33 %\n"
		"  peak                    32.00 MiB      33,554,433 B\n"
		"\n"
		"limit part\n"
		"  limit   unlimited\n"
		"  peak    32.00 MiB      33,554,433 B\n"
		"  mean      1.50 ns\n"
		"  gone            -\n");
	mr_doc_fini(&doc);
}
END_TEST

static void
fill_rows(struct mr_doc *doc)
{
	mr_doc_begin(doc, "outer.0", 0);
	mr_doc_count(doc, "a", 1);
	mr_doc_begin(doc, "outer.0.sizes", 2);
	mr_doc_bytes(doc, "size", 4096);
	mr_doc_text(doc, "name", "first");
	mr_doc_bytes(doc, "size", 5);
	mr_doc_text(doc, "name", "\xff");
	mr_doc_begin(doc, "none", 2);
}

START_TEST(rows_in_every_form)
{
	struct mr_doc doc = {0};

	fill_rows(&doc);
	expect_text(print(&doc, MR_OUTPUT_JSON),
		"{\n\t\"outer\":\t[{\n\t\t\t\"a\":\t1,\n\t\t\t\"sizes\":\t[{\n"
		"\t\t\t\t\t\"size\":\t4096,\n\t\t\t\t\t\"name\":\t\"first\"\n"
		"\t\t\t\t}, {\n\t\t\t\t\t\"size\":\t5,\n"
		"\t\t\t\t\t\"name\":\t\"\xef\xbf\xbd\"\n\t\t\t\t}]\n\t\t}],\n"
		"\t\"none\":\t[]\n}\n");
	expect_text(print(&doc, MR_OUTPUT_CSV),
		"section,row,key,value\nouter.0,,a,1\nouter.0.sizes,0,size,4096\n"
		"outer.0.sizes,0,name,first\nouter.0.sizes,1,size,5\n"
		"outer.0.sizes,1,name,\xff\n");
	expect_text(print(&doc, MR_OUTPUT_TABLE),
		"0\n  a           1\n\nsizes\n   size  name\n  4 KiB  first\n"
		"    5 B  ?\n\nnone\n  none\n");
	mr_doc_fini(&doc);
}
END_TEST

/* Widths looked for in each row anew would take longer than anybody waits. */
START_TEST(a_table_may_have_many_rows)
{
	const size_t rows = 50000;
	struct mr_doc doc = {0};
	size_t lines = 0;
	char *text;

	mr_doc_begin(&doc, "rows", 2);
	for (size_t i = 0; i < rows; i++) {
		mr_doc_count(&doc, "a", i % 10);
		mr_doc_text(&doc, "b", "x");
	}
	text = print(&doc, MR_OUTPUT_TABLE);
	for (const char *at = text; (at = strchr(at, '\n')); at++)
		lines++;
	ck_assert_uint_eq(lines, rows + 2);
	free(text);
	mr_doc_fini(&doc);
}
END_TEST

START_TEST(a_document_without_memory_says_so)
{
	struct mr_doc doc = {.failed = true};
	struct mr_error err;

	fill_facts(&doc);
	ck_assert_int_eq(
		mr_doc_print(&doc, MR_OUTPUT_TABLE, NULL, stdout, &err), MR_ENOMEM);
	mr_doc_fini(&doc);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("doc");
	TCase *tcase = tcase_create("doc");

	tcase_add_test(tcase, foreign_text_is_only_text);
	tcase_add_test(tcase, facts_in_json);
	tcase_add_test(tcase, facts_in_csv);
	tcase_add_test(tcase, facts_in_a_table);
	tcase_add_test(tcase, rows_in_every_form);
	tcase_add_test(tcase, a_table_may_have_many_rows);
	tcase_add_test(tcase, a_document_without_memory_says_so);
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
