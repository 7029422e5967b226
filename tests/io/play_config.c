/*
 * play_config.c - a clinic that signs and stores for a hub what clinicctl never would.
 *
 *   play_config CLINIC HUB WHAT
 *
 * The version that the hub is told of is one above the last. WHAT is wrong with the document:
 *   signature    one bit of it
 *   not-signed   it is no COSE_Sign1
 *   other-hub    it is made for another hub
 *   other-epoch  for another enrolment
 *   older        its version is below the one that the hub has in use
 *   heartbeat    this field
 *   endpoints    this field: there are none
 *   root         it offers a root of which the hub's own says nothing
 *   cross        it offers one that another root vouches for
 *   truncated    the end is missing, within a good signature
 *   large        nothing, but it has as many devices and as long names as it may
 *   lower        nothing, but the hub is told of version 1, as by a clinic restored from a backup
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/bundle.h"
#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/own_trust.h"
#include "clinic/store_config.h"
#include "hub/crypto/crypto.h"

static int fail(const char *what)
{
	fprintf(stderr, "play_config: %s\n", what);
	return 1;
}

static void enlarge(struct config *c)
{
	for (; c->device_count < CONFIG_DEVICES_MAX; c->device_count++) {
		struct config_device *d = &c->devices[c->device_count];

		*d = (struct config_device){ .num = (uint16_t)(1000 + c->device_count),
					     .kind = READING_WEIGHT,
					     .has_addr = true,
					     .addr = { 9, (uint8_t)c->device_count },
					     .passkey = 123456 };
		memset(d->serial, 'x', CONFIG_SERIAL_MAX);
	}
	for (; c->endpoint_count < CONFIG_ENDPOINTS_MAX; c->endpoint_count++) {
		struct config_endpoint *e = &c->endpoints[c->endpoint_count];

		*e = c->endpoints[0];
		e->pin_count = CONFIG_PINS_MAX;
		memset(e->name, 'a' + (int)c->endpoint_count, CONFIG_NAME_MAX);
		memset(e->addr, 0, sizeof(e->addr));
		e->addr[0] = 0x20; /* nobody is there */
		e->addr[1] = 0x01;
		e->addr[2] = 0x0d;
		e->addr[3] = 0xb8;
	}
}

/* Of somebody who has the key for configs, and no other one. */
static void offer_root(const char *dir, struct config *c, bool vouched)
{
	struct pki_pair root, other;
	uint8_t private[P256_PRIVATE_LEN];
	char why[FOLDER_WHY_MAX], cross[PKI_PEM_MAX];
	struct pki_cert der;
	struct trust t;

	c->root = (struct config_root){ .only = vouched };
	if (pki_make_root("foreign", 1795000000000, &root) ||
	    pki_make_root("another", 1795000000000, &other) ||
	    pki_root_scalar(&root, private) || own_trust_fill(dir, root.cert, &t, why) ||
	    own_trust_sign(&t, private, c->root.trust, &c->root.trust_len, why))
		exit(fail("no root"));
	if (!vouched)
		return;
	if (pki_certify_root(&other, &root, 1795000000000, cross) || pki_der(cross, &der))
		exit(fail("no certificate"));
	memcpy(c->root.cross, der.der, der.len);
	c->root.cross_len = der.len;
}

static void spoil(struct config *c, uint64_t used, const char *what)
{
	if (strcmp(what, "other-hub") == 0)
		c->hub[0] ^= 1;
	if (strcmp(what, "other-epoch") == 0)
		c->epoch++;
	if (strcmp(what, "older") == 0)
		c->version = used - 1;
	if (strcmp(what, "heartbeat") == 0)
		c->heartbeat_s = CONFIG_HEARTBEAT_MIN_S - 1;
	if (strcmp(what, "endpoints") == 0)
		c->endpoint_count = 0;
	if (strcmp(what, "risk") == 0) { /* good, and of another image than any */
		c->has_risk = true;
		c->risk = (struct config_risk){ .feed_s = 1700000000,
						.image = { 0xde, 0xad },
						.installed = 58,
						.loaded = 41,
						.exposed = 17,
						.actual = 4,
						.internal = 3,
						.closed = 16,
						.worst_count = 2,
						.worst = { 0x0badcafe, 0x1234 } };
	}
	if (strcmp(what, "large") == 0)
		enlarge(c);
}

/* Not by bundle_sign, which looks at what it signs. Returns the length. */
static int make(const char *dir, const struct config *c, const char *what,
		uint8_t cose[static BUNDLE_COSE_MAX])
{
	static uint8_t payload[CONFIG_BYTES_MAX];
	uint8_t private[P256_PRIVATE_LEN];
	char why[FOLDER_WHY_MAX];
	int n = config_encode(c, payload, sizeof(payload));

	if (n < 0 || folder_read(dir, FILES_CONFIG_KEY, private, sizeof(private), why))
		return -1;
	if (strcmp(what, "truncated") == 0)
		n--;
	n = sign1_make(SIGN_CONTEXT_CONFIG, private, payload, (size_t)n, cose,
		       BUNDLE_COSE_MAX);
	if (n > 0 && strcmp(what, "signature") == 0)
		cose[n - 1] ^= 1;
	if (n > 0 && strcmp(what, "not-signed") == 0)
		cose[0] = 0xff;
	return n;
}

int main(int argc, char **argv)
{
	static uint8_t cose[BUNDLE_COSE_MAX];
	static struct config told, c;
	char why[FOLDER_WHY_MAX];
	struct store *store;
	struct hub h;
	int n;

	if (argc != 4 || crypto_init())
		return fail("usage: play_config CLINIC HUB WHAT");
	if (folder_open_store(argv[1], &store, why))
		return fail(why);
	if (store_begin(store) || store_hub_by_name(store, argv[2], &h) ||
	    store_config_get(store, h.id, &c))
		return fail("no such hub");
	c.version = h.config_wanted + 1;
	told = c;
	if (strcmp(argv[3], "lower") == 0)
		told.version = c.version = 1;
	spoil(&c, h.config_used, argv[3]);
	if (strcmp(argv[3], "root") == 0 || strcmp(argv[3], "cross") == 0)
		offer_root(argv[1], &c, *argv[3] == 'c');
	n = make(argv[1], &c, argv[3], cose);
	if (n < 0 || store_config_put(store, &told) ||
	    store_config_offer(store, &told, cose, (size_t)n, 1) || store_commit(store))
		return fail("not stored");
	printf("%llu %d\n", (unsigned long long)told.version, n);
	store_close(store);
	return 0;
}
