/* SPDX-License-Identifier: MIT */
#include "trace/output.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include "base/error.h"

#define PLAIN_SIZE  ((size_t)64 * 1024)
#define PACKED_SIZE ((size_t)64 * 1024)
#define GZIP_LEVEL  6
#define GZIP_WINDOW (15 + 16) /* deflateInit2: largest window, gzip wrapper */
#define TEMP_TRIES  1000

struct mr_output {
	int fd;
	bool own_fd;
	char *path; /* the name to take */
	char *temp; /* the name until then; NULL: written in place */
	bool gzip;
	bool in_member; /* deflate holds something */
	z_stream z;
	unsigned char *packed;
	unsigned char *plain; /* not yet written or deflated */
	size_t plain_length;
	struct mr_error failure; /* MR_OK: none so far */
};

static enum mr_status
fail_write(struct mr_output *out, const char *what)
{
	return mr_fail_errno(&out->failure, errno, what);
}

static enum mr_status
report(const struct mr_output *out, struct mr_error *err)
{
	if (out->failure.status && err)
		*err = out->failure;
	return out->failure.status;
}

static enum mr_status
write_all(struct mr_output *out, const unsigned char *data, size_t length)
{
	while (length) {
		ssize_t n = write(out->fd, data, length);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return fail_write(out, "cannot write");
		data += n;
		length -= (size_t)n;
	}
	return MR_OK;
}

/* Passes the plain buffer on; with Z_FINISH, to the end of the gzip member. */
static enum mr_status
deflate_plain(struct mr_output *out, int flush)
{
	int rc;

	out->z.next_in = out->plain;
	out->z.avail_in = (uInt)out->plain_length;
	do {
		out->z.next_out = out->packed;
		out->z.avail_out = PACKED_SIZE;
		rc = deflate(&out->z, flush);
		if (write_all(out, out->packed, PACKED_SIZE - out->z.avail_out))
			return out->failure.status;
	} while (flush == Z_FINISH ? rc != Z_STREAM_END : out->z.avail_out == 0);
	out->plain_length = 0;
	out->in_member = true;
	return MR_OK;
}

static enum mr_status
flush_plain(struct mr_output *out)
{
	size_t length = out->plain_length;

	if (out->gzip)
		return deflate_plain(out, Z_NO_FLUSH);
	out->plain_length = 0;
	return write_all(out, out->plain, length);
}

enum mr_status
mr_output_write(
	struct mr_output *out, const void *data, size_t length, struct mr_error *err)
{
	const unsigned char *from = data;

	while (length && !out->failure.status) {
		size_t room = PLAIN_SIZE - out->plain_length;
		size_t part = length < room ? length : room;

		memcpy(out->plain + out->plain_length, from, part);
		out->plain_length += part;
		from += part;
		length -= part;
		if (out->plain_length == PLAIN_SIZE && flush_plain(out))
			break;
	}
	return report(out, err);
}

enum mr_status
mr_output_end_member(struct mr_output *out, struct mr_error *err)
{
	if (out->failure.status)
		return report(out, err);
	if (!out->gzip) {
		if (!flush_plain(out))
			return MR_OK;
	} else if (out->in_member || out->plain_length) {
		if (!deflate_plain(out, Z_FINISH)) {
			deflateReset(&out->z);
			out->in_member = false;
		}
	}
	return report(out, err);
}

/* Opens a new file beside path, with this mode, under a name that nobody has. */
static enum mr_status
open_temp(struct mr_output *out, mode_t mode, struct mr_error *err)
{
	size_t size = strlen(out->path) + 48;

	out->temp = malloc(size);
	if (!out->temp)
		return mr_fail_memory(err);
	out->own_fd = true;
	for (int i = 0; i < TEMP_TRIES; i++) {
		snprintf(out->temp, size, "%s.%ld-%d.part", out->path, (long)getpid(), i);
		out->fd = open(out->temp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, mode);
		if (out->fd >= 0)
			return MR_OK;
		if (errno != EEXIST)
			break;
	}
	free(out->temp);
	out->temp = NULL;
	return mr_fail_errno(err, errno, "cannot create");
}

/* Opens what replaces a file, with its mode, whatever the umask takes away. */
static enum mr_status
open_replacement(struct mr_output *out, mode_t mode, struct mr_error *err)
{
	enum mr_status st = open_temp(out, mode, err);

	if (!st && fchmod(out->fd, mode))
		st = mr_fail_errno(err, errno, "cannot create");
	return st;
}

