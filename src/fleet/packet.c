/* SPDX-License-Identifier: MIT */
#include "fleet/packet.h"

#include <stdlib.h>
#include <string.h>

#define NUMBER_MOST 10 /* bytes of the longest number */

static bool
grow(struct mr_packet *packet, size_t more)
{
	size_t space = packet->length + more;
	unsigned char *data;

	if (packet->bad || space < more)
		packet->bad = true;
	if (packet->bad || space <= packet->space)
		return !packet->bad;
	space += space / 2 + 64;
	data = realloc(packet->data, space);
	if (data) {
		packet->data = data;
		packet->space = space;
	}
	packet->bad = !data;
	return data;
}

void
mr_packet_put(struct mr_packet *packet, uint64_t number)
{
	if (!grow(packet, NUMBER_MOST))
		return;
	for (; number > 0x7f; number >>= 7)
		packet->data[packet->length++] = (unsigned char)(number | 0x80);
	packet->data[packet->length++] = (unsigned char)number;
}

void
mr_packet_put_text(struct mr_packet *packet, const void *text, size_t length)
{
	mr_packet_put(packet, length);
	if (!grow(packet, length + 1))
		return;
	if (length)
		memcpy(packet->data + packet->length, text, length);
	packet->length += length;
	packet->data[packet->length++] = '\0';
}

void
mr_packet_put_string(struct mr_packet *packet, const char *text)
{
	mr_packet_put_text(packet, text, strlen(text));
}

uint64_t
mr_packet_get(struct mr_packet *packet)
{
	uint64_t number = 0;

	for (unsigned shift = 0; !packet->bad && packet->at < packet->length;
		shift += 7) {
		uint64_t byte = packet->data[packet->at++];

		if (shift == 63 && byte > 1)
			break;
		number |= (byte & 0x7f) << shift;
		if (byte < 0x80)
			return number;
	}
	packet->bad = true;
	return 0;
}

const char *
mr_packet_get_text(struct mr_packet *packet, size_t *length)
{
	uint64_t own = mr_packet_get(packet);
	size_t left = packet->length - packet->at;
	const char *text = (const char *)packet->data + packet->at;

	if (length)
		*length = 0;
	if (packet->bad || own >= left || text[own]) {
		packet->bad = true;
		return "";
	}
	packet->at += (size_t)own + 1;
	if (length)
		*length = (size_t)own;
	return text;
}

struct mr_packet
mr_packet_get_packet(struct mr_packet *packet)
{
	struct mr_packet inner = {0};

	inner.data =
		(unsigned char *)(uintptr_t)mr_packet_get_text(packet, &inner.length);
	inner.bad = packet->bad;
	return inner;
}

bool
mr_packet_is_done(const struct mr_packet *packet)
{
	return !packet->bad && packet->at == packet->length;
}

void
mr_packet_fini(struct mr_packet *packet)
{
	if (packet->space)
		free(packet->data);
	*packet = (struct mr_packet){0};
}
