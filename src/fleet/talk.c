/* SPDX-License-Identifier: MIT */
#include "fleet/talk.h"

#include "base/error.h"

static enum mr_status
explain(const struct mr_transport *transport, int code, struct mr_error *err)
{
	return code ? mr_fail(err, MR_EIO, "%s", transport->explain(code)) : MR_OK;
}

enum mr_status
mr_talk_send(const struct mr_transport *transport, int to, const struct mr_packet *packet,
	struct mr_error *err)
{
	if (packet->bad)
		return mr_fail_memory(err);
	return explain(transport, transport->send(to, packet->data, packet->length), err);
}

enum mr_status
mr_talk_say(const struct mr_transport *transport, int to, enum mr_talk talk,
	struct mr_error *err)
{
	struct mr_packet packet = {0};
	enum mr_status st;

	mr_packet_put(&packet, talk);
	st = mr_talk_send(transport, to, &packet, err);
	mr_packet_fini(&packet);
	return st;
}

enum mr_status
mr_talk_take(const struct mr_transport *transport, int *from, struct mr_packet *out,
	struct mr_error *err)
{
	void *data;
	enum mr_status st;

	*out = (struct mr_packet){0};
	st = explain(transport, transport->take(from, &data, &out->length), err);
	out->data = data;
	out->space = data ? out->length + 1 : 0;
	if (st)
		mr_packet_fini(out);
	return st || data ? st : MR_END;
}
