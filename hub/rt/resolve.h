#pragma once

/*
 * resolve.h - the addresses of a name, by what the system is configured to ask (files, DNS).
 *
 * The question is asked by threads of libuv, at most RESOLVE_THREADS; the answer comes in the loop. What DNS says
 * is anybody's word: whoever is found there must still prove who he is.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/rt/rt.h"

enum {
	RESOLVE_NAME_MAX = 253,
	RESOLVE_ADDRESSES_MAX = 4, /* more are left out */
	RESOLVE_THREADS = 2,
	/* Questions that are under way, those that nobody waits for any more among them. */
	RESOLVE_PENDING_MAX = 4,
};

struct rt_resolve;

/* addrs: count times 16 bytes, IPv6, or IPv4 as ::ffff:a.b.c.d, best first, none twice; count 0: none, or no answer. */
typedef void rt_resolve_fn(void *arg, size_t count, const uint8_t (*addrs)[16]);

/*
 * rt_resolve_new - ask for a name's addresses.
 *
 * name   a DNS name, copied
 *
 * fn is called once, from the loop and never from within this call; then or before, free it. No deadline: the
 * caller has one.
 *
 * Returns 0 with *ret, -EMSGSIZE (empty, or longer than RESOLVE_NAME_MAX), -ENOSPC (RESOLVE_PENDING_MAX), or -EIO.
 */
int rt_resolve_new(struct rt *rt, const char *name, rt_resolve_fn *fn, void *arg,
		   struct rt_resolve **ret);

/* rt_resolve_free - fn is not called any more; NULL is fine; safe inside fn. */
void rt_resolve_free(struct rt_resolve *r);
