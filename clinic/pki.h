#pragma once

/*
 * pki.h - the clinic's certificates: one root, a server leaf, one leaf for each hub, and a CA below the root for hubs
 * that enrol. P-256 and SHA-256 only.
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
#include "hub/crypto/crypto.h"

enum {
	PKI_PEM_MAX = 2048,
	PKI_ROOT_DAYS = 20 * 365,
	PKI_SERVER_DAYS = 5 * 365,
	PKI_HUB_DAYS = 2 * 365,
	PKI_ENROL_DAYS = 5 * 365,
	PKI_PERSON_DAYS = 2 * 365,
	PKI_SERIAL_LEN = 16,
	PKI_DER_MAX = 1024, /* of a hub's certificate */
};

/* A key and its certificate. Wipe it after use: key is secret. */
struct pki_pair {
	char key[PKI_PEM_MAX];	/* PEM 'EC PRIVATE KEY', NUL-terminated */
	char cert[PKI_PEM_MAX]; /* PEM 'CERTIFICATE', NUL-terminated */
	uint8_t spki[PIN_LEN];
};

/*
 * pki_make_root, pki_make_server, pki_make_hub, pki_make_person - a new key and a certificate for it.
 *
 * clinic   name of the clinic, for people; more than 63 bytes are cut
 * dns      1..CONFIG_NAME_MAX bytes, becomes the only DNS SubjectAltName
 * root     signs; its dates are not looked at
 * person   name for people, at most 63 bytes; the row at the clinic decides who that is
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

int pki_make_person(const struct pki_pair *root, const char *person, int64_t now_ms,
		    struct pki_pair *ret);

/*
 * pki_root_scalar - the private key of a pair as crypto.h has it. Returns 0 or -EBADMSG.
 */
int pki_root_scalar(const struct pki_pair *p, uint8_t ret[static P256_PRIVATE_LEN]);

/* pki_public_spki - spki of a public P-256 key in PEM. Returns 0 or -EBADMSG. */
int pki_public_spki(const char *pem, uint8_t ret[static PIN_LEN]);

/*
 * pki_make_next_root - as pki_make_root, with a name that no root before has: part of it is of its key.
 *
 * pki_certify_root - the same name and key, signed by another root: see hub/crypto/trust_cross.h.
 * pki_certify_server, pki_certify_enrol - another certificate for a key that has one, signed by root; its pin stays.
 *
 * next   its key and its cert are read
 * pair   its key is read, its cert written
 * ret    PEM
 *
 * Return as above; -EBADMSG also: next, or the key of pair, does not parse.
 */
int pki_make_next_root(const char *clinic, int64_t now_ms, struct pki_pair *ret);
int pki_certify_root(const struct pki_pair *root, const struct pki_pair *next,
		     int64_t now_ms, char ret[static PKI_PEM_MAX]);
int pki_certify_server(const struct pki_pair *root, const char *dns, int64_t now_ms,
		       struct pki_pair *pair);
int pki_certify_enrol(const struct pki_pair *root, int64_t now_ms, struct pki_pair *pair);

/* pki_make_enrol - the CA that signs certificates of hubs that enrol, and nothing else; see pki_sign_hub. */
int pki_make_enrol(const struct pki_pair *root, int64_t now_ms, struct pki_pair *ret);

/* A certificate in DER. */
struct pki_cert {
	size_t len;
	uint8_t der[PKI_DER_MAX];
	uint8_t serial[PKI_SERIAL_LEN];
	int64_t ends_ms;
};

/*
 * pki_sign_hub - a certificate as pki_make_hub makes them, for a key that the hub has made.
 *
 * ca      as pki_make_enrol made it; its dates are not looked at
 * public  P256_PUBLIC_LEN octets: 04 || x || y
 * life_ms  from now_ms to its end; it begins a day before now_ms, or an eighth of life_ms if that is less
 *
 * Returns 0, -EBADMSG (ca does not parse), -ERANGE (no point of P-256), or -EIO.
 */
int pki_sign_hub(const struct pki_pair *ca, const uint8_t hub[static HUB_ID_LEN],
		 const uint8_t *public, int64_t now_ms, int64_t life_ms,
		 struct pki_cert *ret);

/* pki_der - a certificate in PEM to DER. Returns 0, or -EBADMSG (also: longer than PKI_DER_MAX). */
int pki_der(const char *cert, struct pki_cert *ret);

/* pki_spki - spki of a certificate in PEM. Returns 0 or -EBADMSG. */
int pki_spki(const char *cert, uint8_t ret[static PIN_LEN]);
