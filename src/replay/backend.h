/* SPDX-License-Identifier: MIT */
#ifndef MR_REPLAY_BACKEND_H
#define MR_REPLAY_BACKEND_H

/* The allocators that a child replays on, as the loop calls them. */

#include <stdatomic.h>

#include "replay/loop.h"
#include "replay/order.h"

struct mr_backend {
	struct mr_allocator allocator; /* its context is this backend */
	struct mr_cache *cache;        /* MR_ORDER_CACHING */
	bool keep_limits;
	atomic_size_t refused; /* mallocs that are known to be refused by the policy */
};

/*
 * Sets up the backend that the order names, in the caller's storage, which must
 * not move from then on; for mr_backend_fini().
 *   MR_ENOMEM, MR_EINVAL  as mr_cache_new()
 */
MR_MUST_CHECK enum mr_status mr_backend_init(
	struct mr_backend *backend, const struct mr_order *order, struct mr_error *err);

void mr_backend_fini(struct mr_backend *backend);

#endif
