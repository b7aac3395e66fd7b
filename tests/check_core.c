/* SPDX-License-Identifier: MIT */
/*
 * The proofs that the allocator and the simulator are held to after every event: a
 * state that is broken on purpose must not pass them. And sums at the end of 64 bits.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "alloc/core.h"
#include "suite.h"

#define SIZES 200 /* more than a node of the tree holds */
#define EACH  2

/* A core with EACH cached blocks of each size, so many times 64 bytes. */
static void
fill(struct mr_core *core)
{
	uint32_t blocks[SIZES * EACH];
	struct mr_policy policy;

	ck_assert_int_eq(mr_policy_init(&policy, "mlx-cpu", NULL), MR_OK);
	policy.cache_limit = MR_UNLIMITED;
	ck_assert_int_eq(mr_core_init(core, &policy, NULL), MR_OK);
	for (uint32_t i = 0; i < SIZES * EACH; i++) {
		uint64_t size = (i % SIZES + 1) * 64;

		ck_assert_int_eq(mr_core_prepare(core, size, &blocks[i], NULL), MR_OK);
		mr_core_commit(core, blocks[i], size, true);
	}
	for (uint32_t i = 0; i < SIZES * EACH; i++)
		ck_assert(mr_core_free(core, blocks[i], true));
}

/* The leaf of the tree in which the class is. */
static struct mr_sizes_node *
leaf_of(struct mr_core *core, uint32_t class)
{
	return &core->sizes.nodes[core->sizes.classes[class].node];
}

static struct mr_sizes_node *
root_of(struct mr_core *core)
{
	return &core->sizes.nodes[core->sizes.root];
}

static void
break_ages(struct mr_core *core)
{
	core->blocks[core->newest].older = core->oldest;
}

static void
break_sum(struct mr_core *core)
{
	core->cached++;
}

static void
break_bit(struct mr_core *core)
{
	leaf_of(core, 0)->word ^= UINT64_C(1) << core->sizes.classes[0].place;
}

static void
break_order(struct mr_core *core)
{
	struct mr_queue *queue = &core->queues[0];
	uint32_t first = queue->head;

	queue->head = queue->tail;
	queue->tail = first;
	core->blocks[queue->head].next = first;
	core->blocks[first].next = MR_NONE;
}

static void
break_queue(struct mr_core *core)
{
	core->queues[0].head = core->queues[0].tail;
}

static void
break_held(struct mr_core *core)
{
	core->held--;
}

static void
break_limit(struct mr_core *core)
{
	core->policy.cache_limit = core->cached - 1;
}

static void
break_parent(struct mr_core *core)
{
	leaf_of(core, 0)->parent = MR_NONE;
}

static void
break_sizes(struct mr_core *core)
{
	leaf_of(core, 0)->low[1] = leaf_of(core, 0)->low[0];
}

static void
break_class(struct mr_core *core)
{
	core->sizes.classes[0].place++;
}

static void
break_child(struct mr_core *core)
{
	core->sizes.nodes[root_of(core)->child[1]].place = 0;
}

static void
break_word(struct mr_core *core)
{
	root_of(core)->word ^= 2;
}

static const struct {
	const char *text;
	void (*spoil)(struct mr_core *core);
} broken[] = {
	{"list of cached blocks is broken", break_ages},
	{"2572800 bytes are cached but 2572801 counted", break_sum},
	{"bit of size 64 is wrong", break_bit},
	{"queue of size 64 is out of order", break_order},
	{"a cached block is in no queue", break_queue},
	{"400 blocks are cached but 399 counted", break_held},
	{"cached memory is above the limit", break_limit},
	{"size node 0 has no parent", break_parent},
	{"size node 0 is wrong at child 1", break_sizes},
	{"size node 0 is wrong at child 0", break_class},
	{"size node 2 is wrong at child 1", break_child},
	{"size node 2 is wrong at child 1", break_word},
};

START_TEST(proofs_notice)
{
	struct mr_error err = {.text = ""};
	struct mr_core core;

	fill(&core);
	ck_assert_int_eq(mr_core_check(&core, NULL), MR_OK);
	broken[_i].spoil(&core);
	ck_assert_int_eq(mr_core_check(&core, &err), MR_EINVAL);
	ck_assert_str_eq(err.text, broken[_i].text);
	mr_core_fini(&core);
}
END_TEST

#define LARGE (UINT64_C(1) << 63)

static const struct {
	uint64_t size, factor, pages, page, end;
} windows[] = {
	{100, 2, 1, 4096, 200},
	{5000, 2, 1, 4096, 9096},
	{LARGE, 2, 1, 4096, LARGE + 4096},
	{LARGE, 2, LARGE / 4096, 4096, UINT64_MAX},
	{100, UINT64_MAX, LARGE, 4, UINT64_MAX},
	{100, UINT64_MAX, LARGE / 4, 4, LARGE + 100},
};

START_TEST(windows_do_not_wrap)
{
	struct mr_policy policy = {.window_factor = windows[_i].factor,
		.window_pages = windows[_i].pages,
		.page = windows[_i].page};

	ck_assert_uint_eq(mr_window_end(&policy, windows[_i].size), windows[_i].end);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("core");
	TCase *tcase = tcase_create("core");

	tcase_add_loop_test(
		tcase, proofs_notice, 0, (int)(sizeof(broken) / sizeof(broken[0])));
	tcase_add_loop_test(tcase, windows_do_not_wrap, 0,
		(int)(sizeof(windows) / sizeof(windows[0])));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
