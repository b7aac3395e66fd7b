/* SPDX-License-Identifier: MIT */
#include "cli/account.h"

#include <stdlib.h>
#include <string.h>

/* A result is nothing but numbers. */
#define NUMBERS (sizeof(struct mr_result) / sizeof(uint64_t))
_Static_assert(sizeof(struct mr_result) == NUMBERS * sizeof(uint64_t), "only numbers");

static void
put_result(struct mr_packet *packet, const struct mr_result *result)
{
	uint64_t numbers[NUMBERS];

	memcpy(numbers, result, sizeof(numbers));
	for (size_t i = 0; i < NUMBERS; i++)
		mr_packet_put(packet, numbers[i]);
}

static void
get_result(struct mr_packet *packet, struct mr_result *result)
{
	uint64_t numbers[NUMBERS];

	for (size_t i = 0; i < NUMBERS; i++)
		numbers[i] = mr_packet_get(packet);
	memcpy(result, numbers, sizeof(numbers));
}

void
mr_account_put(struct mr_packet *packet, const struct mr_account *account)
{
	const struct mr_header *header = &account->header;

	mr_packet_put(packet, NUMBERS);
	mr_packet_put_string(packet, account->summary.format);
	mr_packet_put_string(packet, header->source);
	mr_packet_put_string(packet, header->workload);
	mr_packet_put(packet, header->has_cache_limit);
	mr_packet_put(packet, header->has_memory_limit);
	mr_packet_put(packet, header->has_page_size);
	mr_packet_put(packet, header->cache_limit);
	mr_packet_put(packet, header->memory_limit);
	mr_packet_put(packet, header->page_size);
	mr_packet_put(packet, account->summary.events);
	mr_packet_put(packet, account->summary.cut);
	mr_packet_put(packet, account->sweep.events);
	mr_packet_put(packet, account->sweep.resolution);
	put_result(packet, &account->today);
	mr_packet_put(packet, account->count);
	for (size_t i = 0; i < account->count; i++) {
		const struct mr_point *point = &account->points[i];

		mr_packet_put(packet, point->policy);
		mr_packet_put(packet, point->cache_limit);
		mr_packet_put(packet, point->valid_from);
		mr_packet_put(packet, point->valid_to);
		put_result(packet, &point->result);
	}
}

/* The three texts, copied one behind the other. */
static bool
get_texts(struct mr_packet *packet, struct mr_account *out)
{
	const char *texts[3];
	size_t lengths[3], total = 0;
	char *at;

	for (int i = 0; i < 3; i++) {
		texts[i] = mr_packet_get_text(packet, &lengths[i]);
		total += lengths[i] + 1;
	}
	at = out->texts = malloc(total);
	if (!at)
		return false;
	out->summary.format = memcpy(at, texts[0], lengths[0] + 1);
	at += lengths[0] + 1;
	out->header.source = memcpy(at, texts[1], lengths[1] + 1);
	at += lengths[1] + 1;
	out->header.workload = memcpy(at, texts[2], lengths[2] + 1);
	return true;
}

static bool
get_points(struct mr_packet *packet, struct mr_account *out)
{
	uint64_t count = mr_packet_get(packet);

	/* each number takes a byte at least */
	if (packet->bad || count > (packet->length - packet->at) / NUMBERS)
		return false;
	out->points = malloc((size_t)count * sizeof(*out->points) + 1);
	if (!out->points)
		return false;
	for (out->count = 0; out->count < count; out->count++) {
		struct mr_point *point = &out->points[out->count];

		point->policy = (size_t)mr_packet_get(packet);
		point->cache_limit = mr_packet_get(packet);
		point->valid_from = mr_packet_get(packet);
		point->valid_to = mr_packet_get(packet);
		get_result(packet, &point->result);
	}
	return mr_packet_is_done(packet);
}

bool
mr_account_get(struct mr_packet *packet, struct mr_account *out)
{
	struct mr_header *header = &out->header;

	*out = (struct mr_account){0};
	if (mr_packet_get(packet) != NUMBERS || !get_texts(packet, out))
		return false;
	header->has_cache_limit = mr_packet_get(packet) != 0;
	header->has_memory_limit = mr_packet_get(packet) != 0;
	header->has_page_size = mr_packet_get(packet) != 0;
	header->cache_limit = mr_packet_get(packet);
	header->memory_limit = mr_packet_get(packet);
	header->page_size = mr_packet_get(packet);
	out->summary.events = mr_packet_get(packet);
	out->summary.cut = mr_packet_get(packet) != 0;
	out->sweep.events = mr_packet_get(packet);
	out->sweep.resolution = mr_packet_get(packet);
	get_result(packet, &out->today);
	return get_points(packet, out);
}

void
mr_account_fini(struct mr_account *account)
{
	free(account->points);
	free(account->texts);
	*account = (struct mr_account){0};
}
