#pragma once

/*
 * door_serve.h - the clinic's door in clinicd: a Unix socket for persons of this machine, and a TCP port with TLS 1.3 for
 * others. What is asked is answered by door_answer.h.
 *
 * Invariants
 *   1. A question is read only from a peer that is somebody: a uid, or a key that TLS has proved, with a row in force, or
 *      the user that clinicd runs as. The row is looked at again for each question: who is revoked is out at once.
 *   2. One question at a time from a connection; the next is read when the answer is gone.
 *   3. At most DOOR_PEERS_MAX connections, each for DOOR_IDLE_MS without a whole question, and until it is known for
 *      DOOR_HANDSHAKE_MS, or until somebody else wants its place. The loop never waits for a
 *      peer.
 */
#include "clinic/folder.h"
#include "clinic/store.h"
#include "hub/rt/rt.h"

enum { DOOR_PEERS_MAX = 16, DOOR_HANDSHAKE_MS = 5000, DOOR_IDLE_MS = 30000 };

struct door_serve;

struct door_serve_config {
	const char *dir; /* the clinic's folder; borrowed for ever */
	const char *
		socket; /* path, NULL: none; a socket that nobody listens on is replaced */
	const char *address; /* for TLS, digits; "": all */
	bool tls;
	uint16_t port; /* 0: a free one */
	/* may the store be used now? NULL: always */
	bool (*ready)(void *arg);
	/* a COMMIT failed: the store must not be used again */
	void (*failed)(void *arg);
	void *arg;
};

/* Returns 0, or an error with words in why. */
int door_serve_start(struct rt *rt, struct store *s, const struct door_serve_config *cfg,
		     struct door_serve **ret, char why[static FOLDER_WHY_MAX]);
/* The TCP port, 0: none. */
uint16_t door_serve_port(const struct door_serve *d);
void door_serve_free(struct door_serve *d); /* NULL is fine */
