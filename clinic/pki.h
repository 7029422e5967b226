#pragma once

/*
 * pki.h - the clinic's certificates: one root, a server leaf, one leaf for each hub.
 * P-256 and SHA-256 only.
 *
 * Who is who is decided by the SHA-256 of a key's SubjectPublicKeyInfo ('spki' below):
 * the row at the clinic and the pin in the hub's config. The certificate adds chain,
 * dates and the server's name.
 *
 * Not pure: random source. No files; times are arguments, UTC in milliseconds.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/core/config.h"

enum {
	PKI_PEM_MAX = 2048,
	PKI_ROOT_DAYS = 20 * 365,
	PKI_SERVER_DAYS = 5 * 365,
	PKI_HUB_DAYS = 2 * 365,
};

/* A key and its certificate. Wipe it after use: key is secret. */
struct pki_pair {
	char key[PKI_PEM_MAX];	/* PEM 'EC PRIVATE KEY', NUL-terminated */
	char cert[PKI_PEM_MAX]; /* PEM 'CERTIFICATE', NUL-terminated */
	uint8_t spki[PIN_LEN];
};

/*
 * pki_make_root, pki_make_server, pki_make_hub - a new key and a certificate for it.
 *
 * clinic   name of the clinic, for people; more than 63 bytes are cut
 * dns      1..CONFIG_NAME_MAX bytes, becomes the only DNS SubjectAltName
 * root     signs; its dates are not looked at
 * ret_hub  first HUB_ID_LEN bytes of the new key's spki; its hex is the subject's name and serial
 *
 * Valid from a day before now_ms, so that a clock a little behind does no harm. Returns
 * 0, -ERANGE (dns), -EBADMSG (root does not parse), or -EIO (the library failed).
 */
int pki_make_root(const char *clinic, int64_t now_ms, struct pki_pair *ret);
int pki_make_server(const struct pki_pair *root, const char *dns, int64_t now_ms,
		    struct pki_pair *ret);
int pki_make_hub(const struct pki_pair *root, int64_t now_ms, struct pki_pair *ret,
		 uint8_t ret_hub[static HUB_ID_LEN]);

/* pki_spki - spki of a certificate in PEM. Returns 0 or -EBADMSG. */
int pki_spki(const char *cert, uint8_t ret[static PIN_LEN]);
