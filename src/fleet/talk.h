/* SPDX-License-Identifier: MIT */
#ifndef MR_FLEET_TALK_H
#define MR_FLEET_TALK_H

/*
 * What the processes of a fleet say to each other, in packets that begin with one of
 * these. Traces are never sent: every process reads those it works on itself.
 */

#include "fleet/packet.h"
#include "fleet/transport.h"
#include "memreplay/base.h"

enum mr_talk {
	MR_TALK_HELLO,  /* to rank 0: version, host; then the sender takes a parcel */
	MR_TALK_BRIEF,  /* from rank 0: a parcel, as its owner describes it */
	MR_TALK_PART,   /* to rank 0: how far that is, in millionths */
	MR_TALK_RESULT, /* to rank 0: status, events, steps, ns, results */
	MR_TALK_END,    /* from rank 0: nothing more is wanted */
	MR_TALK_BYE     /* to rank 0: nothing more will come */
};

/* MR_EIO: it cannot be sent. MR_ENOMEM: the packet is bad. */
MR_MUST_CHECK enum mr_status mr_talk_send(const struct mr_transport *transport, int to,
	const struct mr_packet *packet, struct mr_error *err);

/* A message without more. */
MR_MUST_CHECK enum mr_status mr_talk_say(const struct mr_transport *transport, int to,
	enum mr_talk talk, struct mr_error *err);

/*
 * Takes a message, if there is one; *out is to be given to mr_packet_fini() then.
 *   MR_END  there is none
 *   MR_EIO
 */
MR_MUST_CHECK enum mr_status mr_talk_take(const struct mr_transport *transport, int *from,
	struct mr_packet *out, struct mr_error *err);

#endif
