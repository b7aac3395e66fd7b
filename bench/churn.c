/* SPDX-License-Identifier: MIT */
/*
 * A program to be recorded by bench/record.sh: frees and mallocs of mixed sizes
 * on some threads; prints the ns that an event took its thread, on an average.
 *
 *     churn EVENTS [THREADS]
 */
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#define PLACES      512
#define MAX_THREADS 64

static long events;

static uint64_t
now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint32_t
draw(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 16;
}

/* A free and a malloc are two events; what is left at the end is not freed. */
static void *
churn(void *argument)
{
	uint32_t state = (uint32_t)(uintptr_t)argument;
	void *volatile places[PLACES] = {NULL};
	uint64_t start;
	long done;

	for (size_t i = 0; i < PLACES; i++)
		places[i] = malloc(draw(&state) % 2000);
	start = now_ns();
	for (done = 0; done < events; done += 2) {
		size_t place = draw(&state) % PLACES;

		free(places[place]);
		places[place] = malloc(draw(&state) % 2000);
	}
	return (void *)(uintptr_t)(now_ns() - start);
}

int
main(int argc, char **argv)
{
	long threads = argc > 2 ? atol(argv[2]) : 1;
	pthread_t ids[MAX_THREADS];
	uint64_t sum_ns = 0;
	void *ns;

	events = argc > 1 ? atol(argv[1]) : 0;
	if (events < 1 || threads < 1 || threads > MAX_THREADS) {
		fprintf(stderr, "usage: churn EVENTS [THREADS]\n");
		return 2;
	}
	for (long i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, churn, (void *)(uintptr_t)(i + 1)))
			return 1;
	for (long i = 0; i < threads; i++) {
		pthread_join(ids[i], &ns);
		sum_ns += (uintptr_t)ns;
	}
	printf("%.1f\n", (double)sum_ns / (double)events / (double)threads);
	return 0;
}
