/* SPDX-License-Identifier: MIT */
#include "torchmodel.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

void
model_init(struct model *model, const struct mr_torch_settings *settings,
	uint64_t (*place)(void *context), void *context)
{
	memset(model, 0, sizeof(*model));
	model->settings = *settings;
	model->place = place;
	model->context = context;
}

void
model_fini(struct model *model)
{
	free(model->blocks);
	free(model->events);
}

static void
say(struct model *model, char what, uint64_t addr, uint64_t bytes)
{
	if (model->event_count == model->event_space) {
		model->event_space = 2 * model->event_space + 64;
		model->events = realloc(
			model->events, model->event_space * sizeof(*model->events));
		if (!model->events)
			abort();
	}
	model->events[model->event_count++] = (struct model_event){what, addr, bytes};
}

/* --- sizes */

static uint64_t
up(uint64_t n, uint64_t step)
{
	return n % step ? n + step - n % step : n;
}

static uint64_t
rounded(const struct model *model, uint64_t requested)
{
	uint64_t n = requested + model->settings.extra, power = 1, divisions, step;
	int exponent = 0;

	if (n < 512)
		return 512;
	while (power * 2 <= n) {
		power *= 2;
		exponent++;
	}
	exponent -= 20;
	exponent = exponent < 0 ? 0 : exponent > 15 ? 15 : exponent;
	divisions = model->settings.roundup[exponent];
	if (divisions <= 1 || n <= 512 * divisions)
		return up(n, 512);
	if (n == power)
		return n;
	step = power;
	while (divisions > 1) {
		step /= 2;
		divisions /= 2;
	}
	return step ? up(n, step) : 2 * power;
}

static uint64_t
segment_size(const struct model *model, uint64_t size)
{
	if (size <= MIB)
		return 2 * MIB;
	if (size < 10 * MIB)
		return model->settings.large_segment;
	return up(size, 2 * MIB);
}

static uint64_t
limit(const struct model *model)
{
	if (!model->settings.fraction || model->settings.memory == MR_UNLIMITED)
		return MR_UNLIMITED;
	return (uint64_t)floor(
		(double)model->settings.fraction / 1e9 * (double)model->settings.memory);
}

/* --- search */

/* Whether a comes before b in the order of the free list. */
static bool
before(const struct model_block *a, const struct model_block *b)
{
	if (a->stream != b->stream)
		return a->stream < b->stream;
	if (a->size != b->size)
		return a->size < b->size;
	return a->addr < b->addr;
}

/* The free block of the pool and stream that comes next after one (or first). */
static size_t
next_free(const struct model *model, const struct model_block *want, size_t after,
	uint64_t least)
{
	size_t best = MODEL_NONE;

	for (size_t i = 0; i < model->count; i++) {
		const struct model_block *block = &model->blocks[i];

		if (block->state != 'f' || block->pool != want->pool ||
			block->small != want->small || block->stream != want->stream ||
			block->size < least)
			continue;
		if (after != MODEL_NONE && !before(&model->blocks[after], block))
			continue;
		if (best == MODEL_NONE || before(block, &model->blocks[best]))
			best = i;
	}
	return best;
}

static uint64_t
grown(const struct model *model, size_t at)
{
	uint64_t size = model->blocks[at].size;

	if (model_has_next(model, at) && model->blocks[at + 1].state == 'u')
		size += model->blocks[at + 1].size;
	return size;
}

static size_t
search(struct model *model, const struct model_block *want, uint64_t size)
{
	uint64_t split = model->settings.max_split_size;
	size_t at, next;

	if (limit(model) != MR_UNLIMITED && model->settings.gc_threshold)
		model->calls[want->pool != 0][want->small]++;
	at = next_free(model, want, MODEL_NONE, size);
	if (at == MODEL_NONE)
		return at;
	if (model->settings.expandable) {
		while (model->blocks[at].expandable) {
			next = next_free(model, want, at, size);
			if (next == MODEL_NONE || grown(model, next) >= grown(model, at))
				break;
			at = next;
		}
	} else {
		while (at != MODEL_NONE && model->blocks[at].expandable)
			at = next_free(model, want, at, size);
		if (at == MODEL_NONE)
			return at;
	}
	if (size < split && model->blocks[at].size >= split)
		return MODEL_NONE;
	if (size >= split &&
		model->blocks[at].size >= size + model->settings.max_non_split_rounding)
		return MODEL_NONE;
	return at;
}

