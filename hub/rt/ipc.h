#pragma once

/*
 * ipc.h - messages of hub/core/msg.h over SOCK_SEQPACKET Unix sockets, with peer-credential checks.
 *
 * Invariants
 *   1. A connection is used only after SO_PEERCRED showed the uid that belongs to the peer's role.
 *   2. A message reaches a handler only if it parses and msg_allowed() says yes for the two roles. Bytes that
 *      do not parse close the connection and are counted; a forbidden message is an incident (handler
 *      'violation'), and closes it too.
 *   3. Nothing is dropped: ipc_send either takes the message or says -EAGAIN.
 *
 * Each link has its own socket, named <listener>-<peer> ("store-ble") in the run directory: from systemd
 * (LISTEN_FDNAMES) if it is there, else bound by us.
 */
#include "hub/core/msg.h"
#include "hub/rt/rt.h"

/* one link to one peer process, listening or connecting side; survives the peer */
struct ipc;

struct ipc_handlers {
	/* The peer is there; send what it must know. */
	void (*up)(void *arg, struct ipc *link);
	/* The peer is gone; messages not yet taken by the kernel are forgotten. */
	void (*down)(void *arg, struct ipc *link);
	/* m is borrowed for the call. */
	void (*message)(void *arg, struct ipc *link, const struct msg *m);
	/* A peer broke invariant 1 or 2 other than by bytes that do not parse; count of all since start. May be NULL. */
	void (*violation)(void *arg, struct ipc *link, unsigned count);
};

struct ipc_config {
	enum role self;
	enum role peer;
	const char *run_dir; /* where the sockets are; copied */
	/* all processes run under our own uid: tests and development only */
	bool same_user;
};

/*
 * ipc_listen - accept the peer on socket <self>-<peer>. At most one connection: a new one replaces the old.
 *
 * Returns 0 with *ret, or -EIO, -ENOENT (no user of that name), -EACCES.
 */
int ipc_listen(struct rt *rt, const struct ipc_config *cfg, const struct ipc_handlers *h,
	       void *arg, struct ipc **ret);

/* ipc_connect - reach the peer on socket <peer>-<self>; tries again every 200 ms to 2 s for ever. */
int ipc_connect(struct rt *rt, const struct ipc_config *cfg, const struct ipc_handlers *h,
		void *arg, struct ipc **ret);

/*
 * ipc_send - Returns 0, -EAGAIN (peer slow: 256 messages wait already; or not there), or what msg_encode says.
 */
int ipc_send(struct ipc *link, const struct msg *m);
bool ipc_is_up(const struct ipc *link);
void ipc_free(struct ipc *link); /* NULL is fine; not inside its own handlers */
