#pragma once

/*
 * bundle_hub.h - for programs that play a hub with the files of its bundle, in the clinic's own store.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "clinic/files.h"
#include "clinic/folder.h"
#include "clinic/pki.h"
#include "hub/core/config.h"
#include "hub/crypto/crypto.h"
#include "hub/rt/file.h"

/* Ends the program if it is not so. */
static inline void need(bool ok, const char *what)
{
	if (ok)
		return;
	fprintf(stderr, "%s: %s\n", program_invocation_short_name, what);
	exit(1);
}

/* What hub and clinic know of each other. */
struct bundle_hub {
	struct store *store; /* to be closed */
	struct config config;
	uint8_t private[P256_PRIVATE_LEN]; /* signs batches */
	uint8_t spki[PIN_LEN];
};

static inline int bundle_hub_read(const char *bundle, const char *inner, const char *name,
				  void *buf, size_t cap)
{
	char path[FILES_PATH_MAX];
	int n;

	need(files_path(bundle, inner, path) == 0, "path");
	n = file_read(path, name, buf, cap);
	need(n >= 0, name);
	return n;
}

static inline void bundle_hub_load(const char *clinic, const char *bundle,
				   struct bundle_hub *ret)
{
	static uint8_t cose[CONFIG_BYTES_MAX];
	uint8_t public[P256_PUBLIC_LEN];
	char why[FOLDER_WHY_MAX], cert[PKI_PEM_MAX];
	const uint8_t *payload;
	const char *field;
	size_t len;
	int n;

	need(bundle_hub_read(bundle, "store", "sign.key", ret->private,
			     sizeof(ret->private)) == P256_PRIVATE_LEN,
	     "sign.key");
	need(bundle_hub_read(bundle, "hubd", "clinic.pub", public, sizeof(public)) ==
		     P256_PUBLIC_LEN,
	     "clinic.pub");
	n = bundle_hub_read(bundle, "hubd", "config.cose", cose, sizeof(cose));
	need(sign1_open(SIGN_CONTEXT_CONFIG, public, cose, (size_t)n, &payload, &len) ==
		     0,
	     "signature of the config");
	need(config_decode(payload, len, &ret->config, &field) == 0, "config");
	n = bundle_hub_read(bundle, "coap", "identity.crt", cert, sizeof(cert) - 1);
	cert[n] = '\0';
	need(pki_spki(cert, ret->spki) == 0, "identity.crt");
	need(memcmp(ret->spki, ret->config.hub, HUB_ID_LEN) == 0,
	     "hub id is not that of the key");
	n = folder_open_store(clinic, &ret->store, why);
	need(n == 0, why);
}
