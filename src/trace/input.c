/* SPDX-License-Identifier: MIT */
#include "trace/input.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"

#define DATA_SIZE   ((size_t)256 * 1024)
#define PACKED_SIZE ((size_t)64 * 1024)
#define GZIP_ONLY   (15 + 16) /* inflateInit2: largest window, gzip wrapper */

struct mr_input {
	int fd;
	bool own_fd;
	bool read_all;         /* read() has said so */
	uint64_t file_length;  /* 0: not known */
	uint64_t bytes_read;   /* from fd */
	unsigned char *packed; /* gzip only: what inflate has not taken yet */

	/* Gets something new into data, or the end, or a defect. */
	enum mr_status (*fill)(struct mr_input *in);
	bool gzip;
	bool in_member; /* between a gzip member's first and last byte */
	bool truncated;
	z_stream z;

	unsigned char *data; /* [start, end) is there to be peeked */
	size_t start;
	size_t end;
	size_t capacity;
	uint64_t skipped; /* bytes before data[start] */

	bool ended;
	struct mr_error defect; /* to be reported after data[end]; MR_OK: none */
};

static enum mr_status
read_some(struct mr_input *in, unsigned char *to, size_t room, size_t *got)
{
	ssize_t n;

	do
		n = read(in->fd, to, room);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return mr_fail_errno(&in->defect, errno, "cannot read");
	*got = (size_t)n;
	in->read_all = n == 0;
	in->bytes_read += *got;
	return MR_OK;
}

static enum mr_status
defect(struct mr_input *in, const char *text)
{
	return mr_fail_at(&in->defect, MR_EFORMAT, MR_PLACE_BYTE,
		in->skipped + (in->end - in->start), "%s", text);
}

/* What zlib's word for a defect means for the reader of a file. */
static enum mr_status
inflate_defect(struct mr_input *in)
{
	const char *msg = in->z.msg ? in->z.msg : "";

	if (!strcmp(msg, "incorrect data check"))
		return defect(in, "CRC mismatch: the gzip data are damaged");
	if (!strcmp(msg, "incorrect length check"))
		return defect(in, "length mismatch: the gzip data are damaged");
	if (!strcmp(msg, "incorrect header check")) /* never in the first member */
		return defect(in, "trailing garbage after the gzip data");
	return mr_fail_at(&in->defect, MR_EFORMAT, MR_PLACE_BYTE,
		in->skipped + (in->end - in->start), "damaged gzip data: %s", msg);
}

/* Makes sure that inflate has input and stands inside a member, or ends. */
static enum mr_status
next_packed(struct mr_input *in)
{
	enum mr_status st;
	size_t got = 0;

	if (in->z.avail_in == 0 && !in->read_all) {
		st = read_some(in, in->packed, PACKED_SIZE, &got);
		if (st)
			return st;
		in->z.next_in = in->packed;
		in->z.avail_in = (uInt)got;
	}
	if (in->z.avail_in == 0) {
		if (!in->in_member) {
			in->ended = true;
			return MR_OK;
		}
		in->truncated = true;
		return defect(in, "truncated: the gzip data end in the middle");
	}
	if (!in->in_member) {
		if (in->z.next_in[0] != 0x1f)
			return defect(in, "trailing garbage after the gzip data");
		inflateReset(&in->z);
		in->in_member = true;
	}
	return MR_OK;
}

/* Inflates until there is something new in data, the input ends, or fails. */
static enum mr_status
fill_gzip(struct mr_input *in)
{
	enum mr_status st;
	size_t room = in->capacity - in->end;
	int rc;

	do {
		st = next_packed(in);
		if (st || in->ended)
			return st;
		in->z.next_out = in->data + in->end;
		in->z.avail_out = (uInt)room;
		rc = inflate(&in->z, Z_NO_FLUSH);
		in->end = in->capacity - in->z.avail_out;
		if (rc == Z_MEM_ERROR)
			return mr_fail_memory(&in->defect);
		if (rc == Z_STREAM_END)
			in->in_member = false;
		else if (rc != Z_OK && rc != Z_BUF_ERROR)
			return inflate_defect(in);
	} while (in->z.avail_out == room);
	return MR_OK;
}

