/* SPDX-License-Identifier: MIT */
/*
 * Loads a module for itself alone, as Python does, and with it the MLX that the
 * module needs: `load MODULE ROUNDS`.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int
main(int argc, char **argv)
{
	void *module = argc > 2 ? dlopen(argv[1], RTLD_NOW | RTLD_LOCAL) : NULL;
	void *found = module ? dlsym(module, "work") : NULL;
	int (*work)(long);

	if (!found) {
		fprintf(stderr, "load: %s\n", argc > 2 ? dlerror() : "MODULE ROUNDS");
		return 2;
	}
	memcpy(&work, &found, sizeof(work));
	return work(atol(argv[2]));
}
