/* SPDX-License-Identifier: MIT */
#include "trace/inflow.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#ifdef HAVE_ZSTD
#include <zstd.h>
#endif

#include "base/error.h"

#define MAGIC_SIZE  4 /* bytes that tell what a file is packed with */
#define PACKED_SIZE ((size_t)64 * 1024)
#define GZIP_ONLY   (15 + 16) /* inflateInit2: largest window, gzip wrapper */

static enum mr_status
read_some(struct mr_inflow *flow, unsigned char *to, size_t room, size_t *got,
	struct mr_error *err)
{
	ssize_t n;

	do
		n = read(flow->fd, to, room);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return mr_fail_errno(err, errno, "cannot read");
	*got = (size_t)n;
	flow->read_all = n == 0;
	atomic_fetch_add(&flow->bytes_read, *got);
	return MR_OK;
}

static enum mr_status
start_zstd(struct mr_inflow *flow, struct mr_error *err)
{
#ifdef HAVE_ZSTD
	flow->zstd = ZSTD_createDStream();
	flow->in_member = true;
	return flow->zstd ? MR_OK : mr_fail_memory(err);
#else
	(void)flow;
	return mr_fail(err, MR_EFORMAT,
		"it is packed with zstd, and this memreplay was built without libzstd "
		"(Debian: libzstd-dev); zstd -dc unpacks it");
#endif
}

/* A frame of data, or one to skip, as pzstd puts before each. */
static bool
is_zstd(const unsigned char magic[MAGIC_SIZE])
{
	return !memcmp(magic, "\x28\xb5\x2f\xfd", MAGIC_SIZE) ||
		(magic[0] >> 4 == 5 && !memcmp(magic + 1, "\x2a\x4d\x18", 3));
}

/* Reads the first bytes, from which a packed file can be told. */
static enum mr_status
read_first(struct mr_inflow *flow, struct mr_error *err)
{
	size_t have = 0, got = 0;
	enum mr_status st;

	flow->packed = malloc(PACKED_SIZE);
	if (!flow->packed)
		return mr_fail_memory(err);
	while (have < MAGIC_SIZE && !flow->read_all) {
		st = read_some(flow, flow->packed + have, PACKED_SIZE - have, &got, err);
		if (st)
			return st;
		have += got;
	}
	if (have >= 2 && flow->packed[0] == 0x1f && flow->packed[1] == 0x8b) {
		if (inflateInit2(&flow->z, GZIP_ONLY) != Z_OK)
			return mr_fail_memory(err);
		flow->gzip = flow->in_member = true;
	}
	flow->z.next_in = flow->packed;
	flow->z.avail_in = (uInt)have;
	if (have >= MAGIC_SIZE && is_zstd(flow->packed))
		return start_zstd(flow, err);
	return MR_OK;
}

enum mr_status
mr_inflow_open(struct mr_inflow *flow, const char *path, struct mr_error *err)
{
	struct stat about;

	*flow = (struct mr_inflow){.fd = STDIN_FILENO};
	if (strcmp(path, "-")) {
		flow->fd = open(path, O_RDONLY | O_CLOEXEC);
		flow->own_fd = true;
	}
	if (flow->fd < 0)
		return mr_fail_errno(err, errno, "cannot open");
	if (fstat(flow->fd, &about))
		return mr_fail_errno(err, errno, "cannot open");
	if (S_ISREG(about.st_mode))
		flow->file_length = (uint64_t)about.st_size;
	return read_first(flow, err);
}

static enum mr_status
defect(struct mr_inflow *flow, struct mr_error *err, const char *text)
{
	return mr_fail_at(err, MR_EFORMAT, MR_PLACE_BYTE, flow->made, "%s", text);
}

/* What zlib's word for a defect means for the reader of a file. */
static enum mr_status
inflate_defect(struct mr_inflow *flow, struct mr_error *err)
{
	const char *msg = flow->z.msg ? flow->z.msg : "";

	if (!strcmp(msg, "incorrect data check"))
		return defect(flow, err, "CRC mismatch: the gzip data are damaged");
	if (!strcmp(msg, "incorrect length check"))
		return defect(flow, err, "length mismatch: the gzip data are damaged");
	if (!strcmp(msg, "incorrect header check")) /* never in the first member */
		return defect(flow, err, "trailing garbage after the gzip data");
	return mr_fail_at(
		err, MR_EFORMAT, MR_PLACE_BYTE, flow->made, "damaged gzip data: %s", msg);
}

