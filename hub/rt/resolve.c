/*
 * resolve.c - see resolve.h.
 *
 * A question that is under way in a thread cannot be called back: its memory is released when the answer comes,
 * whoever waits for it. The system's resolver gives up by itself, by its options set here.
 */
#include "hub/rt/resolve.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/rt/loop.h"

struct rt_resolve {
	uv_getaddrinfo_t uv;
	rt_resolve_fn *fn; /* NULL: nobody waits */
	void *arg;
	bool answered;
};

static unsigned pending;

/* For the threads, before there is one: how many, and how long the resolver tries. */
static void prepare(void)
{
	static bool prepared;
	char threads[16];

	if (prepared)
		return;
	prepared = true;
	snprintf(threads, sizeof(threads), "%d", RESOLVE_THREADS);
	setenv("UV_THREADPOOL_SIZE", threads, 1);
	setenv("RES_OPTIONS", "timeout:2 attempts:2", 1);
}

static bool get_address(const struct sockaddr *a, uint8_t ret[static 16])
{
	struct sockaddr_in in;
	struct sockaddr_in6 in6;

	memset(ret, 0, 16);
	if (a->sa_family == AF_INET) {
		memcpy(&in, a, sizeof(in));
		ret[10] = ret[11] = 0xff;
		memcpy(ret + 12, &in.sin_addr, 4);
		return true;
	}
	if (a->sa_family != AF_INET6)
		return false;
	memcpy(&in6, a, sizeof(in6));
	memcpy(ret, &in6.sin6_addr, 16);
	return true;
}

static size_t collect(const struct addrinfo *list,
		      uint8_t ret[static RESOLVE_ADDRESSES_MAX][16])
{
	size_t count = 0;

	for (; list && count < RESOLVE_ADDRESSES_MAX; list = list->ai_next) {
		bool twice = false;

		if (!get_address(list->ai_addr, ret[count]))
			continue;
		for (size_t i = 0; i < count; i++)
			twice |= memcmp(ret[i], ret[count], 16) == 0;
		count += !twice;
	}
	return count;
}

static void on_answer(uv_getaddrinfo_t *uv, int status, struct addrinfo *list)
{
	struct rt_resolve *r = uv->data;
	uint8_t addrs[RESOLVE_ADDRESSES_MAX][16];
	size_t count = status == 0 ? collect(list, addrs) : 0;

	uv_freeaddrinfo(list);
	pending--;
	r->answered = true;
	if (r->fn)
		r->fn(r->arg, count, (const uint8_t(*)[16])addrs);
	else
		free(r);
}

int rt_resolve_new(struct rt *rt, const char *name, rt_resolve_fn *fn, void *arg,
		   struct rt_resolve **ret)
{
	const struct addrinfo hints = { .ai_family = AF_UNSPEC,
					.ai_socktype = SOCK_DGRAM };
	size_t len = strnlen(name, RESOLVE_NAME_MAX + 1);
	struct rt_resolve *r;

	if (len == 0 || len > RESOLVE_NAME_MAX)
		return -EMSGSIZE;
	if (pending >= RESOLVE_PENDING_MAX)
		return -ENOSPC;
	prepare();
	r = calloc(1, sizeof(*r));
	if (!r)
		return -EIO;
	r->fn = fn;
	r->arg = arg;
	r->uv.data = r;
	if (uv_getaddrinfo(rt_loop(rt), &r->uv, on_answer, name, NULL, &hints) != 0) {
		free(r);
		return -EIO;
	}
	pending++;
	*ret = r;
	return 0;
}

void rt_resolve_free(struct rt_resolve *r)
{
	if (!r)
		return;
	r->fn = NULL;
	if (r->answered)
		free(r);
	else
		uv_cancel((uv_req_t *)&r->uv); /* only if no thread has begun with it */
}
