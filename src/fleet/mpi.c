/* SPDX-License-Identifier: MIT */

/* A transport made of MPI: a module of its own, and the only file that knows MPI. */

#include "fleet/transport.h"

#include <limits.h>
#include <mpi.h>
#include <stdlib.h>

#include "memreplay/base.h"

#define TAG 1

static struct mr_transport transport;
static char text[MPI_MAX_ERROR_STRING + 1];

static int
send_message(int to, const void *data, size_t length)
{
	if (length > INT_MAX)
		return MPI_ERR_COUNT;
	return MPI_Send(data, (int)length, MPI_BYTE, to, TAG, MPI_COMM_WORLD);
}

static int
take_message(int *from, void **data, size_t *length)
{
	MPI_Status status;
	int there, count, code;

	*data = NULL;
	code = MPI_Iprobe(MPI_ANY_SOURCE, TAG, MPI_COMM_WORLD, &there, &status);
	if (code || !there)
		return code;
	code = MPI_Get_count(&status, MPI_BYTE, &count);
	if (code)
		return code;
	*data = malloc((size_t)count + 1);
	if (!*data)
		return MPI_ERR_NO_MEM;
	*from = status.MPI_SOURCE;
	*length = (size_t)count;
	return MPI_Recv(
		*data, count, MPI_BYTE, *from, TAG, MPI_COMM_WORLD, MPI_STATUS_IGNORE);
}

static void
end_all(int status)
{
	MPI_Abort(MPI_COMM_WORLD, status);
}

static const char *
explain(int code)
{
	int length = 0;

	MPI_Error_string(code, text, &length);
	text[length] = '\0';
	return text;
}

MR_API void mr_transport_start(const struct mr_transport **out);

void
mr_transport_start(const struct mr_transport **out)
{
	int level;

	*out = NULL;
	if (MPI_Init_thread(NULL, NULL, MPI_THREAD_FUNNELED, &level))
		return;
	MPI_Comm_set_errhandler(MPI_COMM_WORLD, MPI_ERRORS_RETURN);
	MPI_Comm_rank(MPI_COMM_WORLD, &transport.rank);
	MPI_Comm_size(MPI_COMM_WORLD, &transport.size);
	transport.send = send_message;
	transport.take = take_message;
	transport.end = MPI_Finalize;
	transport.abort = end_all;
	transport.explain = explain;
	*out = &transport;
}