/* --- giving back */

static void
release(struct model *model, uint64_t addr)
{
	size_t at = model_find(model, addr);

	say(model, 'f', addr, model->blocks[at].size);
	model->reserved -= model->blocks[at].size;
	model_erase(model, at);
}

static bool
is_segment(const struct model *model, size_t at)
{
	return !model->blocks[at].expandable && !model_is_split(model, at);
}

static void
complete(struct model *model, size_t at)
{
	struct model_block *block = &model->blocks[at];

	model->active -= block->size;
	model->requested -= block->requested;
	block->state = 'f';
	block->born = model->calls[block->pool != 0][block->small];
	model_merge(model, at);
}

static void
unmap(struct model *model, uint64_t addr)
{
	size_t at = model_find(model, addr);
	struct model_block *block = &model->blocks[at];
	uint64_t step = block->small ? 2 * MIB : model->settings.large_segment;
	uint64_t born = model->calls[block->pool != 0][block->small];
	size_t first = at;
	uint64_t base, from, to;

	while (model_has_previous(model, first))
		first--;
	base = model->blocks[first].addr;
	from = base + up(addr - base, step);
	to = base + (addr + block->size - base) / step * step;
	if (from >= to)
		return;
	if (to < addr + block->size)
		model_cut(model, at, to - addr, 'f');
	if (from > addr) {
		model_cut(model, at, from - addr, 'f');
		model->blocks[at].born = born;
		at++;
	}
	model->blocks[at].state = 'u';
	at = model_merge(model, at);
	model->reserved -= to - from;
	say(model, 'u', from, to - from);
	if (!model_is_split(model, at))
		model_erase(model, at);
}

/* The addresses of the free blocks of a pool in the order of its list. */
static uint64_t *
list(const struct model *model, bool small, size_t *count)
{
	uint64_t *addrs = malloc((model->count + 1) * sizeof(*addrs));
	size_t last = MODEL_NONE;

	if (!addrs)
		abort();
	*count = 0;
	for (;;) {
		size_t best = MODEL_NONE;

		for (size_t i = 0; i < model->count; i++) {
			const struct model_block *block = &model->blocks[i];

			if (block->state != 'f' || block->pool || block->small != small)
				continue;
			if (last != MODEL_NONE && !before(&model->blocks[last], block))
				continue;
			if (best == MODEL_NONE || before(block, &model->blocks[best]))
				best = i;
		}
		if (best == MODEL_NONE)
			return addrs;
		addrs[(*count)++] = model->blocks[best].addr;
		last = best;
	}
}

void
model_empty(struct model *model)
{
	for (size_t i = 0; i < model->count; i++)
		if (model->blocks[i].state == 'w') {
			complete(model, i);
			i = MODEL_NONE; /* from the start again */
		}
	for (int small = 0; small < 2; small++) {
		size_t count;
		uint64_t *addrs = list(model, small, &count);

		for (size_t i = 0; i < count; i++)
			if (is_segment(model, model_find(model, addrs[i]))) {
				release(model, addrs[i]);
				addrs[i] = 0;
			}
		for (size_t i = 0; i < count; i++)
			if (addrs[i] &&
				model->blocks[model_find(model, addrs[i])].expandable)
				unmap(model, addrs[i]);
		free(addrs);
	}
}

