#pragma once

/*
 * store.h - hub-store without its sockets: keys, queue and state.db, and what each message does to them.
 *
 * main.c feeds it messages and link changes, calls store_run after each, and arms one timer with
 * store_deadline. What it answers goes out through one function, so that a test can be the peers.
 */
#include <stdbool.h>

#include "hub/core/msg.h"

struct store;

struct store_host {
	void *arg;
	/* Returns 0, or -EAGAIN if that peer is not there or slow: as ipc_send. */
	int (*send)(void *arg, enum role to, const struct msg *m);
};

/*
 * store_new - opens what is in dir, or makes it; what does not open is tried again by store_run.
 *
 * dir    the store's folder, copied
 *
 * Returns the store, or NULL if there is no memory. db_heap_init and crypto_init come before.
 */
struct store *store_new(const char *dir, const struct store_host *host, struct mono now);
void store_free(struct store *s); /* NULL is fine; closes and wipes */

/*
 * store_use_stick - where records go that a technician takes along.
 *
 * dir   holds the FIFO 'pipe', which somebody reads while a stick is mounted, and 'result', which says what became of it; borrowed
 *       until store_free. Without it there is no stick
 */
void store_use_stick(struct store *s, const char *dir);

/* store_on_link - a peer is there, or gone. */
void store_on_link(struct store *s, enum role peer, bool up, struct mono now);

/* store_on_message - from a peer that may send it; borrowed. */
void store_on_message(struct store *s, const struct msg *m, struct mono now);

/* store_on_violation - a peer broke the rules of the link. */
void store_on_violation(struct store *s, enum role peer);

/* store_run - commit what is ready, hand over what may go, retry what failed. After every event. */
void store_run(struct store *s, struct mono now);

/* store_deadline - when store_run must be called next, or MONO_NEVER. */
struct mono store_deadline(const struct store *s, struct mono now);
