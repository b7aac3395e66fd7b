/* SPDX-License-Identifier: MIT */

/* What rank 0 does: it deals parcels, takes results in, and works itself. */

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>

#include "base/error.h"
#include "fleet/hand.h"
#include "fleet/talk.h"

struct lead {
	struct mr_fleet *fleet;
	struct mr_plan *plan;
	struct mr_hand hand;
	int size;
	int here; /* members that have said hello, this one included */
	int busy;
	int gone;
};

static enum mr_status
give(struct lead *lead, int rank, const struct mr_parcel *parcel, struct mr_error *err)
{
	struct mr_fleet *fleet = lead->fleet;
	struct mr_packet brief = {0};
	enum mr_status st;

	fleet->members[rank].parcel = parcel;
	fleet->members[rank].part = 0;
	lead->busy++;
	mr_packet_put(&brief, MR_TALK_BRIEF);
	fleet->describe(fleet->context, parcel, &brief);
	if (!rank) {
		mr_packet_get(&brief);
		mr_hand_give(&lead->hand, &brief);
		return MR_OK;
	}
	st = mr_talk_send(fleet->transport, rank, &brief, err);
	mr_packet_fini(&brief);
	return st;
}

/* Gives parcels to all who are free. */
static enum mr_status
deal(struct lead *lead, struct mr_error *err)
{
	const struct mr_parcel *parcel;
	enum mr_status st = MR_OK;

	for (int rank = 0; rank < lead->size && !st && !lead->fleet->stopped; rank++) {
		const struct mr_member *member = &lead->fleet->members[rank];

		if (member->here && !member->parcel &&
			(parcel = mr_plan_deal(lead->plan, rank == 0)))
			st = give(lead, rank, parcel, err);
	}
	return st;
}

static enum mr_status
settle(struct lead *lead, int rank, struct mr_errand *errand, struct mr_error *err)
{
	struct mr_member *member = &lead->fleet->members[rank];
	const struct mr_parcel *parcel = member->parcel;

	if (!parcel)
		return mr_fail(err, MR_EFORMAT, "rank %d has a result of nothing", rank);
	if (errand->results.bad)
		return mr_fail(err, MR_ENOMEM, "rank %d is out of memory", rank);
	member->parcel = NULL;
	member->units += errand->status ? 0 : parcel->count;
	member->events += errand->events;
	member->steps += errand->steps;
	member->ns += errand->ns;
	lead->busy--;
	return mr_fleet_settle(lead->fleet, lead->plan, parcel, errand, err);
}

static enum mr_status
welcome(struct lead *lead, int rank, struct mr_packet *packet, struct mr_error *err)
{
	struct mr_member *member = &lead->fleet->members[rank];
	const char *version = mr_packet_get_text(packet, NULL);
	const char *host = mr_packet_get_text(packet, NULL);

	snprintf(member->host, sizeof(member->host), "%.63s", host);
	if (strcmp(version, mr_version()) != 0)
		return mr_fail(err, MR_EFORMAT, "rank %d on %s is memreplay %s, not %s",
			rank, member->host, version, mr_version());
	member->here = true;
	lead->here++;
	return MR_OK;
}

static enum mr_status
hear(struct lead *lead, int rank, struct mr_packet *packet, struct mr_error *err)
{
	struct mr_errand errand = {0};
	uint64_t talk = mr_packet_get(packet);

	switch (talk) {
	case MR_TALK_HELLO:
		return welcome(lead, rank, packet, err);
	case MR_TALK_PART:
		lead->fleet->members[rank].part = (double)mr_packet_get(packet) / 1e6;
		return MR_OK;
	case MR_TALK_BYE:
		lead->gone++;
		return MR_OK;
	case MR_TALK_RESULT:
		errand.status = (int)mr_packet_get(packet);
		errand.events = mr_packet_get(packet);
		errand.steps = mr_packet_get(packet);
		errand.ns = mr_packet_get(packet);
		errand.results = mr_packet_get_packet(packet);
		return settle(lead, rank, &errand, err);
	default:
		return mr_fail(err, MR_EFORMAT, "rank %d says %" PRIu64, rank, talk);
	}
}

/* Takes in all messages that there are. */
static enum mr_status
listen(struct lead *lead, struct mr_error *err)
{
	struct mr_packet packet;
	enum mr_status st;
	int from;

	while (!(st = mr_talk_take(lead->fleet->transport, &from, &packet, err))) {
		st = hear(lead, from, &packet, err);
		mr_packet_fini(&packet);
		if (st)
			return st;
	}
	return st == MR_END ? MR_OK : st;
}

static void
show_progress(struct lead *lead)
{
	const struct mr_fleet *fleet = lead->fleet;
	const struct mr_plan *plan = lead->plan;
	double done = (double)plan->weight_done;

	fleet->members[0].part = mr_hand_part(&lead->hand);
	for (int rank = 0; rank < lead->size; rank++)
		if (fleet->members[rank].parcel)
			done += fleet->members[rank].part *
				(double)fleet->members[rank].parcel->weight;
	fleet->progress(fleet->context, done / (double)plan->weight);
}

static enum mr_status
work(struct lead *lead, struct mr_error *err)
{
	enum mr_status st = MR_OK;

	while (!st) {
		if ((st = deal(lead, err)))
			break;
		if (lead->here == lead->size && (!lead->busy || lead->fleet->stopped))
			break;
		if (mr_hand_wait(&lead->hand)) {
			st = settle(lead, 0, &lead->hand.errand, err);
			mr_hand_free(&lead->hand);
		}
		if (!st)
			st = listen(lead, err);
		show_progress(lead);
	}
	return st;
}

/* Lets all others go, and hears them out: one may be about to send a result. */
static enum mr_status
dismiss(struct lead *lead, struct mr_error *err)
{
	const struct mr_transport *transport = lead->fleet->transport;
	struct mr_packet packet;
	enum mr_status st = MR_OK;
	int from;

	for (int rank = 1; rank < lead->size && !st; rank++)
		st = mr_talk_say(transport, rank, MR_TALK_END, err);
	while (!st && lead->gone < lead->size - 1) {
		mr_hand_wait(&lead->hand);
		while (!(st = mr_talk_take(transport, &from, &packet, err))) {
			lead->gone += mr_packet_get(&packet) == MR_TALK_BYE;
			mr_packet_fini(&packet);
		}
		st = st == MR_END ? MR_OK : st;
	}
	return st;
}

enum mr_status
mr_fleet_lead_others(struct mr_fleet *fleet, struct mr_plan *plan, struct mr_error *err)
{
	struct lead lead = {
		.fleet = fleet, .plan = plan, .size = fleet->transport->size, .here = 1};
	struct utsname host = {.nodename = ""};
	enum mr_status st;

	fleet->members = calloc((size_t)lead.size, sizeof(*fleet->members));
	if (!fleet->members)
		return mr_fail_memory(err);
	if ((st = mr_hand_start(&lead.hand, fleet, err)))
		return st;
	uname(&host);
	snprintf(fleet->members[0].host, sizeof(fleet->members[0].host), "%.63s",
		host.nodename);
	fleet->members[0].here = true;
	st = work(&lead, err);
	mr_hand_stop(&lead.hand);
	fleet->lost = dismiss(&lead, st ? NULL : err) != MR_OK;
	return st || !fleet->lost ? st : MR_EIO;
}
