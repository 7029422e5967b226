#pragma once

/*
 * enrol_role.h - clinicd's role of giving certificates to hubs: a port of its own for requests, and confirmations on the port
 * of uploads.
 *
 * Without 'enrol' in clinic.conf, or without enrol.key, there is no such port; confirmations are taken all the same, as
 * another clinicd may have issued what is confirmed here.
 */
#include "clinic/calls.h"
#include "clinic/conf.h"
#include "clinic/enroller.h"
#include "clinic/flood.h"
#include "clinic/folder.h"
#include "clinic/metrics.h"
#include "coap/server.h"
#include "hub/rt/rt.h"

/* Fields are private, but for failed. */
struct enrol_role {
	struct enroller enroller;
	struct coap_server *server; /* NULL: no port */
	struct flood *flood;
	struct metrics *metrics;
	struct calls *calls;
	struct mono flood_told;
	bool failed; /* the store must not be used again */
	struct enrol_waiting {
		struct coap_server_request rq; /* what it points to is borrowed */
		struct coap_server_response *ret;
	} waiting[COAP_SERVER_GROUP_MAX];
	size_t waiting_count;
};

/*
 * enrol_role_start - store, flood, metrics and calls are borrowed until the end.
 *
 * listen   as in struct coap_server_config
 *
 * Returns 0 or an error as in folder.h; 'why' says what is wrong.
 */
int enrol_role_start(struct enrol_role *e, struct rt *rt, struct store *store,
		     const char *dir, const struct conf *conf, const char *listen,
		     struct flood *flood, struct metrics *metrics, struct calls *calls,
		     char why[static FOLDER_WHY_MAX]);
void enrol_role_stop(struct enrol_role *e);

/* enrol_role_admits - on the port of uploads: a key that waits for its confirmation. */
bool enrol_role_admits(struct enrol_role *e, const uint8_t spki[static PIN_LEN]);

/*
 * enrol_role_add, enrol_role_settle - POST "hub/confirm" on the port of uploads, in the two steps of struct
 * coap_server_config: the transaction of the uploads that came with it ends in between.
 */
void enrol_role_add(struct enrol_role *e, const struct coap_server_request *rq,
		    struct coap_server_response *ret);
void enrol_role_settle(struct enrol_role *e);

/*
 * enrol_role_read_ca - the certificates that a hub's may chain to, as one text: the root, and the CA for hubs that enrol if
 * there is one, also the next one and the one before (keyring.h).
 *
 * Returns 0 or an error as in folder.h.
 */
enum { ENROL_CA_MAX = 7 * PKI_PEM_MAX };
int enrol_role_read_ca(const char *dir, char ret[static ENROL_CA_MAX],
		       char why[static FOLDER_WHY_MAX]);
