#pragma once

/*
 * trust.h - clinic.trust: what a hub must know of a clinic before it can enrol there. Nothing in it is secret.
 *
 * A file is a COSE_Sign1 (cose.h) over the payload here, signed with the key of the root certificate that is in it
 * (hub/crypto/trust_sign.h). So the signature says that it is whole and of one hand, not of whose: that says a person, who
 * compares the fingerprint on the hub's console with the one that 'clinicctl trust' has printed. Byte table:
 * docs/MESSAGES.md, 'Trust'.
 *
 * The two pins (now, next) of each server are in its endpoint, as in a config.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/core/config.h"
#include "hub/core/cose.h"

enum {
	TRUST_VERSION = 1,
	TRUST_PAYLOAD_MAX = 4096,
	TRUST_FILE_MAX = TRUST_PAYLOAD_MAX + COSE_OVERHEAD_MAX,
	TRUST_ROOT_MAX = 1500,
	TRUST_CLINIC_MAX = 64, /* bytes */
	TRUST_CONFIG_KEY_LEN = 65,
	TRUST_HASH_LEN = 32,
	TRUST_FINGERPRINT_MAX = 4 * 5, /* with its NUL */
};

#define SIGN_CONTEXT_TRUST "hub/v1/trust"

struct trust {
	char clinic[TRUST_CLINIC_MAX + 1]; /* its name, for people; UTF-8, one line */
	/* where readings go: 1..CONFIG_ENDPOINTS_MAX */
	size_t endpoint_count;
	struct config_endpoint endpoints[CONFIG_ENDPOINTS_MAX];
	struct config_endpoint enrol; /* where hubs enrol; its weight is 0 */
	/* certificate of the clinic's root, DER: anchor of both, and signs this */
	size_t root_len; /* 1..TRUST_ROOT_MAX */
	uint8_t root[TRUST_ROOT_MAX];
	uint8_t config_public
		[TRUST_CONFIG_KEY_LEN]; /* P-256, 04 || x || y: signs configs */
	uint8_t seal_key_id;
	uint8_t seal_public[SEAL_PUBLIC_LEN];
	int64_t expires_s; /* UTC: to be put in by then, seconds since 1970 */
};

/* trust_encode - payload bytes. Returns the length, or -ENOSPC. Pure. */
int trust_encode(const struct trust *t, uint8_t *buf, size_t cap);

/*
 * trust_decode - parse and check as a whole. It is not verified by that: see trust_open.
 *
 * ret_field   static name of the field that was refused; written on failure only
 *
 * Returns 0, -EBADMSG, -ERANGE, -EMSGSIZE, or -ENOTSUP (format version). Pure.
 */
int trust_decode(const uint8_t *buf, size_t len, struct trust *ret,
		 const char **ret_field);

/* trust_expired - it is later than expires_s. floor_s: UTC; a time that is over for sure. Pure. */
bool trust_expired(const struct trust *t, int64_t floor_s);

/*
 * trust_fingerprint - what people compare: 80 bits as "K7QD PL2M XW3A 6TGB".
 *
 * hash   SHA-256 of the payload, as trust_open gives it
 *
 * Returns ret. Pure.
 */
char *trust_fingerprint(const uint8_t hash[static TRUST_HASH_LEN],
			char ret[static TRUST_FINGERPRINT_MAX]);
