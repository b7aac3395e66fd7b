/* SPDX-License-Identifier: MIT */
#include "trace/input.h"

#include <stdlib.h>
#include <string.h>

#include "base/error.h"
#include "trace/ahead.h"

#define DATA_SIZE ((size_t)256 * 1024)

struct mr_input {
	struct mr_inflow flow;
	struct mr_ahead *ahead; /* NULL: bytes are taken from flow when wanted */

	unsigned char *data; /* [start, end) is there to be peeked */
	size_t start;
	size_t end;
	size_t capacity;
	uint64_t skipped; /* bytes before data[start] */

	mr_read_progress progress; /* NULL: nobody is told */
	void *context;

	enum mr_status after;   /* data[end]: MR_OK if there may be more */
	struct mr_error defect; /* if that is not MR_END */
};

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

static void
fill(struct mr_input *in)
{
	unsigned char *to = in->data + in->end;
	size_t got, room = in->capacity - in->end;

	in->after = in->ahead ? mr_ahead_take(in->ahead, to, room, &got, &in->defect)
			      : mr_inflow_take(&in->flow, to, room, &got, &in->defect);
	in->end += got;
	if (in->progress)
		in->progress(in->context, atomic_load(&in->flow.bytes_read),
			in->flow.file_length);
}

enum mr_status
mr_input_peek(struct mr_input *in, size_t want, const unsigned char **data,
	size_t *length, struct mr_error *err)
{
	enum mr_status st;

	while (in->end - in->start < want && in->after != MR_END) {
		if (in->after) {
			if (err)
				*err = in->defect;
			return in->after;
		}
		st = make_room(in, err);
		if (st)
			return st;
		/* a defect is reported in the next turn, if want is not met */
		fill(in);
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

/* The flow's word is final, and nobody helps any more, when `after` is set. */
bool
mr_input_truncated(const struct mr_input *in)
{
	return in->after && in->flow.truncated;
}

void
mr_input_progress(const struct mr_input *in, uint64_t *done, uint64_t *length)
{
	*done = atomic_load(&in->flow.bytes_read);
	*length = in->flow.file_length;
}

enum mr_status
mr_input_open(struct mr_input **out, const char *path, struct mr_error *err)
{
	struct mr_input *in;
	enum mr_status st;

	*out = NULL;
	in = calloc(1, sizeof(*in));
	if (!in)
		return mr_fail_memory(err);
	st = mr_inflow_open(&in->flow, path, err);
	in->capacity = DATA_SIZE;
	in->data = malloc(DATA_SIZE);
	if (!st && !in->data)
		st = mr_fail_memory(err);
	if (st)
		mr_input_close(in);
	else
		*out = in;
	return st;
}

enum mr_status
mr_input_read_ahead(struct mr_input *in, struct mr_error *err)
{
	if (in->ahead || in->after || !in->flow.gzip || !in->flow.file_length)
		return MR_OK;
	return mr_ahead_new(&in->ahead, &in->flow, err);
}

void
mr_input_tell(struct mr_input *in, mr_read_progress progress, void *context)
{
	in->progress = progress;
	in->context = context;
}

bool
mr_input_help(struct mr_input *in)
{
	return in->ahead && mr_ahead_help(in->ahead);
}

void
mr_input_close(struct mr_input *in)
{
	if (!in)
		return;
	mr_ahead_free(in->ahead);
	mr_inflow_close(&in->flow);
	free(in->data);
	free(in);
}
