#pragma once

/*
 * handover.h - the link to hub-store: hands values over, keeps each until it is durable.
 *
 *   value -> MSG_RAW at once -> MSG_DECODED when finished -> MSG_DURABLE -> forgotten
 *
 * hub-store away or blocked: values wait in memory (backlog.h) and are offered again,
 * under the same numbers, when it says that it is ready.
 */
#include "ble/backlog.h"
#include "hub/rt/ipc.h"
#include "hub/rt/options.h"

struct handover;

struct handover_handlers {
	/* handover_is_ready may have changed, or room became free. */
	void (*changed)(void *arg);
	/* One value of this device is durable. */
	void (*durable)(void *arg, size_t device);
	/* hub-store broke the rules of the link. */
	void (*violation)(void *arg, unsigned count);
};

/* handover_new - Returns 0 with *ret, or what ipc_connect says. h is copied. */
int handover_new(struct rt *rt, const struct options *opt,
		 const struct handover_handlers *h, void *arg, struct handover **ret);

/* handover_is_ready - hub-store takes readings, and
 * there is room for what a new connection may bring. */
bool handover_is_ready(const struct handover *h);

/* handover_raw - number a value, keep it, send it. Returns
 * its entry (see backlog_add), NULL if there is no room. */
struct backlog_entry *handover_raw(struct handover *h, size_t device,
				   const struct msg_raw *raw);

/*
 * handover_unfinished - the next value whose MSG_DECODED has not been given; start with NULL.
 *
 * The entry is valid until the loop runs again.
 */
struct backlog_entry *handover_unfinished(struct handover *h,
					  const struct backlog_entry *after);

/* handover_finish - give the second message of an entry. */
void handover_finish(struct handover *h, struct backlog_entry *e,
		     const struct msg_decoded *d);

/* handover_is_empty - every value is durable. */
bool handover_is_empty(const struct handover *h);

void handover_free(struct handover *h); /* NULL is fine */
