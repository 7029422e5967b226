#pragma once

/*
 * home.h - one simulated hub of a swarm: the real uplink of hub-coap, with hub-store and hubd played around it.
 *
 * Its uplink is coap/uplink with all machines and the DTLS client below it, on its own certificate. It is
 * spoken to over its own sockets, in the messages of hub-store and hubd. Its readings are random bytes of the size of sealed
 * ones, in batches signed as hub-store signs them; they are kept in memory until the clinic names them
 * and go again until then. What was acknowledged is in the ledger before the hub forgets it.
 *
 * Many of them live in one process and on one loop.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/config.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/rt.h"
#include "clinic/pki.h"
#include "tests/swarm/ledger.h"

struct home;

enum { HOME_READINGS_MAX = 1000, HOME_ASSIGNMENT = 7 };

/* Who a hub is. Secret. */
struct home_identity {
	struct pki_pair pair;
	uint8_t hub[HUB_ID_LEN];
	uint8_t sign_private[P256_PRIVATE_LEN];
};

/* Counted over all hubs of a swarm. */
struct home_totals {
	unsigned made, acked;
	unsigned refused;    /* readings that the clinic would not have */
	unsigned up;	     /* hubs that are connected */
	unsigned handshakes; /* completed */
	unsigned back;	     /* hubs with a handshake since the last home_mark */
	unsigned incidents;
};

/* Shared by all hubs of a swarm; must outlive them. */
struct home_config {
	struct rt *rt;
	const char *root_pem;
	size_t endpoint_count;
	struct config_endpoint endpoints[CONFIG_ENDPOINTS_MAX];
	unsigned readings; /* each hub makes so many, at most HOME_READINGS_MAX */
	/* from one to the next, on average; 0: all are there at the beginning */
	unsigned pace_ms;
	unsigned spread_ms; /* a hub begins at a random moment within this time */
	uint16_t heartbeat_s;
	uint32_t assignment; /* of the readings that are made from now on */
	struct ledger *ledger;
	struct home_totals *totals;
};

/*
 * home_new - a hub that begins within spread_ms; it prefers endpoint number first % endpoint_count.
 *
 * id    borrowed until home_free
 * dir   an empty folder of its own, for its sockets; the path at most 80 bytes
 *
 * Ends the program if the hub cannot be made.
 */
struct home *home_new(const struct home_config *cfg, const struct home_identity *id,
		      const char *dir, size_t first);
void home_free(struct home *h);

/* home_mark - from now on 'back' counts anew. totals->back must be set to 0 by the caller, once for all hubs. */
void home_mark(struct home *h);
