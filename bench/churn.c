/* SPDX-License-Identifier: MIT */
/*
 * A program to be recorded by bench/record.sh: frees and mallocs of mixed sizes
 * on some threads. Prints the ns that an event took its thread, on an average: of wall
 * time, in which a thread also waits for a core, and of CPU time.
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

/* What a thread took for its events. */
struct took {
	uint64_t wall_ns;
	uint64_t cpu_ns;
};

static long events;
static struct took of_thread[MAX_THREADS];

static uint64_t
now_ns(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static uint32_t
draw(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 16;
}

/* A free and a malloc are two events; what is left at the end is not freed. */
static void
churn(uint32_t state, struct took *took)
{
	void *volatile places[PLACES] = {NULL};
	struct took start;
	long done;

	for (size_t i = 0; i < PLACES; i++)
		places[i] = malloc(draw(&state) % 2000);
	start.wall_ns = now_ns(CLOCK_MONOTONIC);
	start.cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID);
	for (done = 0; done < events; done += 2) {
		size_t place = draw(&state) % PLACES;

		free(places[place]);
		places[place] = malloc(draw(&state) % 2000);
	}
	took->cpu_ns = now_ns(CLOCK_THREAD_CPUTIME_ID) - start.cpu_ns;
	took->wall_ns = now_ns(CLOCK_MONOTONIC) - start.wall_ns;
}

static void *
run_thread(void *took)
{
	churn((uint32_t)((struct took *)took - of_thread) + 1, took);
	return NULL;
}

int
main(int argc, char **argv)
{
	long threads = argc > 2 ? atol(argv[2]) : 1;
	pthread_t ids[MAX_THREADS];
	double all, wall_ns = 0, cpu_ns = 0;

	events = argc > 1 ? atol(argv[1]) : 0;
	if (events < 1 || threads < 1 || threads > MAX_THREADS) {
		fprintf(stderr, "usage: churn EVENTS [THREADS]\n");
		return 2;
	}
	for (long i = 0; i < threads; i++)
		if (pthread_create(&ids[i], NULL, run_thread, &of_thread[i]))
			return 1;
	for (long i = 0; i < threads; i++) {
		pthread_join(ids[i], NULL);
		wall_ns += (double)of_thread[i].wall_ns;
		cpu_ns += (double)of_thread[i].cpu_ns;
	}
	all = (double)events * (double)threads;
	printf("%.1f %.1f\n", wall_ns / all, cpu_ns / all);
	return 0;
}
