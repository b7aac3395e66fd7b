/* SPDX-License-Identifier: MIT */
/*
 * Stands in for libFuzzer where there is none, as a test: gives the target
 * every kept input under every name that it knows, and a few cut and changed
 * copies of each under the first. What is wrong makes the target abort.
 */
#include <dirent.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"

#define INPUT_MAX 65536
#define COPIES    32

struct input {
	uint8_t *data;
	size_t length;
};

/* Of a target with one name it is "any". */
static const char *
variant_at(size_t index)
{
	return fuzz_variant ? fuzz_variant(index) : index ? NULL : "any";
}

static int
only_files(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

static bool
load(struct input *input, const char *folder, const char *name)
{
	char path[4096];
	FILE *file;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	file = fopen(path, "rb");
	input->data = malloc(INPUT_MAX);
	if (!file || !input->data)
		return false;
	input->length = fread(input->data, 1, INPUT_MAX, file);
	fclose(file);
	return true;
}

/* A copy of its own size, so that a sanitizer sees what is read beyond it. */
static void
give(const uint8_t *data, size_t length)
{
	uint8_t *copy = malloc(length ? length : 1);

	if (!copy)
		abort();
	memcpy(copy, data, length);
	LLVMFuzzerTestOneInput(copy, length);
	free(copy);
}

static void
give_copies(const struct input *input)
{
	uint64_t random = 1;

	for (size_t i = 0; i < COPIES && input->length; i++) {
		size_t at;

		random = random * UINT64_C(6364136223846793005) + 1;
		at = (size_t)(random >> 33) % input->length;
		give(input->data, at);
		input->data[at] ^= (uint8_t)(1u << (random >> 61));
		give(input->data, input->length);
	}
}

/* Gives the target all inputs of a folder; returns how many there are, or -1. */
static int
give_folder(const char *folder, bool copies)
{
	const char *top = getenv("top_srcdir");
	struct dirent **entries;
	struct input input;
	char path[2048];
	bool loaded = true;
	int count;

	snprintf(path, sizeof(path), "%s/%s", top ? top : ".", folder);
	count = scandir(path, &entries, only_files, alphasort);
	for (int i = 0; i < count; i++) {
		loaded = loaded && load(&input, path, entries[i]->d_name);
		free(entries[i]);
		if (!loaded)
			continue;
		give(input.data, input.length);
		if (copies)
			give_copies(&input);
		free(input.data);
	}
	free(count < 0 ? NULL : entries);
	return loaded && count > 0 ? count : -1;
}

int
main(void)
{
	const char *variant;
	char name[80], *names[] = {name, NULL};
	size_t number = 0;

	for (; (variant = variant_at(number)); number++) {
		char **arguments = names;
		int argument_count = 1, inputs = 0;

		snprintf(name, sizeof(name), "fuzz-%s", variant);
		if (LLVMFuzzerInitialize)
			LLVMFuzzerInitialize(&argument_count, &arguments);
		for (size_t f = 0; fuzz_folders[f]; f++) {
			int count = give_folder(fuzz_folders[f], !number);

			if (count < 0) {
				printf("Bail out! cannot read %s\n", fuzz_folders[f]);
				return EXIT_FAILURE;
			}
			inputs += count;
		}
		printf("ok %zu - %s: %d inputs\n", number + 1, variant, inputs);
		fflush(stdout);
	}
	printf("1..%zu\n", number);
	return EXIT_SUCCESS;
}
