#pragma once

/*
 * enrolling.h - the shell around enrol.h in hub-coap: its files, its questions to the clinic, and who hears of what.
 *
 *   clinic.trust, device key, credentials --identity_store--> enrol --question--> enrol_client ==DTLS==> clinic
 *   uplink <--credential, root-- enrol       hubd <--state, clinic.trust-- here --which keys?--> hub-store
 *
 * There are two identities: the one in use, and that of an emergency, which speaks at lockdown level 3 while the other one is
 * withheld (identity_store.h). The second is got after the first and anew with each of its renewals, by a conversation of
 * its own that keeps the first from nothing.
 *
 * Without clinic.trust it waits quietly, and looks for one every ENROLLING_LOOK_MS.
 */
#include "coap/client.h"
#include "coap/enrol.h"
#include "hub/core/msg.h"
#include "hub/rt/rt.h"

enum { ENROLLING_LOOK_MS = 5000 };

struct enrolling;

/* All are called from the loop, never inside a library, and not by enrolling_new. */
struct enrolling_host {
	void *arg;
	/* The uplink's credential from now on; NULL: there is none. Borrowed for the call. emergency: it is the emergency
	 * identity's, which may upload and nothing else */
	void (*use)(void *arg, const struct client_config *cfg, bool emergency);
	void (*tell_hubd)(void *arg, const struct msg *m);
	void (*tell_store)(void *arg, const struct msg *m);
	/* The clinic wants this version of the config in use. */
	void (*wanted)(void *arg, uint64_t version);
	/* The endpoint where readings go now, the n-th (any number; of those in use). Returns false: none is known. */
	bool (*ingest)(void *arg, unsigned n, struct config_endpoint *ret);
};

/*
 * enrolling_new - open what is in the folder; nothing is asked before enrolling_start.
 *
 * dir    borrowed for life
 *
 * Returns 0 with *ret, or as identity_store_open.
 */
int enrolling_new(struct rt *rt, const char *dir, struct enrolling **ret);
void enrolling_free(struct enrolling *e); /* NULL is fine; wipes */
void enrolling_start(struct enrolling *e, const struct enrolling_host *host);

enum enrol_state enrolling_state(const struct enrolling *e);

/* The uplink's connection was acknowledged something, or was refused by the clinic. */
void enrolling_on_uplink(struct enrolling *e, bool refused);
/* It is at least so late at 'at'. */
void enrolling_on_time(struct enrolling *e, const struct msg_time *t);
void enrolling_on_route(struct enrolling *e);
/* hubd, hub-store are there. */
void enrolling_on_hubd(struct enrolling *e);
void enrolling_on_store(struct enrolling *e);
/* The clinic has acknowledged something over the uplink. */
void enrolling_on_acknowledged(struct enrolling *e);
/* An order to retire this hub is there, or not any more. */
void enrolling_on_leaving(struct enrolling *e, bool leaving);
/* A piece of the clinic's root, by the config. */
void enrolling_on_anchor(struct enrolling *e, const struct msg_anchor *piece);
/* Which identity may be used, and whether it is to be renewed at once; key material in m is wiped by the caller. */
void enrolling_on_identity(struct enrolling *e, const struct msg_identity *m);
void enrolling_on_sign_keys(struct enrolling *e, const struct msg_sign_keys *keys);