static enum mr_status
fill_plain(struct mr_input *in)
{
	size_t got = 0;
	enum mr_status st;

	st = read_some(in, in->data + in->end, in->capacity - in->end, &got);
	in->end += got;
	in->ended = in->read_all;
	return st;
}

/* Makes room behind end: by moving what is left to the front, or by growing. */
static enum mr_status
make_room(struct mr_input *in, struct mr_error *err)
{
	unsigned char *larger;

	if (in->start) {
		memmove(in->data, in->data + in->start, in->end - in->start);
		in->end -= in->start;
		in->start = 0;
	}
	if (in->end < in->capacity)
		return MR_OK;
	larger = realloc(in->data, in->capacity * 2);
	if (!larger)
		return mr_fail_memory(err);
	in->data = larger;
	in->capacity *= 2;
	return MR_OK;
}

enum mr_status
mr_input_peek(struct mr_input *in, size_t want, const unsigned char **data,
	size_t *length, struct mr_error *err)
{
	enum mr_status st;

	while (in->end - in->start < want && !in->ended) {
		if (in->defect.status) {
			if (err)
				*err = in->defect;
			return in->defect.status;
		}
		st = make_room(in, err);
		if (st)
			return st;
		/* a defect is reported in the next turn, if want is not met */
		st = in->fill(in);
	}
	*data = in->data + in->start;
	*length = in->end - in->start;
	return MR_OK;
}

void
mr_input_skip(struct mr_input *in, size_t count)
{
	in->start += count;
	in->skipped += count;
}

uint64_t
mr_input_position(const struct mr_input *in)
{
	return in->skipped;
}

bool
mr_input_truncated(const struct mr_input *in)
{
	return in->truncated;
}

void
mr_input_progress(const struct mr_input *in, uint64_t *done, uint64_t *length)
{
	*done = in->bytes_read;
	*length = in->file_length;
}

/* Hands the bytes read so far over to inflate. */
static enum mr_status
start_gzip(struct mr_input *in, struct mr_error *err)
{
	in->packed = malloc(PACKED_SIZE);
	if (!in->packed || inflateInit2(&in->z, GZIP_ONLY) != Z_OK)
		return mr_fail_memory(err);
	in->gzip = true;
	in->fill = fill_gzip;
	in->in_member = true;
	memcpy(in->packed, in->data, in->end);
	in->z.next_in = in->packed;
	in->z.avail_in = (uInt)in->end;
	in->end = 0;
	return MR_OK;
}

/* Reads the first bytes, from which a compressed file can be told. */
static enum mr_status
detect_packing(struct mr_input *in, struct mr_error *err)
{
	enum mr_status st;
	size_t got;

	in->data = malloc(DATA_SIZE);
	if (!in->data)
		return mr_fail_memory(err);
	in->capacity = DATA_SIZE;
	while (in->end < 2 && !in->read_all) {
		st = read_some(in, in->data + in->end, PACKED_SIZE - in->end, &got);
		if (st) {
			if (err)
				*err = in->defect;
			return st;
		}
		in->end += got;
	}
	if (in->end >= 2 && in->data[0] == 0x1f && in->data[1] == 0x8b)
		return start_gzip(in, err);
	in->fill = fill_plain;
	in->ended = in->read_all;
	return MR_OK;
}

enum mr_status
mr_input_open(struct mr_input **out, const char *path, struct mr_error *err)
{
	struct mr_input *in;
	struct stat about;
	enum mr_status st;

	*out = NULL;
	in = calloc(1, sizeof(*in));
	if (!in)
		return mr_fail_memory(err);
	if (strcmp(path, "-")) {
		in->fd = open(path, O_RDONLY | O_CLOEXEC);
		in->own_fd = true;
	}
	if (in->fd < 0) {
		st = mr_fail_errno(err, errno, "cannot open");
		goto out;
	}
	if (!fstat(in->fd, &about) && S_ISREG(about.st_mode))
		in->file_length = (uint64_t)about.st_size;
	st = detect_packing(in, err);
out:
	if (st)
		mr_input_close(in);
	else
		*out = in;
	return st;
}

void
mr_input_close(struct mr_input *in)
{
	if (!in)
		return;
	if (in->own_fd && in->fd >= 0)
		close(in->fd);
	if (in->gzip)
		inflateEnd(&in->z);
	free(in->packed);
	free(in->data);
	free(in);
}