static bool
release_available(struct model *model, const struct model_block *want, uint64_t size)
{
	uint64_t split = model->settings.max_split_size, got = 0;
	uint64_t need = size > split ? size : split;
	size_t at;

	if (split == MR_UNLIMITED)
		return false;
	at = next_free(model, want, MODEL_NONE, need);
	if (at != MODEL_NONE && is_segment(model, at)) {
		release(model, model->blocks[at].addr);
		return true;
	}
	while (got < need) {
		size_t largest = MODEL_NONE;

		for (size_t i = 0; i < model->count; i++) {
			const struct model_block *block = &model->blocks[i];

			if (block->state == 'f' && block->pool == want->pool &&
				block->small == want->small &&
				block->stream == want->stream && block->size >= split &&
				is_segment(model, i) &&
				(largest == MODEL_NONE ||
					before(&model->blocks[largest], block)))
				largest = i;
		}
		if (largest == MODEL_NONE)
			break;
		got += model->blocks[largest].size;
		release(model, model->blocks[largest].addr);
	}
	return got >= need;
}

static void
collect(struct model *model)
{
	double share = (double)model->settings.gc_threshold / 1e9;
	uint64_t keep = (uint64_t)floor(share * (double)limit(model)), freed = 0,
		 before_pass;

	if (model->reserved <= keep)
		return;
	uint64_t over = model->reserved - keep;

	do {
		size_t count, left = 0;
		uint64_t *addrs = list(model, false, &count);
		double ages = 0;

		before_pass = freed;
		for (size_t i = 0; i < count; i++) {
			size_t at = model_find(model, addrs[i]);

			if (!is_segment(model, at)) {
				addrs[i] = 0;
				continue;
			}
			ages += (double)(model->calls[0][0] - model->blocks[at].born);
			left++;
		}
		for (size_t i = 0; i < count; i++) {
			size_t at = model_find(model, addrs[i]);

			if (!addrs[i] ||
				(double)(model->calls[0][0] - model->blocks[at].born) <
					ages / (double)left)
				continue;
			freed += model->blocks[at].size;
			release(model, addrs[i]);
		}
		free(addrs);
	} while (freed > before_pass && freed < over);
}

/* --- new memory */

static bool
map(struct model *model, size_t *at, uint64_t size)
{
	struct model_block *block = &model->blocks[*at];
	uint64_t step = block->small ? 2 * MIB : model->settings.large_segment;
	uint64_t bytes = up(size, step), addr = block->addr;

	if (bytes > block->size)
		bytes = block->size;
	if (model->settings.memory != MR_UNLIMITED &&
		model->reserved + bytes > model->settings.memory)
		return false;
	if (bytes < block->size)
		model_cut(model, *at, bytes, 'u');
	block = &model->blocks[*at];
	block->state = 'f';
	block->born = model->calls[block->pool != 0][block->small];
	*at = model_merge(model, *at);
	model->reserved += bytes;
	say(model, 'm', addr, bytes);
	return true;
}

/* An unmapped block, or the free one before it, from which size can grow. */
static size_t
growing(const struct model *model, const struct model_block *want, uint64_t size)
{
	for (size_t i = 0; i < model->count; i++) {
		size_t from = i, end;
		uint64_t bytes = 0;

		if (model->blocks[i].state != 'u' ||
			model->blocks[i].pool != want->pool ||
			model->blocks[i].small != want->small ||
			model->blocks[i].stream != want->stream)
			continue;
		if (model_has_previous(model, i) && model->blocks[i - 1].state == 'f')
			from--;
		for (end = from; end < model->count; end++) {
			if (model->blocks[end].segment != model->blocks[i].segment ||
				(model->blocks[end].state != 'f' &&
					model->blocks[end].state != 'u'))
				break;
			bytes += model->blocks[end].size;
		}
		if (bytes >= size)
			return from;
	}
	return MODEL_NONE;
}

