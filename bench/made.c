/* SPDX-License-Identifier: MIT */
#include "made.h"

#include <stdio.h>
#include <stdlib.h>

#define EVENT_NS 100
#define UNIT     16 /* bytes: the smallest size, and the step to the next */

void
mr_made_init(struct mr_made *made, uint32_t places, uint64_t sizes)
{
	*made = (struct mr_made){.state = 1, .sizes = sizes, .places = places};
	made->ids = malloc(places * sizeof(*made->ids));
	if (!made->ids) {
		fputs("no memory for the trace\n", stderr);
		exit(1);
	}
}

void
mr_made_fini(struct mr_made *made)
{
	free(made->ids);
}

static uint64_t
random_below(struct mr_made *made, uint64_t bound)
{
	made->state = made->state * UINT64_C(6364136223846793005) +
		UINT64_C(1442695040888963407);
	return (made->state >> 33) % bound;
}

void
mr_made_next(struct mr_made *made, struct mr_event *event)
{
	uint64_t number = made->event_count++;
	bool filling = number < made->places;

	*event = (struct mr_event){.has = MR_HAS_T, .t = number * EVENT_NS};
	if (filling)
		made->place = (uint32_t)number;
	else if ((number - made->places) % 2 == 0)
		made->place = (uint32_t)random_below(made, made->places);
	event->slot = made->place;
	if (!filling && (number - made->places) % 2 == 0) {
		event->op = MR_OP_FREE;
		event->id = made->ids[made->place];
		return;
	}
	event->op = MR_OP_MALLOC;
	event->id = made->ids[made->place] = ++made->last_id;
	event->size = UNIT * (1 + random_below(made, made->sizes));
}
