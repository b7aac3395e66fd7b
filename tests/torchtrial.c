/* SPDX-License-Identifier: MIT */
#include "torchtrial.h"

#include <stdarg.h>
#include <stdio.h>

#define KIB UINT64_C(1024)
#define MIB (1024 * KIB)

const struct mr_torch_settings trial_plain = {
	.memory = MR_UNLIMITED,
	.max_split_size = MR_UNLIMITED,
	.max_non_split_rounding = 20 * MIB,
	.large_segment = 20 * MIB,
};

static void __attribute__((format(printf, 2, 3)))
fail(const struct trial *trial, const char *format, ...)
{
	char text[512];
	va_list rest;
	int length = snprintf(
		text, sizeof(text), "trial %d, step %d: ", trial->number, trial->step);

	va_start(rest, format);
	vsnprintf(text + length, sizeof(text) - (size_t)length, format, rest);
	va_end(rest);
	trial->fail(text);
}

#define MUST(condition, ...)                                                             \
	do {                                                                             \
		if (!(condition))                                                        \
			fail(trial, __VA_ARGS__);                                        \
	} while (0)

static uint64_t
next_place(void *context)
{
	struct trial_places *places = context;

	/* an odd factor permutes the numbers below 2^14 */
	return (((places->made++ * 2 + 1) * (places->salt * 2 + 1)) %
			       (UINT64_C(1) << 14) +
		       1)
		<< 46;
}

static void
asked(void *context, enum mr_torch_action action, uint64_t addr, uint64_t bytes)
{
	static const char whats[] = {
		[MR_TORCH_SEGMENT_ALLOC] = 'a',
		[MR_TORCH_SEGMENT_FREE] = 'f',
		[MR_TORCH_SEGMENT_MAP] = 'm',
		[MR_TORCH_SEGMENT_UNMAP] = 'u',
	};
	struct trial *trial = context;
	const struct model_event *want = &trial->model.events[trial->events];

	MUST(trial->events < trial->model.event_count, "%c more", whats[action]);
	MUST(want->what == whats[action] && want->addr == addr && want->bytes == bytes,
		"%c 0x%llx %llu, the model says %c 0x%llx %llu", whats[action],
		(unsigned long long)addr, (unsigned long long)bytes, want->what,
		(unsigned long long)want->addr, (unsigned long long)want->bytes);
	trial->events++;
}

static bool
place(void *context, uint64_t *addr, uint64_t *bytes)
{
	struct trial *trial = context;

	(void)bytes;
	*addr = next_place(&trial->places);
	return true;
}

static uint64_t
below(struct trial *trial, uint64_t end)
{
	return trial->draw(trial->context, end) % end;
}

/* Sizes about all the borders there are. */
static uint64_t
some_size(struct trial *trial)
{
	static const uint64_t about[] = {512, 4 * KIB, 300 * KIB, MIB, 2 * MIB, 5 * MIB,
		10 * MIB, 20 * MIB, 33 * MIB, 64 * MIB, 100 * MIB};
	uint64_t size = about[below(trial, sizeof(about) / sizeof(about[0]))];

	switch (below(trial, 3)) {
	case 0:
		return size;
	case 1:
		return size + 1 + below(trial, 4096);
	default:
		return 1 + below(trial, 2 * size);
	}
}

static struct mr_torch_settings
some_settings(struct trial *trial)
{
	static const uint64_t splits[] = {20 * MIB, 24 * MIB, 64 * MIB};
	struct mr_torch_settings settings = trial_plain;

	if (below(trial, 4))
		settings.memory = (200 + below(trial, 2000)) * MIB;
	if (settings.memory != MR_UNLIMITED && below(trial, 2)) {
		settings.fraction = MR_TORCH_SHARE / 10 * (3 + below(trial, 8));
		if (below(trial, 2))
			settings.gc_threshold =
				MR_TORCH_SHARE / 10 * (1 + below(trial, 9));
		settings.oom_at_cap = !below(trial, 4);
	}
	if (!below(trial, 3))
		settings.max_split_size = splits[below(trial, 3)];
	if (!below(trial, 3))
		settings.max_non_split_rounding = (5 + below(trial, 30)) * MIB;
	if (!below(trial, 3))
		settings.expandable = 1;
	if (!below(trial, 3))
		settings.range = (20 + below(trial, 200)) * MIB;
	if (!below(trial, 4))
		settings.large_segment = (12 + 2 * below(trial, 10)) * MIB;
	if (!below(trial, 3))
		for (int i = 0; i < 16; i++)
			settings.roundup[i] = UINT64_C(1) << below(trial, 5);
	if (!below(trial, 5))
		settings.extra = 32;
	if (!below(trial, 4))
		settings.align = 16 * KIB;
	return settings;
}

