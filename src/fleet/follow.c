/* SPDX-License-Identifier: MIT */

/* What all ranks but 0 do: parcel after parcel, until there are no more. */

#include <sys/utsname.h>
#include <time.h>

#include "base/error.h"
#include "fleet/hand.h"
#include "fleet/talk.h"

#define LEADER 0

struct follow {
	const struct mr_transport *transport;
	struct mr_hand hand;
	time_t told; /* when rank 0 was last told how far it is */
	bool over;
};

static enum mr_status
say_hello(const struct mr_transport *transport, struct mr_error *err)
{
	struct mr_packet packet = {0};
	struct utsname host = {.nodename = ""};
	enum mr_status st;

	uname(&host);
	mr_packet_put(&packet, MR_TALK_HELLO);
	mr_packet_put_string(&packet, mr_version());
	mr_packet_put_string(&packet, host.nodename);
	st = mr_talk_send(transport, LEADER, &packet, err);
	mr_packet_fini(&packet);
	return st;
}

static enum mr_status
send_result(struct follow *follow, struct mr_error *err)
{
	const struct mr_errand *errand = &follow->hand.errand;
	struct mr_packet packet = {0};
	enum mr_status st;

	mr_packet_put(&packet, MR_TALK_RESULT);
	mr_packet_put(&packet, (uint64_t)errand->status);
	mr_packet_put(&packet, errand->events);
	mr_packet_put(&packet, errand->steps);
	mr_packet_put(&packet, errand->ns);
	mr_packet_put_text(&packet, errand->results.data, errand->results.length);
	packet.bad |= errand->results.bad;
	st = mr_talk_send(follow->transport, LEADER, &packet, err);
	mr_packet_fini(&packet);
	mr_hand_free(&follow->hand);
	return st;
}

/* Once a second. */
static enum mr_status
tell_part(struct follow *follow, struct mr_error *err)
{
	struct mr_packet packet = {0};
	enum mr_status st;

	if (!follow->hand.given || time(NULL) == follow->told)
		return MR_OK;
	follow->told = time(NULL);
	mr_packet_put(&packet, MR_TALK_PART);
	mr_packet_put(&packet, (uint64_t)(mr_hand_part(&follow->hand) * 1e6));
	st = mr_talk_send(follow->transport, LEADER, &packet, err);
	mr_packet_fini(&packet);
	return st;
}

static enum mr_status
listen(struct follow *follow, struct mr_error *err)
{
	struct mr_packet packet;
	enum mr_status st;
	int from;

	while (!(st = mr_talk_take(follow->transport, &from, &packet, err))) {
		if (mr_packet_get(&packet) == MR_TALK_BRIEF)
			mr_hand_give(&follow->hand, &packet);
		else
			follow->over = true;
		mr_packet_fini(&packet);
	}
	return st == MR_END ? MR_OK : st;
}

enum mr_status
mr_fleet_follow(const struct mr_fleet *fleet, struct mr_error *err)
{
	struct follow follow = {.transport = fleet->transport, .told = time(NULL)};
	enum mr_status st = mr_hand_start(&follow.hand, fleet, err);

	if (st)
		return st;
	st = say_hello(fleet->transport, err);
	while (!st && !follow.over) {
		if (mr_hand_wait(&follow.hand))
			st = send_result(&follow, err);
		if (!st)
			st = tell_part(&follow, err);
		if (!st)
			st = listen(&follow, err);
	}
	mr_hand_stop(&follow.hand);
	return st ? st : mr_talk_say(fleet->transport, LEADER, MR_TALK_BYE, err);
}