static size_t
expand(struct model *model, const struct model_block *want, uint64_t size)
{
	uint64_t memory = model->settings.memory;
	uint64_t step = want->small ? 2 * MIB : model->settings.large_segment;
	size_t at = growing(model, want, size);

	if (at == MODEL_NONE) {
		struct model_block range = *want;
		uint64_t bytes = memory == MR_UNLIMITED ? MIB * MIB : memory + memory / 8;

		if (model->settings.range)
			bytes = model->settings.range;
		range.expandable = true;
		range.state = 'u';
		range.segment = ++model->segments;
		range.size = up(bytes > size ? bytes : size, step);
		range.addr = model->place(model->context);
		at = model_insert(model, range);
	}
	if (model->blocks[at].state == 'u' &&
		!map(model, &at,
			model->blocks[at].size < size ? model->blocks[at].size : size))
		return MODEL_NONE;
	while (model->blocks[at].size < size) {
		uint64_t missing = size - model->blocks[at].size;
		size_t next = at + 1;

		if (missing > model->blocks[next].size)
			missing = model->blocks[next].size;
		if (!map(model, &next, missing))
			return MODEL_NONE;
		at = next;
	}
	return at;
}

static size_t
fresh(struct model *model, const struct model_block *want, uint64_t size)
{
	uint64_t bytes = segment_size(model, size);
	struct model_block segment = *want;

	if (limit(model) != MR_UNLIMITED && model->reserved + bytes > limit(model))
		return MODEL_NONE;
	if (model->settings.expandable)
		return expand(model, want, size);
	if (model->settings.memory != MR_UNLIMITED &&
		model->reserved + bytes > model->settings.memory)
		return MODEL_NONE;
	segment.addr = model->place(model->context);
	segment.size = bytes;
	segment.state = 'f';
	segment.segment = ++model->segments;
	model->reserved += bytes;
	say(model, 'a', segment.addr, bytes);
	return model_insert(model, segment);
}

static size_t
obtain(struct model *model, const struct model_block *want, uint64_t size)
{
	uint64_t bytes = segment_size(model, size);
	size_t at;

	if (limit(model) != MR_UNLIMITED && model->settings.gc_threshold)
		collect(model);
	at = fresh(model, want, size);
	if (at != MODEL_NONE)
		return at;
	if (model->settings.oom_at_cap && limit(model) != MR_UNLIMITED &&
		model->reserved + bytes > limit(model))
		return MODEL_NONE;
	if (release_available(model, want, size))
		at = fresh(model, want, size);
	if (at != MODEL_NONE)
		return at;
	model_empty(model);
	model->retries++;
	return fresh(model, want, size);
}

/* --- the program's calls */

uint64_t
model_malloc(struct model *model, uint64_t requested, uint64_t stream, uint64_t pool)
{
	uint64_t size = rounded(model, requested), align = model->settings.align, rest;
	struct model_block want = {.stream = stream, .pool = pool, .small = size <= MIB};
	size_t at = search(model, &want, size);
	struct model_block *block;
	uint64_t born = model->calls[pool != 0][want.small];

	if (at == MODEL_NONE)
		at = obtain(model, &want, size);
	if (at == MODEL_NONE) {
		model->ooms++;
		return 0;
	}
	block = &model->blocks[at];
	if (align && model->settings.expandable && size >= 2 * MIB &&
		block->addr % align &&
		block->size >= size + align - block->addr % align) {
		model_cut(model, at, align - block->addr % align, 'f');
		model->blocks[at++].born = born;
		block = &model->blocks[at];
	}
	rest = block->size - size;
	if (want.small || model->settings.expandable
			? rest >= 512
			: size < model->settings.max_split_size && rest > MIB) {
		model_cut(model, at, size, 'f');
		model->blocks[at + 1].born = born;
		block = &model->blocks[at];
	}
	block->state = 'a';
	block->requested = requested;
	model->allocated += block->size;
	model->active += block->size;
	model->requested += requested;
	return block->addr;
}

void
model_free(struct model *model, uint64_t addr)
{
	size_t at = model_find(model, addr);

	model->allocated -= model->blocks[at].size;
	model->blocks[at].state = 'w';
}

bool
model_done(struct model *model, uint64_t addr)
{
	size_t at = model_find(model, addr);

	if (at == MODEL_NONE || model->blocks[at].state != 'w')
		return false;
	complete(model, at);
	return true;
}