/* Makes sure that there is packed input. MR_END: it ends, and may end here. */
static enum mr_status
more_packed(struct mr_inflow *flow, struct mr_error *err)
{
	enum mr_status st;
	size_t got = 0;

	if (flow->z.avail_in == 0 && !flow->read_all) {
		st = read_some(flow, flow->packed, PACKED_SIZE, &got, err);
		if (st)
			return st;
		flow->z.next_in = flow->packed;
		flow->z.avail_in = (uInt)got;
	}
	if (flow->z.avail_in > 0)
		return MR_OK;
	if (!flow->in_member)
		return MR_END;
	flow->truncated = true;
	return defect(flow, err,
		flow->gzip ? "truncated: the gzip data end in the middle"
			   : "truncated: the zstd data end in the middle");
}

/*
 * Makes sure that inflate has input and stands inside a member. Zeros up to the end,
 * as tapes and disks fill up their last block, gzip(1) ignores too.
 */
static enum mr_status
next_packed(struct mr_inflow *flow, struct mr_error *err)
{
	enum mr_status st = more_packed(flow, err);
	bool padded = false;

	while (!st && !flow->in_member && flow->z.next_in[0] == 0) {
		padded = true;
		flow->z.next_in++;
		flow->z.avail_in--;
		st = more_packed(flow, err);
	}
	if (st)
		return st;
	if (!flow->in_member) {
		if (padded || flow->z.next_in[0] != 0x1f)
			return defect(flow, err, "trailing garbage after the gzip data");
		inflateReset(&flow->z);
		flow->in_member = true;
	}
	return MR_OK;
}

/* Inflates until there is something, the input ends, or fails. */
static enum mr_status
take_gzip(struct mr_inflow *flow, unsigned char *to, size_t room, size_t *got,
	struct mr_error *err)
{
	enum mr_status st;
	int rc;

	do {
		if ((st = next_packed(flow, err)))
			return st;
		flow->z.next_out = to;
		flow->z.avail_out = (uInt)room;
		rc = inflate(&flow->z, Z_NO_FLUSH);
		*got = room - flow->z.avail_out;
		flow->made += *got;
		if (rc == Z_MEM_ERROR)
			return mr_fail_memory(err);
		if (rc == Z_STREAM_END)
			flow->in_member = false;
		else if (rc != Z_OK && rc != Z_BUF_ERROR)
			return inflate_defect(flow, err);
	} while (!*got);
	return MR_OK;
}

#ifdef HAVE_ZSTD
/* Unpacks until there is something, the input ends, or fails. */
static enum mr_status
take_zstd(struct mr_inflow *flow, unsigned char *to, size_t room, size_t *got,
	struct mr_error *err)
{
	ZSTD_outBuffer out = {to, room, 0};
	enum mr_status st;
	size_t left;

	for (;;) { /* without input too: there may be output left within */
		ZSTD_inBuffer in = {flow->z.next_in, flow->z.avail_in, 0};

		left = ZSTD_decompressStream(flow->zstd, &out, &in);
		if (ZSTD_isError(left))
			return mr_fail_at(err, MR_EFORMAT, MR_PLACE_BYTE, flow->made,
				"damaged zstd data: %s", ZSTD_getErrorName(left));
		flow->z.next_in += in.pos;
		flow->z.avail_in -= (uInt)in.pos;
		if (in.pos || out.pos)
			flow->in_member = left > 0;
		if (out.pos)
			break;
		if (!flow->z.avail_in && (st = more_packed(flow, err)))
			return st;
	}
	*got = out.pos;
	flow->made += out.pos;
	return MR_OK;
}
#endif

static enum mr_status
take_plain(struct mr_inflow *flow, unsigned char *to, size_t room, size_t *got,
	struct mr_error *err)
{
	enum mr_status st = MR_OK;

	if (flow->z.avail_in) { /* the first bytes */
		*got = flow->z.avail_in < room ? flow->z.avail_in : room;
		memcpy(to, flow->z.next_in, *got);
		flow->z.next_in += *got;
		flow->z.avail_in -= (uInt)*got;
	} else if (!flow->read_all) {
		st = read_some(flow, to, room, got, err);
	}
	flow->made += *got;
	return st || *got ? st : MR_END;
}

enum mr_status
mr_inflow_take(struct mr_inflow *flow, unsigned char *to, size_t room, size_t *got,
	struct mr_error *err)
{
	*got = 0;
#ifdef HAVE_ZSTD
	if (flow->zstd)
		return take_zstd(flow, to, room, got, err);
#endif
	return flow->gzip ? take_gzip(flow, to, room, got, err)
			  : take_plain(flow, to, room, got, err);
}

void
mr_inflow_close(struct mr_inflow *flow)
{
	if (flow->own_fd && flow->fd >= 0)
		close(flow->fd);
	if (flow->gzip)
		inflateEnd(&flow->z);
#ifdef HAVE_ZSTD
	ZSTD_freeDStream(flow->zstd);
#endif
	free(flow->packed);
}
