/* SPDX-License-Identifier: MIT */
/*
 * Makes settings of PyTorch's allocator and a program out of any bytes, and holds
 * the torch allocator against the slow model of torchmodel.c after each step: what is
 * asked of the device, addresses, counters, and its own invariants.
 */
#include "../torchtrial.h"
#include "bytes.h"
#include "fuzz.h"

const char *const fuzz_folders[] = {"tests/fuzz/torch", NULL};

/* As many bytes as the end needs. */
static uint64_t
draw(void *context, uint64_t end)
{
	size_t count = 0;

	for (uint64_t top = end - 1; top; top >>= 8)
		count++;
	return take(context, count) % end;
}

static void
fail(const char *text)
{
	fuzz_fail("torch", text);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes bytes = {data, data + size};
	struct trial trial = {.draw = draw, .fail = fail, .context = &bytes};

	trial_begin(&trial);
	for (; bytes.at < bytes.end; trial.step++)
		trial_step(&trial);
	trial_end(&trial);
	return 0;
}
