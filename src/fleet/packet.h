/* SPDX-License-Identifier: MIT */
#ifndef MR_FLEET_PACKET_H
#define MR_FLEET_PACKET_H

/*
 * Numbers and texts as bytes, for other processes and for files: the same on any
 * machine. A number has 7 bits a byte, the lowest first, and the top bit set in all
 * bytes but the last; a text is its length, its bytes, and a NUL.
 *
 * A packet of which more was asked than it holds, or for which memory ran out, is
 * bad from then on and gives zeros, so that only the end of reading or writing need
 * look. A struct of zeros is an empty packet.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mr_packet {
	unsigned char *data;
	size_t length;
	size_t space; /* 0: data is not the packet's own */
	size_t at;    /* where reading has come to */
	bool bad;
};

void mr_packet_put(struct mr_packet *packet, uint64_t number);
void mr_packet_put_text(struct mr_packet *packet, const void *text, size_t length);
void mr_packet_put_string(struct mr_packet *packet, const char *text);

/* The next number; 0 if there is none. */
uint64_t mr_packet_get(struct mr_packet *packet);

/* The next text, in the packet's memory; "" if there is none. length may be NULL. */
const char *mr_packet_get_text(struct mr_packet *packet, size_t *length);

/* The next text as a packet of its own, whose memory stays that of this one. */
struct mr_packet mr_packet_get_packet(struct mr_packet *packet);

/* Whether all was read, and nothing went wrong. */
bool mr_packet_is_done(const struct mr_packet *packet);

void mr_packet_fini(struct mr_packet *packet);

#endif
