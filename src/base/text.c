/* SPDX-License-Identifier: MIT */
#include "base/text.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

char *
mr_text_quote(char out[MR_QUOTE_SIZE], const char *text, size_t length)
{
	const size_t room = MR_QUOTE_SIZE - sizeof("...");
	size_t used = 0;

	for (size_t i = 0; i < length; i++) {
		unsigned char byte = (unsigned char)text[i];
		bool plain = byte >= 0x20 && byte < 0x7f;

		if (used + (plain ? 1 : 4) > room)
			return memcpy(out + used, "...", sizeof("...")), out;
		if (plain)
			out[used++] = (char)byte;
		else
			used += (size_t)snprintf(out + used, 5, "\\x%02x", byte);
	}
	out[used] = '\0';
	return out;
}

size_t
mr_text_sequence(const char *bytes, size_t length)
{
	const unsigned char *text = (const unsigned char *)bytes;
	static const uint32_t smallest[] = {0, 0, 0x80, 0x800, 0x10000};
	unsigned char lead = text[0];
	size_t need = lead < 0x80 ? 1
		: lead < 0xc2     ? 0
		: lead < 0xe0     ? 2
		: lead < 0xf0     ? 3
		: lead < 0xf5     ? 4
				  : 0;
	uint32_t code;

	if (need < 2)
		return need && lead ? 1 : 0;
	if (need > length)
		return 0;
	code = lead & (0xffu >> (need + 1));
	for (size_t i = 1; i < need; i++) {
		if ((text[i] & 0xc0) != 0x80)
			return 0;
		code = code << 6 | (text[i] & 0x3fu);
	}
	if (code < smallest[need] || code > 0x10ffff || (code >= 0xd800 && code < 0xe000))
		return 0;
	return need;
}

bool
mr_text_is_control(const char *text, size_t length)
{
	unsigned char byte = (unsigned char)text[0], last;

	if (length == 1)
		return byte < 0x20 || byte == 0x7f;
	last = (unsigned char)text[length - 1];
	if (length == 2)
		return byte == 0xc2 && last < 0xa0;
	/* U+200E, 200F, 2028 to 202E, 2066 to 2069 */
	if (length != 3 || byte != 0xe2)
		return false;
	return (text[1] == '\x80' &&
		       (last == 0x8e || last == 0x8f ||
			       (last >= 0xa8 && last <= 0xae))) ||
		(text[1] == '\x81' && last >= 0xa6 && last <= 0xa9);
}

bool
mr_text_is_utf8(const char *text, size_t length)
{
	size_t step;

	for (; length; text += step, length -= step) {
		step = mr_text_sequence(text, length);
		if (!step)
			return false;
	}
	return true;
}

size_t
mr_text_mend(char *text, size_t length, bool cut)
{
	const size_t most = cut ? 3 : 0; /* bytes of a character that is not whole */

	for (size_t lost = 0; lost <= most && lost <= length; lost++)
		if (mr_text_is_utf8(text, length - lost))
			return length - lost;
	for (size_t i = 0; i < length; i++)
		if (text[i] & 0x80)
			text[i] = '?';
	return length;
}
