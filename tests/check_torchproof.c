/* SPDX-License-Identifier: MIT */

/* The proof of the torch allocator's invariants finds what is wrong. */

#include <check.h>
#include <string.h>

#include "alloc/torchstate.h"
#include "suite.h"

enum harm { PREV, NEXT, ADDR, SIZE, NO_SIZE, STATE, HIDDEN, TWICE, RESERVED };

/* What mr_torch_check() says when one thing about the middle of three is wrong. */
static const struct {
	enum harm harm;
	const char *said;
} harms[] = {
	{PREV, "a neighbour above does not know it"},
	{NEXT, "a neighbour below does not know it"},
	{ADDR, "it does not touch its neighbour above"},
	{SIZE, "it does not touch its neighbour above"},
	{NO_SIZE, "it has no bytes"},
	{STATE, "it is not merged with its neighbour above"},
	{HIDDEN, "it is not where it can be found"},
	{TWICE, "the sets hold other blocks"},
	{RESERVED, "a counter is not the sum of its blocks"},
};

static void
harm(struct mr_torch *torch, enum harm harm, const uint32_t block[3])
{
	struct mr_torch_block *middle = &torch->blocks[block[1]];

	switch (harm) {
	case PREV:
		middle->prev = MR_TORCH_NONE;
		break;
	case NEXT:
		torch->blocks[block[0]].next = MR_TORCH_NONE;
		break;
	case ADDR:
		middle->addr += 512;
		break;
	case SIZE:
		middle->size += 512;
		break;
	case NO_SIZE:
		middle->size = 0;
		break;
	case STATE:
		torch->blocks[block[2]].state = MR_TORCH_FREE;
		middle->state = MR_TORCH_FREE;
		break;
	case HIDDEN:
		mr_torch_remove(torch, middle->next);
		break;
	case TWICE:
		ck_assert(!mr_free_insert(&mr_torch_lane_of(torch, middle)->free,
			(struct mr_free_key){1, 1}, middle->next));
		break;
	case RESERVED:
		torch->stats.reserved++;
		break;
	}
}

START_TEST(proof)
{
	struct mr_torch_queue queue = {0};
	struct mr_policy policy;
	struct mr_torch *torch;
	struct mr_error err;
	uint32_t block[3];

	ck_assert(!mr_policy_init(&policy, "torch-cuda", NULL));
	policy.torch.memory = MR_UNLIMITED;
	ck_assert(!mr_torch_new(&torch, &policy.torch, NULL, NULL));
	for (int i = 0; i < 3; i++)
		ck_assert(!mr_torch_malloc(torch, &block[i], 512, queue, NULL));
	ck_assert(!mr_torch_check(torch, NULL));
	harm(torch, harms[_i].harm, block);
	ck_assert_int_eq(mr_torch_check(torch, &err), MR_EINVAL);
	ck_assert_msg(strstr(err.text, harms[_i].said), "%s", err.text);
	mr_torch_free_all(torch);
}
END_TEST

int
main(void)
{
	Suite *suite = suite_create("torchproof");
	TCase *tcase = tcase_create("torchproof");

	tcase_add_loop_test(tcase, proof, 0, sizeof(harms) / sizeof(harms[0]));
	suite_add_tcase(suite, tcase);
	return run_suite(suite);
}
