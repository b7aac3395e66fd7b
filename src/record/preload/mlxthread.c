/* SPDX-License-Identifier: MIT */
/*
 * Knowing MLX's own threads, those of its streams, from the program's: a call
 * that waits for streams waits for these.
 */
#include <dlfcn.h>
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "record/preload/lane.h"
#include "record/preload/mlx.h"
#include "record/preload/real.h"

typedef void *start_call(void *argument);
typedef int create_call(pthread_t *id, const pthread_attr_t *attributes,
	start_call *start, void *argument);

static __thread bool of_mlx __attribute__((tls_model("initial-exec")));

struct beginning {
	start_call *start;
	void *argument;
};

static void *
begin(void *context)
{
	struct beginning beginning = *(struct beginning *)context;

	mr_real.free(context);
	of_mlx = true;
	return beginning.start(beginning.argument);
}

static bool
is_of(const void *address, const char *library)
{
	Dl_info info;
	const char *slash, *name;

	if (!dladdr(address, &info) || !info.dli_fname)
		return false;
	slash = strrchr(info.dli_fname, '/');
	name = slash ? slash + 1 : info.dli_fname;
	return !strncmp(name, library, strlen(library));
}

/*
 * Whether MLX starts the thread. libstdc++ starts all std::threads at one place
 * of its own; what it hands on begins with the virtual table of a class that
 * was made where the std::thread was.
 */
static bool
is_started_by_mlx(start_call *start, void *argument)
{
	void *place;

	memcpy(&place, &start, sizeof(place));
	return is_of(place, MR_MLX_LIBRARY) ||
		(is_of(place, "libstdc++") && argument &&
			is_of(*(void **)argument, MR_MLX_LIBRARY));
}

static create_call *
real_create(void)
{
	static create_call *_Atomic call;
	create_call *found = call;
	void *symbol;

	if (!found) {
		symbol = dlsym(RTLD_NEXT, "pthread_create");
		memcpy(&found, &symbol, sizeof(found));
		call = found;
	}
	return found;
}

MR_EXPORT int
pthread_create(pthread_t *restrict id, const pthread_attr_t *restrict attributes,
	start_call *start, void *restrict argument)
{
	create_call *create = real_create();
	struct beginning *beginning;
	int status;

	if (!create)
		return EAGAIN;
	if (!mr_mlx_waits_for_streams() || !is_started_by_mlx(start, argument))
		return create(id, attributes, start, argument);
	beginning = mr_real.malloc ? mr_real.malloc(sizeof(*beginning)) : NULL;
	if (!beginning)
		return create(id, attributes, start, argument);
	*beginning = (struct beginning){start, argument};
	status = create(id, attributes, begin, beginning);
	if (status)
		mr_real.free(beginning);
	return status;
}

bool
mr_mlx_has_thread(void)
{
	return of_mlx;
}