static void
do_malloc(struct trial *trial)
{
	uint64_t size = some_size(trial), stream = below(trial, 3) * 7;
	uint64_t pool = !below(trial, 10);
	struct mr_torch_queue queue = {stream, {0, pool}};
	struct trial_live *live = &trial->live[trial->count];
	uint32_t count;

	live->addr = model_malloc(&trial->model, size, stream, pool);
	MUST(!mr_torch_malloc(trial->torch, &live->block, size, queue, NULL),
		"!mr_torch_malloc(trial->torch, &live->block, size, queue, NULL)");
	live->waiting = false;
	if (live->block == MR_TORCH_NONE) {
		MUST(!live->addr, "only the model has memory");
		trial->out = true;
		return;
	}
	live->serial = mr_torch_blocks(trial->torch, &count)[live->block].serial;
	MUST(mr_torch_blocks(trial->torch, &count)[live->block].addr == live->addr,
		"%llu bytes at 0x%llx, the model says 0x%llx", (unsigned long long)size,
		(unsigned long long)mr_torch_blocks(trial->torch, &count)[live->block]
			.addr,
		(unsigned long long)live->addr);
	trial->count++;
}

static void
do_free(struct trial *trial)
{
	struct trial_live *live = &trial->live[below(trial, trial->count)];

	if (!live->waiting) {
		model_free(&trial->model, live->addr);
		mr_torch_free_request(trial->torch, live->block);
		live->waiting = true;
		if (below(trial, 4) == 0)
			return;
	}
	MUST(mr_torch_waits(trial->torch, live->block, live->serial),
		"mr_torch_waits(trial->torch, live->block, live->serial)");
	MUST(model_done(&trial->model, live->addr),
		"model_done(&trial->model, live->addr)");
	MUST(!mr_torch_free_complete(trial->torch, live->block, NULL),
		"!mr_torch_free_complete(trial->torch, live->block, NULL)");
	*live = trial->live[--trial->count];
}

/* Whoever waited waits no more: all streams were waited for. */
static void
drop_waiting(struct trial *trial)
{
	for (size_t i = 0; i < trial->count;) {
		struct trial_live *live = &trial->live[i];

		if (!live->waiting) {
			i++;
			continue;
		}
		MUST(!mr_torch_waits(trial->torch, live->block, live->serial),
			"a block still waits");
		*live = trial->live[--trial->count];
	}
}

static void
compare(struct trial *trial)
{
	const struct mr_torch_stats *stats = mr_torch_stats(trial->torch);
	const struct model *model = &trial->model;
	struct mr_error err;

	MUST(trial->events == model->event_count, "the model asks the device for more");
	MUST(stats->reserved == model->reserved && stats->allocated == model->allocated &&
			stats->active == model->active &&
			stats->requested == model->requested &&
			stats->retries == model->retries && stats->ooms == model->ooms,
		"the counters differ");
	MUST(trial->step % 16 || !mr_torch_check(trial->torch, &err), "%s", err.text);
}

void
trial_step(struct trial *trial)
{
	uint64_t what = below(trial, 200);

	trial->events = trial->model.event_count = 0;
	if (what == 0) {
		model_empty(&trial->model);
		MUST(!mr_torch_release_all(trial->torch, NULL),
			"!mr_torch_release_all(trial->torch, NULL)");
		drop_waiting(trial);
	} else if (trial->count < 300 && (what < 104 || !trial->count)) {
		do_malloc(trial);
	} else {
		do_free(trial);
	}
	if (trial->model.retries != trial->retries)
		drop_waiting(trial);
	trial->retries = trial->model.retries;
	compare(trial);
}

void
trial_begin(struct trial *trial)
{
	struct mr_torch_hooks hooks = {trial, asked, place};
	struct mr_torch_settings settings = some_settings(trial);

	trial->places.salt = trial->model_places.salt = below(trial, 5000);
	model_init(&trial->model, &settings, next_place, &trial->model_places);
	MUST(!mr_torch_new(&trial->torch, &settings, &hooks, NULL), "no memory");
}

void
trial_end(struct trial *trial)
{
	mr_torch_free_all(trial->torch);
	model_fini(&trial->model);
}
