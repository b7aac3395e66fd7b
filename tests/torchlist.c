/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "torchmodel.h"

size_t
model_insert(struct model *model, struct model_block block)
{
	size_t at = 0;

	if (model->count == model->space) {
		model->space = 2 * model->space + 64;
		model->blocks =
			realloc(model->blocks, model->space * sizeof(*model->blocks));
		if (!model->blocks)
			abort();
	}
	while (at < model->count && model->blocks[at].addr < block.addr)
		at++;
	memmove(model->blocks + at + 1, model->blocks + at,
		(model->count - at) * sizeof(block));
	model->blocks[at] = block;
	model->count++;
	return at;
}

void
model_erase(struct model *model, size_t at)
{
	model->count--;
	memmove(model->blocks + at, model->blocks + at + 1,
		(model->count - at) * sizeof(*model->blocks));
}

size_t
model_find(const struct model *model, uint64_t addr)
{
	for (size_t i = 0; i < model->count; i++)
		if (model->blocks[i].addr == addr)
			return i;
	return MODEL_NONE;
}

bool
model_has_previous(const struct model *model, size_t at)
{
	return at > 0 && model->blocks[at - 1].segment == model->blocks[at].segment;
}

bool
model_has_next(const struct model *model, size_t at)
{
	return at + 1 < model->count &&
		model->blocks[at + 1].segment == model->blocks[at].segment;
}

bool
model_is_split(const struct model *model, size_t at)
{
	return model_has_previous(model, at) || model_has_next(model, at);
}

/* Cuts a block in two; the upper part is made of state. */
void
model_cut(struct model *model, size_t at, uint64_t size, char state)
{
	struct model_block upper = model->blocks[at];

	upper.addr += size;
	upper.size -= size;
	upper.state = state;
	model->blocks[at].size = size;
	model_insert(model, upper);
}

/* Joins a free or unmapped block with its neighbours of the same state. */
size_t
model_merge(struct model *model, size_t at)
{
	if (model_has_next(model, at) &&
		model->blocks[at + 1].state == model->blocks[at].state) {
		model->blocks[at].size += model->blocks[at + 1].size;
		model_erase(model, at + 1);
	}
	if (model_has_previous(model, at) &&
		model->blocks[at - 1].state == model->blocks[at].state) {
		uint64_t born = model->blocks[at].born;

		at--;
		model->blocks[at].size += model->blocks[at + 1].size;
		model->blocks[at].born = born;
		model_erase(model, at + 1);
	}
	return at;
}