/*
 * Follows links to a file that there is not, so that it comes to be there; to
 * others there is realpath(). NULL, with errno: failed.
 */
static char *
follow_links(const char *path)
{
	char target[PATH_MAX], *now = strdup(path), *next;
	ssize_t length;

	while (now && (length = readlink(now, target, sizeof(target))) > 0) {
		const char *slash = target[0] == '/' ? NULL : strrchr(now, '/');
		int folder = slash ? (int)(slash + 1 - now) : 0;
		int made = asprintf(&next, "%.*s%.*s", folder, now, (int)length, target);

		free(now);
		now = made < 0 ? NULL : next;
	}
	return now;
}

/*
 * Whichever descriptor of the process, or -1, path names or goes to: to replace
 * what a shell appends to would lose what it holds.
 */
static int
find_descriptor(const char *path, const struct stat *about)
{
	int fds[] = {STDOUT_FILENO, STDERR_FILENO, -1};
	struct stat other;

	if (sscanf(path, "/dev/fd/%d", &fds[2]) < 1)
		sscanf(path, "/proc/self/fd/%d", &fds[2]);
	for (size_t i = 0; i < sizeof(fds) / sizeof(fds[0]); i++)
		if (!fstat(fds[i], &other) && other.st_dev == about->st_dev &&
			other.st_ino == about->st_ino)
			return fds[i];
	return -1;
}

static enum mr_status
open_target(struct mr_output *out, const char *path, struct mr_error *err)
{
	struct stat about;
	bool exists;

	if (!strcmp(path, "-")) {
		out->fd = STDOUT_FILENO;
		return MR_OK;
	}
	exists = !stat(path, &about);
	if (exists && (out->fd = find_descriptor(path, &about)) >= 0)
		return MR_OK;
	if (!exists && errno != ENOENT)
		return mr_fail_errno(err, errno, "cannot create");
	/* the file a link points to is what is replaced, not the link */
	out->path = exists ? realpath(path, NULL) : follow_links(path);
	if (!out->path)
		return mr_fail_errno(err, errno, "cannot create");
	if (!exists)
		return open_temp(out, 0666, err);
	if (S_ISREG(about.st_mode))
		return open_replacement(out, about.st_mode & 0777, err);
	out->own_fd = true;
	out->fd = open(path, O_WRONLY | O_CLOEXEC);
	return out->fd >= 0 ? MR_OK : mr_fail_errno(err, errno, "cannot create");
}

enum mr_status
mr_output_open(
	struct mr_output **result, const char *path, bool gzip, struct mr_error *err)
{
	struct mr_output *out;
	enum mr_status st = MR_OK;

	*result = NULL;
	out = calloc(1, sizeof(*out));
	if (!out)
		return mr_fail_memory(err);
	out->fd = -1;
	out->plain = malloc(PLAIN_SIZE);
	out->packed = malloc(PACKED_SIZE);
	if (!out->plain || !out->packed)
		st = mr_fail_memory(err);
	if (!st && gzip) {
		if (deflateInit2(&out->z, GZIP_LEVEL, Z_DEFLATED, GZIP_WINDOW, 8,
			    Z_DEFAULT_STRATEGY) == Z_OK)
			out->gzip = true;
		else
			st = mr_fail_memory(err);
	}
	if (!st)
		st = open_target(out, path, err);
	if (st)
		mr_output_abort(out);
	else
		*result = out;
	return st;
}

const char *
mr_output_temporary(const struct mr_output *out)
{
	return out->temp;
}

enum mr_status
mr_output_finish(struct mr_output *out, struct mr_error *err)
{
	enum mr_status st = mr_output_end_member(out, err);

	if (!st && out->own_fd) {
		if (close(out->fd))
			st = fail_write(out, "cannot write");
		out->own_fd = false;
	}
	if (!st && out->temp) {
		if (rename(out->temp, out->path)) {
			st = fail_write(out, "cannot rename the finished file");
		} else {
			free(out->temp);
			out->temp = NULL;
		}
	}
	if (st)
		report(out, err);
	mr_output_abort(out);
	return st;
}

void
mr_output_abort(struct mr_output *out)
{
	if (!out)
		return;
	if (out->own_fd && out->fd >= 0)
		close(out->fd);
	if (out->temp)
		unlink(out->temp);
	if (out->gzip)
		deflateEnd(&out->z);
	free(out->temp);
	free(out->path);
	free(out->packed);
	free(out->plain);
	free(out);
}
